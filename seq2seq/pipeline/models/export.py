"""export: a trained model as graphs that translate without torch."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from seq2seq import console
from seq2seq.bundle import RunFolder, open_bundle
from seq2seq.bundle_facts import facts_of
from seq2seq.errors import Seq2SeqError, UserError
from seq2seq.folders import describe
from seq2seq.pipeline.models.card import card_of_copy, refresh_card


@dataclass(frozen=True)
class Exported:
    """What was written.

    Attributes:
        path: The bundle that holds it.
        bytes: Of the graphs and their own weights.
        precisions: What `engine.json` says of each.
        sample: What the graphs were compared with torch on.
    """

    path: Path
    bytes: int
    precisions: dict[str, dict[str, Any]]
    sample: str


def export(model: Path, folder: Path | None = None, *, precision: str = "int8") -> Exported:
    """Writes the graphs of a model: all of them into its bundle, or those of one precision into a bundle of their own.

    Args:
        model: A run or a bundle.
        folder: The new bundle; None: the model's own.
        precision: Of the new bundle, "int8" or "fp32".

    Raises:
        UserError: There is no such model, it has no weights that torch could read, or `folder` holds something else.
        WorkError: The model cannot be written as graphs, or they do not give what torch gives; nothing is written.
    """
    from seq2seq.engines.onnx.write import add_graphs, copy_bundle

    bundle = open_bundle(model)
    if not bundle.weights.is_file():
        raise UserError(
            f"{bundle.path} holds graphs only, and no weights to write others from.",
            hint="Export the bundle that it was made from, in the folder of its training.",
        )
    if folder is None:
        path, facts = bundle.path, add_graphs(bundle)
    else:
        _check_free(folder)
        path, facts = folder, copy_bundle(bundle, folder, precision, card=card_of_copy(bundle, folder))
        kept = facts_of(folder).scores
        if lost := [name for name in bundle.facts.scores if name not in kept]:
            console.say(f"Scores of {', '.join(lost)} are not taken over: another engine than the copy's gave them.")
    refresh_card(path)
    size = sum(file["bytes"] for file in describe(path / "onnx").values())
    return Exported(path, size, facts["precisions"], facts["sample"])


def export_trained(run: RunFolder) -> None:
    """Writes the graphs of the run's best model into its bundle. Where that cannot be, says why."""
    from seq2seq.engines.onnx.folder import has_graphs

    if not (run.bundle / "bundle.json").is_file():
        return
    bundle = open_bundle(run.bundle)
    if has_graphs(bundle):
        return
    try:
        from seq2seq.engines.onnx.write import add_graphs

        add_graphs(bundle)
        refresh_card(bundle.path)
    except ModuleNotFoundError as error:
        console.warn(f"The model has no ONNX graphs: {error.name} is not installed. It translates with torch.")
    except (
        Exception
    ) as error:  # hours of training are over and saved: whatever this is, it must not look like a failure
        told = str(error) if isinstance(error, Seq2SeqError | OSError) else f"{type(error).__name__}: {error}"
        console.warn(f"The model has no ONNX graphs, and translates with torch: {told}")


def _check_free(folder: Path) -> None:
    """Makes sure that nothing but an older bundle of graphs is replaced: never one that holds a network's weights."""
    if folder.resolve() == Path.cwd():
        raise UserError(
            f"{folder} is the folder that you are in, which a new one would have to replace.",
            hint="Give the name of a folder to make, for instance ./model.",
        )
    if folder.exists() and not (folder / "bundle.json").is_file() and (not folder.is_dir() or any(folder.iterdir())):
        raise UserError(f"{folder} is there, and is no bundle.", hint="Give a folder that is not there yet.")
    if (folder / "weights.safetensors").is_file():
        raise UserError(
            f"{folder} is a bundle with its weights, which would be lost.", hint="Give a folder that is not there yet."
        )
