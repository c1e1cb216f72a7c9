"""The model that is fine-tuned: what it is called, that it can be gone on from, and that it stays as it is."""

from __future__ import annotations

from seq2seq.bundle import Bundle, RunFolder
from seq2seq.errors import UserError
from seq2seq.pipeline.finetune.old_text import OldText


def model_name(bundle: Bundle) -> str:
    """Returns what people call a model: its run's folder, or its own; by its recipe where it has no name of its own."""
    path, around = bundle.path.resolve(), RunFolder(bundle.path.resolve().parent)
    if path.name != around.bundle.name:
        return path.name or bundle.recipe.name
    return (around.path.name if around.manifest.is_file() else "") or bundle.recipe.name


def check_weights(bundle: Bundle) -> None:
    """Makes sure that a model has weights which training can go on from.

    Raises:
        UserError: It is of graphs alone.
    """
    if not bundle.weights.is_file():
        raise UserError(
            f"{bundle.path} holds graphs only, and no weights to go on from.",
            hint="Name the bundle that it was made from, in the folder of its training.",
        )


def check_place(run: RunFolder, bundle: Bundle, old: OldText | None) -> None:
    """Makes sure that the new run's folder is none of the model's.

    Raises:
        UserError: It is.
    """
    new, model = run.path.resolve(), bundle.path.resolve()
    taken = [model, *model.parents[:1]] if model.name == run.bundle.name else [model]
    taken += [old.run.path.resolve()] if old else []
    if new in taken or model in new.parents:
        raise UserError(
            f"{run.path} is where the model is that is fine-tuned, and nothing of it is overwritten.",
            hint="Choose a new folder with --run.",
        )
