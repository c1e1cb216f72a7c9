"""Flags: numbers of the source that the translation lost, and numbers that it invented.

A number is lost where source and reference have it and the translation does not, and invented where only the
translation has it: the reference says whether it could be put otherwise. Separators count in whichever way suits
better: 1,000.50 is 1.000,50, 1,000 is 1000, and 2:30 is "2 Uhr 30"; but 3.5 is not 35. Numbers that take several words
accuse nobody, and where they may be those that are sought, none is lost or invented.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache, lru_cache
from typing import Final

from seq2seq.evaluation.diagnosis.evidence import Evidence
from seq2seq.evaluation.diagnosis.line import Flag, Line
from seq2seq.evaluation.diagnosis.number_phrases import one_of, without_phrases
from seq2seq.evaluation.diagnosis.number_words import excusing, sure

_NUMBER: Final = re.compile(
    r"\d{1,3}(?:[ \u00a0\u202f]\d{3})+(?!\d)(?:[.,]\d+)?|\d+(?:[.,:'’/\-]\d+)*"  # thousands apart by spaces first
)
_DIGITS: Final = re.compile(r"\d+")


@dataclass(frozen=True)
class _Numbers:
    """The numbers of a text.

    Attributes:
        shown: What may be missed elsewhere: as it is written, with its digits part by part.
        parts: Runs of digits, of words too, without zeros in front.
        joined: Numbers in each of their `_readings`.
        phrases: Those that take several words; what they say is not known.
    """

    shown: dict[str, tuple[str, ...]]
    parts: frozenset[str]
    joined: frozenset[str]
    phrases: frozenset[str]

    def has(self, parts: tuple[str, ...]) -> bool:
        """Whether the text says a number, in one way or another."""
        return not self.joined.isdisjoint(_readings(parts)) or all(_plain(part) in self.parts for part in parts)


def _lost(line: Line, evidence: Evidence) -> Iterator[str]:
    source, reference, hypothesis = _all(line, evidence)
    if hypothesis.phrases != reference.phrases:
        return
    for shown, parts in source.shown.items():
        if reference.has(parts) and not hypothesis.has(parts):
            yield shown


def _invented(line: Line, evidence: Evidence) -> Iterator[str]:
    source, reference, hypothesis = _all(line, evidence)
    if hypothesis.phrases != reference.phrases or (source.phrases and not hypothesis.phrases):
        return
    for shown, parts in hypothesis.shown.items():
        if not source.has(parts) and not reference.has(parts):
            yield shown


def _all(line: Line, evidence: Evidence) -> tuple[_Numbers, _Numbers, _Numbers]:
    source, target = evidence.languages
    return _numbers(line.source, source), _numbers(line.reference, target), _numbers(line.hypothesis, target)


@lru_cache(maxsize=8)  # both flags ask for those of a line
def _numbers(text: str, language: str) -> _Numbers:
    shown: dict[str, tuple[str, ...]] = {}
    parts: set[str] = set()
    joined: set[str] = set()
    for match in _NUMBER.finditer(text):
        own = tuple(_western(digits) for digits in _DIGITS.findall(match.group()))
        shown[match.group()] = own
        parts.update(map(_plain, own))
        joined.update(_readings(own))
    folded = text.casefold()
    certain, excused = sure(language), excusing(language)
    for word in _known(language).findall(folded):
        parts |= excused[word]
        joined |= excused[word]
    rest, phrases = without_phrases(folded, language)
    shown |= {word: (certain[word],) for word in _known(language).findall(rest) if word in certain}
    return _Numbers(shown, frozenset(parts), frozenset(joined), phrases)


@cache
def _known(language: str) -> re.Pattern[str]:
    """Returns what finds the words that may say a number, in longer words with hyphens too: "two-year-old"."""
    words = excusing(language)
    return re.compile(rf"(?<![^\W\d_]){one_of(words)}(?![^\W\d_])" if words else "(?!)")


def _readings(parts: tuple[str, ...]) -> Iterator[str]:
    """Yields a number without what parts its thousands, as a whole one and with the last part as its decimals.

    1,000 may be 1000 and 1.000; 1.000,50 is 1000.50 alone.
    """
    if _are_thousands(parts[1:]):
        yield _plain("".join(parts))
    if len(parts) > 1 and _are_thousands(parts[1:-1]):
        yield f"{_plain(''.join(parts[:-1]))}.{parts[-1]}"


def _are_thousands(groups: tuple[str, ...]) -> bool:
    """Whether groups of digits can follow a separator of thousands; in India only the last has three: 1,00,000."""
    return not groups or (len(groups[-1]) == 3 and all(len(group) in (2, 3) for group in groups[:-1]))


def _western(digits: str) -> str:
    return digits if digits.isascii() else "".join(str(int(digit)) for digit in digits)


def _plain(digits: str) -> str:
    return digits.lstrip("0") or "0"


FLAGS: Final = (
    Flag("numbers lost", "A number of source and reference is not in the output.", _lost),
    Flag("numbers invented", "The output has a number that neither source nor reference has.", _invented),
)
