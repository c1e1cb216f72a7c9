"""Examination: text that was read in the wrong encoding somewhere on its way: "Ã©" for "é", "â€™" for "’"."""

from __future__ import annotations

import re
from functools import cache
from typing import ClassVar, Final

import numpy as np
from numpy.typing import NDArray

from seq2seq.corpus.doctor.batch import Batch, Side
from seq2seq.corpus.doctor.examination import Brief, Collected, Examination, Finding, Severity, counted, percent

# One wrong line in a thousand is the odd web page; from one in two hundred on, a file was converted wrongly.
_LOUD_SHARE: Final = 0.005
_FEWEST: Final = 5
_SERIOUS_SHARE: Final = 0.1


class Mojibake(Examination):
    """Looks for the traces that UTF-8 leaves when it is read as Latin-1, Windows-1252 or Windows-1251."""

    kind: ClassVar[str] = "mojibake"

    def __init__(self, brief: Brief) -> None:
        super().__init__(brief)
        self._misread, self._lost = Collected(brief.num_examples), Collected(brief.num_examples)

    def observe(self, batch: Batch) -> None:
        """Looks through the batch; text in ASCII has nothing to show."""
        misread, lost = np.zeros(len(batch), np.bool_), np.zeros(len(batch), np.bool_)
        for side in (batch.source, batch.target):
            if side.joined.isascii():
                continue
            lost |= side.codes.count(side.codes.values == _REPLACEMENT) > 0
            misread[[row for row in _suspects(side) if traces().search(side.texts[row])]] = True
        for row in np.flatnonzero(misread).tolist():
            self._misread.add(batch, [row], _told(batch, row))
        self._lost.add(batch, np.flatnonzero(lost))

    def findings(self) -> list[Finding]:
        """Returns a finding for misread text, and one for characters that were lost."""
        found = []
        for collected, kind, what, advice in (
            (
                self._misread,
                self.kind,
                "UTF-8 that was read in another encoding",
                "Make the text again from its origin, read as UTF-8; or turn it back, for instance with: "
                "iconv -f UTF-8 -t WINDOWS-1252 FILE > NEW (twice where it happened twice).",
            ),
            (
                self._lost,
                "lost characters",
                "U+FFFD (�), which stands where a character could not be read",
                "Those characters cannot be brought back here: make the text again from its origin, or leave the lines "
                "out.",
            ),
        ):
            if collected.count:
                share = collected.count / self.num_pairs
                message = f"{counted(collected.count, 'pair')} ({percent(share)}) with {what}."
                found.append(collected.finding(kind, self._severity(collected.count), self.num_pairs, message, advice))
        return found

    def _severity(self, count: int) -> Severity:
        share = count / self.num_pairs
        if count < _FEWEST or share < _LOUD_SHARE:
            return Severity.NOTE
        return Severity.SERIOUS if share >= _SERIOUS_SHARE else Severity.WARNING


_REPLACEMENT: Final = 0xFFFD
_SNIPPET: Final = 30


def repaired(text: str) -> str:
    """Returns text with what was misread as Windows-1252 turned back, as often as it happened, where that works."""
    for _ in range(3):
        try:
            turned = bytes(_byte_of()[character] for character in text).decode("utf-8")
        except (KeyError, UnicodeDecodeError):
            return text
        if turned == text:
            return text
        text = turned
    return text


