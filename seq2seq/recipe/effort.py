"""How a corpus is learned in the passes that there is time for.

A network that sees each sentence only a few times has no chance to learn it by heart, and what would keep it from that
only slows it down. So a short training has less dropout, a higher learning rate and smaller batches, and only a long
one hides words and recurrent weights as well. Measured on 29,000 captions, in 3 to 37 passes: docs/quality.md.
"""

from __future__ import annotations

import math
from dataclasses import dataclass


@dataclass(frozen=True)
class Effort:
    """What a number of passes asks for.

    Attributes:
        below: Passes, as a share of those that a corpus of this size is planned for, that are too many for it.
        phrase: What a reason calls such a training.
        dropout: Share of the usual dropout.
        rate: The usual learning rate times this.
        batch: Share of the usual batch: a short training makes few updates, and learns more from many.
        is_long: Whether it is worth hiding words and recurrent weights.
    """

    below: float
    phrase: str
    dropout: float
    rate: float
    batch: float
    is_long: bool


_EFFORTS = (
    Effort(0.175, "so few passes", 0.5, 1.5, 0.5, is_long=False),
    Effort(0.35, "rather few passes", 0.75, 1.25, 1.0, is_long=False),
    Effort(0.7, "a fair number of passes", 1.0, 1.0, 1.0, is_long=False),
    Effort(float("inf"), "so many passes", 1.0, 1.0, 1.0, is_long=True),
)
MOST = 1.5
"""Times the planned passes, and no more: what is read more often is learned by heart, unless more of it is hidden."""


def effort(passes: float, *, full: float) -> Effort:
    """Returns what suits a training of `passes`, where `full` are planned for a corpus of this size."""
    return next(one for one in _EFFORTS if passes < one.below * full)


def steady(passes: float) -> float:
    """Returns `passes`, rounded to a power of 1.2: no clock measures a speed twice alike, and settings should be."""
    return float(1.2 ** round(math.log(max(passes, 0.01), 1.2)))
