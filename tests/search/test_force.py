"""Force-decoding gives what the model says of each token, and what the searches reported."""

from __future__ import annotations

import numpy as np
import pytest
from toy_model import EOS, GO, ToyModel

from seq2seq.errors import UserError
from seq2seq.registry import SEARCHES
from seq2seq.search import force_decode


def test_gives_each_tokens_log_probability_and_then_that_of_eos():
    model = ToyModel(6)
    keys, targets = [3, 4, 5], [[2, 5, 3], [], [4]]
    memory, state, _ = model.batch(keys)
    found = force_decode(model, memory, state, targets)
    for key, target, got in zip(keys, targets, found, strict=True):
        own = [model.log_probs_after(key, target[:i])[v] for i, v in enumerate([*target, EOS])]
        assert got.dtype == np.float32
        assert got.tolist() == [float(v) for v in own]
    assert [rows for rows, _ in model.calls] == [3, 2, 1, 1]


@pytest.mark.parametrize("name", list(SEARCHES))
def test_agrees_with_the_search_that_found_the_translation(name):
    model = ToyModel(6, eos_bonus=-1.0)
    memory, state, lengths = model.batch(range(12), [1 + i % 4 for i in range(12)])
    best = [found[0] for found in SEARCHES.load(name)()(model, memory, state, lengths)]
    forced = force_decode(model, memory, state, [h.ids for h in best])
    for hypothesis, got in zip(best, forced, strict=True):
        assert tuple(got.tolist()) == hypothesis.token_log_probs


def test_what_the_model_never_writes_has_no_probability():
    model = ToyModel(6, never=3)
    memory, state, _ = model.batch([1])
    assert force_decode(model, memory, state, [[2, 3]])[0][1] == -np.inf


def test_no_sentences():
    model = ToyModel(6)
    memory, state, _ = model.batch([])
    assert force_decode(model, memory, state, []) == []
    assert not model.calls


@pytest.mark.parametrize("wrong", [GO, EOS, 6, -1])
def test_ids_that_cannot_stand_in_a_sentence_are_refused(wrong):
    model = ToyModel(6)
    memory, state, _ = model.batch([1, 2])
    with pytest.raises(UserError, match=rf"target of sentence 1 .* not {wrong}\."):
        force_decode(model, memory, state, [[2], [3, wrong]])
