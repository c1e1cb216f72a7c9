"""Checkpoints: a folder of safetensors and JSON, written whole or not at all."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor, nn, optim

from seq2seq.errors import UserError, WorkError
from seq2seq.folders import check_version, read_json, replaced, settle, whole_folder, write_json
from seq2seq.training.average import MovingAverage
from seq2seq.training.counters import Counters

SCHEMA_VERSION = 1


@dataclass(frozen=True)
class TrainingState:
    """Everything that changes while training."""

    model: nn.Module
    optimizer: optim.Optimizer
    average: MovingAverage
    counters: Counters
    network: str = ""  # a fingerprint of the network's settings: equal shapes can still mean different things


def save(path: Path, state: TrainingState) -> None:
    """Writes a checkpoint to the folder `path`, replacing the one that was there."""
    with whole_folder(path) as folder:
        write_tensors(_weights(state.model), folder / "weights.safetensors")
        write_tensors({k: v.contiguous() for k, v in state.average.tensors().items()}, folder / "average.safetensors")
        write_tensors(_optimizer_tensors(state), folder / "optimizer.safetensors")
        header = {"schema_version": SCHEMA_VERSION, "network": state.network, "counters": state.counters.to_dict()}
        write_json(folder / "checkpoint.json", header)


def exists(path: Path) -> bool:
    """Whether a checkpoint is there, one whose replacement was cut off included. Looks only: another may be writing."""
    return any((place / "checkpoint.json").is_file() for place in (path, replaced(path)))


def load(path: Path, state: TrainingState) -> Counters:
    """Reads the checkpoint `path` into the tensors of `state`. Returns its counters.

    Raises:
        UserError: It is damaged, from a newer version, or of another network.
    """
    settle(path)
    header = read_json(path / "checkpoint.json")
    check_version(header.get("schema_version"), SCHEMA_VERSION, path)
    if header.get("network") != state.network:
        raise UserError(
            f"{path} is of a network with other settings in [model].",
            hint="Take the change back, or start again with --restart.",
        )
    weights, average, moments = (path / f"{name}.safetensors" for name in ("weights", "average", "optimizer"))
    averaged = read_tensors(average)
    _check_fit(state.model, averaged, average)
    moved = _optimizer_entries(state.model, read_tensors(moments), moments)
    counters = _counters(header.get("counters"), path / "checkpoint.json")
    # Everything is read and checked by now: a checkpoint that does not fit changes nothing.
    load_weights(state.model, read_tensors(weights), weights)
    state.average.restore(averaged)
    for weight, key, value in moved:
        state.optimizer.state[weight][key] = value.to(weight.device)
    return counters


def write_tensors(tensors: dict[str, Tensor], path: Path) -> None:
    """Writes a safetensors file.

    Raises:
        WorkError: It cannot be written: the disk is full, or the folder may not be written to.
    """
    try:
        save_file(tensors, path)
    except SafetensorError as error:  # the library has no error of the system for it
        raise WorkError(
            f"{path.parent} cannot be written: {error}.",
            hint="Make room on the disk; what was saved before is whole, and --resume goes on from there.",
        ) from None


def read_tensors(path: Path) -> dict[str, Tensor]:
    """Reads a safetensors file.

    Raises:
        UserError: It is missing or damaged.
    """
    try:
        return load_file(path)
    except (SafetensorError, OSError) as error:
        raise UserError(f"{path} cannot be read: {error}.", hint="Train again, or restore the file.") from None


def load_weights(model: nn.Module, tensors: Mapping[str, Tensor], path: Path) -> None:
    """Copies `tensors` into the parameters of `model`, by name.

    Raises:
        UserError: Names or shapes differ; the message names the first difference.
    """
    _check_fit(model, tensors, path)
    for name, weight in model.named_parameters():
        weight.data.copy_(tensors[name])


def _check_fit(model: nn.Module, tensors: Mapping[str, Tensor], path: Path) -> None:
    own = dict(model.named_parameters())
    for name in sorted(own.keys() | tensors.keys()):
        if name not in own or name not in tensors:
            where = "the network" if name not in own else "the file"
            raise UserError(f"{path}: {name!r} is not in {where}.", hint="The recipe was changed after training.")
        if own[name].shape != tensors[name].shape:
            shapes = f"{tuple(tensors[name].shape)} in the file, {tuple(own[name].shape)} in the network"
            raise UserError(f"{path}: {name!r} is {shapes}.", hint="The recipe was changed after training.")


def _counters(values: Any, path: Path) -> Counters:  # noqa: ANN401 - whatever the file holds
    try:
        return Counters.from_dict(values)
    except TypeError as error:
        raise UserError(f"{path} is damaged: {error}.", hint="Train again with --restart.") from None


def _weights(model: nn.Module) -> dict[str, Tensor]:
    # By parameter, not by module: a tied weight is one parameter with several names.
    return {name: weight.detach().contiguous() for name, weight in model.named_parameters()}


def _optimizer_tensors(state: TrainingState) -> dict[str, Tensor]:
    return {
        f"{name}/{key}": value.contiguous()
        for name, weight in state.model.named_parameters()
        for key, value in state.optimizer.state[weight].items()
    }


def _optimizer_entries(
    model: nn.Module, tensors: Mapping[str, Tensor], path: Path
) -> list[tuple[nn.Parameter, str, Tensor]]:
    """Returns the weight, the key and the value of each tensor; the fused kernel wants all of them on its device."""
    weights, entries = dict(model.named_parameters()), []
    for full_name, value in tensors.items():
        name, _, key = full_name.rpartition("/")
        if name not in weights or value.shape not in (torch.Size(), weights[name].shape):
            raise UserError(
                f"{path}: {full_name!r} does not fit the network.", hint="The recipe was changed after training."
            )
        entries.append((weights[name], key, value))
    return entries
