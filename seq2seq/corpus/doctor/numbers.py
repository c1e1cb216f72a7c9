"""Examination: numbers that are in one side only."""

from __future__ import annotations

import re
from collections import Counter
from functools import cache
from typing import ClassVar, Final

import numpy as np
from numpy.typing import NDArray

from seq2seq.corpus.doctor.batch import Batch
from seq2seq.corpus.doctor.examination import Brief, Collected, Examination, Finding, Severity, counted, percent

_FEWEST_TO_ACCUSE: Final = 30  # pairs with numbers on both sides
# Clocks, measures and dates are translated too, "9 p.m." to "21 Uhr", so honest collections disagree now and then.
_LOUD_SHARE: Final = 0.2
_SEPARATED: Final = re.compile(r"(?<=\d)[.,:'’\u00a0\u202f ](?=\d)")
_DIGITS: Final = re.compile(r"\d+")


class Numbers(Examination):
    """Compares the digits of pairs that have some on both sides: a number may be a word on one of them."""

    kind: ClassVar[str] = "number mismatches"

    def __init__(self, brief: Brief) -> None:
        super().__init__(brief)
        self.num_with_numbers = 0
        self._different = Collected(brief.num_examples)

    def observe(self, batch: Batch) -> None:
        """Compares the numbers of both sides."""
        digits = _digits()
        both = np.ones(len(batch), np.bool_)
        for side in (batch.source, batch.target):
            both &= side.codes.count(digits[side.codes.values]) > 0
        rows = np.flatnonzero(both)
        self.num_with_numbers += len(rows)
        for row in rows:
            source, target = unmatched(batch.source.texts[row], batch.target.texts[row])
            if source and target:
                self._different.add(batch, [row], f"{', '.join(source)} / {', '.join(target)}")

    def findings(self) -> list[Finding]:
        """Returns one finding where there is any."""
        if not self._different.count:
            return []
        share = self._different.count / self.num_with_numbers
        loud = share >= _LOUD_SHARE and self.num_with_numbers >= _FEWEST_TO_ACCUSE
        message = (
            f"{counted(self._different.count, 'pair')} with different numbers: {percent(share)} of those that have "
            "numbers on both sides."
        )
        advice = "Where they are wrong and not just written differently, leave those pairs out, or look for a slip."
        return [
            self._different.finding(
                self.kind, Severity.WARNING if loud else Severity.NOTE, self.num_with_numbers, message, advice
            )
        ]


def unmatched(source: str, target: str) -> tuple[list[str], list[str]]:
    """Returns the numbers of each side that the other lacks.

    Separators count in the way that suits better: 1,000.50 is 1.000,50 (all of them dropped), and 2:30 is "2 Uhr 30"
    (each cuts). Digits of all scripts count alike, and zeros in front not at all.
    """
    cut = _difference(_numbers(source), _numbers(target))
    if not all(cut):
        return cut
    joined = _difference(_numbers(_SEPARATED.sub("", source)), _numbers(_SEPARATED.sub("", target)))
    return joined if not all(joined) else cut


def _numbers(text: str) -> Counter[str]:
    return Counter(_plain(digits) for digits in _DIGITS.findall(text))


def _plain(digits: str) -> str:
    # Not by int(): it refuses numbers of more than 4,300 digits.
    western = digits if digits.isascii() else "".join(str(int(digit)) for digit in digits)
    return western.lstrip("0") or "0"


def _difference(source: Counter[str], target: Counter[str]) -> tuple[list[str], list[str]]:
    # Which numbers, not how often: a language may repeat where another does not.
    return [n for n in source if n not in target], [n for n in target if n not in source]


@cache
def _digits() -> NDArray[np.bool_]:
    """Returns for each code point whether it is a decimal digit."""
    found = np.zeros(0x110000, np.bool_)
    found[[point for point in range(0x20000) if chr(point).isdecimal()]] = True
    return found
