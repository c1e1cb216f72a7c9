"""The random part of scoring: how many resamples make sense, and how they are drawn.

The draws are sacreBLEU's, from NumPy's generator, and so is the precision in which counts are added: scores of
resamples are the same to the bit. But sacreBLEU holds resamples x sentences x counts at once, which are gigabytes of a
large test set; here there is one resample in memory, or some trials.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any, Final

from seq2seq.errors import UserError

if TYPE_CHECKING:
    from numpy.random import Generator
    from numpy.typing import NDArray

FEWEST_RESAMPLES = 40  # 2.5 % of fewer is less than one, and no 95 % interval can be marked off
_WORD: Final = 32  # NumPy draws so many bits at once, and forgets those that are left: blocks must take whole words
_BLOCK: Final = 1 << 16  # sentences x trials that are chosen at once


def check_resamples(resamples: int, seed: int = 1, *, none_allowed: bool = True) -> None:
    """Refuses a number of resamples that gives no 95 % interval, and a seed sacreBLEU would not keep.

    Raises:
        UserError: Fewer than 40 resamples (0 is fine where `none_allowed`), or a seed below 1: sacreBLEU's paired test
            takes 0 for "no seed", and its scores would not be ours.
    """
    if resamples < FEWEST_RESAMPLES and not (none_allowed and resamples == 0):
        fine = f"at least {FEWEST_RESAMPLES}" + (", or 0 for no interval" if none_allowed else "")
        raise UserError(f"The number of resamples must be {fine}, not {resamples}.", hint="1,000 is usual.")
    if seed < 1:
        raise UserError(f"The seed of the resampling must be at least 1, not {seed}.", hint="12345 is sacreBLEU's own.")


def resampled(
    systems: Sequence[Sequence[Sequence[float]]], resamples: int, rng: Generator
) -> Iterator[list[NDArray[Any]]]:
    """Yields the counts of each resample: of as many sentences, drawn with replacement, the same of each system.

    Args:
        systems: The counts of each sentence, system by system.
        resamples: How many to draw.
        rng: Draws; row by row it draws what it would all at once.
    """
    import numpy as np

    counts = [np.array(own, dtype=np.float32) for own in systems]
    size = len(counts[0])
    for _ in range(resamples):
        drawn = rng.choice(size, size=size, replace=True)
        yield [own[drawn].sum(0) for own in counts]


def exchanged(
    first: Sequence[Sequence[float]], second: Sequence[Sequence[float]], trials: int, rng: Generator
) -> Iterator[tuple[NDArray[Any], NDArray[Any]]]:
    """Yields the counts of two systems in each trial, in which either sentence is the other system's by a coin.

    Args:
        first: The counts of each sentence of one system.
        second: Those of the other.
        trials: How often the coins are thrown.
        rng: Throws them.
    """
    import numpy as np

    ours, theirs = np.array(first), np.array(second)
    kind = np.result_type(ours, theirs)
    # Counts are whole numbers: below 2^53 sums of them are exact, in whatever order, and floats multiply fast.
    gains, least = (ours - theirs).astype(np.float64), theirs.sum(0).astype(np.float64)
    both = ours.sum(0) + least
    size = len(ours)
    rows = _WORD * max(1, _BLOCK // (_WORD * size))
    for begin in range(0, trials, rows):
        is_own = rng.integers(2, size=(min(rows, trials - begin), size), dtype=bool)
        one = is_own.astype(np.float64) @ gains + least
        yield from zip(one.astype(kind), (both - one).astype(kind), strict=True)
