"""The text files of a run with synthetic pairs: line by line beside each other, and whole or absent."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TextIO

from seq2seq.corpus.files import read_lines
from seq2seq.corpus.pair import Pair


def sides_of(name: str) -> tuple[str, ...]:
    """Returns what the two files of a corpus, or of a development or test set, are called."""
    return tuple(f"{name}.{side}" for side in ("source", "target"))


@contextmanager
def new_files(*paths: Path) -> Iterator[list[TextIO]]:
    """Gives a text file a path, all of which take their names when the block ends without an error."""
    temporary = [path.with_name(f".{path.name}.tmp") for path in paths]
    paths[0].parent.mkdir(parents=True, exist_ok=True)
    try:
        with ExitStack() as stack:
            yield [stack.enter_context(path.open("w", encoding="utf-8", newline="\n")) for path in temporary]
    except BaseException:
        for path in temporary:
            path.unlink(missing_ok=True)
        raise
    for path, new in zip(paths, temporary, strict=True):
        new.replace(path)


def write_sides(folder: Path, names: Sequence[str], pairs: Iterable[Pair]) -> None:
    """Writes pairs into the two files of these names, a line each."""
    with new_files(*(folder / name for name in names)) as (source, target):
        for pair in pairs:
            source.write(pair.source + "\n")
            target.write(pair.target + "\n")


def side_by_side(source: Path, target: Path) -> Iterator[Pair]:
    """Yields the lines of two files as pairs; of files that were made line by line."""
    for line, sides in enumerate(zip(read_lines(source), read_lines(target), strict=True), start=1):
        yield Pair(line, *sides)
