"""Counting under a metric, some sentences at a time.

sacreBLEU looks for the n-grams of all references before it counts in the first sentence, and holds them to the end:
under chrF 50 kB a sentence of 20 words. What is needed of a sentence are some numbers.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from sacrebleu.metrics.base import Metric

_BLOCK: Final = 256
Watch = Callable[[int], None]
"""Told now and then how many sentences are done."""


def nobody(done: int) -> None:
    """Watches nothing."""


def counted(metric: Metric, hypotheses: Sequence[str], references: Sequence[str], watch: Watch = nobody) -> list[Any]:
    """Returns what a metric counts in each sentence.

    Args:
        metric: Counts; it learns how many references a sentence has.
        hypotheses: The translations.
        references: The reference of each.
        watch: Told after each block how many sentences are counted.
    """
    found: list[Any] = []
    for first in range(0, len(hypotheses), _BLOCK):
        block = slice(first, first + _BLOCK)
        found += metric._extract_corpus_statistics(hypotheses[block], [references[block]])
        watch(len(found))
    return found
