"""Words, glue, placeholders, and the vocabulary file a person can read."""

from __future__ import annotations

import pickle

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
        ("https://a.example/c。", ["[URL]", GLUE + "。"]),
        ("www.a.example/c،", ["[URL]", GLUE + "،"]),
        ("„https://a.example/c“", ["„", GLUE + "[URL]", GLUE + "“"]),
        ("<https://a.example/c>", ["<", GLUE + "[URL]", GLUE + ">"]),
        ("访问https://a.example/c查看", ["访问", GLUE + "[URL]", GLUE + "查看"]),
        ("写信给info@a.example询问", ["写信给", GLUE + "[URL]", GLUE + "询问"]),
        ("在GitHub上https://a.example/c查看", ["在GitHub上", GLUE + "[URL]", GLUE + "查看"]),
        ("https://a.example/wiki/中文 https://a.example/日本#x。", ["[URL]", "[URL]", GLUE + "。"]),
        ("http:// x", ["http", GLUE + ":", GLUE + "/", GLUE + "/", "x"]),
        ("jürgen@müller.example", ["[URL]"]),
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
    assert words.decode(words.encode("pay 99 to q@r.example, now")) == "pay [NUM] to [URL][UNK] now"


def test_placeholders_know_their_kind_their_surface_and_the_space_before_them():
    words = taught("pay a(b) to")
    text = "pay 3,50(later) to q@r.example,(www.z.example)"
    ids = words.encode(text)
    kinds = [words.placeholders.get(i, "") for i in ids]
    assert kinds == ["", "num", "", "unk", "", "", "url", "unk", "", "url", ""]
    glued = [words.pieces([i])[0][0] == GLUE for i in ids]
    assert glued == [False, False, True, True, True, False, False, True, True, True, True]
    assert words.surfaces(text) == [
        *("pay", "3,50", "(", "later", ")", "to", "q@r.example", ",", "(", "www.z.example", ")")
    ]
    given = {1: "9", 3: "früher", 6: "r@s.example", 7: ";", 9: "www.y.example"}
    assert words.decode(ids, given) == "pay 9(früher) to r@s.example;(www.y.example)"
    assert words.decode(ids, {1: "9", 2: "no"}) == "pay 9([UNK]) to [URL][UNK]([URL])"


SPACED = "the mill ,  which 3rd 12,50 [NUM] <go> \uffed \uffed[NUM] no\u00a0break\tx"


def test_between_spaces_a_token_is_what_stands_there():
    words = taught(SPACED, split="spaces")
    ids = words.encode(SPACED)
    surfaces = [
        "the",
        "mill",
        ",",
        "which",
        "3rd",
        "12,50",
        "[NUM]",
        "<go>",
        GLUE,
        GLUE + "[NUM]",
        "no\u00a0break",
        "x",
    ]
    assert words.surfaces(SPACED) == surfaces
    assert len(set(ids)) == len(ids) and min(ids) == 4
    assert words.decode(ids) == SPACED.replace("\t", " ").replace("  ", " ")
    assert dict(words.placeholders) == {UNK: "unk"}
    assert words.decode(words.encode("the dam , which")) == "the [UNK] , which"
    assert words.decode(words.encode("the dam , which"), {1: "dam"}) == "the dam , which"


NO_BREAKS = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\t\n\r\v\f"), max_size=30)


@settings(max_examples=150, deadline=None)
@given(text=NO_BREAKS)
def test_between_spaces_any_text_comes_back_but_for_repeated_spaces(text):
    """Untouched by the normaliser: pretokenised text passes as it is."""
    words = taught(text if text.strip(" ") else "a", split="spaces")
    ids = words.encode(text)
    assert UNK not in ids
    assert words.decode(ids) == " ".join(word for word in text.split(" ") if word)


def test_an_unknown_split_is_refused(tmp_path):
    with pytest.raises(UserError, match=r"'space'.*Did you mean 'spaces'"):
        taught("a", split="space")
    taught("a", split="spaces").save(tmp_path)
    for written, message in (('{"split": "lines"}', "'lines'.*newer"), ("[]", "damaged"), ("{}", "damaged")):
        (tmp_path / "settings.json").write_text(written, encoding="utf-8")
        with pytest.raises(UserError, match=rf"settings\.json.*{message}"):
            Words.load(tmp_path)


def test_the_split_and_a_file_of_the_other_kind(tmp_path):
    taught("a b", split="spaces").save(tmp_path)
    assert Words.load(tmp_path).split == "spaces"
    (tmp_path / "settings.json").unlink()
    with pytest.raises(UserError, match=r"vocabulary\.tsv, line 5: 'a' is out of place; '\[NUM\]'"):
        Words.load(tmp_path)


def test_an_older_vocabulary_without_a_glued_unknown_still_loads(tmp_path):
    taught("b b a").save(tmp_path)
    (tmp_path / "settings.json").unlink()
    path = tmp_path / "vocabulary.tsv"
    rows = path.read_text(encoding="utf-8").splitlines()
    assert rows.pop(8) == GLUE + "[UNK]\t0"
    path.write_text("\n".join(rows) + "\n", encoding="utf-8")
    for words in (Words.load(tmp_path), pickle.loads(pickle.dumps(Words.load(tmp_path)))):
        assert words.vocabulary_size == 10
        assert words.encode("b(a x") == [8, UNK, UNK, UNK]
        assert words.pieces([8, 9]) == ["b", "a"]
    Words.load(tmp_path).save(tmp_path / "again")
    assert (tmp_path / "again" / "vocabulary.tsv").read_text(encoding="utf-8") == path.read_text(encoding="utf-8")


def test_size_keeps_the_most_frequent_and_minimum_count_drops_the_rare():
    texts = ("c b a", "c b", "c 1 2 3")
    assert taught(*texts, size=11).pieces(range(9, 11)) == ["c", "b"]
    assert taught(*texts, size=11).vocabulary_size == 11
    assert taught(*texts, minimum_count=2).vocabulary_size == 11
    assert taught(*texts).vocabulary_size == 12
    assert taught("b a").pieces([9, 10]) == ["a", "b"]  # equally frequent: by code point


def test_vocabulary_file_can_be_read(tmp_path):
    taught("b b a").save(tmp_path)
    lines = (tmp_path / "vocabulary.tsv").read_text(encoding="utf-8").split("\n")
    assert [line.split("\t")[0] for line in lines[:5]] == ["<pad>", "[UNK]", "<go>", "<eos>", "[NUM]"]
    assert lines[8:] == [f"{GLUE}[UNK]\t0", "b\t2", "a\t1", ""]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda rows: [*rows, "x\tmany"], "line 12"),
        (lambda rows: [*rows, "no tab"], "line 12"),
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
