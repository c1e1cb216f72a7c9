"""Translations in parts: what is put together, and how alternatives are ranked."""

from __future__ import annotations

import json
import math
from itertools import product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from seq2seq.pipeline.translate.formats import Format
from seq2seq.translating.translation import Piece, Scored, Translation, joined


def one(text, *log_probs, nbest=()):
    ids = list(range(4, 3 + len(log_probs)))
    tokens = [f"t{i}" for i in ids]
    eye = np.eye(len(log_probs), dtype=np.float32)
    total = sum(log_probs)
    return Translation(
        text.upper(), text, total / len(log_probs), total, [*tokens, "<eos>"], [*tokens, "<eos>"], [*log_probs],
        attention=eye[::-1], ids=ids, nbest=list(nbest), terms=[(text, text)],
    )  # fmt: skip


def test_lists_follow_each_other_and_sums_add_up():
    a, b = one("one", -0.5, -1.0, -0.25), one("two", -2.0, -0.5)
    whole = joined("ONE TWO", [Piece(a, "", torn=False), Piece(b, " ", torn=False)], 1)
    assert (whole.source, whole.text) == ("ONE TWO", "one two")
    assert whole.parts == [a, b]
    assert whole.tokens == whole.source_tokens == ["t4", "t5", "<eos>", "t4", "<eos>"]
    assert whole.ids == [4, 5, 3, 4]
    assert whole.token_log_probs == [-0.5, -1.0, -0.25, -2.0, -0.5]
    assert whole.log_prob == sum(whole.token_log_probs)
    assert whole.score == (a.score + b.score) / 2
    assert whole.terms == [("one", "one"), ("two", "two")]
    assert whole.attention is None
    assert whole.nbest == []
    # Each row looks at the token from the other end, EOS left out; the second part stands behind the first's three.
    assert whole.alignment == [(0, 0), (1, 1), (3, 3)]


def test_what_joins_parts_adds_no_column_and_no_line():
    gaps = ["", "\t", " \x85", "\u2028", "\r\x0b"]
    whole = joined(
        "", [Piece(one(word, -1.0, -1.0), gap, torn=False) for word, gap in zip("abcde", gaps, strict=True)], 1
    )
    assert whole.text == "".join(gap + word for word, gap in zip("abcde", gaps, strict=True))
    assert Format(scores=True)(1, whole) == "-1.0000\ta b  c d  e"
    assert json.loads(Format(as_json=True)(1, whole))["translation"] == "a b  c d  e"


def test_json_with_attention_shows_that_of_each_part():
    a, b = one("one", -0.5, -1.0, -0.25), one("two", -2.0, -0.5)
    whole = joined("ONE TWO", [Piece(a, "", torn=False), Piece(b, " ", torn=False)], 1)
    told = json.loads(Format(as_json=True, attention=True)(7, whole))
    assert told["source_tokens"] == whole.source_tokens
    assert "attention" not in told
    for part, its in zip(told["parts"], (a, b), strict=True):
        assert part == {
            "source": its.source,
            "translation": its.text,
            "score": its.score,
            "log_prob": its.log_prob,
            "tokens": its.tokens,
            "token_log_probs": its.token_log_probs,
            "source_tokens": its.source_tokens,
            "attention": its.attention.tolist(),
        }
    alone = json.loads(Format(as_json=True, attention=True)(7, a))
    assert (alone["source_tokens"], alone["attention"], "parts" in alone) == (
        a.source_tokens,
        a.attention.tolist(),
        False,
    )
    blank = json.loads(Format(as_json=True, attention=True)(7, Translation("", "", 0.0, 0.0, [], [], [])))
    assert blank["source_tokens"] == []
    assert not {"source_tokens", "parts"} & set(json.loads(Format(as_json=True)(7, whole)))


def test_alignment_of_one_piece():
    weights = np.array([[0.1, 0.8, 0.1], [0.3, 0.1, 0.6], [0, 0, 1]], np.float32)
    plain = Translation("", "", 0, 0, ["a", "b", "<eos>"], ["c", "d", "<eos>"], [0, 0, 0], attention=weights)
    assert plain.alignment == [(1, 0), (0, 1)]  # EOS is on no side
    assert Translation("", "", 0, 0, [], [], []).alignment == []


@pytest.mark.parametrize(
    ("left", "before", "torn", "right", "text"),
    [
        ("Hello.", " ", False, "You.", "Hello. You."),
        ("Hello.", "  ", False, "You.", "Hello.  You."),
        ("你好。", " ", False, "再见。", "你好。再见。"),  # a script without spaces gets none
        ("Hello.", "", False, "You.", "Hello. You."),  # and one with spaces gets one
        ("你好。", "", False, "再见。", "你好。再见。"),
        ("abc", "", True, "def", "abcdef"),
        ("", " ", False, "You.", "You."),
        ("Hello.", " ", False, "", "Hello."),
    ],
)
def test_what_joins_two_parts(left, before, torn, right, text):
    pieces = [Piece(one(left, -1.0), "", torn=False), Piece(one(right, -1.0), before, torn)]
    assert joined("", pieces, 1).text == text


@settings(max_examples=40)
@given(
    st.lists(st.lists(st.integers(-40, 0), min_size=1, max_size=4), min_size=1, max_size=4), st.integers(2, 6)
)  # fmt: skip
def test_alternatives_are_the_best_combinations(scores, nbest):
    pieces = []
    for place, own in enumerate(scores):
        ranked = [one(f"p{place}r{rank}", float(s)) for rank, s in enumerate(sorted(own, reverse=True))]
        pieces.append(Piece(one(ranked[0].text, ranked[0].log_prob, nbest=ranked), "  " if place else "", torn=False))
    whole = joined("x", pieces, nbest)
    every = [list(choice) for choice in product(*(piece.translation.nbest for piece in pieces))]
    every.sort(key=lambda choice: -sum(part.score for part in choice))
    expected = [sum(part.score for part in choice) / len(choice) for choice in every[:nbest]]
    assert [t.score for t in whole.nbest] == pytest.approx(expected)
    assert len({t.text for t in whole.nbest}) == len(whole.nbest) == min(nbest, len(every))
    assert whole.text == whole.nbest[0].text == "  ".join(piece.translation.text for piece in pieces)
    assert whole.score == whole.nbest[0].score


def test_many_parts_cost_no_more_than_their_number():
    ranked = [one("a", -1.0), one("b", -2.0)]
    piece = Piece(one("a", -1.0, nbest=ranked), " ", torn=False)
    whole = joined("x", [piece] * 20_000, 2)
    assert [t.text.count("b") for t in whole.nbest] == [0, 1]


def test_scores():
    scored = Scored("a", "b", ["b", "<eos>"], [-1.0, -3.0], -4.0)
    assert scored.mean == -2.0
    assert scored.perplexity == pytest.approx(math.exp(2))
    assert Scored("a", "b", ["b", "<eos>"], [-math.inf, -3.0], -math.inf).perplexity == math.inf
    assert Scored("", "", [], [], 0.0).mean == 0.0
