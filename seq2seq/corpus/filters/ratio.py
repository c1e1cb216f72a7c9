"""Pairs with one side much longer than the other."""

from __future__ import annotations

from typing import ClassVar

from seq2seq.corpus.filters.filter import Filter
from seq2seq.corpus.filters.words import count_words
from seq2seq.corpus.pair import Pair
from seq2seq.errors import UserError


class Ratio(Filter):
    """Drops a pair whose longer side has more than `maximum` times the words of its shorter side.

    A side without any word counts as one word, so that emptiness stays the business of the filter "empty".

    Raises:
        UserError: `maximum` is below 1.
    """

    reason: ClassVar[str] = "ratio"

    def __init__(self, *, maximum: float = 4.0) -> None:
        if not maximum >= 1:
            raise UserError(f"The filter 'ratio' needs a maximum of at least 1, not {maximum}.")
        self.maximum = maximum

    def rejects(self, pair: Pair) -> bool:
        """Returns whether the sides' lengths are too far apart."""
        source, target = max(count_words(pair.source), 1), max(count_words(pair.target), 1)
        return max(source, target) > self.maximum * min(source, target)
