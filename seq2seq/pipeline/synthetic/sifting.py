"""Which of the pairs that a model made are worth training on, as a job for workers: it needs no network."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from seq2seq.corpus.cleaning import Report
from seq2seq.corpus.filters import Filter
from seq2seq.corpus.pair import Pair


@dataclass(frozen=True)
class Sift:
    """Sifts a block.

    Attributes:
        filters: The rules, in their order; the first that objects gives the reason.
        pairs_of: Makes the pairs of a block of whatever is given; None: it holds pairs.
    """

    filters: Sequence[Filter]
    pairs_of: Callable[[list[Any]], list[Pair]] | None = None

    def __call__(self, block: list[Any]) -> tuple[list[Pair], Report]:
        """Returns the pairs that are left, and what was dropped."""
        kept, report = [], Report()
        for pair in block if self.pairs_of is None else self.pairs_of(block):
            report.read += 1
            reason = next((rule.reason for rule in self.filters if rule.rejects(pair)), "")
            if reason:
                report.drop(reason, pair)
            else:
                report.kept += 1
                kept.append(pair)
        return kept, report