@cache
def traces() -> re.Pattern[str]:
    """Returns the pattern of what UTF-8 looks like when it is misread.

    The bytes of a character above ASCII are one of 0xC2 to 0xF4 and then one to three of 0x80 to 0xBF. As Latin-1 or
    Windows-1252 these are capital letters with accents and then signs that hardly ever follow a letter. Where they may
    (a capital word in Portuguese or Vietnamese, and then a quotation mark), more is asked for: small letters before,
    or the trace twice.
    """
    later = "".join(sorted(set(_windows("cp1252", 0x80, 0xC0)) | {chr(byte) for byte in range(0x80, 0xC0)}))
    follows = f"[{re.escape(later)}]"
    capital = "A-ZÀ-ÖØ-Þ\u0100-\u024f\u1e00-\u1eff"  # and the rarer small ones, which would be misread themselves
    cyrillic = f"[{re.escape(''.join(_windows('cp1251', 0x80, 0xC0)))}]"
    return re.compile(
        "|".join(
            (
                f"(?<![{capital}])Ã{follows}",  # Latin letters with accents, as in "cafÃ©"
                f"(?<=[a-z])[ÄÅ]{follows}(?=[a-z])",  # Latin letters of other lands, as in "cÅ“ur"
                "Ãƒ[Â\u0082\u0083ƒ]",  # the same twice
                f"(?<![{capital}«])Â[\u00a0-\u00bf]",  # °, «, no-break space: "20Â°"
                f"â(?:€|\u0080){follows}",  # dashes and typographic quotation marks
                "â(?:‚¬|„¢)",  # the signs of the euro and of the trade mark
                f"(?:[ÄÅÐÑÎÏØÙ×]{follows}){{2}}",  # Greek, Cyrillic, Hebrew, Arabic, and Latin letters in a row
                f"(?:[à-ï]{follows}{{2}}){{2}}",  # scripts of India and East Asia
                f"ðŸ{follows}{{2}}",  # pictures
                f"(?:[РС]{cyrillic}){{3}}",  # Cyrillic, misread as Windows-1251
                r"(?<!\S)Ã (?=[a-z])",  # "à" whose second half, a no-break space, was made a space
            )
        )
    )


def _suspects(side: Side) -> list[int]:
    """Returns the sentences with two characters in a row that a trace can begin with: few, and the pattern is slow."""
    first, second = _beginnings()
    codes = side.codes.values
    begins = np.zeros(len(codes), np.bool_)
    begins[:-1] = first[codes[:-1]] & second[codes[1:]]
    return np.flatnonzero(side.codes.count(begins)).tolist()


@cache
def _beginnings() -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """Returns for each code point whether a trace begins with it, and whether it may stand second in one."""
    first, second = np.zeros(0x110000, np.bool_), np.zeros(0x110000, np.bool_)
    first[[ord(character) for character in "ÃÂâÄÅÐÑÎÏØÙ×ðРС"]] = True
    first[ord("à") : ord("ï") + 1] = True
    later = {*_windows("cp1252", 0x80, 0xC0), *_windows("cp1251", 0x80, 0xC0), *map(chr, range(0x80, 0xC0)), *" €Ÿ"}
    second[[ord(character) for character in later]] = True
    return first, second


def _told(batch: Batch, row: int) -> str:
    """Returns what an example should read, where it can be turned back."""
    for side in (batch.source, batch.target):
        found = traces().search(side.texts[row])
        if found:
            turned = repaired(side.texts[row])
            if turned != side.texts[row]:
                return f"should read: {turned[: _SNIPPET * 2]}"
            return f"at {side.texts[row][max(0, found.start() - _SNIPPET // 2) : found.end() + _SNIPPET // 2]!r}"
    return ""


def _windows(encoding: str, first: int, end: int) -> list[str]:
    return [bytes([byte]).decode(encoding) for byte in range(first, end) if _is_defined(byte, encoding)]


def _is_defined(byte: int, encoding: str) -> bool:
    try:
        bytes([byte]).decode(encoding)
    except UnicodeDecodeError:
        return False
    return True


@cache
def _byte_of() -> dict[str, int]:
    """Returns the byte that each character was read from: as Windows-1252, where it defines one, or as Latin-1."""
    table = {chr(byte): byte for byte in range(256)}
    for byte in range(0x80, 0xA0):
        if _is_defined(byte, "cp1252"):
            table[bytes([byte]).decode("cp1252")] = byte
    return table
