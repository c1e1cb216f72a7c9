"""Checkpoints: a folder of safetensors and JSON, written whole or not at all."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor, nn, optim

from seq2seq.errors import UserError, WorkError
from seq2seq.folders import (
    check_version,
    describe,
    first_damage,
    read_json,
    replaced,
    settle,
    whole_folder,
    write_json,
)
from seq2seq.training.average import MovingAverage
from seq2seq.training.average_looks import LookAverage
from seq2seq.training.counters import Counters
from seq2seq.training.group import Group

SCHEMA_VERSION = 2
"""1: without checksums, and every look at the development set was taken before the checkpoint was written."""
FILES = ("weights", "average", "optimizer")
LOOKS = "looks.safetensors"
"""Only where `training.average_looks` asks for it."""


class DamagedError(UserError):
    """A checkpoint is not what was written."""


@dataclass(frozen=True)
class TrainingState:
    """Everything that changes while training."""

    model: nn.Module
    optimizer: optim.Optimizer
    average: MovingAverage
    counters: Counters
    network: str = ""  # a fingerprint of the network's settings: equal shapes can still mean different things
    looks: LookAverage | None = None


def save(path: Path, state: TrainingState, *, before: Path | None = None) -> None:
    """Writes a checkpoint to the folder `path`, replacing the one that was there, or moving it to `before`."""
    with whole_folder(path, before=before) as folder:
        write_tensors(_weights(state.model), folder / "weights.safetensors")
        write_tensors({k: v.contiguous() for k, v in state.average.tensors().items()}, folder / "average.safetensors")
        write_tensors(_optimizer_tensors(state), folder / "optimizer.safetensors")
        if state.looks:
            write_tensors(state.looks.tensors(), folder / LOOKS)
        header = {
            "schema_version": SCHEMA_VERSION,
            "network": state.network,
            "counters": state.counters.to_dict(),
            "files": describe(folder),
        }
        write_json(folder / "checkpoint.json", {**header, "blake2b": _own_checksum(header)})


def exists(path: Path) -> bool:
    """Whether a checkpoint is there, one whose replacement was cut off included. Looks only: another may be writing."""
    return any((place / "checkpoint.json").is_file() for place in (path, replaced(path)))


def load(path: Path, state: TrainingState) -> Counters:
    """Reads the checkpoint `path` into the tensors of `state`. Returns its counters.

    Raises:
        DamagedError: A file of it is missing, or not what was written; the message names it.
        UserError: It is from a newer version, or of another network.
    """
    settle(path)
    header = read_header(path)
    if header.get("network") != state.network:
        raise UserError(
            f"{path} is of a network with other settings in [model].",
            hint="Take the change back, or start again with --restart.",
        )
    if damage := first_damage(path, header.get("files", {})):
        raise DamagedError(damage, hint=_RESTORE)
    weights, average, moments = (path / f"{name}.safetensors" for name in FILES)
    averaged, moved = _read(average), _read(moments)
    _check_fit(state.model, averaged, average)
    entries = _optimizer_entries(state.model, moved, moments)
    looks = _looks(state, path / LOOKS) if LOOKS in header.get("files", {}) else []
    # Everything is read and checked by now: a checkpoint that does not fit changes nothing.
    load_weights(state.model, _read(weights), weights)
    state.average.restore(averaged)
    if state.looks is not None:
        state.looks.restore(looks)
    state.optimizer.state.clear()
    for weight, key, value in entries:
        # A copy: what was read is a view of the file, and Windows deletes none that is still looked at.
        state.optimizer.state[weight][key] = value.to(weight.device, copy=True)
    return Counters.from_dict(header["counters"])


def read_header(path: Path) -> dict[str, Any]:
    """Returns what `checkpoint.json` says, as the newest version would say it.

    Raises:
        DamagedError: It is missing, or not what was written.
        UserError: It is from a newer version.
    """
    file = path / "checkpoint.json"
    try:
        header = read_json(file)
    except UserError as error:
        raise DamagedError(error.message, hint=_RESTORE) from None
    version = header.get("schema_version")
    check_version(version, SCHEMA_VERSION, path)
    own = header.pop("blake2b", None)
    if version != 1 and own != _own_checksum(header):
        raise DamagedError(f"{file} is corrupted: its content is not what was written.", hint=_RESTORE)
    try:
        counters = Counters.from_dict(header.get("counters"))  # type: ignore[arg-type]
    except TypeError as error:
        raise DamagedError(f"{file} is damaged: {error}.", hint=_RESTORE) from None
    if version == 1:
        counters.looked, counters.rows = counters.update, None
    return {**header, "counters": counters.to_dict()}


_RESTORE = "Restore the file, or train again with --restart."


def _own_checksum(header: Mapping[str, Any]) -> str:
    """Returns the checksum of the header, which says those of the other files."""
    text = json.dumps(header, sort_keys=True, ensure_ascii=False)
    return hashlib.blake2b(text.encode(), digest_size=16).hexdigest()


def _read(path: Path) -> dict[str, Tensor]:
    try:
        return read_tensors(path)
    except UserError as error:
        raise DamagedError(error.message, hint=_RESTORE) from None


def _looks(state: TrainingState, path: Path) -> list[dict[str, Tensor]]:
    if state.looks is None:
        return []
    try:
        return state.looks.read(_read(path))
    except ValueError as error:
        raise UserError(
            f"{path}: {str(error)!r} does not fit the network.", hint="The recipe was changed after training."
        ) from None


def share(state: TrainingState, group: Group) -> Counters:
    """Gives every process what the first one holds, bit for bit. Returns the first one's counters."""
    counters = Counters.from_dict(group.from_first(state.counters.to_dict()))
    if group.size == 1:
        return counters
    weights = dict(state.model.named_parameters())
    if group.rank:
        state.optimizer.state.clear()
    moments = {full: tuple(value.shape) for full, value in _optimizer_tensors(state).items()}
    for full, shape in group.from_first({name: list(shape) for name, shape in moments.items()}).items():
        name, _, key = full.rpartition("/")
        # The fused kernel counts its steps beside the weights, in 32 bits like all of its state.
        if group.rank:
            state.optimizer.state[weights[name]][key] = torch.zeros(shape, device=weights[name].device)
    held = [*_weights(state.model).values(), *state.average.values, *_optimizer_tensors(state).values()]
    with torch.no_grad():
        # As whole numbers, since a sum of floats would lose the sign of a zero; the others add nothing.
        bits = [(value if group.rank == 0 else torch.zeros_like(value)).view(torch.int32).clone() for value in held]
        group.sum_(bits)
        for value, shared in zip(held, bits, strict=True):
            value.copy_(shared.view(value.dtype))
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
    """Reads a safetensors file. The tensors are views of it: copy what is to be kept.

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
