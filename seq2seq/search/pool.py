"""The n best ended hypotheses of each sentence so far."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from seq2seq.search.step_model import BoolArray, DoubleArray, IntArray

NONE = -1


class Pool:
    """Keeps, for every sentence, the `nbest` best ended hypotheses, best first.

    Equal scores: who ended first stays ahead, then who stood higher in the beam.

    Args:
        num_sentences: How many sentences.
        nbest: How many are kept of each.

    Attributes:
        scores: [sentences, nbest], -inf where there is none yet.
        log_probs: [sentences, nbest].
        steps: [sentences, nbest], the step of the EOS; NONE where there is none yet.
        entries: [sentences, nbest], the trellis entry of the EOS in that step.
    """

    def __init__(self, num_sentences: int, nbest: int) -> None:
        self.scores = np.full((num_sentences, nbest), -np.inf)
        self.log_probs = np.full((num_sentences, nbest), -np.inf)
        self.steps = np.full((num_sentences, nbest), NONE, dtype=np.int64)
        self.entries = np.full((num_sentences, nbest), NONE, dtype=np.int64)

    def add(
        self,
        owner: IntArray,
        ranks: IntArray,
        *,
        scores: DoubleArray,
        log_probs: DoubleArray,
        step: int,
        entries: IntArray,
    ) -> None:
        """Takes in hypotheses that ended at `step`; all arrays [ended].

        Args:
            owner: The sentence of each.
            ranks: Its place in that sentence's beam, from 0; no two of a sentence share one.
            scores: What they are ranked by.
            log_probs: Their log-probabilities.
            step: The step at which they ended.
            entries: Their trellis entries there.
        """
        if not owner.size:
            return
        touched, rows = np.unique(owner, return_inverse=True)
        shape = (len(touched), int(ranks.max()) + 1)

        def spread(values: NDArray[Any], empty: float) -> NDArray[Any]:
            grid = np.full(shape, empty, dtype=values.dtype)
            grid[rows, ranks] = values
            return grid

        merged_scores = np.concatenate([self.scores[touched], spread(scores, -np.inf)], axis=1)
        order = np.argsort(-merged_scores, axis=1, kind="stable")[:, : self.scores.shape[1]]
        self.scores[touched] = np.take_along_axis(merged_scores, order, axis=1)
        others: list[tuple[NDArray[Any], NDArray[Any], float]] = [
            (self.log_probs, log_probs, -np.inf),
            (self.steps, np.full_like(entries, step), NONE),
            (self.entries, entries, NONE),
        ]
        for kept, values, empty in others:
            merged = np.concatenate([kept[touched], spread(values, empty)], axis=1)
            kept[touched] = np.take_along_axis(merged, order, axis=1)

    def could_change(self, bounds: DoubleArray) -> BoolArray:
        """Tells for which sentences a hypothesis of score `bounds` (at most) could still enter; [sentences]."""
        return np.asarray(bounds > self.scores[:, -1])
