"""Telling that training has gone wrong, and going back: to the last good state, at half the rate.

What is watched is the running mean of the loss over about twenty updates, m_n = b m_{n-1} + (1 - b) l_n with the start
corrected, against the lowest that it has been since the last good state. A training has diverged when the mean stays
above that by the excess for `STRETCH` updates in a row, or at once where the loss or the gradient is no finite number:

    excess = max(3 nats, min(the lowest mean, 5 nats))

so three nats at least, and twice the loss where that is more, but never more than five nats above: from the start, at
ln V, five nats up are far worse than knowing nothing. A single strange batch moves the mean for fewer updates than the
stretch. What makes the loss rise on purpose, as scheduled sampling does, takes thousands of updates for it, and the
comparison begins anew at each good state.

A state is good where the mean is not `SUSPECT` nats above the same lowest: every look at the development set, every
`GOOD_EVERY` updates, and the first state of all. Which states are good depends on updates alone, so a run that was
killed and resumed goes back to the same one. Going back, the weights, the optimizer, the average and the counters are
those of the good state, but the data goes on behind the batches that did the harm (`Counters.carry_over`): a batch that
breaks the network whatever the rate is not met again in this epoch. The batches in between are left out of it.
"""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass
from typing import Any

MEMORY = 0.95
STRETCH = 20
LEAST_EXCESS, MOST_EXCESS = 3.0, 5.0
SUSPECT = 1.0
GOOD_EVERY = 1000
"""Updates between two good states where the development set is looked at more rarely."""
MOST_TIMES = 3
"""How often training goes back before it gives up."""
FACTOR = 0.5


@dataclass
class _Watched:
    """What has been seen. `sum` over `weight` is the running mean."""

    rate: float
    sum: float = 0.0
    weight: float = 0.0
    lowest: float | None = None
    above: int = 0
    times: int = 0


class Recovery:
    """Watches the loss of every update.

    Args:
        learning_rate: The peak rate that was asked for. Asking for another one forgives what has happened.
    """

    def __init__(self, learning_rate: float) -> None:
        self._seen = _Watched(learning_rate)

    @property
    def times(self) -> int:
        """How often training has gone back."""
        return self._seen.times

    @property
    def factor(self) -> float:
        """What the rate is multiplied by."""
        return float(FACTOR**self._seen.times)

    @property
    def mean(self) -> float | None:
        """The running mean of the loss; None while it is of too few updates to say anything."""
        if self._seen.weight < 1.0 - MEMORY**STRETCH:
            return None
        return self._seen.sum / self._seen.weight

    @property
    def is_suspect(self) -> bool:
        """Whether the loss has risen so far that the weights are not what to go back to."""
        mean, lowest = self.mean, self._seen.lowest
        return mean is not None and lowest is not None and mean > lowest + SUSPECT

    def observe(self, update: int, loss: float, norm: float) -> str:
        """Takes in an update. Returns what is wrong, as a sentence; empty where nothing is."""
        if not (math.isfinite(loss) and math.isfinite(norm)):
            return f"The loss of update {update:,} is {loss}, and the norm of its gradient is {norm}."
        seen = self._seen
        seen.sum = MEMORY * seen.sum + (1.0 - MEMORY) * loss
        seen.weight = MEMORY * seen.weight + (1.0 - MEMORY)
        mean = self.mean
        if mean is None:
            return ""
        lowest = seen.lowest = mean if seen.lowest is None else min(seen.lowest, mean)
        too_much = lowest + max(LEAST_EXCESS, min(lowest, MOST_EXCESS))
        seen.above = seen.above + 1 if mean > too_much else 0
        if seen.above < STRETCH:
            return ""
        return f"By update {update:,} the loss has risen from {lowest:.2f} to {mean:.2f}."

    def is_good(self) -> None:
        """The state is one to go back to: from here on the loss is compared with what it is now."""
        self._seen.lowest = self.mean

    def fresh(self) -> Recovery:
        """Returns one for the same rate that has seen nothing."""
        return Recovery(self._seen.rate)

    def went_back(self, failed: Recovery, *, again: bool) -> None:
        """Training went back to the state that this belongs to, from `failed`, to try `again` or to give up."""
        self._seen.times = failed.times + again
        self._seen.above = 0

    def state(self) -> dict[str, Any]:
        """Returns what a resumed run must know."""
        return asdict(self._seen)

    def restore(self, state: dict[str, Any]) -> None:
        """Takes back what `state` gave."""
        if not state:
            return
        rate = self._seen.rate
        self._seen = _Watched(**state)
        if self._seen.rate != rate:
            self._seen.rate, self._seen.times = rate, 0
