"""Inputs of any length: translated in parts, and put together."""

from __future__ import annotations

import pytest
from msgspec.structs import replace
from reverser import reverser
from toy_runs import toy, toy_pairs

import seq2seq
from seq2seq.translator import WINDOW_CHARACTERS, windows_of

__all__ = ["toy"]
SENTENCES = [
    "7 dogs have we and cats.",
    "12 cats and 7 dogs have zaz.",
    "We have zoz and 5 dogs and cats!",
    "3,5 dogs have we?",
]
LINE = " ".join(SENTENCES)


def test_sentences_of_a_long_line_are_translated_one_by_one():
    one = reverser(split_tokens=12)
    found = one.translate(LINE)
    alone = one.translate(SENTENCES)
    assert found.text == " ".join(t.text for t in alone)
    assert [part.source for part in found.parts] == SENTENCES
    assert found.parts == alone
    assert found.source == LINE
    assert found.log_prob == pytest.approx(sum(found.token_log_probs))
    assert len(found.tokens) == len(found.token_log_probs) == len(found.ids) + 1
    assert found.tokens.count("<eos>") == found.source_tokens.count("<eos>") == len(SENTENCES)
    whole = reverser().translate(LINE)  # within the usual limit
    assert whole.parts == []
    assert whole.text != found.text


def test_all_that_can_be_asked_of_a_sentence():
    one = reverser(split_tokens=12)
    glossary = {"zaz": "red hounds", "7 dogs": "we dogs"}
    found = one.translate(LINE, attention=True, nbest=3, prefix="and", glossary=glossary)
    assert found.text.startswith("and ")
    assert [part.text.startswith("and ") for part in found.parts][1:] == [
        t.text.startswith("and ") for t in one.translate(SENTENCES, glossary=glossary)[1:]
    ]
    assert found.terms == [("7 dogs", "we dogs"), ("7 dogs", "we dogs"), ("zaz", "red hounds")]
    assert found.text.count("we dogs") == 2
    assert found.text.count("red hounds") == 1
    assert found.attention is None
    assert all(part.attention.shape == (len(part.tokens), len(part.source_tokens)) for part in found.parts)
    for source, target in found.alignment:
        assert "<eos>" not in (found.source_tokens[source], found.tokens[target])
    assert len(found.alignment) == len(found.tokens) - len(SENTENCES)
    assert len(found.nbest) == 3
    assert found.nbest[0].text == found.text
    plain = one.translate(LINE, nbest=5).nbest
    assert [t.score for t in plain] == sorted((t.score for t in plain), reverse=True)
    assert len({tuple(t.tokens) for t in plain}) == 5
    assert "cats" not in one.translate(LINE, banned=["cats"]).text


def test_a_term_is_not_cut_in_two():
    words = ["we", "have", "dogs", "and"]
    line = " ".join(words[i % 4] if i % 5 else "San Xyz Abc" for i in range(80))
    for limit in (8, 9, 10, 11, 12):
        found = reverser(split_tokens=limit).translate(line, glossary={"San Xyz Abc": "Sankt Q"})
        assert found.text.count("Sankt Q") == 16
        assert len(found.parts) > 8


def test_a_line_does_not_depend_on_its_neighbours():
    one = reverser(split_tokens=12)
    lines = [LINE, "", SENTENCES[0], LINE[::-1], " ", SENTENCES[1] * 9]
    expected = [one.translate(line, nbest=3) for line in lines]
    assert one.translate(lines, nbest=3) == expected
    assert list(one.translate_stream(lines, window=2, nbest=3)) == expected
    small = one.with_settings()
    assert list(one.translate_stream(lines, small, nbest=3)) == expected


def test_draws_of_a_part_do_not_depend_on_the_window(toy):
    one = seq2seq.load(toy.run, device="cpu", engine="torch")
    sentences = [source for source, _ in toy_pairs(9)]
    lines = [" ".join(sentences * 8), *sentences]
    settings = replace(one.with_settings(search="sampling"), temperature=2.0)
    expected = [t.text for t in one.translate_stream(lines, settings)]
    assert [t.text for t in one.translate_stream(lines, settings, window=3)] == expected
    assert [t.text for t in one.translate_stream(lines[1:], settings, first=1)] == expected[1:]
    parts = next(one.translate_stream(lines, settings)).parts
    assert len({part.text for part in parts if part.source == sentences[1]}) > 1  # each draws for itself


def test_a_word_of_five_megabytes_comes_back():
    one = reverser()
    word = "z" * 5_000_000
    found = one.translate([word, "we have dogs"], beam=1)
    assert found[0].text == word
    assert found[1].text == "dogs have we"
    # So many looks at a token, and so many batches, and not one for each pair of characters.
    assert one.engine.tokens < 5000
    assert len(one.engine.batches) < 100


def test_many_sentences_in_one_line():
    one = reverser()
    line = " ".join(SENTENCES * 300)
    found = one.translate(line, search="greedy")
    assert (
        found.text
        == " ".join(t.text for t in one.translate(SENTENCES, search="greedy"))
        + (" " + " ".join(t.text for t in one.translate(SENTENCES, search="greedy"))) * 299
    )
    assert max(one.engine.batches) <= 64


def test_a_subword_model_is_given_the_longest_words(toy):
    one = seq2seq.load(toy.run, device="cpu", engine="torch")
    for line in ("dog" * 300, "\U0001f600" * 150, "the dog, " * 60, "犬" * 200):
        (found,) = one.translate_stream([line], replace(one.with_settings(beam=1), split_tokens=60))
        assert len(found.parts) > 2
        assert "".join(part.source for part in found.parts).replace(" ", "") == line.replace(" ", "")
        assert all(len(part.source_tokens) <= 61 for part in found.parts)
        assert found.log_prob == pytest.approx(sum(found.token_log_probs), rel=1e-4)


def test_long_lines_fill_a_window():
    line = "x" * (WINDOW_CHARACTERS // 2)
    assert [len(window) for window in windows_of([line] * 5, 100)] == [2, 2, 1]
    assert [len(window) for window in windows_of(["x"] * 5, 4)] == [4, 1]
