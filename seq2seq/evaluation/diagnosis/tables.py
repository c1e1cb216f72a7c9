"""A diagnosis as rows of text, as the terminal and the page both show it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:  # they import what scores, and these are only rows of text
    from seq2seq.evaluation.diagnosis.diagnose import Diagnosis
    from seq2seq.evaluation.diagnosis.groups import Group

GROUP_HEADS: Final = ("sentences", "BLEU", "mean chrF", "output/reference words")
"""Of `group_rows`, behind what the groups are made by."""
WORD_HEADS: Final = ("times seen", "words", "recall %", "precision %", "F1 %")
"""Of `word_rows`."""


def group_rows(groups: Sequence[Group]) -> list[list[str]]:
    """Returns the scores of groups of sentences, a row a group."""
    return [[g.label, f"{g.sentences:,}", f"{g.bleu:.1f}", f"{g.chrf:.1f}", f"{g.length_ratio:.2f}"] for g in groups]


def word_rows(diagnosis: Diagnosis) -> list[list[str]]:
    """Returns how well words are found by how often they were seen, a row for each rarity."""
    return [
        [g.label, f"{g.words:,}", *(f"{100 * share:.1f}" for share in (g.recall, g.precision, g.f1))]
        for g in diagnosis.words_by_rarity
    ]


def counted_in(diagnosis: Diagnosis) -> str:
    """Returns in what words were counted, in words."""
    if diagnosis.origin == "training":
        return f"in {diagnosis.num_counted:,} training pairs"
    return "in the test set itself"


def share(count: int, diagnosis: Diagnosis) -> str:
    """Returns how many of all sentences so many are."""
    return f"{100 * count / max(1, diagnosis.num_sentences):.1f} %"
