"""Rules that a sentence pair must pass to be worth training on. One class a rule; the registry lists them."""

from __future__ import annotations

import re
from typing import ClassVar, Protocol

from seq2seq.corpus.pair import Pair
from seq2seq.errors import UserError
from seq2seq.text.characters import IDEOGRAPHS, UNSPACED_LETTERS

_UNSPACED = re.compile(f"[{IDEOGRAPHS}{UNSPACED_LETTERS}]")
_WORD = re.compile(f"[{IDEOGRAPHS}]|[{UNSPACED_LETTERS}]{{1,4}}|[^{IDEOGRAPHS}{UNSPACED_LETTERS}\\s]+")


class Filter(Protocol):
    """One rule. To add one: write its class here, and its line in `seq2seq.registry.FILTERS`."""

    reason: ClassVar[str]  # what the report counts its drops under: the registry's name

    def rejects(self, pair: Pair) -> bool:
        """Returns whether the rule drops `pair`, whose sides are normalised. Looks at nothing but this pair."""
        ...


def count_words(text: str) -> int:
    """Returns the number of words between white space.

    Where a script has no spaces, each ideograph or kana counts as a word, and so do up to four letters of Thai, Lao,
    Myanmar or Khmer: near enough to compare the two sides of a pair.
    """
    if text.isascii() or not _UNSPACED.search(text):
        return len(text.split())
    return sum(1 for _ in _WORD.finditer(text))


class Empty:
    """Drops a pair with a side that holds no text."""

    reason: ClassVar[str] = "empty"

    def rejects(self, pair: Pair) -> bool:
        """Returns whether a side is empty or all white space."""
        return not pair.source or not pair.target or pair.source.isspace() or pair.target.isspace()


class Length:
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
        return any(len(side) > self.maximum and count_words(side) > self.maximum for side in (pair.source, pair.target))


class Ratio:
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


class Identical:
    """Drops a pair whose two sides are the same text: most often a sentence that was never translated."""

    reason: ClassVar[str] = "identical"

    def rejects(self, pair: Pair) -> bool:
        """Returns whether the sides are equal."""
        return pair.source == pair.target
