"""The pairs of a prepared split."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from seq2seq.corpus.pair import Pair
from seq2seq.data.store import Store


@dataclass(frozen=True)
class StoredPairs:
    """The reader of a split, which yields its pairs as they were normalised, with the lines they were read from.

    Attributes:
        path: The split's file.
    """

    path: Path

    def __call__(self) -> Iterator[Pair]:
        """Yields its pairs."""
        return (Pair(row.line, row.source, row.target) for row in Store(self.path).rows())
