"""Scores by how often words were seen: of the words themselves, and of sentences by their rarest word.

The words' scores are those of Neubig et al. 2019, compare-mt: of the references' words of a frequency, the share that
the outputs have (recall, each word as often as both have it); of the outputs' words, the share that the references have
(precision); and F1 of the two.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any, Final

from seq2seq.evaluation.diagnosis.evidence import Evidence
from seq2seq.evaluation.diagnosis.groups import Group, grouped, labels, place_of
from seq2seq.evaluation.diagnosis.line import Line

BOUNDS: Final = (0, 1, 3, 10, 100, 1000)


@dataclass(frozen=True)
class WordGroup:
    """Words that were seen about equally often.

    Attributes:
        label: How often, for instance "3-9".
        words: How many of them the references have, repetitions counted.
        recall: Share of those that the outputs have, 0-1.
        precision: Share of the outputs' words of that frequency that the references have, 0-1.
        f1: 2 recall precision / (recall + precision).
    """

    label: str
    words: int
    recall: float
    precision: float
    f1: float

    def to_dict(self) -> dict[str, Any]:
        """Returns the fields as plain values, ready for JSON."""
        return asdict(self)


def words_by_rarity(lines: Sequence[Line], evidence: Evidence) -> list[WordGroup]:
    """Returns how well the target's words are found, by how often each was seen."""
    wanted, given, found = ([0] * len(BOUNDS) for _ in range(3))
    for line in lines:
        reference = Counter(word.casefold() for word in line.reference_words)
        output = Counter(word.casefold() for word in line.hypothesis_words)
        for counts, sums in ((reference, wanted), (output, given), (reference & output, found)):
            for word, count in counts.items():
                sums[place_of(evidence.target_counts.get(word, 0), BOUNDS)] += count
    groups = []
    for place, label in enumerate(labels(BOUNDS)):
        if wanted[place] or given[place]:
            recall, precision = found[place] / max(1, wanted[place]), found[place] / max(1, given[place])
            both = recall + precision
            groups.append(WordGroup(label, wanted[place], recall, precision, 2 * recall * precision / (both or 1)))
    return groups


def by_rarity(
    lines: Sequence[Line], chrf: Sequence[float], evidence: Evidence, *, tokenize: str, lowercase: bool
) -> list[Group]:
    """Returns the scores of sentences by how often the rarest word of their source was seen."""

    def rarest(line: Line) -> int:
        return min((evidence.source_counts.get(word.casefold(), 0) for word in line.source_words), default=0)

    return grouped(lines, chrf, BOUNDS, rarest, tokenize=tokenize, lowercase=lowercase)
