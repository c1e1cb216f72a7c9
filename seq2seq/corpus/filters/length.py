"""Pairs with a very long side."""

from __future__ import annotations

from typing import ClassVar

from seq2seq.corpus.filters.filter import Filter
from seq2seq.corpus.filters.words import count_words
from seq2seq.corpus.pair import Pair
from seq2seq.errors import UserError


class Length(Filter):
    """Drops a pair with a side of more than `maximum` words.

    Raises:
        UserError: `maximum` is below 1.
    """

    reason: ClassVar[str] = "length"

    def __init__(self, *, maximum: int = 100) -> None:
        if maximum < 1:
            raise UserError(f"The filter 'length' needs a maximum of at least 1 word, not {maximum}.")
        self.maximum = maximum

    def rejects(self, pair: Pair) -> bool:
        """Returns whether a side is too long."""
        # A text of n characters has at most n words, so most pairs of a normal corpus need no counting at all.
        return (len(pair.source) > self.maximum and count_words(pair.source) > self.maximum) or (
            len(pair.target) > self.maximum and count_words(pair.target) > self.maximum
        )
