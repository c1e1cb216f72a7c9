"""What the first layers' steps take from a token alone: one row a token, computed when the token is first met.

W e + b depends on nothing but the token. A table of all tokens would cost seconds and megabytes at every start, and
most texts use a small part of the vocabulary.
"""

from __future__ import annotations

import mmap
from collections.abc import Callable
from contextlib import suppress

import numpy as np

from seq2seq.search import FloatArray, IntArray

Compute = Callable[[IntArray], FloatArray]
"""ids [t] -> rows [t, width]"""


class Table:
    """Rows of tokens, filled as they are asked for.

    Threads may share it: a row is written before it is marked as known, and two that write the same row write the same
    numbers.

    Args:
        num_symbols: Of the vocabulary.
        width: Of a row.
        compute: Computes rows; a row must not depend on those beside it.
    """

    def __init__(self, num_symbols: int, width: int, compute: Compute) -> None:
        self.rows = unwritten(num_symbols, width)
        self._known = np.zeros(num_symbols, np.bool_)
        self._compute = compute

    def ensure(self, ids: IntArray) -> None:
        """Makes sure that the rows of `ids`, of any shape, are there."""
        known = self._known[ids]
        if known.all():
            return
        missing = np.unique(ids[~known])
        self.rows[missing] = self._compute(missing)
        self._known[missing] = True


def unwritten(num_rows: int, width: int) -> FloatArray:
    """Returns [rows, width] that take real memory row by row, as they are written.

    NumPy asks the kernel for pages of 2 MB in large arrays, and then a dozen rows of a large table take tens of
    megabytes. So this is a mapping of its own, with ordinary pages.
    """
    if not num_rows * width:
        return np.zeros((num_rows, width), np.float32)
    mapped = mmap.mmap(-1, num_rows * width * np.dtype(np.float32).itemsize)
    if hasattr(mmap, "MADV_NOHUGEPAGE"):
        with suppress(OSError):  # a kernel without large pages knows no such wish
            mapped.madvise(mmap.MADV_NOHUGEPAGE)
    return np.frombuffer(mapped, np.float32).reshape(num_rows, width)
