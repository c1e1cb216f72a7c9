"""Pairs whose one side repeats the other's words."""

from __future__ import annotations

from typing import ClassVar

from seq2seq.corpus.filters.filter import Filter, check_share
from seq2seq.corpus.filters.words import bare_words
from seq2seq.corpus.pair import Pair


class Copied(Filter):
    """Drops a pair whose sides share more than a part `maximum` of their words: one was copied, and not translated.

    The part is |A and B| / max(|A|, |B|) of the sets of words A and B, without case, punctuation and numbers. Names
    and borrowed words stay below it; a translator that gives up copies most of a sentence.

    Raises:
        UserError: `maximum` is not from 0 to 1.
    """

    reason: ClassVar[str] = "copied"

    def __init__(self, *, maximum: float = 0.5) -> None:
        check_share(self.reason, "maximum", maximum)
        self.maximum = maximum

    def rejects(self, pair: Pair) -> bool:
        """Returns whether the sides share too many words."""
        source, target = ({word for word in bare_words(text) if not word[0].isdigit()} for text in pair[1:])
        return len(source & target) > self.maximum * max(len(source), len(target))
