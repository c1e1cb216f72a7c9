"""Settings that prepared data does not depend on: where others are asked for, the recipe gets them and the data stays.

They are those of the network, of training, of search and of scores.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress

from msgspec.structs import replace

from seq2seq.bundle import RunFolder
from seq2seq.errors import UserError
from seq2seq.folders import digest_of, write_text
from seq2seq.manifest import Manifest
from seq2seq.pipeline.prepare.reasons import values
from seq2seq.recipe.decode import complete, table_from_recipe
from seq2seq.recipe.schema import Recipe
from seq2seq.recipe.toml import dump_recipe, load_recipe


def has_settings(recipe: Recipe, run: RunFolder, manifest: Manifest) -> bool:
    """Whether these are the settings of the last time, and still those in the run's recipe: people edit it."""
    digest = recipe_digest(recipe)
    with suppress(UserError):
        return manifest.recipe == digest == recipe_digest(load_recipe(run.recipe))
    return False


def write_settings(recipe: Recipe, run: RunFolder, manifest: Manifest, reasons: Mapping[str, str]) -> Manifest:
    """Writes other settings into the run's recipe, and leaves its data as it is. Returns the manifest as it now is."""
    write_text(run.recipe, dump_recipe(recipe, reasons))
    digest = recipe_digest(recipe)
    manifest = replace(manifest, recipe=digest, reasons=dict(reasons), chosen=values(recipe, reasons))
    manifest.write(run.manifest)
    return manifest


def recipe_digest(recipe: Recipe) -> str:
    """Returns the hash of all settings, those that the data depends on among them."""
    return digest_of(table_from_recipe(complete(recipe)), num_bytes=16)
