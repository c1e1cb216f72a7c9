"""Pairs that are tables, prices and rulers rather than sentences."""

from __future__ import annotations

import unicodedata
from typing import ClassVar

from seq2seq.corpus.filters.filter import Filter, check_share
from seq2seq.corpus.pair import Pair

_SIGNS = "NPS"  # how Unicode's categories of numbers, punctuation and symbols begin


class Digits(Filter):
    """Drops a pair with a side of whose characters more than the share `maximum` are digits, punctuation or symbols.

    White space is not counted. A side without characters passes: emptiness is the business of the filter "empty". The
    default spares short sentences with a time or a year in them, which are two thirds signs: "It's 3:30."

    Raises:
        UserError: `maximum` is not a share.
    """

    reason: ClassVar[str] = "digits"

    def __init__(self, *, maximum: float = 0.7) -> None:
        check_share(self.reason, "maximum", maximum)
        self.maximum = maximum

    def rejects(self, pair: Pair) -> bool:
        """Returns whether a side is mostly signs."""
        return self._is_mostly_signs(pair.source) or self._is_mostly_signs(pair.target)

    def _is_mostly_signs(self, text: str) -> bool:
        # Whatever is no letter can at most be all signs: this passes ordinary text without a look at each character.
        if len(text) - sum(map(str.isalpha, text)) <= self.maximum * len(text):
            return False
        shown = "".join(text.split())
        return sum(unicodedata.category(c)[0] in _SIGNS for c in shown) > self.maximum * len(shown)
