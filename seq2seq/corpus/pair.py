"""A sentence and its translation, and where they were found."""

from __future__ import annotations

from typing import NamedTuple


class Pair(NamedTuple):
    """One sentence pair; `line` is its line (or row) in the file it came from, counted from 1."""

    line: int
    source: str
    target: str
