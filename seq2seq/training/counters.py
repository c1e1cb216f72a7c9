"""Where a run stands: all that a resumed run must know besides its tensors."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import Any


@dataclass
class Counters:
    """Counts and scores of a run so far.

    Attributes:
        update: Updates done.
        epoch: The epoch under way, from 0.
        position: Batches of it that are done.
        total: The last update, once known; a time budget is calibrated into it once.
        budget_minutes: The time budget that was asked for last; 0 for none.
        budget_from: The update at which it began.
        budget_total: The last update that it allows, once it is calibrated.
        timings: Seconds of each update since it began, while it is not calibrated.
        stop_on: The development score that `best` is of.
        best: The best development score so far, larger is better; None before the first look.
        best_update: The update it belongs to.
        looks: Looks at the development set since the best.
        looked: The update of the last look. One that is due at a later update, and was interrupted, is still to come.
        good: The update of the last state that training would go back to.
        rows: Rows of the metrics that were written up to here; None where it was not counted.
        schedule: What the schedule must know.
        recovery: What must be known to tell that training has gone wrong, and how often it has.
        advice: What must be known to advise, and what was advised.
    """

    update: int = 0
    epoch: int = 0
    position: int = 0
    total: int | None = None
    budget_minutes: float = 0.0
    budget_from: int = 0
    budget_total: int | None = None
    timings: list[float] = field(default_factory=list)
    stop_on: str = ""
    best: float | None = None
    best_update: int = 0
    looks: int = 0
    looked: int = 0
    good: int = 0
    rows: int | None = 0
    schedule: dict[str, float] = field(default_factory=dict)
    recovery: dict[str, Any] = field(default_factory=dict)
    advice: dict[str, Any] = field(default_factory=dict)

    def to_dict(self) -> dict[str, Any]:
        """Returns the counters as JSON values, copied."""
        return asdict(self)

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> Counters:
        """Takes back what `to_dict` gave."""
        return cls(**values)

    def carry_over(self, failed: Counters) -> None:
        """Keeps, after going back, what is not undone by it.

        The data goes on behind the batches of the updates that are undone: whatever was wrong with one of them is not
        met again in this epoch. They count against a time budget. What was kept as the best model stays kept.
        """
        self.epoch, self.position = failed.epoch, failed.position
        self.budget_minutes, self.budget_from = failed.budget_minutes, failed.budget_from
        self.budget_total, self.timings = failed.budget_total, failed.timings
        undone = failed.update - self.update
        if self.budget_total is not None:
            self.budget_total = max(self.update + 1, self.budget_total - undone)
        else:  # not measured yet: the budget begins so many updates earlier
            self.budget_from -= undone
        self.stop_on, self.best, self.best_update = failed.stop_on, failed.best, failed.best_update
        self.looked = self.good = self.update
