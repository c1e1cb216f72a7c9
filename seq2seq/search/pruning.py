"""Leaving out of a beam what has fallen too far behind to be worth its time."""

from __future__ import annotations

import math

import numpy as np

from seq2seq.errors import UserError
from seq2seq.search.order import sentence_starts
from seq2seq.search.step_model import DoubleArray, IntArray


class Pruning:
    """Relative threshold pruning (Freitag & Al-Onaizan 2017), which also counts what has ended.

    A continuation is not taken whose log-probability is more than `margin` below that of the likeliest of its sentence:
    the likeliest that is taken at the same step, or that ended before. With a margin of 2 it is less than a seventh as
    likely. A hypothesis that cannot enter the n best any more is less likely than some that has ended, and so is no
    measure for others: whether it was still followed makes no difference here.

    Args:
        margin: The threshold.
        num_sentences: How many sentences.
        eos: What ends one.
    """

    def __init__(self, margin: float, num_sentences: int, eos: int) -> None:
        self._margin, self._eos = margin, eos
        self._ended: DoubleArray = np.full(num_sentences, -np.inf)

    def __call__(self, totals: DoubleArray, owner: IntArray) -> None:
        """Strikes out what is too far behind: sets it to -inf.

        Args:
            totals: [sentences, continuations], best first.
            owner: [rows], the sentence of each row; those of one stand side by side.
        """
        best = np.maximum(totals[:, 0], self._ended[owner[sentence_starts(owner)]])
        totals[totals < (best - self._margin)[:, None]] = -np.inf

    def hear(self, owner: IntArray, ids: IntArray, totals: DoubleArray) -> None:
        """Notes which of the continuations taken have ended; all arrays [taken]."""
        ended = (ids == self._eos).nonzero()[0]
        if ended.size:
            np.maximum.at(self._ended, owner[ended], totals[ended])


def check_prune(prune: float) -> None:
    """Refuses a margin that is none.

    Raises:
        UserError: It is negative or not finite.
    """
    if not (math.isfinite(prune) and prune >= 0.0):
        raise UserError(f"prune must be finite and at least 0, not {prune}.", hint="2 is a good margin; 0 is none.")
