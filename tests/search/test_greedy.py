"""Greedy search against a loop over one sentence."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from search_references import Rules, rounded
from search_references import greedy as slow_greedy
from toy_model import ToyModel

from seq2seq.errors import UserError
from seq2seq.search import Greedy, Limits


@settings(max_examples=40, deadline=None)
@given(
    st.lists(st.integers(0, 2**32), min_size=1, max_size=5),
    st.integers(1, 8),
    st.sampled_from([0.0, 1.0, 1.5]),
    st.sampled_from([0, 1, 2]),
    st.data(),
)
def test_equals_the_loop_over_one_sentence(keys, limit, alpha, levels, data):
    model = ToyModel(5, levels=levels)
    prefixes = [data.draw(st.lists(st.integers(2, 4), max_size=4)) for _ in keys]
    memory, state, lengths = model.batch(keys)
    search = Greedy(length_penalty=alpha, limits=Limits(0, limit))
    found = search(model, memory, state, lengths, prefixes=prefixes)
    for key, prefix, got in zip(keys, prefixes, found, strict=True):
        assert rounded(got) == rounded([slow_greedy(model, key, limit, alpha, rules=Rules(tuple(prefix)))])


def test_asks_for_one_continuation_and_lets_finished_rows_go():
    model = ToyModel(5, eos_bonus=-20.0)
    memory, state, lengths = model.batch([1, 2, 3], [1, 2, 4])
    Greedy(limits=Limits(1, 0))(model, memory, state, lengths)
    assert model.calls == [(3, 1), (3, 1), (2, 1), (1, 1), (1, 1)]


def test_the_score_is_the_log_probability_over_a_power_of_the_length():
    model = ToyModel(5, eos_bonus=-20.0)
    memory, state, lengths = model.batch([5])
    ((plain,),) = Greedy(length_penalty=0.0, limits=Limits(0, 3))(model, memory, state, lengths)
    ((mean,),) = Greedy(length_penalty=1.0, limits=Limits(0, 3))(model, memory, state, lengths)
    assert plain.score == plain.log_prob == mean.log_prob
    assert mean.score == pytest.approx(mean.log_prob / 4)  # three tokens and EOS
    assert not plain.finished


def test_a_negative_length_penalty_is_refused():
    with pytest.raises(UserError, match=r"at least 0, not -1\."):
        Greedy(length_penalty=-1)


def test_the_state_given_to_the_search_is_not_changed():
    model = ToyModel(5)
    memory, state, lengths = model.batch([5, 6])
    before = state[0].copy()
    Greedy()(model, memory, state, lengths)
    assert np.array_equal(state[0], before)
