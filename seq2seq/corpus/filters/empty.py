"""Pairs without text on one side."""

from __future__ import annotations

from typing import ClassVar

from seq2seq.corpus.filters.filter import Filter
from seq2seq.corpus.pair import Pair
from seq2seq.text.blank import is_blank


class Empty(Filter):
    """Drops a pair with a side that holds no text."""

    reason: ClassVar[str] = "empty"

    def rejects(self, pair: Pair) -> bool:
        """Returns whether nothing can be seen of a side."""
        return is_blank(pair.source) or is_blank(pair.target)
