"""Which readers a recipe means: local files, a dataset of the hub, or the embedded phrasebook."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path

from seq2seq.corpus.pair import Pair
from seq2seq.corpus.reader import Reader
from seq2seq.errors import UserError
from seq2seq.recipe.schema import Data
from seq2seq.registry import READERS

HUB_SPLITS = {"train": "train", "development": "validation", "test": "test"}
PHRASEBOOK_TESTS = ("test", "combinations")
BLOCK_BYTES = 1 << 20
# How the library of the hub knows training data: by this word in the name of a file or of a folder above it.
_TRAIN_PART = re.compile(r"(.*[-._ 0-9])?train(ing)?([-._ 0-9].*)?")
_HUB_FORMATS = (".json", ".jsonl", ".parquet", ".csv")
_NAMES_LISTED = 12


@dataclass(frozen=True)
class Sources:
    """Where the pairs of each split come from.

    Attributes:
        train: The training pairs.
        development: The development pairs; None where they are to be split off `train`.
        tests: Test sets by name; empty where one is to be split off `train`.
        files: The local files that are read, for their fingerprints.
        folder: What the files are named relative to; None where their own names tell them apart.
    """

    train: Reader
    development: Reader | None = None
    tests: dict[str, Reader] = field(default_factory=dict)
    files: tuple[Path, ...] = ()
    folder: Path | None = None


@dataclass(frozen=True)
class Swapped:
    """A reader with its two sides exchanged."""

    reader: Reader

    def __call__(self) -> Iterator[Pair]:
        """Yields the pairs the other way round."""
        for line, source, target in self.reader():
            yield Pair(line, target, source)


def open_sources(data: Data, folder: Path | None) -> Sources:
    """Returns the readers of a recipe.

    Args:
        data: The recipe's section.
        folder: The folder that the user gave with --data; None: the hub where the recipe names a dataset, else the
            working folder.

    Raises:
        UserError: The recipe needs a folder and none is given or it lacks a file, or it names no training data.
    """
    if data.reader.name == "phrasebook":
        sources = _phrasebook()
    elif _from_hub(data, folder):
        sources = _hub(data, folder)
    else:
        sources = _local(data, folder)
    return _swapped(sources) if data.reverse else sources


def languages(data: Data) -> tuple[str, str]:
    """Returns the language translated from and the language translated into."""
    pair = (data.source_language, data.target_language)
    return (pair[1], pair[0]) if data.reverse else pair


def fingerprint(path: Path) -> str:
    """Returns the BLAKE2b hash of a file's bytes, 32 hexadecimal digits."""
    digest = hashlib.blake2b(digest_size=16)
    with path.open("rb") as file:
        while block := file.read(BLOCK_BYTES):
            digest.update(block)
    return digest.hexdigest()


def _from_hub(data: Data, folder: Path | None) -> bool:
    """The hub, or a local copy in its layout: no folder, or one with such files and none that the recipe names."""
    if data.reader.name == "hub":
        return True
    if not data.hub:
        return False
    return folder is None or (not any(_found(folder / name).exists() for name in data.train) and _has_hub_files(folder))


def _has_hub_files(folder: Path) -> bool:
    """Whether there is training data by its name, in a format that the hub's datasets have."""
    return any(
        path.name.removesuffix(".gz").endswith(_HUB_FORMATS)
        and any(_TRAIN_PART.fullmatch(part) for part in path.relative_to(folder).parts)
        for path in _files_below(folder)
    )


def _files_below(folder: Path) -> Iterator[Path]:
    """Yields the files of a dataset; hidden ones, of a download or a repository, are none, nor is a run made beside."""
    runs = {path.parent for path in folder.rglob("manifest.json") if (path.parent / "recipe.toml").is_file()}
    for path in folder.rglob("*"):
        hidden = any(part.startswith(".") for part in path.relative_to(folder).parts)
        if path.is_file() and not hidden and runs.isdisjoint(path.parents):
            yield path


def _found(path: Path) -> Path:
    """Returns the file, or where it is not there the same one compressed or decompressed."""
    other = path.with_suffix("") if path.suffix == ".gz" else path.with_name(path.name + ".gz")
    return other if other.is_file() and not path.exists() else path


def _phrasebook() -> Sources:
    from seq2seq.resources import shipped

    reader = READERS.load("phrasebook")
    files = tuple(sorted(shipped("vocab").glob("*.tsv")))
    return Sources(reader("train"), reader("development"), {name: reader(name) for name in PHRASEBOOK_TESTS}, files)


def _hub(data: Data, folder: Path | None) -> Sources:
    if folder is not None and not folder.is_dir():
        raise UserError(f"--data {folder} is not a folder.", hint="Give the folder that holds the files.")
    pair = {"source_language": data.source_language, "target_language": data.target_language}
    readers = {split: READERS.load("hub")(data.hub, name, folder=folder, **pair) for split, name in HUB_SPLITS.items()}
    files = tuple(sorted(_files_below(folder))) if folder else ()
    return Sources(
        readers["train"],
        None if data.development_size else readers["development"],
        {} if data.test_size else {"test": readers["test"]},
        files,
        folder,
    )


def _local(data: Data, folder: Path | None) -> Sources:
    if not data.train:
        raise UserError("The recipe names no training files.", hint="Set data.train, or give --source and --target.")
    base = folder or Path()
    if folder is None and not all(_found(base / name).exists() for name in data.train):
        raise UserError(
            f"{data.train[0]} is not in the working folder, and the recipe has no dataset on the hub.",
            hint="Say where the files are: --data FOLDER",
        )
    if folder is not None and not folder.is_dir():
        raise UserError(f"--data {folder} is not a folder.", hint="Give the folder that holds the files.")
    names = sorted({*data.train, *data.development, *data.test})
    missing = [name for name in names if not _found(base / name).exists()]
    if folder is not None and missing:
        raise UserError(f"--data {folder} lacks files of the recipe: {', '.join(missing)}.", hint=_listing(folder))
    development = _files(data, base, data.development, data.development_lines) if data.development else None
    tests = {"test": _files(data, base, data.test, data.test_lines)} if data.test else {}
    files = tuple(_found(base / name) for name in names)
    return Sources(_files(data, base, data.train, None), development, tests, files)


def _listing(folder: Path) -> str:
    names = sorted(path.name + "/" * path.is_dir() for path in folder.iterdir())
    more = [f"and {len(names) - _NAMES_LISTED} more"] if len(names) > _NAMES_LISTED else []
    return f"It holds: {', '.join(names[:_NAMES_LISTED] + more)}." if names else "It is empty."


def _files(data: Data, base: Path, names: tuple[str, ...], lines: tuple[int, int] | None) -> Reader:
    paths = [_found(base / name) for name in names]
    reader = READERS.load(data.reader.name)
    if data.reader.name == "tsv":
        return reader(*paths, columns=data.columns, lines=lines)  # type: ignore[no-any-return]
    return reader(*paths, lines=lines)  # type: ignore[no-any-return]


def _swapped(sources: Sources) -> Sources:
    return replace(
        sources,
        train=Swapped(sources.train),
        development=Swapped(sources.development) if sources.development else None,
        tests={name: Swapped(reader) for name, reader in sources.tests.items()},
    )
