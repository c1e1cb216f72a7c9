"""True case: what is learned, what is changed, and that nothing is lost."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from seq2seq.errors import UserError
from seq2seq.text.letters import Characters
from seq2seq.text.special import EOS, GO, PAD, UNK
from seq2seq.text.subwords import Subwords
from seq2seq.text.true_case import AS_IT_IS, Case, TrueCase, restore
from seq2seq.text.words import Words

ENGLISH = ["The mill is old.", "We saw the mill and the dam.", "Anna saw it; the iPhone rang. The end"]
GERMAN = ["Das Rad dreht sich.", "Wir sehen das Rad und die Mühle.", "Die Mühle ist alt."]
STARTS = [
    "The ",
    "the ",
    "THE ",
    "Iphone",
    "IPhone",
    "iPhone",
    "ß",
    "SS",
    "ǆ",
    "ǅ",
    "Ǆ",
    "İ",
    "i",
    "ı",
    "\u0345",
    "1 ",
    "ŉ",
]
STARTS += ["«", "¿", " ", "(", "\u0301", "_", "水", "\ufdd1", "ﬁ", "Was", "was"]
ANY_TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
TRICKY = st.lists(st.sampled_from(STARTS), max_size=5).map("".join)
SMALL = Case(["the", "iPhone", "was", "ßa", "ǆa", "i", "ı", "ﬁ", "ŉ"])
SUBWORDS = Subwords.train(ENGLISH, vocabulary_size=300)


def test_words_that_are_usually_small_are_learned():
    assert Case.learn(ENGLISH).small == {"mill", "is", "old", "saw", "the", "and", "dam", "it", "iPhone", "rang", "end"}
    assert Case.learn(GERMAN).small == {"dreht", "sich", "sehen", "das", "und", "die", "ist", "alt"}


@pytest.mark.parametrize(
    ("texts", "small"),
    [
        (["a The. The the the"], {"the"}),  # a sentence's start inside a line does not count
        (["a The the", "a The"], set()),  # more often large
        (["a The the"], set()),  # as often
        (["a the The"], set()),
        (["a THE the the THE THE"], set()),  # of three forms the most frequent one decides
        (["A CRY IN CAPITALS", "a cry"], {"cry"}),  # a line in capitals says nothing
        (["x: the", "x (the", 'x "the', "x – the", "x - the", "x … the"], set()),  # who knows
        (["x, the", "x-man", "x l'eau"], {"the", "man", "l", "eau"}),
        (["the the"], {"the"}),  # the first is a line's start
        (["x ß ŉ 水 12 ǆa"], {"ǆa"}),  # no single capital, or no case
        ([], set()),
    ],
)
def test_only_places_where_case_is_free_count(texts, small):
    assert Case.learn(iter(texts)).small == small


@pytest.mark.parametrize(
    ("text", "changed", "as_it_is"),
    [
        ("The wheel", "the wheel", False),
        ("the wheel", "the wheel", True),  # or its start would become a capital
        ("Anna", "Anna", False),
        ("anna", "anna", True),
        ("THE END", "THE END", False),
        ("IPhone", "iPhone", False),
        ("iPhone", "iPhone", True),
        ("Iphone", "Iphone", False),
        ("« The wheel", "« the wheel", False),
        ("12 The", "12 The", False),
        ("12 the", "12 the", False),
        ("The. The", "the. The", False),
        ("Thé", "Thé", False),
        ("Ǆa", "Ǆa", False),
        ("ǅa", "ǆa", False),
        ("ßa", "ßa", False),
        ("水車", "水車", False),
        ("", "", False),
        ("?!", "?!", False),
    ],
)
def test_the_first_word_of_a_text(text, changed, as_it_is):
    assert SMALL(text) == (changed, as_it_is)


@settings(max_examples=300, deadline=None)
@given(text=ANY_TEXT | TRICKY)
def test_any_text_comes_back_exactly(text):
    changed = SMALL(text)
    assert (changed.text if changed.as_it_is else restore(changed.text)) == text
    known = Characters([(c, 1) for c in set(text + changed.text)])
    for tokenizer in (TrueCase(SUBWORDS, SMALL), TrueCase(known, SMALL)):
        assert tokenizer.decode(tokenizer.encode(text)) == text


def test_a_sentence_start_shares_its_ids_with_the_middle():
    case = Case.learn(ENGLISH)
    tokenizer = TrueCase(SUBWORDS, case)
    assert tokenizer.encode("The mill") == SUBWORDS.encode("the mill")
    assert tokenizer.encode("the mill") == [SUBWORDS.vocabulary_size, *SUBWORDS.encode("the mill")]
    assert tokenizer.pieces(tokenizer.encode("the"))[0] == AS_IT_IS
    assert tokenizer.surfaces("the")[0] == ""


def test_the_mark_counts_at_the_start_only():
    tokenizer = TrueCase(Words.train(["a b c"], vocabulary_size=20), Case([]))
    a, b = tokenizer.inner.encode("a b")
    mark = tokenizer.vocabulary_size - 1
    assert tokenizer.decode([a, b]) == "A b"
    assert tokenizer.decode([GO, PAD, mark, a, b, EOS]) == "a b"
    assert tokenizer.decode([GO, a, mark, b, mark, EOS]) == "A b"
    assert tokenizer.decode([mark]) == ""
    assert tokenizer.decode([mark, a, mark, UNK, b], {3: "x", 1: "no"}) == "a x b"
    assert tokenizer.decode([UNK, b], {0: "x"}) == "X b"


def test_the_words_are_saved(tmp_path):
    SMALL.save(tmp_path / "deep" / "case.txt")
    assert Case.load(tmp_path / "deep" / "case.txt").small == SMALL.small
    Case([]).save(tmp_path / "none.txt")
    assert Case.load(tmp_path / "none.txt").small == frozenset()


@pytest.mark.parametrize(("content", "message"), [(b"a\nth", "end is missing"), (b"\xff\n", "not UTF-8")])
def test_a_damaged_file_is_refused(tmp_path, content, message):
    path = tmp_path / "case.txt"
    path.write_bytes(content)
    with pytest.raises(UserError, match=rf"case\.txt.*{message}"):
        Case.load(path)
    with pytest.raises(UserError, match=r"none\.txt"):
        Case.load(tmp_path / "none.txt")


def test_only_so_many_words_are_kept_and_the_frequent_ones(monkeypatch):
    monkeypatch.setattr("seq2seq.text.true_case._LARGEST", 2)
    assert Case.learn(["x a b b c c c"]).small == {"b", "c"}
