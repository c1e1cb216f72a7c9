"""Scores by the number of words in the source; in scripts without spaces, of characters."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from seq2seq.evaluation.diagnosis.groups import Group, grouped
from seq2seq.evaluation.diagnosis.line import Line

_BOUNDS: Final = (1, 6, 11, 16, 21, 31, 51)


def by_length(lines: Sequence[Line], chrf: Sequence[float], *, tokenize: str, lowercase: bool) -> list[Group]:
    """Returns the scores by the length of the source; `chrf` is each line's."""
    return grouped(lines, chrf, _BOUNDS, lambda line: len(line.source_words), tokenize=tokenize, lowercase=lowercase)
