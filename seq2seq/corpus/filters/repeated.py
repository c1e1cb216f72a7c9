"""Pairs in which a sentence got stuck."""

from __future__ import annotations

from typing import ClassVar, Final

from seq2seq.corpus.filters.filter import Filter
from seq2seq.corpus.filters.words import bare_words
from seq2seq.corpus.pair import Pair
from seq2seq.errors import UserError

LONGEST_PHRASE: Final = 8
"""Words of a sequence that is looked for in repetition."""


class Repeated(Filter):
    """Drops a pair with a side that says the same words more than `maximum` times in a row.

    Looked for are single words and sequences of up to 8 words; case and punctuation make no difference, so "Ha, ha,
    ha, ha, ha!" is five times the same. Where a script has no spaces, each ideograph or kana is a word.

    Raises:
        UserError: `maximum` is below 1.
    """

    reason: ClassVar[str] = "repeated"

    def __init__(self, *, maximum: int = 4) -> None:
        if maximum < 1:
            raise UserError(f"The filter 'repeated' needs a maximum of at least 1, not {maximum}.")
        self.maximum = maximum

    def rejects(self, pair: Pair) -> bool:
        """Returns whether a side repeats itself too often in a row."""
        return self._is_stuck(pair.source) or self._is_stuck(pair.target)

    def _is_stuck(self, text: str) -> bool:
        # Who repeats p words m times more says at least m words again: this spares ordinary text the search.
        if len(text) <= self.maximum:
            return False
        words = bare_words(text)
        if len(words) - len(set(words)) < self.maximum:
            return False
        longest = min(LONGEST_PHRASE, len(words) // (self.maximum + 1))
        return any(self._recurs(words, period) for period in range(1, longest + 1))

    def _recurs(self, words: list[str], period: int) -> bool:
        """Returns whether `period` words follow themselves `maximum` times: each equal to that a period before."""
        run, wanted = 0, period * self.maximum
        for word, before in zip(words[period:], words, strict=False):
            run = run + 1 if word == before else 0
            if run == wanted:
                return True
        return False
