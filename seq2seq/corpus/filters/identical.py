"""Pairs that were never translated."""

from __future__ import annotations

from typing import ClassVar

from seq2seq.corpus.filters.filter import Filter
from seq2seq.corpus.pair import Pair


class Identical(Filter):
    """Drops a pair whose two sides are the same text: most often a sentence that was never translated."""

    reason: ClassVar[str] = "identical"

    def rejects(self, pair: Pair) -> bool:
        """Returns whether the sides are equal."""
        return pair.source == pair.target
