"""The normaliser: what it changes, what it leaves alone, and that twice is once."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from seq2seq.errors import UserError
from seq2seq.text.normaliser import UNICODE_FORMS, Normaliser

ANY_TEXT = st.text(st.characters(exclude_categories=[]), max_size=30)  # lone surrogates too
TRICKY_CHARACTERS = "aé\u0301\u0308 \t\n\r\x0b\x0c\x1c\x85\xa0\u2028\u3000\ufeff\x00\x7fﬁ①ｱﾞ가ᄀ\ud83d"
TRICKY = st.text(st.sampled_from(TRICKY_CHARACTERS), max_size=12)


@pytest.mark.parametrize("form", UNICODE_FORMS)
@settings(max_examples=150, deadline=None)
@given(text=ANY_TEXT | TRICKY)
def test_twice_is_once_and_no_line_terminator_is_left(form, text):
    normalise = Normaliser(unicode_form=form)
    once = normalise(text)
    assert normalise(once) == once
    assert "\n" not in once and "\r" not in once
    once.encode("utf-8")  # no lone surrogate
    if form != "none":
        assert unicodedata.is_normalized(form, once)
        assert once == " ".join(once.split())
        assert not any(unicodedata.category(c) == "Cc" for c in once)
        assert not once.startswith("\ufeff")


@pytest.mark.parametrize(
    ("text", "nfc", "nfkc"),
    [
        ("plain words", "plain words", "plain words"),
        ("  two   spaces ", "two spaces", "two spaces"),
        ("e\u0301te\u0301", "été", "été"),
        ("\u212b", "\u00c5", "\u00c5"),  # the Ångström sign is the letter in every form
        ("ﬁn １２ ㎏", "ﬁn １２ ㎏", "fin 12 kg"),
        ("a\u00a0b\u2003c\u3000d\u2028e\u0085f\x0cg\th", "a b c d e f g h", "a b c d e f g h"),
        ("\ufeff a\x00b\x07c\x7f", "abc", "abc"),
        ("\ufeff\ufeffone", "one", "one"),
        ("a\ufeffb", "a\ufeffb", "a\ufeffb"),  # inside, it is a joiner and stays
        ("e\x00\u0301", "é", "é"),  # the accent meets its letter once the control character is gone
        ("soft\u00adhyphen नमस्ते 👩‍👧", "soft\u00adhyphen नमस्ते 👩‍👧", "soft\u00adhyphen नमस्ते 👩‍👧"),
        ("half \ud83d a pair", "half \ufffd a pair", "half \ufffd a pair"),
        ("", "", ""),
        (" \t ", "", ""),
    ],
)
def test_nfc_and_nfkc(text, nfc, nfkc):
    assert Normaliser(unicode_form="NFC")(text) == nfc
    assert Normaliser(unicode_form="NFKC")(text) == nfkc
    assert Normaliser()(text) == nfc  # the default


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("  a  b ", "  a  b "),
        ("e\u0301 ﬁ\t\u2028\x00", "e\u0301 ﬁ\t\u2028\x00"),
        ("a b\r\n", "a b"),
        ("a\nb\r\nc\rd\n", "a b c d"),
    ],
)
def test_none_touches_line_terminators_only(text, expected):
    assert Normaliser(unicode_form="none")(text) == expected


def test_unknown_form_offers_the_nearest():
    with pytest.raises(UserError, match=r"'NFKD'.*Did you mean 'NFK?C'"):
        Normaliser(unicode_form="NFKD")
