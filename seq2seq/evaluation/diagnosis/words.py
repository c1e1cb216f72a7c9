"""Text cut into words and marks, in any script, for counting; what translates may cut it otherwise."""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence
from functools import lru_cache
from typing import Final

_CACHED_CHUNKS: Final = 1 << 16  # most text is made of few different words
_CHARACTERS_OF_A_FEW_WORDS: Final = 8  # of an unspaced script; names and endings are shorter
_LONGEST_CACHED: Final = 64  # without spaces a chunk is a sentence, and comes once
_JOINERS: Final = "\u200c\u200d"  # between letters of one word
# Scripts that put no space between words: each character, with its marks, counts as a word. Thai and Lao, Tibetan,
# Myanmar, Khmer, kana to the ideographs of China, their compatibility forms, their extensions.
_UNSPACED: Final = (
    *((0x0E00, 0x0FFF), (0x1000, 0x109F), (0x1780, 0x17FF), (0x3040, 0x312F), (0x31F0, 0x31FF)),
    *((0x3400, 0x4DBF), (0x4E00, 0x9FFF), (0xF900, 0xFAFF), (0x20000, 0x3FFFF)),
)


def tokens(text: str) -> list[str]:
    """Returns the words of `text`, and each punctuation mark or symbol by itself, in order.

    A word is a run of letters, digits and the marks that belong to them; apostrophes and hyphens end one.
    """
    return [token for chunk in text.split() for token in _cut(chunk)]


def words(text: str) -> list[str]:
    """Returns the words of `text` without punctuation."""
    return [token for token in tokens(text) if is_word(token)]


def words_of_chunk(chunk: str) -> list[str]:
    """Returns the words of a text that has no space."""
    return [token for token in _cut(chunk) if is_word(token)]


def is_word(token: str) -> bool:
    """Whether a token is a word and not punctuation."""
    return token[0].isalnum() or unicodedata.category(token[0])[0] in "LMN"


def is_unspaced(character: str) -> bool:
    """Whether a character is of a script that puts no space between words."""
    point = ord(character)
    return point >= 0x0E00 and any(first <= point <= last for first, last in _UNSPACED)


def joined(run: Sequence[str]) -> str:
    """Returns words in a row as a text, without spaces where their script has none."""
    return ("" if all(is_unspaced(word[0]) for word in run) else " ").join(run)


def is_as_long(run: Sequence[str], num_words: int) -> bool:
    """Whether a run is as long as a few words of a script with spaces.

    Eight characters of a script without spaces are as long, and of both together a share of each.

    Args:
        run: Words in a row; each character of a script without spaces is one.
        num_words: The few words, three or four.
    """
    unspaced = sum(is_unspaced(word[0]) for word in run)
    spaced = len(run) - unspaced
    return spaced * _CHARACTERS_OF_A_FEW_WORDS + unspaced * num_words >= num_words * _CHARACTERS_OF_A_FEW_WORDS


def _cut(chunk: str) -> tuple[str, ...]:
    return _remembered(chunk) if len(chunk) <= _LONGEST_CACHED else _tokens(chunk)


def _tokens(chunk: str) -> tuple[str, ...]:
    found: list[str] = []
    is_open = False  # whether what comes next may belong to the last token
    for character in chunk:
        kind = unicodedata.category(character)[0]
        if found and (kind == "M" or character in _JOINERS) and is_word(found[-1]):
            found[-1] += character
        elif kind not in "LMN" or (kind == "L" and is_unspaced(character)):
            found.append(character)
            is_open = False
        elif is_open:
            found[-1] += character
        else:
            found.append(character)
            is_open = True
    return tuple(found)


_remembered = lru_cache(maxsize=_CACHED_CHUNKS)(_tokens)
