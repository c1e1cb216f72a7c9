"""When training ends: limits in epochs and updates, and a time budget that becomes a number of updates once."""

from __future__ import annotations

import math
from dataclasses import dataclass

from seq2seq.training.clock import CALIBRATE_TO, updates_in
from seq2seq.training.counters import Counters


@dataclass(frozen=True)
class Limits:
    """When training ends; the first limit reached counts. 0 means no such limit.

    Attributes:
        max_epochs: Passes over the corpus.
        max_updates: Updates.
        minutes: A time budget, calibrated once into a number of updates.
        patience: Looks at the development set without improvement.
    """

    max_epochs: float = 0.0
    max_updates: int = 0
    minutes: float = 0.0
    patience: int = 0

    def reached(self, counters: Counters) -> bool:
        """Whether training is at its end."""
        if self.patience and counters.looks >= self.patience:
            return True
        return counters.total is not None and counters.update >= counters.total

    def measures(self, counters: Counters) -> bool:
        """Whether a time budget waits to be calibrated."""
        return bool(self.minutes) and counters.budget_total is None

    def calibrated(self, counters: Counters) -> int | None:
        """Returns the last update that the time budget allows by what has been timed; None while that is too little."""
        updates = updates_in(self.minutes, counters.timings)
        return None if updates is None else max(counters.update, counters.budget_from + updates)

    def find_total(self, counters: Counters, *, updates_an_epoch: int) -> None:
        """Settles the last update from the limits in epochs and updates, and from a budget where it is calibrated."""
        candidates = []
        if self.max_updates:
            candidates.append(self.max_updates)
        if self.max_epochs:
            candidates.append(math.ceil(self.max_epochs * updates_an_epoch))
        if self.minutes != counters.budget_minutes:  # a new budget counts from here
            counters.budget_minutes, counters.budget_from, counters.budget_total = self.minutes, counters.update, None
            counters.timings = []
        if self.measures(counters):
            # Another limit counts from the start only where measuring would overrun it: measuring that began with the
            # budget, and not with a process that goes on, whose rate would else be another.
            overrun = counters.budget_from + CALIBRATE_TO
            first = max(1, min(candidates, default=overrun + 1))
            counters.total = first if first <= overrun else None
            return
        if counters.budget_total is not None:
            candidates.append(counters.budget_total)
        counters.total = max(1, min(candidates)) if candidates else None
