"""Windows: the lines that are read before the first of them is answered, and that are batched together.

A file is cut into windows by a rule that depends on nothing but the file: so many lines, or so many bytes, whichever
is reached first. A part of a file (`--shard`) is made of whole windows, and a run that goes on after an interruption
begins with a whole window. So a sentence has the same neighbours in every case, and the same translation to the bit,
also where an engine's rounding depends on the neighbours.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import NamedTuple


class Window(NamedTuple):
    """Some lines that follow each other.

    Attributes:
        first: How many lines of the input stand before them.
        begin: How many bytes of the input stand before them, unpacked.
        lines: The lines as they are stored, with their ends.
    """

    first: int
    begin: int
    lines: list[bytes]

    @property
    def after(self) -> int:
        """How many lines of the input there are with these."""
        return self.first + len(self.lines)

    @property
    def end(self) -> int:
        """How many bytes of the input there are with these."""
        return self.begin + sum(map(len, self.lines))


def numbered(chunks: Iterable[list[bytes]]) -> Iterator[Window]:
    """Yields each list of lines with its place in the input."""
    first = begin = 0
    for chunk in chunks:
        window = Window(first, begin, chunk)
        yield window
        first, begin = window.after, window.end


def between(windows: Iterable[Window], begin: int, end: int) -> Iterator[Window]:
    """Yields the windows that begin at byte `begin` or later and before byte `end`; reads no further than that."""
    for window in windows:
        if window.begin >= end:
            return
        if window.begin >= begin:
            yield window
