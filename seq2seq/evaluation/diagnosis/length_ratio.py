"""Flags: translations that are too short or too long.

Both the reference and the source must say so, the latter by the test set's usual ratio: a free reference alone proves
nothing.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from seq2seq.evaluation.diagnosis.evidence import Evidence
from seq2seq.evaluation.diagnosis.line import Flag, Line

_FACTOR: Final = 0.6  # of the reference's words, or its inverse
_EXPECTED: Final = 0.7  # of what a source of that length usually gets
_LEAST: Final = 3  # words of difference: in short sentences a ratio says little


def _short(line: Line, evidence: Evidence) -> Iterator[str]:
    length, wanted = len(line.hypothesis_words), len(line.reference_words)
    expected = evidence.ratio * len(line.source_words)
    if not length and wanted and line.source_words:
        yield f"nothing for {_words(wanted)}"
    elif wanted - length >= _LEAST and length < _FACTOR * wanted and length < _EXPECTED * expected:
        yield f"{_words(length)} for {wanted}"


def _long(line: Line, evidence: Evidence) -> Iterator[str]:
    length, wanted = len(line.hypothesis_words), len(line.reference_words)
    expected = evidence.ratio * len(line.source_words)
    if length - wanted >= _LEAST and length > wanted / _FACTOR and length > expected / _EXPECTED:
        yield f"{_words(length)} for {wanted}"


def _words(count: int) -> str:
    return f"{count} {'word' if count == 1 else 'words'}"


FLAGS: Final = (
    Flag("too short", "The output has far fewer words than source and reference let expect.", _short),
    Flag("too long", "The output has far more words than source and reference let expect.", _long),
)
