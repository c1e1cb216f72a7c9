"""Scores of single sentences: sacreBLEU's own, faster."""

from __future__ import annotations

import math

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from sacrebleu.metrics.bleu import BLEU
from sacrebleu.metrics.chrf import CHRF

from seq2seq.errors import UserError
from seq2seq.evaluation.sentence import pairwise, sentence_metric

WORDS = st.lists(
    st.sampled_from(["a", "b", "the", "Dog", "dog", "3.5", "don't", "(x)", "é", ".", "..", " "]), max_size=9
)
TEXTS = WORDS.map(" ".join) | st.text(max_size=12)


def of(metric, hypothesis: str, reference: str) -> float:
    return metric.score(metric.prepare(hypothesis), metric.prepare(reference))


@pytest.mark.parametrize("lowercase", [False, True])
@pytest.mark.parametrize("tokenize", ["13a", "intl", "char", "none"])
@settings(max_examples=60, deadline=None)
@given(hypothesis=TEXTS, reference=TEXTS)
@example(hypothesis="", reference="")
@example(hypothesis="a", reference="a b the Dog")
@example(hypothesis="the the the", reference="the Dog")
def test_bleu_is_sacrebleus_with_one_added(tokenize, lowercase, hypothesis, reference):
    theirs = BLEU(tokenize=tokenize, lowercase=lowercase, smooth_method="add-k", effective_order=True, force=True)
    wanted = theirs.sentence_score(hypothesis, [reference]).score / 100
    ours = sentence_metric("bleu", tokenize=tokenize, lowercase=lowercase)
    assert of(ours, hypothesis, reference) == pytest.approx(wanted, abs=1e-9)


@pytest.mark.parametrize("lowercase", [False, True])
@settings(max_examples=100, deadline=None)
@given(hypothesis=TEXTS, reference=TEXTS)
@example(hypothesis="", reference="a")
@example(hypothesis="abcdefg", reference="ab")
def test_chrf_is_sacrebleus(lowercase, hypothesis, reference):
    wanted = CHRF(lowercase=lowercase).sentence_score(hypothesis, [reference]).score / 100
    assert of(sentence_metric("chrf", lowercase=lowercase), hypothesis, reference) == pytest.approx(wanted, abs=1e-9)


def test_bleu_by_hand():
    # Words 3 of 3, pairs 1 of 2, runs of three 0 of 1, of four 0 of 0; one word short of four.
    wanted = math.exp(1 - 4 / 3) * (1 * (2 / 3) * (1 / 2) * 1) ** 0.25
    assert of(sentence_metric("bleu"), "a b d", "a b c d") == pytest.approx(wanted)


@pytest.mark.parametrize("name", ["bleu", "chrf"])
def test_the_reference_itself_scores_one_and_nothing_in_common_scores_zero(name):
    metric = sentence_metric(name)
    assert of(metric, "Ein Hund bellt laut .", "Ein Hund bellt laut .") == pytest.approx(1.0)
    assert of(metric, "x", "Ein Hund") == 0.0


def test_each_text_against_each():
    metric = sentence_metric("chrf")
    texts = ["ein Hund", "ein Hund bellt", "zwei"]
    table = pairwise(metric, texts)
    assert table == [[of(metric, h, r) for r in texts] for h in texts]
    assert table[0][1] != table[1][0]  # recall weighs more, so the sides differ


def test_what_is_unknown_is_refused_with_the_nearest():
    with pytest.raises(UserError) as caught:
        sentence_metric("blue")
    assert "blue" in caught.value.message and "bleu" in (caught.value.hint or "")
    with pytest.raises(UserError):
        sentence_metric("bleu", tokenize="13b")
