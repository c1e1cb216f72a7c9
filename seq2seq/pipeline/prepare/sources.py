"""Which readers a recipe means: local files, a dataset of the hub, the embedded phrasebook, or several of these."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from seq2seq.corpus.files import stored_as
from seq2seq.corpus.pair import Pair
from seq2seq.corpus.reader import Reader, num_pairs, picked
from seq2seq.errors import UserError
from seq2seq.recipe.schema import Corpus, Data
from seq2seq.registry import READERS

HUB_SPLITS = {"train": "train", "development": "validation", "test": "test"}
PHRASEBOOK_TESTS = ("test", "combinations")
# How the library of the hub knows training data: by this word in the name of a file or of a folder above it.
_TRAIN_PART = re.compile(r"(.*[-._ 0-9])?train(ing)?([-._ 0-9].*)?")
_HUB_FORMATS = (".json", ".jsonl", ".parquet", ".csv")
_NAMES_LISTED = 12


@dataclass(frozen=True)
class CorpusSource:
    """One corpus to train on.

    Attributes:
        name: What reports call it.
        weight: How much more often than its size says its pairs are drawn.
        reader: Its pairs.
        tag: What stands before each of its sources; empty: nothing.
    """

    name: str
    weight: float
    reader: Reader
    tag: str = ""


@dataclass(frozen=True)
class Sources:
    """Where the pairs of each split come from.

    Attributes:
        corpora: What to train on, at least one.
        development: The development pairs; None where they are to be split off the training pairs.
        tests: Test sets by name; empty where one is to be split off the training pairs.
        files: The local files that are read, for their fingerprints.
        folder: What the files are named relative to; None where their own names tell them apart.
    """

    corpora: tuple[CorpusSource, ...]
    development: Reader | None = None
    tests: dict[str, Reader] = field(default_factory=dict)
    files: tuple[Path, ...] = ()
    folder: Path | None = None

    @property
    def train(self) -> Reader:
        """All training pairs, corpus after corpus."""
        return self.corpora[0].reader if len(self.corpora) == 1 else Joined(self.corpora)


@dataclass(frozen=True)
class Joined:
    """Several corpora as one reader; lines are those of each corpus."""

    corpora: tuple[CorpusSource, ...]

    def __call__(self) -> Iterator[Pair]:
        """Yields the pairs of one corpus after the other."""
        for corpus in self.corpora:
            yield from corpus.reader()

    def num_pairs(self) -> int | None:
        """See `seq2seq.corpus.reader.num_pairs`."""
        counts = [num_pairs(corpus.reader) for corpus in self.corpora]
        known = [count for count in counts if count is not None]
        return sum(known) if len(known) == len(counts) else None


@dataclass(frozen=True)
class Swapped:
    """A reader with its two sides exchanged."""

    reader: Reader

    def __call__(self) -> Iterator[Pair]:
        """Yields the pairs the other way round."""
        for line, source, target in self.reader():
            yield Pair(line, target, source)

    def picked(self, wanted: Callable[[int], bool]) -> Iterator[Pair | None]:
        """See `seq2seq.corpus.reader.picked`."""
        for pair in picked(self.reader, wanted):
            yield pair and Pair(pair.line, pair.target, pair.source)

    def num_pairs(self) -> int | None:
        """See `seq2seq.corpus.reader.num_pairs`."""
        return num_pairs(self.reader)


def open_sources(data: Data, folder: Path | None) -> Sources:
    """Returns the readers of a recipe.

    Args:
        data: The recipe's section.
        folder: The folder that the user gave with --data; None: the hub where the recipe names a dataset, else the
            working folder.

    Raises:
        UserError: The recipe needs a folder and none is given or it lacks a file, or it names no training data.
    """
    corpora = (name for corpus in data.corpora for name in corpus.train)
    for name in (folder or "", *data.train, *data.development, *data.test, *corpora):
        check_name(name)
    if data.reader.name == "phrasebook":
        sources = _phrasebook()
    elif _from_hub(data, folder):
        sources = _hub(data, folder)
    else:
        sources = _local(data, folder)
    if data.corpora:
        files = {*sources.files, *_corpus_files(data, folder)}
        sources = replace(sources, corpora=_corpora(data, folder), files=tuple(sorted(files)), folder=None)
    return _swapped(sources) if data.reverse else sources


def check_name(path: Path | str) -> None:
    """Refuses a path that cannot be written down, before the work: Linux takes any bytes for a name.

    Raises:
        UserError: It is not UTF-8.
    """
    try:
        str(path).encode()
    except UnicodeEncodeError:
        shown = ascii(str(path)).replace("\\udc", "\\x")
        raise UserError(f"The name {shown} is not UTF-8.", hint="Rename the file or folder.") from None


def languages(data: Data) -> tuple[str, str]:
    """Returns the language translated from and the language translated into."""
    pair = (data.source_language, data.target_language)
    return (pair[1], pair[0]) if data.reverse else pair


def _from_hub(data: Data, folder: Path | None) -> bool:
    """The hub, or a local copy in its layout: no folder, or one with such files and none that the recipe names."""
    if data.reader.name == "hub":
        return True
    if not data.hub:
        return False
    return folder is None or (
        not any(stored_as(folder / name).exists() for name in data.train) and _has_hub_files(folder)
    )


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


def _phrasebook() -> Sources:
    from seq2seq.resources import shipped

    reader = READERS.load("phrasebook")
    files = tuple(sorted(shipped("vocab").glob("*.tsv")))
    train = (CorpusSource("phrasebook", 1.0, reader("train")),)
    return Sources(train, reader("development"), {name: reader(name) for name in PHRASEBOOK_TESTS}, files)


def _hub(data: Data, folder: Path | None) -> Sources:
    if folder is not None and not folder.is_dir():
        raise UserError(f"--data {folder} is not a folder.", hint="Give the folder that holds the files.")
    pair = {"source_language": data.source_language, "target_language": data.target_language}
    readers = {split: READERS.load("hub")(data.hub, name, folder=folder, **pair) for split, name in HUB_SPLITS.items()}
    files = tuple(sorted(_files_below(folder))) if folder else ()
    for path in files:
        check_name(path)
    return Sources(
        (CorpusSource(_short(data.hub), 1.0, readers["train"]),),
        None if data.development_size else readers["development"],
        {} if data.test_size else {"test": readers["test"]},
        files,
        folder,
    )


def _local(data: Data, folder: Path | None) -> Sources:
    if not data.train and not data.corpora:
        raise UserError("The recipe names no training files.", hint="Set data.train, or give --source and --target.")
    base = folder or Path()
    of_corpora = (name for corpus in data.corpora if not _corpus_from_hub(corpus, folder) for name in corpus.train)
    names = sorted({*data.train, *data.development, *data.test, *of_corpora})
    needed = data.train or names
    absent = next((name for name in needed if not stored_as(base / name).exists()), None)
    if folder is None and absent is not None:
        raise UserError(
            f"{absent} is not in the working folder, and the recipe has no dataset on the hub.",
            hint="Say where the files are: --data FOLDER",
        )
    if folder is not None and not folder.is_dir():
        raise UserError(f"--data {folder} is not a folder.", hint="Give the folder that holds the files.")
    missing = [name for name in names if not stored_as(base / name).exists()]
    if folder is not None and missing:
        raise UserError(f"--data {folder} lacks files of the recipe: {', '.join(missing)}.", hint=_listing(folder))
    train = (CorpusSource(Path(data.train[0]).name, 1.0, _files(data, data, base, data.train)),) if data.train else ()
    development = _files(data, data, base, data.development, data.development_lines) if data.development else None
    tests = {"test": _files(data, data, base, data.test, data.test_lines)} if data.test else {}
    return Sources(train, development, tests, _paths(names, base))


def _paths(names: Iterable[str], base: Path) -> tuple[Path, ...]:
    return tuple(stored_as(base / name) for name in names)


def _listing(folder: Path) -> str:
    names = sorted(path.name + "/" * path.is_dir() for path in folder.iterdir())
    more = [f"and {len(names) - _NAMES_LISTED} more"] if len(names) > _NAMES_LISTED else []
    return f"It holds: {', '.join(names[:_NAMES_LISTED] + more)}." if names else "It is empty."


def _files(
    data: Data, section: Data | Corpus, base: Path, names: tuple[str, ...], lines: tuple[int, int] | None = None
) -> Reader:
    """Returns the reader of local files, as `section` describes them."""
    kind = section.reader.name
    pair = {"source_language": data.source_language, "target_language": data.target_language}
    options: dict[str, dict[str, Any]] = {
        "tsv": {"columns": section.columns},
        "jsonl": {"fields": section.fields, **pair},
        "tmx": pair,
    }
    reader = READERS.load(kind)(*_paths(names, base), **options.get(kind, {}), lines=lines)
    return reader  # type: ignore[no-any-return]


def _corpora(data: Data, folder: Path | None) -> tuple[CorpusSource, ...]:
    names: list[str] = []
    corpora = []
    for corpus in data.corpora:
        first = corpus.train[0] if corpus.train else corpus.hub or corpus.reader.name
        name = corpus.name or _short(first)
        number = names.count(name) + 1
        names.append(name)
        label = name if number == 1 else f"{name}-{number}"
        corpora.append(CorpusSource(label, corpus.weight, _corpus_reader(data, corpus, folder), corpus.tag))
    return tuple(corpora)


def _corpus_reader(data: Data, corpus: Corpus, folder: Path | None) -> Reader:
    if corpus.reader.name == "phrasebook":
        return READERS.load("phrasebook")("train")  # type: ignore[no-any-return]
    if _corpus_from_hub(corpus, folder):
        pair = {"source_language": data.source_language, "target_language": data.target_language}
        copy = _local_copy(corpus, folder)
        return READERS.load("hub")(corpus.hub, "train", folder=copy, **pair)  # type: ignore[no-any-return]
    return _files(data, corpus, folder or Path(), corpus.train)


def _corpus_from_hub(corpus: Corpus, folder: Path | None) -> bool:
    if corpus.reader.name == "hub":
        return True
    return bool(corpus.hub) and not any(path.exists() for path in _paths(corpus.train, folder or Path()))


def _local_copy(corpus: Corpus, folder: Path | None) -> Path | None:
    """Returns where a dataset of the hub is, where it is in the given folder: in one of its own."""
    copy = folder / _short(corpus.hub) if folder else None
    return copy if copy and copy.is_dir() else None


def _corpus_files(data: Data, folder: Path | None) -> Iterator[Path]:
    """Yields the local files of all corpora."""
    for corpus in data.corpora:
        if not _corpus_from_hub(corpus, folder):
            yield from _paths(corpus.train, folder or Path())
        elif copy := _local_copy(corpus, folder):
            yield from _files_below(copy)


def _short(name: str) -> str:
    """Returns a path's or a dataset's last part."""
    return name.rsplit("/", 1)[-1]


def _swapped(sources: Sources) -> Sources:
    return replace(
        sources,
        corpora=tuple(replace(corpus, reader=Swapped(corpus.reader)) for corpus in sources.corpora),
        development=Swapped(sources.development) if sources.development else None,
        tests={name: Swapped(reader) for name, reader in sources.tests.items()},
    )
