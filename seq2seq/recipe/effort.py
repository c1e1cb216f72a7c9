"""How a corpus is learned in the passes that there is time for.

A network that sees each sentence only a few times has no chance to learn it by heart, and what would keep it from that
only slows it down; one that sees each sentence dozens of times needs all there is against it. So a short training has
less dropout and a higher learning rate, and a long one hides more of the text as well.
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
        subword_sampling: Chance that a merge of subwords is left out.
        is_whole: Whether there are as many passes as planned, and so time for what makes each of them harder.
    """

    below: float
    phrase: str
    dropout: float
    rate: float
    subword_sampling: float
    is_whole: bool


_EFFORTS = (
    Effort(0.35, "so few passes", 0.5, 1.5, 0.0, False),
    Effort(0.7, "rather few passes", 0.75, 1.25, 0.0, False),
    Effort(1.5, "as many passes as this", 1.0, 1.0, 0.0, True),
    Effort(float("inf"), "so many passes", 1.0, 1.0, 0.1, True),
)
MOST = 4.0
"""Times the planned passes, beyond which more of them teach nothing."""


def effort(passes: float, *, full: float) -> Effort:
    """Returns what suits a training of `passes`, where `full` are planned for a corpus of this size."""
    return next(one for one in _EFFORTS if passes < one.below * full)


def steady(passes: float) -> float:
    """Returns `passes`, rounded to a power of 1.2: no clock measures a speed twice alike, and settings should be."""
    return float(1.2 ** round(math.log(max(passes, 0.01), 1.2)))
