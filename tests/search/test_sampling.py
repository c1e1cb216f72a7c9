"""Sampling: its distribution, its cuts and its independence of the batch."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from toy_model import EOS, ToyModel

from seq2seq.errors import UserError
from seq2seq.search import Greedy, Limits, Sampling
from seq2seq.search.draws import uniforms
from seq2seq.search.sampling import pick

DRAWS = 5000


def chi_square(counts, expected):
    return float(((counts - expected) ** 2 / expected).sum())


def first_tokens(model, key, **kwargs):
    """How often each id came first in DRAWS samples of one sentence."""
    memory, state, lengths = model.batch([key])
    (found,) = Sampling(nbest=DRAWS, limits=Limits(0, 1), **kwargs)(model, memory, state, lengths)
    first = [h.ids[0] if h.ids else EOS for h in found]
    return np.bincount(first, minlength=model.vocabulary_size)


@pytest.mark.parametrize("temperature", [0.5, 1.0, 2.0])
def test_tokens_come_as_often_as_the_model_says(temperature):
    model = ToyModel(7)
    weights = np.exp(model.log_probs_after(11, ()).astype(float) / temperature)
    expected = DRAWS * weights / weights.sum()
    counts = first_tokens(model, 11, temperature=temperature)
    assert counts[model.go] == 0
    # 5 degrees of freedom: a true distribution exceeds 25.7 once in 10,000 seeds.
    assert chi_square(counts[1:], expected[1:]) < 25.7


def test_top_k_and_top_p_keep_the_top_and_its_proportions():
    model = ToyModel(9)
    probabilities = np.exp(model.log_probs_after(4, ()).astype(float))
    order = np.argsort(-probabilities)
    share = probabilities[order[:3]].sum() - 1e-4  # the third is needed to reach it
    for cut in ({"top_k": 3}, {"top_p": share}, {"top_k": 3, "top_p": 0.9999}, {"top_k": 5, "top_p": share}):
        counts = first_tokens(model, 4, **cut)
        assert set(np.flatnonzero(counts)) == set(order[:3]), cut
        expected = probabilities[order[:3]] / probabilities[order[:3]].sum() * DRAWS
        assert chi_square(counts[order[:3]], expected) < 18.4  # 2 degrees of freedom, 1 in 10,000


@settings(max_examples=20, deadline=None)
@given(
    st.lists(st.integers(0, 2**32), min_size=1, max_size=4),
    st.sampled_from([{"temperature": 1e-9}, {"top_k": 1}, {"top_p": 1e-9}]),
    st.integers(0, 5),
)
def test_the_ends_of_the_settings_are_greedy(keys, cut, seed):
    model = ToyModel(6)
    memory, state, lengths = model.batch(keys)
    assert Sampling(seed=seed, **cut)(model, memory, state, lengths) == Greedy()(model, memory, state, lengths)


def test_the_whole_vocabulary_is_asked_for_only_where_it_is_needed():
    for cut, k in (
        ({"top_k": 2}, 2),
        ({}, 9),
        ({"top_p": 0.5}, 9),
        ({"top_k": 2, "top_p": 0.5}, 9),
        ({"top_k": 20}, 9),
    ):
        model = ToyModel(9)
        memory, state, lengths = model.batch([1])
        Sampling(**cut)(model, memory, state, lengths)
        assert {asked for _, asked in model.calls} == {k}


@settings(max_examples=20, deadline=None)
@given(st.lists(st.integers(0, 2**32), min_size=2, max_size=5, unique=True), st.integers(0, 9), st.data())
def test_sentence_numbers_make_draws_independent_of_the_batch(keys, seed, data):
    model, search = ToyModel(6), Sampling(seed=seed, nbest=2)
    memory, state, lengths = model.batch(keys)
    together = search(model, memory, state, lengths, sentence_numbers=np.arange(100, 100 + len(keys)))
    order = data.draw(st.permutations(range(len(keys))))[: data.draw(st.integers(1, len(keys)))]
    memory, state, lengths = model.batch([keys[i] for i in order])
    apart = search(model, memory, state, lengths, sentence_numbers=100 + np.array(order))
    assert apart == [together[i] for i in order]


def test_seed_sentence_and_sample_each_change_the_draws():
    model = ToyModel(30, spread=0.1, eos_bonus=-9.0)
    memory, state, lengths = model.batch([1, 1])  # the same sentence twice
    one = Sampling(seed=1, nbest=2)(model, memory, state, lengths)
    two = Sampling(seed=2, nbest=2)(model, memory, state, lengths)
    assert len({h.ids for found in (one + two) for h in found}) == 8
    assert Sampling(seed=1, nbest=2)(model, memory, state, lengths) == one


def test_log_prob_is_the_models_own_whatever_the_temperature():
    model = ToyModel(6)
    memory, state, lengths = model.batch([8])
    ((found,),) = Sampling(temperature=5.0, top_p=0.9)(model, memory, state, lengths)
    own = [model.log_probs_after(8, found.ids[:i])[v] for i, v in enumerate((*found.ids, EOS))]
    assert found.token_log_probs == pytest.approx(own)


@pytest.mark.parametrize(
    ("settings", "rule", "value"),
    [
        ({"temperature": 0}, "above 0", "0"),
        ({"temperature": -1.0}, "above 0", "-1.0"),
        ({"temperature": float("inf")}, "finite", "inf"),
        ({"top_k": -1}, "at least 0", "-1"),
        ({"top_p": 0.0}, "above 0 and at most 1", "0.0"),
        ({"top_p": 1.5}, "above 0 and at most 1", "1.5"),
        ({"nbest": 0}, "at least 1", "0"),
        ({"length_penalty": -2}, "at least 0", "-2"),
    ],
)
def test_invalid_settings_name_the_rule_and_the_value(settings, rule, value):
    with pytest.raises(UserError) as caught:
        Sampling(**settings)
    assert rule in caught.value.message
    assert caught.value.message.endswith(f"not {value}.")


def test_there_must_be_a_number_for_each_sentence():
    model = ToyModel(6)
    memory, state, lengths = model.batch([8, 9])
    with pytest.raises(ValueError, match="2 sentence numbers"):
        Sampling()(model, memory, state, lengths, sentence_numbers=np.array([1]))


def test_pick_inverts_the_cumulative_weights():
    weights = np.array([[2.0, 1.0, 1.0, 0.0]] * 6)
    draws = np.array([0.0, 0.49, 0.5, 0.74, 0.75, 1 - 2.0**-53])
    assert pick(weights, draws).tolist() == [0, 0, 1, 1, 2, 2]


@pytest.mark.parametrize("axis", range(3))
def test_uniforms_are_even_along_every_counter(axis):
    counters = [np.array([5])] * 3
    counters[axis] = np.arange(8000)
    draws = uniforms(3, *counters)
    assert draws.min() >= 0
    assert draws.max() < 1
    counts = np.histogram(draws, bins=16, range=(0, 1))[0]
    assert chi_square(counts, np.full(16, 500)) < 44.3  # 15 degrees of freedom, 1 in 10,000
    pairs = np.histogram2d(draws[:-1], draws[1:], bins=4, range=[(0, 1)] * 2)[0]
    assert chi_square(pairs, np.full((4, 4), 7999 / 16)) < 44.3


def test_uniforms_take_any_seed():
    draws = [float(uniforms(seed, 0)[0]) for seed in (-1, 0, 1, 2**64 + 2)]
    assert len(set(draws)) == 4
