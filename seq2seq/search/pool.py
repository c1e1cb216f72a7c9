"""The n best ended hypotheses of each sentence so far."""

from __future__ import annotations

from bisect import insort
from typing import NamedTuple

import numpy as np

from seq2seq.search.step_model import DoubleArray, IntArray


class Ended(NamedTuple):
    """One that ended.

    Attributes:
        worth: What it is ranked by.
        step: The step of its EOS.
        entry: The trellis entry of its EOS in that step.
        coverage: Its coverage penalty, 0 without one.
    """

    worth: float
    step: int
    entry: int
    coverage: float


class Pool:
    """Keeps, for every sentence, the `nbest` best ended hypotheses, best first.

    Equals: who came first stays ahead. Few hypotheses end at a step, so plain lists are quicker than arrays.

    Args:
        num_sentences: How many sentences.
        nbest: How many are kept of each.

    Attributes:
        best: Those of each sentence.
        bar: [sentences], what a hypothesis must be worth more than to enter; -inf where there is room.
        any_full: Whether any sentence has no room left.
    """

    def __init__(self, num_sentences: int, nbest: int) -> None:
        self._nbest = nbest
        self.best: list[list[Ended]] = [[] for _ in range(num_sentences)]
        self.bar: DoubleArray = np.full(num_sentences, -np.inf)
        self.any_full = False

    def add(
        self, owner: IntArray, worths: DoubleArray, entries: IntArray, step: int, coverage: DoubleArray | None
    ) -> None:
        """Takes in hypotheses that ended at `step`, those that stood higher first; all arrays [ended].

        Args:
            owner: The sentence of each.
            worths: What they are ranked by.
            entries: Their trellis entries.
            step: The step at which they ended.
            coverage: Their coverage penalties, if there are any.
        """
        for place in (worths > self.bar[owner]).nonzero()[0].tolist():
            penalty = 0.0 if coverage is None else float(coverage[place])
            sentence, one = owner[place], Ended(float(worths[place]), step, int(entries[place]), penalty)
            best = self.best[sentence]
            insort(best, one, key=_descending)
            del best[self._nbest :]
            if len(best) == self._nbest:
                self.bar[sentence] = best[-1].worth
                self.any_full = True


def _descending(one: Ended) -> float:
    return -one.worth
