"""How many lines are read before the first of them is answered."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Final

from seq2seq.errors import Seq2SeqError

WINDOW_BATCHES: Final = 20
"""Batches that a stream reads ahead, so that sentences of like length can be put side by side."""
WINDOW_CHARACTERS: Final = 1 << 22
"""A window that holds as many is full: lines may be megabytes long, and memory must not grow with them."""


def windows_of(lines: Iterable[str], size: int) -> Iterator[list[str]]:
    """Yields the lines in lists of `size`, or fewer where they are long; the last one shorter.

    Where reading fails, what came before it comes first.
    """
    window: list[str] = []
    characters = 0
    try:
        for line in lines:
            window.append(line)
            characters += len(line)
            if len(window) == size or characters >= WINDOW_CHARACTERS:
                yield window
                window, characters = [], 0
    except Seq2SeqError:
        yield window
        raise
    if window:
        yield window
