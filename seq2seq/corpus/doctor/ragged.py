"""Rows of different length in one flat array, and what NumPy can say of each row at once."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class Ragged:
    """Rows one after the other.

    Attributes:
        values: All rows, flat; shape [values].
        starts: Where each row begins, and at the end the number of values; shape [rows + 1].
    """

    values: NDArray[np.uint32]
    starts: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.starts) - 1

    @property
    def lengths(self) -> NDArray[np.int64]:
        """Values of each row; shape [rows]."""
        return np.diff(self.starts)

    @property
    def rows(self) -> NDArray[np.int64]:
        """The row that each value stands in; shape [values]."""
        return np.repeat(np.arange(len(self)), self.lengths)

    def count(self, marked: NDArray[np.bool_]) -> NDArray[np.int64]:
        """Returns how many of each row's values are marked; shape [rows].

        Args:
            marked: One truth a value, shape [values].
        """
        before = np.concatenate((np.zeros(1, np.int64), np.cumsum(marked, dtype=np.int64)))
        counts: NDArray[np.int64] = before[self.starts[1:]] - before[self.starts[:-1]]
        return counts

    def only(self, marked: NDArray[np.bool_]) -> Self:
        """Returns the marked values, each in its row."""
        return type(self)(self.values[marked], np.concatenate((np.zeros(1, np.int64), np.cumsum(self.count(marked)))))

    def part(self, first: int, last: int) -> Self:
        """Returns the rows from `first` up to and without `last`."""
        starts = self.starts[first : last + 1]
        return type(self)(self.values[starts[0] : starts[-1]], starts - starts[0])

    def joined(self, other: Self) -> Self:
        """Returns the rows of this one and then those of `other`."""
        starts = np.concatenate((self.starts, self.starts[-1] + other.starts[1:]))
        return type(self)(np.concatenate((self.values, other.values)), starts)


def no_rows() -> Ragged:
    """Returns nothing, to which rows can be joined."""
    return Ragged(np.empty(0, np.uint32), np.zeros(1, np.int64))


def cut_after(values: NDArray[np.uint32], mark: int) -> Ragged:
    """Returns the rows that the marks end, which are not part of them: as many as there are marks."""
    at = np.flatnonzero(values == mark)
    starts = np.concatenate((np.zeros(1, np.int64), at - np.arange(len(at))))
    return Ragged(np.delete(values, at), starts)


def fingerprints(rows: Ragged) -> NDArray[np.uint64]:
    """Returns a 64-bit hash of each row's values in their order; shape [rows].

    The sum of each value's own hash, which depends on its place: one pass of NumPy, where hashing row by row would be
    a loop in Python.
    """
    place = np.arange(len(rows.values), dtype=np.uint64) - rows.starts[:-1].astype(np.uint64)[rows.rows]
    return sums(mixed(rows.values.astype(np.uint64) + (place + np.uint64(1)) * _GOLDEN), rows.starts)


def sums(values: NDArray[np.uint64], starts: NDArray[np.int64]) -> NDArray[np.uint64]:
    """Returns the sum, modulo 2^64, of each row of `values`; 0 for an empty one. Shape [rows]."""
    before = np.concatenate((np.zeros(1, np.uint64), np.cumsum(values, dtype=np.uint64)))
    return before[starts[1:]] - before[starts[:-1]]


def mixed(values: NDArray[np.uint64]) -> NDArray[np.uint64]:
    """Returns a number for each value that looks like chance: the finaliser of SplitMix64 (Steele et al. 2014)."""
    values = (values ^ (values >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    values = (values ^ (values >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return values ^ (values >> np.uint64(31))


_GOLDEN = np.uint64(0x9E3779B97F4A7C15)  # 2^64 over the golden ratio: far-apart steps from any start
