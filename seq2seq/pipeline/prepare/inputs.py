"""What prepared data depends on: the settings in [data] and [text], and the files that are read.

A run's manifest keeps it, and what the run takes over from another. Where all is as it was, nothing is prepared again.
"""

from __future__ import annotations

from pathlib import Path

from seq2seq.folders import checksum, digest_of
from seq2seq.manifest import Inputs
from seq2seq.pipeline.prepare.sources import Sources, open_sources
from seq2seq.recipe.decode import table_from_recipe
from seq2seq.recipe.schema import Recipe


def current_inputs(recipe: Recipe, folder: Path | None = None) -> Inputs:
    """Returns what a manifest would say of the settings and the files as they are now."""
    return inputs_of(recipe, open_sources(recipe.data, folder))


def inputs_of(recipe: Recipe, sources: Sources) -> Inputs:
    """Returns the same, of sources that are open already."""
    paths = [path for path in sources.files if path.is_file()]
    labels = _labels(paths)
    if sources.folder is not None:  # where a file lies may say which split it is of
        labels = [path.relative_to(sources.folder).as_posix() for path in paths]
    files = {label: checksum(path) for label, path in zip(labels, paths, strict=True)}
    return Inputs(settings=data_digest(recipe), files=files)


def data_digest(recipe: Recipe) -> str:
    """Returns the hash of all settings that the prepared data depends on."""
    table = table_from_recipe(recipe)
    for corpus in table["data"]["corpora"]:
        if not corpus["tag"]:
            del corpus["tag"]  # as before there were any: what was prepared then is what it was
    return digest_of([table["data"], table["text"]], num_bytes=16)


def _labels(paths: list[Path]) -> list[str]:
    """Returns the files' names, each with as many of its folders as tell all of them apart."""
    longest = max((len(path.parts) for path in paths), default=0)
    for depth in range(1, longest):
        labels = ["/".join(path.parts[-depth:]) for path in paths]
        if len(set(labels)) == len(paths):
            return labels
    return [path.as_posix() for path in paths]
