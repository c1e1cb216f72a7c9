"""Reads one part of the embedded English-French corpus."""

from __future__ import annotations

from collections.abc import Iterator

from seq2seq.corpus.pair import Pair
from seq2seq.corpus.phrasebook.split import SPLITS, pairs
from seq2seq.errors import UserError, nearest


class Phrasebook:
    """The phrasebook as a reader.

    Args:
        split: "train", "development", "test" or "combinations".

    Raises:
        UserError: There is no such split.
    """

    def __init__(self, split: str) -> None:
        if split not in SPLITS:
            raise UserError(f"The phrasebook has no split {split!r}.", hint=nearest(split, list(SPLITS)))
        self.split = split

    def __call__(self) -> Iterator[Pair]:
        """Yields the pairs; lines count from 1 in the split's own order."""
        for line, (source, target) in enumerate(pairs(self.split), start=1):
            yield Pair(line, source, target)
