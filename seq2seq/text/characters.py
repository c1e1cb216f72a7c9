"""Sets of characters that Python's regular expressions have no name for, written as the inside of a `[...]`."""

from __future__ import annotations

import unicodedata
from functools import cache
from typing import Final

# Kana, bopomofo, Han and its extensions: a character is about a word, and no space stands between two.
IDEOGRAPHS: Final = "\u3040-\u312f\u31f0-\u31ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003ffff"

# Thai, Lao, Tibetan, Myanmar, Khmer: letters, about four to a word, with no space between words.
UNSPACED_LETTERS: Final = "\u0e00-\u0fff\u1000-\u109f\u1780-\u17ff"

# Soft hyphen, zero width non-joiner and joiner: they shape a word from within, and are no letters of it.
JOINERS: Final = "\u00ad\u200c\u200d"

_FIRST_MARK: Final = 0x300
_MARKS_END: Final = 0x20000  # from here on there are only ideographs and unassigned code points, and then
_VARIATION_SELECTORS: Final = "\U000e0100-\U000e01ef"


@cache
def marks() -> str:
    r"""Returns all combining marks: the vowel signs of Indic scripts, accents, variation selectors.

    `\w` leaves them out, so a pattern of words needs them beside it: `[\w{marks()}]`. The letters, digits and
    unassigned code points between two marks are included: that changes nothing beside `\w`, and it makes few ranges
    out of many, which matters because Python tries those above U+FFFF one by one. Found by asking each code point,
    once a process (about 20 ms).
    """
    ranges: list[tuple[int, int]] = []
    unbroken = False  # nothing but marks, letters, digits and unassigned code points since the last mark
    for point in range(_FIRST_MARK, _MARKS_END):
        category = unicodedata.category(chr(point))
        if category[0] == "M":
            start = ranges.pop()[0] if unbroken else point
            ranges.append((start, point))
            unbroken = True
        elif category[0] not in "LN" and category != "Cn":
            unbroken = False
    return "".join(f"{chr(first)}-{chr(last)}" for first, last in ranges) + _VARIATION_SELECTORS
