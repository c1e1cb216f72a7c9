"""Pruning against a beam written with lists, and what it may not touch."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from search_references import Rules, rounded
from search_references import beam as slow_beam
from toy_model import ToyModel

from seq2seq import build
from seq2seq.errors import UserError
from seq2seq.recipe.schema import Search as Settings
from seq2seq.search import Beam, Greedy, Limits

keys = st.integers(0, 2**32)
margins = st.sampled_from([0.1, 0.5, 1.0, 2.0, 5.0])
FEW = settings(max_examples=60, deadline=None)


def run(search, model, sentence_keys, **kwargs):
    memory, state, source_lengths = model.batch(sentence_keys, None)
    return search(model, memory, state, source_lengths, **kwargs)


@FEW
@given(
    st.lists(keys, min_size=1, max_size=4),
    st.integers(1, 7),
    st.integers(1, 6),
    st.sampled_from([0.0, 0.6, 1.0]),
    margins,
    st.data(),
)
def test_equals_the_pruned_beam_written_with_lists(sentence_keys, limit, size, alpha, margin, data):
    model = ToyModel(5, levels=data.draw(st.sampled_from([0, 1, 2])), eos_bonus=data.draw(st.sampled_from([-2, 0, 1])))
    nbest = data.draw(st.integers(1, size))
    rules = Rules(min_length=data.draw(st.sampled_from([0, 2])))
    search = Beam(
        size,
        length_penalty=alpha,
        nbest=nbest,
        limits=Limits(0, limit),
        min_length=rules.min_length,
        prune=margin,
    )
    for key, got in zip(sentence_keys, run(search, model, sentence_keys), strict=True):
        wanted = slow_beam(model, key, limit, alpha, size=size, nbest=nbest, rules=rules, prune=margin)
        assert rounded(got) == rounded(wanted)


@FEW
@given(st.lists(keys, min_size=1, max_size=3), st.integers(1, 6), st.integers(1, 5))
def test_a_margin_that_nothing_reaches_changes_nothing(sentence_keys, limit, size):
    plain, wide = (Beam(size, limits=Limits(0, limit), prune=margin) for margin in (0.0, 1e6))
    assert run(plain, ToyModel(6), sentence_keys) == run(wide, ToyModel(6), sentence_keys)


@FEW
@given(st.lists(keys, min_size=1, max_size=3), st.integers(1, 6))
def test_with_the_least_margin_only_the_likeliest_is_followed(sentence_keys, limit):
    narrow = Beam(4, limits=Limits(0, limit), prune=1e-12)
    greedy = Greedy(limits=Limits(0, limit))
    assert run(narrow, ToyModel(6), sentence_keys) == run(greedy, ToyModel(6), sentence_keys)


def test_fewer_rows_are_computed():
    rows = {}
    for margin in (0.0, 0.3):
        model = ToyModel(8, eos_bonus=-2.0)
        run(Beam(5, limits=Limits(0, 8), prune=margin), model, list(range(20)))
        rows[margin] = sum(count for count, _ in model.calls)
    assert rows[0.3] < 0.8 * rows[0.0]


@pytest.mark.parametrize("margin", [-1.0, math.nan, math.inf])
def test_a_margin_that_is_none_is_refused(margin):
    with pytest.raises(UserError, match="prune must be finite and at least 0, not"):
        Beam(3, prune=margin)


def test_who_asks_for_alternatives_gets_a_whole_beam():
    assert build.search(Settings()).prune == Settings().prune > 0
    assert build.search(Settings(), nbest=3).prune == 0
    found = run(build.search(Settings(), nbest=5), ToyModel(8), [3])[0]
    assert len({hypothesis.ids for hypothesis in found}) == 5
    assert np.isfinite([hypothesis.score for hypothesis in found]).all()
