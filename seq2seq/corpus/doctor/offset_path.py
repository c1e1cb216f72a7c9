"""The likeliest course of an offset that seldom changes: by how many lines two texts are out of step, line by line."""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

CHANGE_COST: Final = 40.0
"""What a change of offset must gain, in nats. A line seldom says more than 8 for or against, so no five lines by
themselves make a slip, and of a real slip some ten suffice; a stretch out of step between two changes must gain it
twice."""
_MOST: Final = 12.0  # one line with many rare words must not outvote its neighbours,
_TRUST: Final = 0.5  # and words of one line come together, so each says less than if it stood alone


def evidence(fits: NDArray[np.float32]) -> NDArray[np.float32]:
    """Returns what the fits of lines say as a course's gains; shape [lines, offsets], both."""
    return np.float32(_TRUST) * np.minimum(fits, np.float32(_MOST))


def best_course(gains: NDArray[np.float32], start: int) -> NDArray[np.int64]:
    """Returns the column of `gains` that each line takes: the largest sum, less `CHANGE_COST` a change; shape [lines].

    The search of Viterbi (1967), where every change costs alike.

    Args:
        gains: What each line gains by each offset; shape [lines, offsets].
        start: The column of the line before the first.
    """
    num_lines, num_offsets = gains.shape
    if not _pays(gains, start):
        return np.full(num_lines, start)
    total = np.full(num_offsets, -CHANGE_COST)
    total[start] = 0.0
    came_from = np.empty((num_lines, num_offsets), np.int64)
    same = np.arange(num_offsets)
    for line in range(num_lines):
        best = int(total.argmax())
        change = total[best] - CHANGE_COST > total
        came_from[line] = np.where(change, best, same)
        total = np.where(change, total[best] - CHANGE_COST, total) + gains[line]
    course = np.empty(num_lines, np.int64)
    here = int(total.argmax())
    for line in range(num_lines - 1, -1, -1):
        course[line] = here
        here = int(came_from[line, here])
    return course


def _pays(gains: NDArray[np.float32], start: int) -> bool:
    """Tells whether any stretch of lines gains more by another offset than one change costs: else none is made."""
    more = np.cumsum(gains - gains[:, start : start + 1], axis=0, dtype=np.float64)
    lowest = np.minimum.accumulate(np.vstack((np.zeros((1, gains.shape[1])), more[:-1])), axis=0)
    return bool(((more - lowest) > CHANGE_COST).any())
