"""Timing updates: how fast training is of late, and how many updates fit into a time budget."""

from __future__ import annotations

import time
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
        self._timed = 0
        self._counted: list[float] = []

    def start(self) -> None:
        """An update begins."""
        self._begin = time.perf_counter()

    def stop(self, num_tokens: int) -> None:
        """An update of `num_tokens` ends."""
        seconds = time.perf_counter() - self._begin
        # A running mean over about the last fifty updates, so that the figure follows the machine.
        self._seconds = 0.98 * self._seconds + 0.02 * seconds
        self._tokens = 0.98 * self._tokens + 0.02 * num_tokens
        self._timed += 1
        if CALIBRATE_FROM < self._timed <= CALIBRATE_TO:
            self._counted.append(seconds)

    def tokens_a_second(self) -> float:
        """Target tokens a second of late."""
        return self._tokens / self._seconds if self._seconds else 0.0

    def updates_in(self, minutes: float) -> int | None:
        """Returns how many updates fit into a time budget; None while too few have been timed to say.

        The median counts: a moment in which the machine was busy elsewhere does not.
        """
        budget = minutes * 60 * BUDGET_FOR_UPDATES
        if self._timed < CALIBRATE_LEAST:
            return None
        seconds = median(self._counted)
        if self._timed < CALIBRATE_TO and self._timed * seconds < CALIBRATION_SHARE * budget:
            return None
        return int(budget / seconds)
