"""Pairs in characters that the corpus hardly has: mojibake, decoration, a foreign script."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from typing import ClassVar, Final

from seq2seq.corpus.filters.filter import Filter, check_share
from seq2seq.corpus.pair import Pair

RARE_ONE_IN: Final = 100_000
"""A character is rare on a side if fewer than one in so many of that side's characters are it."""


class Rare(Filter):
    """Drops a pair with a side of whose characters more than the share `maximum` are rare in this corpus.

    What is rare is learned from the corpus itself, each side for its own, so a corpus of Chinese keeps its thousands of
    ideographs. White space is not counted. Before anything was learned, nothing is rare.

    Raises:
        UserError: `maximum` is not a share.
    """

    reason: ClassVar[str] = "rare"

    def __init__(self, *, maximum: float = 0.2) -> None:
        check_share(self.reason, "maximum", maximum)
        self.maximum = maximum
        self._source: frozenset[str] = frozenset()  # the characters that are not rare; empty: not known
        self._target: frozenset[str] = frozenset()

    def learn(self, pairs: Iterable[Pair]) -> None:
        """Counts the characters of both sides."""
        source: Counter[str] = Counter()
        target: Counter[str] = Counter()
        for pair in pairs:
            source.update(pair.source)
            target.update(pair.target)
        self._source, self._target = _common(source), _common(target)

    def rejects(self, pair: Pair) -> bool:
        """Returns whether a side is made of rare characters."""
        return self._is_strange(pair.source, self._source) or self._is_strange(pair.target, self._target)

    def _is_strange(self, text: str, common: frozenset[str]) -> bool:
        if not common or common.issuperset(text):
            return False
        shown = "".join(text.split())
        return sum(character not in common for character in shown) > self.maximum * len(shown)


def _common(counts: Counter[str]) -> frozenset[str]:
    """Returns the characters that are not rare, and all white space."""
    total = sum(count for character, count in counts.items() if not character.isspace())
    return frozenset(c for c, count in counts.items() if c.isspace() or count * RARE_ONE_IN >= total)
