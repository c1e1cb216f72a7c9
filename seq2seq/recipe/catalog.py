"""The recipes that ship with the package, and finding one by name or path."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from seq2seq.errors import UserError, nearest
from seq2seq.folders import expanded
from seq2seq.recipe.schema import Recipe
from seq2seq.recipe.toml import load_recipe
from seq2seq.resources import shipped


@dataclass(frozen=True)
class ShippedRecipe:
    """One shipped recipe: its name (as `prepare` takes it), its file and its settings."""

    name: str
    path: Path
    recipe: Recipe

    @property
    def description(self) -> str:
        """What the recipe says of itself, one sentence."""
        return self.recipe.description

    @property
    def languages(self) -> str:
        """For instance "en-de", in the direction that it translates."""
        data = self.recipe.data
        pair = (data.source_language, data.target_language)
        return "-".join(reversed(pair) if data.reverse else pair)

    @property
    def sizes(self) -> dict[str, int]:
        """The sizes that decide how large and how fast the network is."""
        text, model = self.recipe.text, self.recipe.model
        return {
            "vocabulary_size": text.vocabulary_size,
            "embedding_size": model.embedding_size,
            "encoder_layers": model.encoder_layers,
            "encoder_size": model.encoder_size,
            "decoder_layers": model.decoder_layers,
            "decoder_size": model.decoder_size,
        }


def find_recipe(name_or_path: str | Path) -> Path:
    """Returns the file of a recipe, given a shipped name ("multi30k-en-de") or a path to a .toml.

    An existing file wins over a shipped name, so a copy edited in the working folder is the one that is used.

    Raises:
        UserError: Neither exists; the message offers the nearest shipped name.
    """
    given = str(name_or_path)
    path = expanded(given)
    if path.is_file():
        return path
    files = _shipped_files()
    # Only a bare name is looked up, with or without its ending: a path that leads nowhere is a wrong path.
    bare = path.name == given
    name = given.removesuffix(".toml")
    if bare and name in files:
        return files[name]
    if path.is_dir():
        raise UserError(f"{given} is a folder, not a recipe.", hint="Give the .toml file inside it.")
    if not bare:
        raise UserError(f"There is no recipe at {given}.", hint=f"Check the path. Shipped: {', '.join(files)}.")
    raise UserError(f"There is no recipe called {given!r}.", hint=nearest(name, list(files)))


def shipped_recipes() -> list[ShippedRecipe]:
    """Returns every shipped recipe, by name.

    Raises:
        UserError: A shipped file is damaged.
    """
    return [ShippedRecipe(name, path, load_recipe(path)) for name, path in _shipped_files().items()]


def _shipped_files() -> dict[str, Path]:
    return {path.stem: path for path in sorted(shipped("recipes").glob("*.toml"))}
