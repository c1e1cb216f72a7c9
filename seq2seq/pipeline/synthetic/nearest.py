"""The translation that is most like its reference, of several that a model has found; a job for workers."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import NamedTuple

from seq2seq.corpus.files import read_lines
from seq2seq.corpus.pair import Pair
from seq2seq.evaluation.sentence import SentenceMetric, sentence_metric
from seq2seq.recipe.schema import Evaluation


class Found(NamedTuple):
    """A source, its reference, and its translations from the likeliest on."""

    line: int
    source: str
    reference: str
    translations: list[str]


@dataclass(frozen=True)
class Nearest:
    """Gives each source of a block that one of its translations whose BLEU is highest; of equals the likeliest.

    Attributes:
        tokenize: sacreBLEU's tokenizer.
        lowercase: Whether case is folded.
    """

    tokenize: str
    lowercase: bool

    def __call__(self, block: list[Found]) -> list[Pair]:
        """Returns the pairs."""
        metric = _bleu(self.tokenize, self.lowercase)
        return [Pair(one.line, one.source, _best(one, metric)) for one in block]


def nearest(rules: Evaluation) -> Nearest:
    """Returns what finds the nearest by the rules of the target language.

    Raises:
        UserError: BLEU's tokenizer is not there.
    """
    _bleu(rules.tokenize, rules.lowercase)
    return Nearest(rules.tokenize, rules.lowercase)


@cache  # not in the job: a tokenizer cannot travel to a worker
def _bleu(tokenize: str, lowercase: bool) -> SentenceMetric:
    return sentence_metric("bleu", tokenize=tokenize, lowercase=lowercase)


def _best(one: Found, metric: SentenceMetric) -> str:
    wanted = metric.prepare(one.reference)
    return max(one.translations, key=lambda text: metric.score(metric.prepare(text), wanted))


def found(selected: Path, references: Path, written: Path) -> Iterator[Found]:
    """Yields what a model found for each line.

    Args:
        selected: The sources.
        references: Their references, line by line.
        written: The translations, in the order of their scores: lines "number, score, text".
    """
    groups = _groups(written)
    for line, (source, reference) in enumerate(zip(read_lines(selected), read_lines(references), strict=True), start=1):
        yield Found(line, source, reference, next(groups))


def _groups(written: Path) -> Iterator[list[str]]:
    """Yields the translations of each line."""
    number, group = "", list[str]()
    for line in read_lines(written):
        first, _, text = line.split("\t", 2)
        if group and first != number:
            yield group
            group = []
        number = first
        group.append(text)
    if group:
        yield group
