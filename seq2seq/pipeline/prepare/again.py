"""How a run is prepared again: the command, and the folder that it has to name."""

from __future__ import annotations

from pathlib import Path

from seq2seq import console
from seq2seq.bundle import RunFolder
from seq2seq.manifest import Manifest
from seq2seq.recipe.schema import Recipe


def command(recipe: Recipe, run: RunFolder, manifest: Manifest) -> str:
    """Returns the command that prepares a run again, with the settings that its recipe has now."""
    if manifest.start is not None:  # prepared anew from its recipe alone, it would learn a vocabulary of its own
        return manifest.start.command
    parts = ["seq2seq", "prepare", str(run.recipe), "--run", str(run.path)]
    folder = manifest.folder
    from_hub = recipe.data.hub or any(corpus.hub for corpus in recipe.data.corpora)
    # What names no dataset is looked for in the working folder.
    if folder and (from_hub or Path(folder) != Path.cwd()):
        parts += ["--data", folder]
    return console.quoted(*parts)


def base_folder(recipe: Recipe, folder: Path | None) -> str:
    """Returns the folder that the recipe's files are named relative to; empty where none is needed to find them."""
    if folder is not None:
        return str(folder.resolve())
    data = recipe.data
    names = [*data.train, *data.development, *data.test, *(name for corpus in data.corpora for name in corpus.train)]
    return "" if data.hub or all(Path(name).is_absolute() for name in names) else str(Path.cwd())
