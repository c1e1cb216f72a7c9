"""Where the rows of a step stand in the grid of their sentences.

Attention is one product a sentence with all its hypotheses side by side, so that no memory is copied for a beam: the
rows are laid out in a grid of [sentences, width], and the contexts are picked up from it again.
"""

from __future__ import annotations

from functools import lru_cache
from typing import NamedTuple

import numpy as np

from seq2seq.search import IntArray

LEAST_WIDTH = 2
"""A product with a single row takes another way through the library, and is rounded otherwise."""


class Places(NamedTuple):
    """A layout of rows.

    Attributes:
        grid: [sentences, width], the row in each place; empty places name row 0, and what they give is not looked at.
        place: [rows], the place of each row, counted through the grid.
    """

    grid: IntArray
    place: IntArray


def lay_out(owner: IntArray, counts: IntArray) -> Places:
    """Puts each row into its sentence's line of the grid, in the order of the rows.

    Args:
        owner: [rows], the sentence of each row, in any order; sorted is cheaper.
        counts: [sentences], how often each sentence is in `owner`.
    """
    if len(counts) == 1:
        return _single(len(owner))
    width = max(LEAST_WIDTH, int(counts.max()))
    first = counts.cumsum() - counts
    numbers = np.arange(len(owner), dtype=np.int64)
    if (owner[1:] >= owner[:-1]).all():
        place = numbers + (np.arange(0, len(counts) * width, width) - first)[owner]
    else:
        order = owner.argsort(kind="stable")
        place = np.empty_like(owner)
        place[order] = numbers + (np.arange(0, len(counts) * width, width) - first)[owner[order]]
    grid = np.zeros(len(counts) * width, np.int64)
    grid[place] = numbers
    return Places(grid.reshape(len(counts), width), place)


@lru_cache(maxsize=64)
def _single(num_rows: int) -> Places:
    """The layout of one sentence's rows, which is the same at every step; nobody may write into it."""
    place = np.arange(num_rows, dtype=np.int64)
    grid = np.zeros((1, max(LEAST_WIDTH, num_rows)), np.int64)
    grid[0, :num_rows] = place
    return Places(grid, place)
