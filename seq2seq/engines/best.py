"""The k best of whole distributions, in NumPy: for engines that hold every row's log-probabilities in memory."""

from __future__ import annotations

import numpy as np

from seq2seq.search import FloatArray, IntArray


def best(log_probs: FloatArray, k: int) -> tuple[IntArray, FloatArray]:
    """Returns the ids and the values of each row's `k` largest, best first, equals by the lower id.

    A partition takes any of the equals at its border, so the rows that have equals there, which are rare, are sorted
    whole.

    Args:
        log_probs: [rows, symbols]; NaN counts as the largest, so that a search comes to see it.
        k: From 1 to the number of symbols.

    Returns:
        [rows, k] each.
    """
    num_symbols = log_probs.shape[1]
    if k == 1:
        ids = log_probs.argmax(axis=1)[:, None]
    elif k > num_symbols // 4:  # a partition saves nothing there
        ids = _sorted(log_probs)[:, :k]
    else:
        ids = np.sort(np.argpartition(log_probs, num_symbols - k, axis=1)[:, num_symbols - k :], axis=1)
        values = np.take_along_axis(log_probs, ids, axis=1)
        border = values.min(axis=1, keepdims=True)
        unsure = np.flatnonzero((log_probs >= border).sum(axis=1) != k)
        # Sorted by id before, so that a stable sort by value leaves equals in the order of their ids.
        ids = np.take_along_axis(ids, _sorted(values), axis=1)
        if unsure.size:
            ids[unsure] = _sorted(log_probs[unsure])[:, :k]
    return ids.astype(np.int64, copy=False), np.take_along_axis(log_probs, ids, axis=1)


def _sorted(values: FloatArray) -> IntArray:
    """Returns the columns of each row, largest first, equals in order; NaN first of all."""
    return np.argsort(np.where(np.isnan(values), -np.inf, -values), axis=1, kind="stable")
