"""Numbers that several words say together, or a long one: "two hundred", "vingt et un", "fünfundzwanzigjährig".

Nobody adds them up here: it is only known that they are there.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import cache
from typing import Final

from seq2seq.evaluation.diagnosis.number_words import base, below_twenty, sure, tens

_LETTER: Final = r"[^\W\d_]"
_GAP: Final = r"[\s\-]+"
_LARGE: Final = {
    "en": "(?:hundred|thousand|million|billion|trillion)s?",
    # In longer words too. A Jahrhundert is no number. No way back, which would take a while in words without end.
    "de": rf"(?>{_LETTER}*?(?:(?<!jahr)(?:hundert|tausend)|jährig|{'|'.join(sorted(tens('de')))})){_LETTER}*+"
    "|(?:million|billion|milliarde)(?:en)?|mio|mrd",
    "fr": r"(?<!pour\s)cents?|centaines?|mille|milliers?|(?:million|billion|milliard)s?",
}


def without_phrases(text: str, language: str) -> tuple[str, frozenset[str]]:
    """Returns a text without such numbers, and them; of languages that are not known it finds none.

    Args:
        text: As `str.casefold` leaves it.
        language: Its code.
    """
    code, found = base(language), set[str]()
    if code not in _LARGE:
        return text, frozenset()
    single = {*sure(code), *below_twenty(code)}

    def taken(match: re.Match[str]) -> str:
        if match.group() in single:
            return match.group()
        found.add(match.group())
        return " "

    return _pattern(code).sub(taken, text), frozenset(found)


@cache
def _pattern(code: str) -> re.Pattern[str]:
    """Returns what finds number words, and as many as stand side by side."""
    large, ten, unit = _LARGE[code], one_of(tens(code)), one_of(below_twenty(code))
    word = f"(?:{large}|{one_of({*sure(code), *below_twenty(code)})})"
    link = f"{_GAP}(?:and|et|und){_GAP}"  # else it stands between two numbers: "between two and three"
    more = f"(?:{large}){link}|{ten}{link}(?={unit}(?!{_LETTER}))|{word}{_GAP}"
    return re.compile(f"(?<!{_LETTER})(?:{more})*{word}(?!{_LETTER})")


def one_of(words: Iterable[str]) -> str:
    """Returns a pattern of any of the words, the longest that fits."""
    return f"(?:{'|'.join(sorted(words, key=lambda word: (-len(word), word)))})"
