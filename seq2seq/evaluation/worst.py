"""The sentences a system does worst: where to look first.

They are found by sentence-level chrF and not by sentence BLEU. Most bad sentences share no run of four words with
their reference, so their BLEU is decided by how the zeros are smoothed and they all tie at the bottom; and a one-word
sentence has no such run at all. chrF counts characters: it has hundreds of small events in a sentence, gives part of
the credit for a right stem with a wrong ending, and ranks bad sentences among themselves.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from seq2seq.errors import UserError
from seq2seq.evaluation.counting import Watch, nobody
from seq2seq.evaluation.metrics import check_lines, chrf


@dataclass(frozen=True)
class Sentence:
    """One sentence of a test set with its score.

    Args:
        line: Its line number in the test set, from 1.
        chrf: Its chrF2, 0-100.
        source: What was translated.
        hypothesis: The translation.
        reference: What it should have been like.
    """

    line: int
    chrf: float
    source: str
    hypothesis: str
    reference: str

    def to_dict(self) -> dict[str, Any]:
        """Returns the fields as plain values, ready for JSON."""
        return asdict(self)


def worst(
    sources: Sequence[str],
    hypotheses: Sequence[str],
    references: Sequence[str],
    *,
    count: int = 10,
    lowercase: bool = False,
) -> list[Sentence]:
    """Returns the `count` sentences of the lowest chrF, the worst first; equal ones in the order of their lines.

    Fewer come back where the test set is smaller.

    Raises:
        UserError: Nothing to look at, different counts, or `count` below 1.
    """
    if count < 1:
        raise UserError(f"The number of worst sentences must be at least 1, not {count}.")
    return lowest(scored(sources, hypotheses, references, lowercase=lowercase), count)


def scored(
    sources: Sequence[str],
    hypotheses: Sequence[str],
    references: Sequence[str],
    *,
    lowercase: bool = False,
    watch: Watch = nobody,
) -> list[Sentence]:
    """Returns all sentences with their chrF, in order, and tells `watch` after each how many there are.

    Raises:
        UserError: Nothing to look at, or different counts.
    """
    check_lines(sources=sources, hypotheses=hypotheses, references=references)
    metric = chrf(lowercase=lowercase)

    def one(hypothesis: str, reference: str) -> float:
        if not hypothesis.strip() and not reference.strip():
            return 100.0  # a blank line that stays blank; chrF counts nothing in it, and says 0
        return float(metric.sentence_score(hypothesis, [reference]).score)

    found = []
    for line, texts in enumerate(zip(sources, hypotheses, references, strict=True), 1):
        found.append(Sentence(line, one(*texts[1:]), *texts))
        watch(line)
    return found


def lowest(sentences: Sequence[Sentence], count: int) -> list[Sentence]:
    """Returns the `count` sentences of the lowest chrF, the worst first; equal ones in the order of their lines."""
    return sorted(sentences, key=lambda sentence: sentence.chrf)[:count]
