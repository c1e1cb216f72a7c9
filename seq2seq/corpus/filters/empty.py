"""Pairs without text on one side."""

from __future__ import annotations

from typing import ClassVar

from seq2seq.corpus.filters.filter import Filter
from seq2seq.corpus.pair import Pair


class Empty(Filter):
    """Drops a pair with a side that holds no text."""

    reason: ClassVar[str] = "empty"

    def rejects(self, pair: Pair) -> bool:
        """Returns whether a side is empty or all white space."""
        return not pair.source or not pair.target or pair.source.isspace() or pair.target.isspace()
