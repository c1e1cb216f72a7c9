"""Where two files of different length part: the line up to which their sentences' lengths agree.

A sentence and its translation are about equally long, up to a factor between the two languages. Say that one file has d
lines more. Where they were lost (or put in) in one place, line n agrees with line n before that place, and with line
n + d of the longer file after it. Each line speaks for one or the other; the place is where the sum of what they say
turns (a change point: Page 1954, with lengths as Gale & Church 1993 compare them).
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator
from itertools import islice
from math import log, sqrt
from typing import Final, NamedTuple

_MAXIMUM_SHIFT: Final = 1_000_000  # lengths held at once; a difference as large as that is no slip
_CAP: Final = 1.0  # of one line's say: a heading beside a paragraph must not outweigh a hundred sentences
_LEAST_LINES: Final = 20  # on a side that is to be believed
_SURE: Final = 4.0  # standard deviations by which a side's sum differs from what chance gives


class Parting(NamedTuple):
    """Where two files part.

    Attributes:
        line: Where they do, counted from 1, within a few lines; where lines are lost in several places, the first of
            these is before it.
        at_end: Whether the files agree to the end of the shorter one, so that what is too much follows there.
    """

    line: int
    at_end: bool


def find_parting(shorter: Iterable[int], longer: Iterable[int], shift: int) -> Parting | None:
    """Returns where two sequences of line lengths part, or None where the evidence is weak.

    Args:
        shorter: Lengths of the lines of the file with fewer lines; bytes will do, for a factor cancels out.
        longer: Lengths of the lines of the other file.
        shift: How many lines more that one has. Memory grows with it, up to some megabytes, and with nothing else.
    """
    if not 0 < shift <= _MAXIMUM_SHIFT:
        return None
    before, after = _Sum(), _Sum()
    best, place = 0.0, 0
    for number, vote in enumerate(_votes(shorter, longer, shift), start=1):
        after.add(vote)
        if before.total + after.total > best:
            before.join(after)
            best, place, after = before.total, number, _Sum()
    # The votes up to the place speak for the old order, and those after it against; an empty side says nothing, and is
    # believed only where the other one is.
    if before.is_sure() and after.count < _LEAST_LINES:
        return Parting(before.count + after.count + 1, at_end=True)
    if (before.is_sure() or place < _LEAST_LINES) and after.is_sure():
        return Parting(place + 1, at_end=False)
    return None


class _Sum:
    """A sum of votes, with what tells whether chance could have made it."""

    def __init__(self) -> None:
        self.count, self.total, self._squares = 0, 0.0, 0.0

    def add(self, vote: float) -> None:
        self.count += 1
        self.total += vote
        self._squares += vote * vote

    def join(self, other: _Sum) -> None:
        self.count += other.count
        self.total += other.total
        self._squares += other._squares

    def is_sure(self) -> bool:
        """Whether there are enough votes, and their sum is further from zero than chance would bring it."""
        return self.count >= _LEAST_LINES and abs(self.total) > _SURE * sqrt(self._squares)


def _votes(shorter: Iterable[int], longer: Iterable[int], shift: int) -> Iterator[float]:
    """Yields one vote a line: positive where line n fits line n better than line n + shift of the longer file."""
    ahead = iter(longer)
    waiting = deque(islice(ahead, shift))
    factor = 0.0  # mean log of the ratio of lengths so far: order does not matter to it
    for number, (short, late) in enumerate(zip(shorter, ahead, strict=False), start=1):
        waiting.append(late)
        here, early, late_ = log(short + 1), log(waiting.popleft() + 1), log(late + 1)
        factor += (early - here - factor) / number
        vote = abs(late_ - here - factor) - abs(early - here - factor)
        yield max(-_CAP, min(_CAP, vote))
