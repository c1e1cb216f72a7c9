"""Words, glue, placeholders, and the vocabulary file a person can read."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from seq2seq.errors import UserError
from seq2seq.text.normaliser import Normaliser
from seq2seq.text.special import UNK
from seq2seq.text.words import Words

GLUE = "\uffed"
NO_PLACEHOLDER = st.text(st.characters(exclude_categories=["Cs", "Nd"], exclude_characters="@"), max_size=40)


def taught(*texts, size=1000, **settings):
    return Words.train(texts, vocabulary_size=size, seed=1, **settings)


@pytest.mark.parametrize(
    ("text", "tokens"),
    [
        ("Hello, world!", ["Hello", GLUE + ",", "world", GLUE + "!"]),
        ("don't (stop)", ["don", GLUE + "'", GLUE + "t", "(", GLUE + "stop", GLUE + ")"]),
        ("Haus , Hof .", ["Haus", ",", "Hof", "."]),
        ("snake_case 3rd", ["snake_case", "3rd"]),
        ("नमस्ते", ["नमस्ते"]),  # vowel signs belong to their word
        ("12 1,250.50 12:30", ["[NUM]"] * 3),
        ("€5 5€ 7.", ["€", GLUE + "[NUM]", "[NUM]", GLUE + "€", "[NUM]", GLUE + "."]),
        ("see https://a.example/b?c=1, now", ["see", "[URL]", GLUE + ",", "now"]),
        ("(www.a.example)", ["(", GLUE + "[URL]", GLUE + ")"]),
        ("mail a.b+c@d.example.", ["mail", "[URL]", GLUE + "."]),
        (f"{GLUE} {GLUE}{GLUE}x", [GLUE, GLUE, GLUE + GLUE, GLUE + "x"]),
        ("[NUM] <go>", ["[", GLUE + "NUM", GLUE + "]", "<", GLUE + "go", GLUE + ">"]),
    ],
)
def test_tokens_of_a_text(text, tokens):
    words = taught(text)
    assert words.pieces(words.encode(text)) == tokens


@settings(max_examples=150, deadline=None)
@given(text=NO_PLACEHOLDER.map(Normaliser()))
def test_known_text_without_numbers_and_addresses_comes_back(text):
    words = taught(text or "a")
    ids = words.encode(text)
    assert UNK not in ids
    if "www." not in text.lower() and "://" not in text:
        assert words.decode(ids) == text


def test_placeholders_print_as_they_are():
    words = taught("pay 12 to x@y.example now")
    assert words.decode(words.encode("pay 99 to q@r.example, now")) == "pay [NUM] to [URL] [UNK] now"


def test_size_keeps_the_most_frequent_and_minimum_count_drops_the_rare():
    texts = ("c b a", "c b", "c 1 2 3")
    assert taught(*texts, size=10).pieces(range(8, 10)) == ["c", "b"]
    assert taught(*texts, size=10).vocabulary_size == 10
    assert taught(*texts, minimum_count=2).vocabulary_size == 10
    assert taught(*texts).vocabulary_size == 11
    assert taught("b a").pieces([8, 9]) == ["a", "b"]  # equally frequent: by code point


def test_vocabulary_file_can_be_read(tmp_path):
    taught("b b a").save(tmp_path)
    lines = (tmp_path / "vocabulary.tsv").read_text(encoding="utf-8").split("\n")
    assert [line.split("\t")[0] for line in lines[:5]] == ["<pad>", "[UNK]", "<go>", "<eos>", "[NUM]"]
    assert lines[8:] == ["b\t2", "a\t1", ""]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda rows: [*rows, "x\tmany"], "line 11"),
        (lambda rows: [*rows, "no tab"], "line 11"),
        (lambda rows: [rows[1], rows[0], *rows[2:]], "line 1:"),
        (lambda rows: rows[:3], "damaged"),
        (lambda rows: [*rows, rows[-1]], "twice"),
    ],
)
def test_damaged_vocabulary_is_refused(tmp_path, change, message):
    taught("b b a").save(tmp_path)
    path = tmp_path / "vocabulary.tsv"
    path.write_text("\n".join(change(path.read_text(encoding="utf-8").splitlines())) + "\n", encoding="utf-8")
    with pytest.raises(UserError, match=f"vocabulary.tsv.*{message}"):
        Words.load(tmp_path)


def test_vocabulary_that_is_not_utf8_is_refused(tmp_path):
    (tmp_path / "vocabulary.tsv").write_bytes(b"\xff\xfe\t1\n")
    with pytest.raises(UserError, match="not UTF-8"):
        Words.load(tmp_path)


def test_a_long_run_of_letters_and_dots_takes_no_quadratic_time():
    words = taught("a.")
    assert len(words.encode("a." * 20_000)) == 40_000
