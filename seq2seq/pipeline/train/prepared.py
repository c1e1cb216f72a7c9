"""Whether a run is ready to train: prepared with the settings that it is to be trained with."""

from __future__ import annotations

from seq2seq.bundle import RunFolder
from seq2seq.errors import UserError
from seq2seq.manifest import Manifest
from seq2seq.pipeline.prepare.again import command
from seq2seq.pipeline.prepare.inputs import data_digest
from seq2seq.pipeline.prepare.safeguards import check_not_begun
from seq2seq.recipe.schema import Recipe
from seq2seq.recipe.toml import load_recipe


def read_prepared(recipe: Recipe, run: RunFolder, *, fresh: bool) -> Manifest:
    """Returns the manifest of a run that is ready to train; `fresh`: of one that has not been trained.

    Raises:
        UserError: It was prepared with other settings, or with `fresh` a training has begun.
    """
    manifest = run.read_manifest()
    _check_prepared(recipe, run, manifest)
    if fresh:
        check_not_begun(run)
    return manifest


def _check_prepared(recipe: Recipe, run: RunFolder, manifest: Manifest) -> None:
    """Makes sure that the data was made with these settings."""
    prepared, wanted = manifest.inputs.settings, data_digest(recipe)
    if prepared == wanted:
        return
    given = "" if data_digest(load_recipe(run.recipe)) == wanted else ", with the same --set"
    raise UserError(
        f"{run.path} was prepared with other settings in [data] or [text].",
        hint=f"Prepare it with these: {command(recipe, run, manifest)}{given}",
    )
