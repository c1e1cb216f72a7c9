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
    """Times updates, the filling of their batches included, without what lies between them.

    Where a GPU is not waited for after each update, only a stretch of updates up to a wait can be timed: `stop` ends an
    update, and `settle` the stretch.
    """

    def __init__(self) -> None:
        self._begin = 0.0
        self._seconds = self._tokens = 0.0
        self.unsettled_seconds = 0.0
        """Of the stretch under way, as far as it was waited for."""
        self._unsettled: list[int] = []

    def start(self) -> None:
        """An update begins."""
        self._begin = time.perf_counter()

    def stop(self, num_tokens: int) -> None:
        """An update of `num_tokens` ends."""
        self.unsettled_seconds += time.perf_counter() - self._begin
        self._unsettled.append(num_tokens)

    def settle(self) -> float:
        """A stretch of updates ends, at least one, with a wait before the last `stop`. Returns the seconds of each."""
        seconds = self.unsettled_seconds / len(self._unsettled)
        for num_tokens in self._unsettled:
            # A running mean over about the last fifty updates, so that the figure follows the machine.
            self._seconds = 0.98 * self._seconds + 0.02 * seconds
            self._tokens = 0.98 * self._tokens + 0.02 * num_tokens
        self.unsettled_seconds, self._unsettled = 0.0, []
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
