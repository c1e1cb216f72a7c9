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
        stop_on: The development score that `best` is of.
        best: The best development score so far, larger is better; None before the first look.
        best_update: The update it belongs to.
        looks: Looks at the development set since the best.
        schedule: What the schedule must know.
    """

    update: int = 0
    epoch: int = 0
    position: int = 0
    total: int | None = None
    budget_minutes: float = 0.0
    budget_from: int = 0
    budget_total: int | None = None
    stop_on: str = ""
    best: float | None = None
    best_update: int = 0
    looks: int = 0
    schedule: dict[str, float] = field(default_factory=dict)

    def to_dict(self) -> dict[str, Any]:
        """Returns the counters as JSON values."""
        return asdict(self)

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> Counters:
        """Takes back what `to_dict` gave."""
        return cls(**values)
