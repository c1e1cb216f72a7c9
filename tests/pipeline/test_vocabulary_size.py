"""What is said of a vocabulary that is smaller than was asked for."""

from __future__ import annotations

from itertools import product

import pytest

from seq2seq import console
from seq2seq.errors import UserError
from seq2seq.pipeline.prepare.vocabulary import report_size
from seq2seq.text.pairs import TokenizerPair
from seq2seq.text.subwords import Subwords
from seq2seq.text.true_case import Case, TrueCase
from seq2seq.text.words import Words

TEXTS = ["the mill turns", "a wheel of the mill"]


@pytest.fixture
def said(monkeypatch):
    lines = []
    monkeypatch.setattr(console, "say", lambda message, **_: lines.append(message))
    return lines


@pytest.mark.parametrize("model", ["bpe", "unigram"])
@pytest.mark.parametrize("true_case", [False, True])
def test_subwords_that_fall_short_get_a_warning(said, model, true_case) -> None:
    subwords = Subwords.train(TEXTS, vocabulary_size=8000, model=model)
    both = TrueCase(subwords, Case([])) if true_case else subwords
    asked = 2 * subwords.vocabulary_size - 1
    report_size(TokenizerPair(both, both), asked=asked)
    (line,) = said
    assert line.startswith(f"warning: text.vocabulary_size = {asked} is more than the training text supports")
    assert f"has {subwords.vocabulary_size} ids" in line
    assert f"--set text.vocabulary_size={subwords.vocabulary_size}" in line  # which is as few as there should be
    report_size(TokenizerPair(both, both), asked=subwords.vocabulary_size)
    assert len(said) == 1


def test_half_of_a_large_vocabulary_is_recommended(said) -> None:
    words = ["".join(letters) for letters in product("abcdefghij", repeat=3)]
    subwords = Subwords.train([" ".join(words)], vocabulary_size=8000)
    assert subwords.vocabulary_size > 1000
    report_size(TokenizerPair(subwords, subwords), asked=subwords.vocabulary_size + 1)
    assert f"--set text.vocabulary_size={subwords.vocabulary_size // 2}." in said[0]


@pytest.mark.parametrize("model", ["bpe", "unigram"])
def test_twice_what_the_text_gives_and_more_is_refused(said, model) -> None:
    subwords = Subwords.train(TEXTS, vocabulary_size=8000, model=model)
    size = subwords.vocabulary_size
    report_size(TokenizerPair(subwords, subwords), asked=2 * size)
    with pytest.raises(UserError, match=f"supports: it gives {size} subwords") as caught:
        report_size(TokenizerPair(subwords, subwords), asked=2 * size + 1)
    assert f"--set text.vocabulary_size={size}" in caught.value.hint


@pytest.mark.parametrize("times", [1.5, 4])
def test_a_size_that_was_chosen_for_a_person_is_no_mistake_of_theirs(said, times) -> None:
    subwords = Subwords.train(TEXTS, vocabulary_size=8000)
    asked = int(times * subwords.vocabulary_size)
    report_size(TokenizerPair(subwords, subwords), asked=asked, by_hand=False)
    assert said == [
        f"The training text has {subwords.vocabulary_size} ids; text.vocabulary_size = {asked:,} leaves room for more."
    ]


def test_each_side_has_its_own_size(said) -> None:
    source, target = (Words.train(texts, vocabulary_size=1000) for texts in (TEXTS, TEXTS[:1]))
    report_size(TokenizerPair(source, target), asked=1000)
    assert said == [
        "The source text has 15 ids; text.vocabulary_size = 1,000 leaves room for more.",
        "The target text has 12 ids; text.vocabulary_size = 1,000 leaves room for more.",
    ]
    report_size(TokenizerPair(source, target), asked=13)
    assert said[2:] == ["The target text has 12 ids; text.vocabulary_size = 13 leaves room for more."]
