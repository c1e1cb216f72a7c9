"""What counts as a word where no tokenizer has learned anything yet."""

from __future__ import annotations

import re
from functools import cache

from seq2seq.text.characters import IDEOGRAPHS, UNSPACED_LETTERS, marks

_UNSPACED = re.compile(f"[{IDEOGRAPHS}{UNSPACED_LETTERS}]")
_WORD = re.compile(f"[{IDEOGRAPHS}]|[{UNSPACED_LETTERS}]{{1,4}}|[^{IDEOGRAPHS}{UNSPACED_LETTERS}\\s]+")

_NUMBER = "\\d+(?:[.,:]\\d+)*"
_BARE_ASCII = re.compile(f"{_NUMBER}|\\w+", re.ASCII)


def count_words(text: str) -> int:
    """Returns the number of words between white space.

    Where a script has no spaces, each ideograph or kana counts as a word, and so do up to four letters of Thai, Lao,
    Myanmar or Khmer: near enough to compare the two sides of a pair.
    """
    if text.isascii() or not _UNSPACED.search(text):
        return len(text.split())
    return sum(1 for _ in _WORD.finditer(text))


def bare_words(text: str) -> list[str]:
    """Returns the words without case and punctuation; each ideograph or kana is one, a number is one whole."""
    if text.isascii():
        return _BARE_ASCII.findall(text.lower())
    return _bare().findall(text.casefold())


@cache
def _bare() -> re.Pattern[str]:
    letter = f"[^\\W{IDEOGRAPHS}]"  # by two negations: what is a letter and no ideograph
    return re.compile(f"{_NUMBER}|{letter}+(?:[{marks()}]+{letter}*)*|[{IDEOGRAPHS}]")
