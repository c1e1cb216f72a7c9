"""The coverage penalty (Wu et al. 2016, "Google's Neural Machine Translation System", equation 14)."""

from __future__ import annotations

import numpy as np

from seq2seq.errors import UserError
from seq2seq.search.step_model import DoubleArray, FloatArray, IntArray

LEAST = 1e-3
"""A source token with less attention than this counts as if it had this. The paper has no such floor: there, one token
that is never looked at costs infinitely much, as attention over a window gives an exact 0."""


class Coverage:
    """Adds up the attention that each hypothesis has given to each source token.

    cp = penalty * sum_i log(min(sum_j p_ij, 1)), with p_ij the attention to source token i at target token j, EOS
    counted among both. It is at most 0, and 0 where every source token was looked at for one target token in all.

    Args:
        penalty: Its weight, above 0; the paper takes 0.2.
        source_lengths: [sentences].
    """

    def __init__(self, penalty: float, source_lengths: IntArray) -> None:
        self._penalty = penalty
        self._source_lengths = source_lengths
        self._sums: DoubleArray | None = None

    def read(self, attention: FloatArray | None) -> None:
        """Adds the attention of one step, [rows, source_length].

        Raises:
            UserError: The model has no attention.
        """
        if attention is None:
            raise UserError(
                "The coverage penalty needs a model with attention, and this one has none.",
                hint="Set search.coverage_penalty = 0.",
            )
        self._sums = attention.astype(np.float64) if self._sums is None else self._sums + attention

    def penalties(self, rows: IntArray, owner: IntArray) -> DoubleArray:
        """Returns cp of these rows, which belong to the sentences `owner`; both [n]."""
        assert self._sums is not None, "coverage is asked for before the first step"
        sums = np.minimum(np.maximum(self._sums[rows], LEAST), 1.0)
        sums[np.arange(sums.shape[1]) >= self._source_lengths[owner][:, None]] = 1.0
        # Added one after the other: `sum` groups by the width, and so by the padding of whatever else is in the batch.
        return np.asarray(self._penalty * np.cumsum(np.log(sums), axis=1)[:, -1])

    def keep(self, rows: IntArray) -> None:
        """Hears which row each row of the next step continues."""
        assert self._sums is not None, "coverage is asked for before the first step"
        self._sums = self._sums[rows]


def check_coverage_penalty(value: float) -> None:
    """Refuses what would not be a coverage penalty.

    Raises:
        UserError: The penalty is negative or not a finite number.
    """
    if not (np.isfinite(value) and value >= 0):
        raise UserError(
            f"The coverage penalty must be a finite number of at least 0, not {value}.",
            hint="0.2 is what its authors take; 0 is none.",
        )
