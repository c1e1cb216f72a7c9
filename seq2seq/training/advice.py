"""Noticing a training that learns nothing, and saying once what to try."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from copy import deepcopy
from dataclasses import asdict, dataclass, field
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

FLAT_UPDATES = 500
IMPROVEMENT = 0.01
"""The share by which a loss must fall to count as falling."""
NEAR_CHANCE = 0.97
ALIKE_LOOKS = 3
FIRST_RATE = "training.learning_rate"


class Advice(NamedTuple):
    """What was noticed, in two words, and what to do, in a sentence or two."""

    about: str
    text: str


@dataclass
class _Noticed:
    lowest: float | None = None
    since: int = 0
    alike: int = 0
    given: list[str] = field(default_factory=list)


class Advisor:
    """Watches the training loss and the outputs for the development set.

    Args:
        warmup_updates: Length of the warm-up, in which nothing is expected.
        learning_rate: The peak rate.
        rate_setting: The setting that it is from. A second stage, which has its own, begins anew when resumed with
            another rate; a first one has to be restarted.
        chance: Returns the loss of always guessing words by how often they occur (`chance_loss`); asked at most once,
            and only where the loss is flat. None: not known, and a flat loss is not advised on.
    """

    def __init__(
        self,
        *,
        warmup_updates: int,
        learning_rate: float,
        chance: Callable[[], float] | None,
        rate_setting: str = FIRST_RATE,
    ) -> None:
        self.warmup_updates, self.learning_rate, self._chance = warmup_updates, learning_rate, chance
        self._rate_setting = rate_setting
        self._lower = f"{'--restart' if rate_setting == FIRST_RATE else '--resume'} --set {rate_setting}"
        self._known: float | None = None
        self._noticed = _Noticed()

    def after_update(self, update: int, mean: float | None) -> Advice | None:
        """Takes in the running mean of the loss. Returns advice where it is flat, and no better than chance."""
        noticed = self._noticed
        if mean is None:
            return None
        if noticed.lowest is None or mean < noticed.lowest * (1.0 - IMPROVEMENT):
            noticed.lowest, noticed.since = mean, update
        flat = update - max(noticed.since, self.warmup_updates)
        if flat < FLAT_UPDATES or self._chance is None or "flat loss" in noticed.given:
            return None
        if self._known is None:
            self._known = self._chance()
        if mean < NEAR_CHANCE * self._known:
            return None
        return self._give(
            "flat loss",
            f"The loss has not fallen for {flat:,} updates: at {mean:.2f} it is no better than guessing words by how "
            f"often they occur ({self._known:.2f}). Try a lower rate ({self._lower}="
            f"{self.learning_rate / 4:g}) or a longer warm-up (--set training.schedule.warmup_updates="
            f"{max(100, 4 * self.warmup_updates)}), and look whether the lines of both sides belong together.",
        )

    def after_look(self, update: int, scores: Mapping[str, float]) -> Advice | None:
        """Takes in development scores. Returns advice where all sentences are translated alike, several looks long."""
        noticed = self._noticed
        if update <= self.warmup_updates:
            return None
        noticed.alike = noticed.alike + 1 if scores.get("variety") == 0.0 else 0
        if noticed.alike < ALIKE_LOOKS or "same output" in noticed.given:
            return None
        return self._give(
            "same output",
            f"At {ALIKE_LOOKS} looks in a row every development sentence was given the same translation: the decoder "
            "does not read the source yet. Go on for a while if the loss still falls; else look whether the lines of "
            f"both sides belong together, or try a lower rate ({self._lower}="
            f"{self.learning_rate / 4:g}) or a smaller network.",
        )

    def _give(self, about: str, text: str) -> Advice:
        self._noticed.given.append(about)
        return Advice(about, text)

    def fresh(self) -> Advisor:
        """Returns one of the same settings that has noticed nothing."""
        return Advisor(
            warmup_updates=self.warmup_updates,
            learning_rate=self.learning_rate,
            chance=self._chance,
            rate_setting=self._rate_setting,
        )

    def went_back(self, failed: Advisor) -> None:
        """Training went back to the state that this belongs to; what was said there is not said again."""
        self._noticed.given = list(failed._noticed.given)

    def state(self) -> dict[str, Any]:
        """Returns what a resumed run must know."""
        return asdict(self._noticed)

    def restore(self, state: dict[str, Any]) -> None:
        """Takes back what `state` gave."""
        self._noticed = _Noticed(**deepcopy(state))


def chance_loss(counts: NDArray[np.int64], *, label_smoothing: float = 0.0) -> float:
    """Returns the lowest loss, in nats a token, that the same guess for every token can have.

    With the words' shares p and smoothed labels, q = (1 - e) p + e / V, it is the entropy of q: - sum_v q_v ln q_v.

    Args:
        counts: How often each symbol occurs, shape [V].
        label_smoothing: e.
    """
    q = (1.0 - label_smoothing) * counts / max(1, counts.sum()) + label_smoothing / len(counts)
    q = q[q > 0]
    return float(-(q * np.log(q)).sum())
