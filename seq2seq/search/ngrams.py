"""N-gram blocking (Paulus et al. 2018): no n tokens in a row stand in an output twice."""

from __future__ import annotations

import numpy as np

from seq2seq.search.step_model import IntArray

NONE = -1


class RepeatedNgrams:
    """Forbids the ids with which a row would write an n-gram that it holds already; a `Rule`.

    These are the ids that followed earlier occurrences of its last n - 1 ids. EOS ends no n-gram that could be there
    twice, so it is never among them.

    Args:
        n: How long; with 1 every token may stand in an output once.
    """

    def __init__(self, n: int) -> None:
        self._n = n

    def __call__(self, written: IntArray) -> IntArray:
        """See `Rule`. Costs n comparisons of what is written, whatever the vocabulary."""
        n, position = self._n, written.shape[1]
        num_ngrams = max(0, position - n + 1)
        again = np.ones((len(written), num_ngrams), dtype=np.bool_)
        if num_ngrams:
            for place in range(n - 1):
                again &= written[:, place : place + num_ngrams] == written[:, position - n + 1 + place, None]
        if not again.any():
            return written[:, :0]
        most = int(again.sum(axis=1).max())
        found = np.where(again, written[:, n - 1 :], NONE)
        # Ids are at least 0: sorted downwards, those that are none come last.
        return np.asarray(-np.sort(-found, axis=1)[:, :most])
