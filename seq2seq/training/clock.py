"""Timing updates: how fast training is of late, and how many updates fit into a time budget."""

from __future__ import annotations

import time
from collections.abc import Sequence
from statistics import median

CALIBRATE_FROM, CALIBRATE_LEAST, CALIBRATE_TO = 10, 30, 400
"""The updates that a time budget is measured on: the first few are slower, while memory is first touched."""
CALIBRATION_SHARE = 0.1
"""Share of a time budget after which measuring ends early, for networks whose updates are long."""
BUDGET_FOR_UPDATES = 0.88
"""Share of a time budget that goes to updates; the rest is for looks at the development set, and a margin."""


class Clock:
    """Times updates, the filling of their batches included, without what lies between them."""

    def __init__(self) -> None:
        self._begin = 0.0
        self._seconds = self._tokens = 0.0

    def start(self) -> None:
        """An update begins."""
        self._begin = time.perf_counter()

    def stop(self, num_tokens: int) -> float:
        """An update of `num_tokens` ends. Returns the seconds that it took."""
        seconds = time.perf_counter() - self._begin
        # A running mean over about the last fifty updates, so that the figure follows the machine.
        self._seconds = 0.98 * self._seconds + 0.02 * seconds
        self._tokens = 0.98 * self._tokens + 0.02 * num_tokens
        return seconds

    def tokens_a_second(self) -> float:
        """Target tokens a second of late."""
        return self._tokens / self._seconds if self._seconds else 0.0


def updates_in(minutes: float, timings: Sequence[float]) -> int | None:
    """Returns how many updates fit into a time budget; None while too few have been timed to say.

    The median counts: a moment in which the machine was busy elsewhere does not.

    Args:
        minutes: The budget.
        timings: Seconds of each update since it began.
    """
    budget = minutes * 60 * BUDGET_FOR_UPDATES
    if len(timings) < CALIBRATE_LEAST:
        return None
    seconds = median(timings[CALIBRATE_FROM:CALIBRATE_TO])
    if len(timings) < CALIBRATE_TO and len(timings) * seconds < CALIBRATION_SHARE * budget:
        return None
    return int(budget / seconds)
