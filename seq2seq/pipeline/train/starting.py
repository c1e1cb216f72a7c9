"""A training that starts from an earlier model's weights, and looks at what that model could as well."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Final

from torch import Tensor, nn

from seq2seq.bundle import RunFolder
from seq2seq.errors import UserError
from seq2seq.folders import checksum
from seq2seq.manifest import Manifest
from seq2seq.pipeline.prepare.basis import OLD, OLD_SCORES
from seq2seq.recipe.schema import Recipe
from seq2seq.training.checkpoint import read_tensors

if TYPE_CHECKING:
    from seq2seq.training.protocols import Validator

OLD_DEVELOPMENT: Final = OLD + "development"
_AGAIN: Final = "Fine-tune the model again: seq2seq finetune …"


def first_weights(recipe: Recipe, run: RunFolder, manifest: Manifest) -> dict[str, Tensor] | None:
    """Returns the weights that the run starts from; None where it begins with random ones.

    Raises:
        UserError: They are missing or damaged, or the recipe holds on to a model where there is none.
    """
    start = manifest.start
    if start is None:
        if recipe.training.hold:
            raise UserError(
                f"training.hold = {recipe.training.hold:g} holds on to the model that is fine-tuned, and {run.path} "
                "starts from none.",
                hint="Set training.hold = 0, or make the run with: seq2seq finetune",
            )
        return None
    if not run.start.is_file():
        raise UserError(f"{run.start} is missing: the weights that this run starts from.", hint=_AGAIN)
    if checksum(run.start) != start.weights:
        raise UserError(f"{run.start} is corrupted: its content is not what was written.", hint=_AGAIN)
    return read_tensors(run.start)


class NewAndOld:
    """Looks at the development set of the new text, by which the best model is chosen, and at that of the old text.

    Args:
        new: Scores the new text.
        old: Scores the old.
    """

    def __init__(self, new: Validator, old: Validator) -> None:
        self._new, self._old = new, old

    def __call__(self, model: nn.Module) -> Mapping[str, float]:
        """Returns the scores of the new text, and those of the old as "old_loss", "old_bleu" and so on."""
        scores = self._new(model)
        return {**scores, **{OLD_SCORES + name: value for name, value in self._old(model).items() if name in _SHOWN}}


_SHOWN = ("loss", "bleu", "chrf")
