"""Scores of single sentences, where many are needed: against one reference, or candidates against each other.

Each text is counted once (`prepare`), however often it is compared; a comparison of two sentences then takes some ten
microseconds. For a corpus see `seq2seq.evaluation.metrics`: its score is not the mean of these.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from seq2seq.errors import UserError, nearest

WORD_ORDERS = 4
CHARACTER_ORDERS = 6
RECALL_WEIGHT = 2  # beta of chrF2


@dataclass(frozen=True, slots=True)
class Counted:
    """A text as its n-grams.

    Attributes:
        length: Its words, or its characters without spaces.
        grams: How often each n-gram occurs; one mapping an order, from 1.
    """

    length: int
    grams: tuple[Mapping[Any, int], ...]


class SentenceMetric(ABC):
    """How good a sentence is, from 0 to 1, where 1 is the reference itself."""

    @abstractmethod
    def prepare(self, text: str) -> Counted:
        """Counts a text, detokenised, of either side."""

    @abstractmethod
    def score(self, hypothesis: Counted, reference: Counted) -> float:
        """Returns the score of a hypothesis against a reference, each as `prepare` of this metric counted it."""


class SentenceBleu(SentenceMetric):
    """BLEU of one sentence, one added to the counts of runs of two words and more (Lin & Och 2004).

    BP (p_1 p_2 p_3 p_4)^(1/4),  p_1 = m_1 / t_1,  p_n = (m_n + 1) / (t_n + 1) for n > 1,  BP = min(1, exp(1 - r / h))

    with m_n of the t_n n-grams of the hypothesis in the reference, and lengths h and r in words; 0 where no word is. It
    is sacreBLEU's `sentence_bleu` with `smooth_method="add-k"`, divided by 100. Without smoothing most sentences, which
    have no run of four words right, would score 0, and none of them better than the next.

    Args:
        words: Cuts a text into words, and joins them by spaces again.
    """

    def __init__(self, words: Callable[[str], str]) -> None:
        self._words = words

    def prepare(self, text: str) -> Counted:
        """See `SentenceMetric.prepare`."""
        words = self._words(text).split()
        runs = (zip(*(words[i:] for i in range(n)), strict=False) for n in range(1, WORD_ORDERS + 1))
        return Counted(len(words), tuple(dict(Counter(run)) for run in runs))

    def score(self, hypothesis: Counted, reference: Counted) -> float:
        """See `SentenceMetric.score`."""
        matches = [_common(ours, theirs) for ours, theirs in zip(hypothesis.grams, reference.grams, strict=True)]
        if not matches[0]:
            return 0.0
        total = hypothesis.length
        logs = math.log(matches[0] / total)
        for order, match in enumerate(matches[1:], start=2):
            logs += math.log((match + 1) / (max(0, total - order + 1) + 1))
        return math.exp(logs / WORD_ORDERS + min(0.0, 1.0 - reference.length / total))


class SentenceChrf(SentenceMetric):
    """chrF2 of one sentence (Popović 2015), as sacreBLEU computes it, divided by 100.

    (1 + b^2) P R / (b^2 P + R),  b = 2

    with P and R the means, over the orders up to 6 that both texts have, of the share of the hypothesis' character
    n-grams found in the reference, and of the reference's found in the hypothesis. Spaces do not count.

    Args:
        lowercase: Whether case is folded first.
    """

    def __init__(self, *, lowercase: bool = False) -> None:
        self._lowercase = lowercase

    def prepare(self, text: str) -> Counted:
        """See `SentenceMetric.prepare`."""
        line = "".join((text.lower() if self._lowercase else text).split())
        orders = range(1, CHARACTER_ORDERS + 1)
        grams = (Counter(line[i : i + n] for i in range(len(line) - n + 1)) for n in orders)
        return Counted(len(line), tuple(dict(counts) for counts in grams))

    def score(self, hypothesis: Counted, reference: Counted) -> float:
        """See `SentenceMetric.score`."""
        orders = min(CHARACTER_ORDERS, hypothesis.length, reference.length)
        if not orders:
            return 0.0
        precision = recall = 0.0
        for order in range(orders):
            match = _common(hypothesis.grams[order], reference.grams[order])
            precision += match / (hypothesis.length - order)
            recall += match / (reference.length - order)
        if not precision:
            return 0.0
        weight = RECALL_WEIGHT**2
        return (1 + weight) * precision * recall / (weight * precision + recall) / orders


def _common(ours: Mapping[Any, int], theirs: Mapping[Any, int]) -> int:
    """Returns how many n-grams two texts share, each as often as it occurs in both."""
    return sum([min(ours[gram], theirs[gram]) for gram in ours.keys() & theirs.keys()])


def _bleu(*, tokenize: str, lowercase: bool) -> SentenceMetric:
    from seq2seq.evaluation.metrics import bleu

    cut: Callable[[str], str] = bleu(tokenize=tokenize, lowercase=lowercase).tokenizer  # type: ignore[attr-defined]

    def words(text: str) -> str:
        return cut((text.lower() if lowercase else text).rstrip())  # as sacreBLEU does before it tokenises

    return SentenceBleu(words)


def _chrf(*, tokenize: str, lowercase: bool) -> SentenceMetric:
    return SentenceChrf(lowercase=lowercase)


SENTENCE_METRICS: Mapping[str, Callable[..., SentenceMetric]] = {"bleu": _bleu, "chrf": _chrf}


def sentence_metric(name: str, *, tokenize: str = "13a", lowercase: bool = False) -> SentenceMetric:
    """Builds the metric `name`: "bleu" or "chrf".

    Args:
        name: Of the metric.
        tokenize: sacreBLEU's tokenizer for the target language; characters need none.
        lowercase: Whether case is folded before counting.

    Raises:
        UserError: The metric or the tokenizer is unknown, or something that the tokenizer needs is not there.
    """
    if name not in SENTENCE_METRICS:
        raise UserError(f"There is no sentence metric called {name!r}.", hint=nearest(name, list(SENTENCE_METRICS)))
    return SENTENCE_METRICS[name](tokenize=tokenize, lowercase=lowercase)


def pairwise(metric: SentenceMetric, texts: Sequence[str]) -> list[list[float]]:
    """Returns the score of each text, as a hypothesis (row), against each as the reference (column).

    That of a text against itself is 1, also where it is empty, and the scores of single sentences find no n-gram.
    """
    counted = [metric.prepare(text) for text in texts]
    return [
        [1.0 if row == column else metric.score(hypothesis, reference) for column, reference in enumerate(counted)]
        for row, hypothesis in enumerate(counted)
    ]
