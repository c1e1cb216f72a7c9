"""Schedules: the learning rate as a share of its peak, a function of the update, never of the clock."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod


class Schedule(ABC):
    """A warm-up from 0 to 1 over the first updates, then whatever the member's `after` says.

    Args:
        warmup_updates: Length of the warm-up; 0 starts at the peak.
    """

    def __init__(self, *, warmup_updates: int) -> None:
        self.warmup_updates = warmup_updates

    def factor(self, update: int, total: int | None) -> float:
        """Returns the share of the peak rate for an update.

        Args:
            update: Number of the update, from 1.
            total: Number of the last update; None where it is not yet known, which only happens during calibration.
        """
        if update <= self.warmup_updates:
            return update / self.warmup_updates
        return self.after(update, total)

    @abstractmethod
    def after(self, update: int, total: int | None) -> float:
        """Returns the share for an update after the warm-up."""

    def observe(self, *, improved: bool) -> None:  # noqa: B027 - most schedules have nothing to learn from it
        """Tells the schedule whether the last look at the development set was the best so far."""

    def state(self) -> dict[str, float]:
        """Returns what a resumed run must know; nothing for most."""
        return {}

    def restore(self, state: dict[str, float]) -> None:  # noqa: B027 - as for `observe`
        """Takes back what `state` gave."""

    def _progress(self, update: int, total: int | None) -> float:
        """How far through the updates after the warm-up, from 0 to 1."""
        if total is None:
            return 0.0
        return min(1.0, (update - self.warmup_updates) / max(1, total - self.warmup_updates))


class Linear(Schedule):
    """Straight down to zero at the last update: 1 - p."""

    def after(self, update: int, total: int | None) -> float:
        """See `Schedule.after`."""
        return 1.0 - self._progress(update, total)


class Cosine(Schedule):
    """Half a cosine down to zero at the last update: (1 + cos(pi p)) / 2 (Loshchilov & Hutter 2017)."""

    def after(self, update: int, total: int | None) -> float:
        """See `Schedule.after`."""
        return 0.5 * (1.0 + math.cos(math.pi * self._progress(update, total)))


class InverseSquareRoot(Schedule):
    """sqrt(w / n), with w the length of the warm-up (Vaswani et al. 2017); needs no last update."""

    def after(self, update: int, total: int | None) -> float:
        """See `Schedule.after`."""
        return math.sqrt(max(1, self.warmup_updates) / update)


class Constant(Schedule):
    """Level at the peak."""

    def after(self, update: int, total: int | None) -> float:
        """See `Schedule.after`."""
        return 1.0


class Plateau(Schedule):
    """Multiplied by `factor` after `patience` + 1 looks at the development set in a row without improvement.

    Args:
        warmup_updates: Length of the warm-up.
        factor: What the rate is multiplied by.
        patience: Looks without improvement that are forgiven.
    """

    def __init__(self, *, warmup_updates: int, factor: float = 0.5, patience: int = 2) -> None:
        super().__init__(warmup_updates=warmup_updates)
        self.multiplier = factor
        self.patience = patience
        self._share = 1.0
        self._looks = 0

    def after(self, update: int, total: int | None) -> float:
        """See `Schedule.after`."""
        return self._share

    def observe(self, *, improved: bool) -> None:
        """See `Schedule.observe`."""
        self._looks = 0 if improved else self._looks + 1
        if self._looks > self.patience:
            self._share *= self.multiplier
            self._looks = 0

    def state(self) -> dict[str, float]:
        """See `Schedule.state`."""
        return {"share": self._share, "looks": self._looks}

    def restore(self, state: dict[str, float]) -> None:
        """See `Schedule.restore`."""
        self._share, self._looks = state["share"], int(state["looks"])
