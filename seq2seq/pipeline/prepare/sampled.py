"""Counting a corpus, and looking at a sample of it: what is known of new text before anything is chosen for it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Final

from seq2seq import console
from seq2seq.corpus.pair import Pair
from seq2seq.text.blank import is_blank

FIRST_SAMPLED: Final = 1000  # pairs in a row that are in the sample,
SAMPLE_EVERY: Final = 100  # and one in so many of the rest
PROGRESS_EVERY: Final = 10_000


def has_both_sides(pair: Pair) -> bool:
    """Whether a pair has text on both sides: no other counts."""
    return not (is_blank(pair.source) or is_blank(pair.target))


def sampled(pairs: Iterable[Pair], progress: console.Progress) -> Iterator[tuple[Pair, bool]]:
    """Yields each pair that has both sides, and whether it is in the sample.

    Args:
        pairs: The corpus, from the first pair to the last.
        progress: Is told how many were read, those without one side among them.
    """
    number = 0
    for read, pair in enumerate(pairs, start=1):
        if has_both_sides(pair):
            number += 1
            yield pair, number <= FIRST_SAMPLED or number % SAMPLE_EVERY == 0
        if read % PROGRESS_EVERY == 0:
            progress.update(read)
