"""How many lines are read before the first of them is answered."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Final, TypeVar

from seq2seq.errors import Seq2SeqError

WINDOW_BATCHES: Final = 20
"""Batches that a stream reads ahead, so that sentences of like length can be put side by side."""
WINDOW_CHARACTERS: Final = 1 << 22
"""A window that holds as many, or as many bytes of a file, is full: lines may be megabytes long, and memory must not
grow with them."""

_Line = TypeVar("_Line", str, bytes)


def windows_of(lines: Iterable[_Line], size: int, most: int = WINDOW_CHARACTERS) -> Iterator[list[_Line]]:
    """Yields the lines in lists of `size`, or fewer where they are long; the last one shorter.

    Where reading fails, what came before it comes first.

    Args:
        lines: Of characters or of bytes.
        size: Lines, at most.
        most: A list that has reached so many characters or bytes is full.
    """
    window: list[_Line] = []
    length = 0
    try:
        for line in lines:
            window.append(line)
            length += len(line)
            if len(window) == size or length >= most:
                yield window
                window, length = [], 0
    except Seq2SeqError:
        if window:
            yield window
        raise
    if window:
        yield window
