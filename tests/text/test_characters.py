"""The sets of characters, against what Unicode says of each code point."""

from __future__ import annotations

import re
import sys
import unicodedata

from seq2seq.text.characters import IDEOGRAPHS, UNSPACED_LETTERS, marks


def test_a_word_with_marks_is_what_unicode_calls_letters_digits_and_marks():
    word = re.compile(f"[\\w{marks()}]")
    for point in range(sys.maxunicode + 1):
        character = chr(point)
        category = unicodedata.category(character)
        if category in ("Cn", "Cs"):
            continue  # unassigned, or not text: nothing to be right about
        is_word = category[0] in "LNM" or character == "_"
        assert bool(word.match(character)) == is_word, f"U+{point:04X} is {category}"


def test_scripts_without_spaces():
    for text in ("水車回", "ひらがな", "カタカナ", "ㄅㄆ", "\U00020000"):
        assert re.fullmatch(f"[{IDEOGRAPHS}]+", text)
    for text in ("กขค", "ລາວ", "မြန်မာ", "ខ្មែរ", "བོད་ཡིག"):
        assert re.fullmatch(f"[{UNSPACED_LETTERS}]+", text)
    for text in ("a", "é", "я", "한", "न", "、", " "):
        assert not re.match(f"[{IDEOGRAPHS}{UNSPACED_LETTERS}]", text)
