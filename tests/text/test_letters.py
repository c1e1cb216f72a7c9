"""Characters: what is an id, which are kept, and the file that a person can read."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from seq2seq.errors import UserError
from seq2seq.text.letters import Characters
from seq2seq.text.special import EOS, GO, PAD, UNK

ANY_TEXT = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=30)


def taught(*texts, size=1000, **settings):
    return Characters.train(texts, vocabulary_size=size, seed=1, **settings)


@settings(max_examples=100, deadline=None)
@given(text=ANY_TEXT)
def test_any_known_text_comes_back_exactly(text):
    characters = taught(text + "a")
    ids = characters.encode(text)
    assert len(ids) == len(text) and UNK not in ids
    assert characters.decode(ids) == text
    assert characters.surfaces(text) == list(text)


def test_a_character_is_a_code_point():
    characters = taught("a q\u0301 कि")
    assert characters.pieces(characters.encode("q\u0301 कि")) == ["q", "\u0301", "\u2581", "क", "ि"]


def test_unknown_characters_and_what_fills_them():
    characters = taught("ab")
    ids = [GO, *characters.encode("axb y"), EOS, PAD]
    assert [i == UNK for i in ids] == [False, False, True, False, True, True, False, False]
    assert characters.decode(ids) == "a\ufffdb\ufffd\ufffd"
    assert characters.decode(ids, {2: "x", 3: "no", 5: "yy", 6: "no"}) == "axb\ufffdyy"
    assert dict(characters.placeholders) == {UNK: "unk"}


def test_the_most_frequent_are_kept():
    texts = ("ccc bb", "c b a")
    assert taught(*texts).pieces(range(4, 8)) == ["c", "\u2581", "b", "a"]
    assert taught("b a").pieces(range(4, 7)) == ["\u2581", "a", "b"]  # equally frequent: by code point
    assert taught(*texts, size=5).vocabulary_size == 5
    assert taught(*texts, size=5).pieces([4]) == ["c"]
    assert taught(*texts, minimum_count=4).vocabulary_size == 5
    with pytest.raises(UserError, match=r"No character occurs 9 times.*'c', occurs 4 times.*lower minimum_count"):
        taught(*texts, minimum_count=9)


def test_what_cannot_be_seen_is_named():
    characters = taught("\u200b\u2581\n\ud83d x")
    pieces = characters.pieces(range(4, characters.vocabulary_size))
    assert sorted(pieces) == ["U+000A", "U+200B", "U+2581", "U+D83D", "x", "\u2581"]


def test_the_file_can_be_read(tmp_path):
    taught("bba \n\u2028").save(tmp_path)
    lines = (tmp_path / "characters.tsv").read_bytes().decode("utf-8").split("\n")
    assert lines == [
        *("U+0062\t2\tb", "U+000A\t1\tU+000A", "U+0020\t1\t\u2581", "U+0061\t1\ta", "U+2028\t1\tU+2028", "")
    ]
    assert Characters.load(tmp_path).encode("ab\n") == [7, 4, 5]


@pytest.mark.parametrize(
    ("line", "number"),
    [("a\t1\ta", 3), ("U+0063 1 c", 3), ("U+0062\t2\tb", 3), ("U+110000\t1\tx", 3), ("U+0063\tx\tc", 3)],
)
def test_a_damaged_file_names_its_line(tmp_path, line, number):
    taught("bba").save(tmp_path)
    path = tmp_path / "characters.tsv"
    path.write_text(path.read_text(encoding="utf-8") + line + "\n", encoding="utf-8")
    with pytest.raises(UserError, match=rf"characters\.tsv, line {number}:"):
        Characters.load(tmp_path)


@pytest.mark.parametrize(("content", "message"), [(b"", "line 1"), (b"\xff\n", "not UTF-8")])
def test_an_empty_or_broken_file_is_refused(tmp_path, content, message):
    (tmp_path / "characters.tsv").write_bytes(content)
    with pytest.raises(UserError, match=rf"characters\.tsv.*{message}"):
        Characters.load(tmp_path)
