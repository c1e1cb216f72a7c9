"""Long texts in parts: where sentences end, and that nothing is lost, whatever the text."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from seq2seq.translating.splitting import CHARACTERS_A_TOKEN, sentence_ends, split


class Letters:
    """A tokenizer of one id a character, which counts what it is given."""

    def __init__(self, a_character=1):
        self.a_character = a_character
        self.characters = self.calls = 0
        self.longest = 0

    def __call__(self, texts):
        self.calls += 1
        self.characters += sum(map(len, texts))
        self.longest = max([self.longest, *map(len, texts)])
        return [[ord(c) for c in text for _ in range(self.a_character)] for text in texts]


def sentences(text):
    places = [0, *sentence_ends(text), len(text)]
    return [text[a:b].strip() for a, b in pairwise(places) if text[a:b].strip()]


@pytest.mark.parametrize(
    "marked",  # a bar where a sentence ends
    [
        "He opened the door. |She came in! |Was it late? |Nobody knew… |It rained.",
        "It cost 3.14 euros. |Then example.org was sold in 1990. |Good.",
        "Mr. Smith and Prof. J. R. Jones met Dr. Who. |They had tea, e.g. Assam, in the U.S. Embassy. |Fine.",
        "It starts at 5 p.m. |Bring cups, spoons etc. |Come.",
        "See No. 5 and Fig. 3 of it. |He had said no. |Later, in Jan. 2020, he went.",
        "Wir kamen am 3. Mai um 12. 30 Uhr an. |Das waren z. B. Äpfel, d.h. Obst, usw. |Danach ging es.",
        "1. Introduction to everything. |2. What comes next is this.",
        "“I came. I saw. I left.” |Then he went away. |The end.",
        "“Is it really you?” she asked. |“Of course it is!” |He laughed.",
        "„Das ist gut. Wirklich.“ |Er ging nach Hause. |»Und dann? Ach.« |Niemand sprach.",
        "He left (at last. Really. And without a word) the house. |It was dark.",
        'He said "that will do." |Then he left. |"Wait a moment." |"Why should I?"',
        "今日は雨です。|明日は晴れます！|本当ですか？|はい。",
        "「はい。そうです。」と言った。|それだけ。",
        "这是真的吗?|我不太相信。|好的好的。",
        "Really?! |Well well well... |And then it ended.",
        "He said: wait... and see, then go. |Yahoo! is a name of something. |So.",
        "no capitals at all here. |so be it, e.g. in chats? |yes.",
        "यह पहला वाक्य है। |यह दूसरा वाक्य है।",
    ],
)
def test_sentences_end_where_a_reader_sees_an_end(marked):
    # A sentence of a word or two stays with the next one.
    expected = [part.strip() for part in marked.split("|")]
    merged = []
    held = ""
    for part in expected:
        held = f"{held} {part}".strip() if held else part
        if len(held) >= 12 or any(c in "。！？" for c in held[-1]) or not held.isascii():
            merged.append(held)
            held = ""
    assert sentences(marked.replace("|", "")) == [*merged, *([held] if held else [])]


def test_a_mark_that_nothing_closes_shelters_nothing():
    text = "He wrote (and forgot the rest. " + "It was a long day for him. " * 3
    assert len(sentences(text)) == 4
    far = "He wrote “and so on. " + "It was a long day for him. " * 30 + "The end” came."
    assert len(sentences(far)) > 20


@settings(max_examples=60, deadline=None)
@given(
    st.text(alphabet="abZ  .!?。！,;\u0301\u200d()“”12\n", max_size=120),
    st.integers(1, 9),
    st.integers(1, 3),
)
def test_nothing_is_lost_and_nothing_is_too_long(text, longest, a_character):
    encode = Letters(a_character)
    parts = split(text, longest, encode)
    assert "".join(part.before + part.text for part in parts) == text.strip()
    for part in parts:
        assert part.text == part.text.strip() != ""
        assert part.ids == Letters(a_character)([part.text])[0]
        assert len(part.ids) <= longest or len(part.text) == 1
        assert not (part.torn and part.before)


def test_a_sentence_is_cut_at_clauses_then_at_spaces_then_anywhere():
    clauses = "the first of them was red, the second of them was blue; the third of them had no colour"
    assert [p.text for p in split(clauses, 40, Letters())] == [
        "the first of them was red,",
        "the second of them was blue;",
        "the third of them had no colour",
    ]
    spaces = split("word " * 40, 30, Letters())
    assert {word for part in spaces for word in part.text.split()} == {"word"}
    assert all(part.before == " " and not part.torn for part in spaces[1:])
    torn = split("a" * 100, 30, Letters())
    assert [part.torn for part in torn] == [False] + [True] * (len(torn) - 1)
    accents = split("e\u0301" * 50, 9, Letters())
    assert all(part.text[0] == "e" for part in accents)


def test_places_can_be_forbidden():
    text = "he went to New York and then to New Haven and to New Delhi and home"
    names = [i for i in range(len(text)) if text.startswith("New ", i)]

    def may_cut(whole, place):
        assert whole == text
        return not any(i < place < i + 8 for i in names)

    assert any(part.text.endswith("New") for n in range(16, 40) for part in split(text, n, Letters()))
    for longest in range(16, 40):
        parts = split(text, longest, Letters(), may_cut)
        assert not any(part.text.endswith("New") for part in parts)


@pytest.mark.parametrize(
    "text",
    [
        "All of this is one sentence of a book, and it is followed by many that are like it. " * 60_000,
        "x" * 5_000_000,
        "." * 1_000_000,
        ("word " * 90 + "。") * 3_000,
    ],
    ids=["sentences", "one word", "stops", "long sentences"],
)
def test_megabytes_cost_a_few_looks_at_each_character(text):
    encode = Letters()
    parts = split(text, 250, encode)
    assert max(len(part.ids) for part in parts) <= 250
    assert sum(len(part.text) + len(part.before) for part in parts) == len(text.strip())
    assert encode.characters <= 3 * len(text)
    assert encode.calls <= 6
    assert encode.longest <= 250 * CHARACTERS_A_TOKEN


@pytest.mark.parametrize("text", ["(" * 40_000, ".“" * 20_000, ". " * 20_000, ",\u0301" * 20_000, "「。" * 20_000])
def test_strange_texts_take_no_longer(text):
    encode = Letters()
    parts = split(text, 50, encode)
    assert "".join(part.before + part.text for part in parts) == text.strip()
    assert encode.characters <= 4 * len(text)
