"""What a reader sees nothing of."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from seq2seq.text.blank import is_blank

UNSEEN = "\u200b\u200c\u200d\u200e\u202e\u00ad\u2060\ufeff\ufe0f\U000e0100\u180b\x07 \t\n\u2003\u2028\u3000"


@pytest.mark.parametrize("text", ["", *UNSEEN, UNSEEN, "\u200b" * 10_000])
def test_nothing_to_see(text):
    assert is_blank(text)


@pytest.mark.parametrize("seen", ["a", "水", "7", ".", "…", "☺\ufe0f", "\u0301", "\ufffd", "_"])
def test_something_to_see(seen):
    assert not is_blank(seen)
    assert not is_blank(f"{UNSEEN}{seen}{UNSEEN}")


@given(st.text())
def test_white_space_is_blank_and_letters_are_not(text):
    assert not text.isspace() or is_blank(text)
    assert not (is_blank(text) and any(map(str.isalnum, text)))
