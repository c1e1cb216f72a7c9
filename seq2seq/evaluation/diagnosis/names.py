"""Flags: names of the source that the translation lost, and names that it put in their place.

A name is a word that source and reference of some sentence write alike and with a capital, and that no text at hand
writes in lower case. So no list of names is needed, nor a language's rules for capitals; names that two languages write
in different ways are not seen. To accuse a translation of inventing one, both languages must also have it about equally
often: "Notre Dame" makes no name of every German "Dame".
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Final

from seq2seq.evaluation.diagnosis.evidence import Evidence
from seq2seq.evaluation.diagnosis.line import Flag, Line

_LONGEST_ENDING: Final = 3  # letters that a name may get at its end: Annas, Londoner
_SHORTEST_INFLECTED: Final = 3


def _lost(line: Line, evidence: Evidence) -> Iterator[str]:
    for name in dict.fromkeys(line.source_words):
        if name in evidence.names and name in line.reference_words and not _has(name, line.hypothesis_words):
            yield name


def _invented(line: Line, evidence: Evidence) -> Iterator[str]:
    given = [*line.source_words, *line.reference_words]
    for name in dict.fromkeys(line.hypothesis_words):
        if name in evidence.shared_names and not _has(name, given):
            yield name


def _has(name: str, words: Iterable[str]) -> bool:
    """Whether a name is among the words, in whatever case, or with an ending on either."""
    wanted = name.casefold()
    return any(_same(wanted, word.casefold()) for word in words)


def _same(name: str, word: str) -> bool:
    short, long = sorted((name, word), key=len)
    if len(short) < _SHORTEST_INFLECTED:
        return short == long
    return long.startswith(short) and len(long) - len(short) <= _LONGEST_ENDING


FLAGS: Final = (
    Flag("names lost", "A name that source and reference write alike is not in the output.", _lost),
    Flag("names invented", "The output has a name that neither source nor reference has.", _invented),
)
