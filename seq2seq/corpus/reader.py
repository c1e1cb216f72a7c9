"""The contract that every source of sentence pairs keeps."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Protocol

from seq2seq.corpus.pair import Pair


class Reader(Protocol):
    """Gives sentence pairs, streamed: memory does not grow with the corpus. Each call starts again from the first.

    To add one: write its file in `readers/`, and its line in `seq2seq.registry.READERS`.
    """

    def __call__(self) -> Iterator[Pair]:
        """Yields the pairs in the order of the source, as they stand there, lines numbered from 1.

        Raises:
            UserError: The source is missing or damaged; the message names file and line.
        """
        ...


def num_pairs(reader: Reader) -> int | None:
    """Returns how many pairs a reader gives, at most; None where that cannot be told without reading them.

    A reader with a method of that name counts its lines, which costs little beside what is done with them.
    """
    own = getattr(reader, "num_pairs", None)
    return None if own is None else own()


def picked(reader: Reader, wanted: Callable[[int], bool]) -> Iterator[Pair | None]:
    """Yields the pairs of a reader whose numbers, from 0, are `wanted`, and None for each other.

    A reader with a method of that name passes over the others without a look at their text, which is many times faster;
    what is wrong in them is then told to whoever wants them.
    """
    own = getattr(reader, "picked", None)
    if own is not None:
        yield from own(wanted)
        return
    for number, pair in enumerate(reader()):
        yield pair if wanted(number) else None
