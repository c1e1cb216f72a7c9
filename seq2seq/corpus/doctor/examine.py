"""Looks at a corpus with every examination, in one pass."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from seq2seq.corpus.doctor.batch import Batch
from seq2seq.corpus.doctor.examination import Brief, Examination, Finding, Severity
from seq2seq.corpus.doctor.table import EXAMINATIONS

_ORDER = list(Severity)


@dataclass(frozen=True)
class Diagnosis:
    """What was found.

    Attributes:
        num_pairs: Pairs that were looked at.
        findings: The serious ones first.
        figures: What each examination measured, by its kind.
    """

    num_pairs: int
    findings: tuple[Finding, ...]
    figures: dict[str, dict[str, Any]]

    def of_weight(self) -> tuple[Finding, ...]:
        """Returns the findings that ask for something: no notes."""
        return tuple(finding for finding in self.findings if finding.severity is not Severity.NOTE)

    def is_serious(self) -> bool:
        """Whether training on this corpus would be time lost."""
        return any(finding.severity is Severity.SERIOUS for finding in self.findings)

    def to_dict(self) -> dict[str, Any]:
        """Returns the diagnosis as JSON values."""
        return {
            "pairs": self.num_pairs,
            "findings": [finding.to_dict() for finding in self.findings],
            "figures": self.figures,
        }


def examine(
    batches: Iterable[Batch],
    brief: Brief,
    *,
    examinations: Sequence[type[Examination]] = EXAMINATIONS,
    watch: Callable[[int], None] = lambda _: None,
) -> Diagnosis:
    """Returns what the examinations find.

    Args:
        batches: The corpus; see `seq2seq.corpus.doctor.batch.batches`.
        brief: What is said of it.
        examinations: Those to make.
        watch: Told after each batch how many pairs have been seen.
    """
    each = [examination(brief) for examination in examinations]
    seen = 0
    for batch in batches:
        for examination in each:
            examination.look(batch)
        seen += len(batch)
        watch(seen)
    # A stable sort: findings of one severity stay in the order of the table.
    found = sorted((f for one in each for f in one.findings()), key=lambda finding: _ORDER.index(finding.severity))
    return Diagnosis(seen, tuple(found), {one.kind: figures for one in each if (figures := one.figures())})
