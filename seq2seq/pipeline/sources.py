"""Which readers a recipe means: local files, a dataset of the hub, or the embedded phrasebook."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from seq2seq.corpus.pair import Pair
from seq2seq.corpus.reader import Reader
from seq2seq.errors import UserError
from seq2seq.recipe.schema import Data
from seq2seq.registry import READERS

HUB_SPLITS = {"train": "train", "development": "validation", "test": "test"}
PHRASEBOOK_TESTS = ("test", "combinations")
BLOCK_BYTES = 1 << 20


@dataclass(frozen=True)
class Sources:
    """Where the pairs of each split come from.

    Attributes:
        train: The training pairs.
        development: The development pairs; None where they are to be split off `train`.
        tests: Test sets by name; empty where one is to be split off `train`.
        files: The local files that are read, for their fingerprints.
    """

    train: Reader
    development: Reader | None = None
    tests: dict[str, Reader] = field(default_factory=dict)
    files: tuple[Path, ...] = ()


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
        UserError: The recipe needs a folder and none is given, or it names no training data.
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
    """The hub, or a local copy in the hub's own layout: no folder, or one without the files that the recipe names."""
    if data.reader.name == "hub":
        return True
    if not data.hub:
        return False
    return folder is None or not any((folder / name).exists() for name in data.train)


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
    files = tuple(sorted(path for path in folder.iterdir() if path.is_file())) if folder else ()
    return Sources(
        readers["train"],
        None if data.development_size else readers["development"],
        {} if data.test_size else {"test": readers["test"]},
        files,
    )


def _local(data: Data, folder: Path | None) -> Sources:
    if not data.train:
        raise UserError("The recipe names no training files.", hint="Set data.train, or give --source and --target.")
    base = folder or Path()
    if folder is None and not all((base / name).exists() for name in data.train):
        raise UserError(
            f"{data.train[0]} is not in the working folder, and the recipe has no dataset on the hub.",
            hint="Say where the files are: --data FOLDER",
        )
    if folder is not None and not folder.is_dir():
        raise UserError(f"--data {folder} is not a folder.", hint="Give the folder that holds the files.")
    development = _files(data, base, data.development, data.development_lines) if data.development else None
    tests = {"test": _files(data, base, data.test, data.test_lines)} if data.test else {}
    names = {*data.train, *data.development, *data.test}
    return Sources(_files(data, base, data.train, None), development, tests, tuple(base / n for n in sorted(names)))


def _files(data: Data, base: Path, names: tuple[str, ...], lines: tuple[int, int] | None) -> Reader:
    paths = [base / name for name in names]
    reader = READERS.load(data.reader.name)
    if data.reader.name == "tsv":
        return reader(*paths, columns=data.columns, lines=lines)  # type: ignore[no-any-return]
    return reader(*paths, lines=lines)  # type: ignore[no-any-return]


def _swapped(sources: Sources) -> Sources:
    return Sources(
        Swapped(sources.train),
        Swapped(sources.development) if sources.development else None,
        {name: Swapped(reader) for name, reader in sources.tests.items()},
        sources.files,
    )
