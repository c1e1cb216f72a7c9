"""What every member of the family of searches must do, whichever it is."""

from __future__ import annotations

import inspect
from importlib import import_module
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from toy_model import EOS, GO, ToyModel

import seq2seq.search
from seq2seq.errors import UserError, WorkError
from seq2seq.registry import SEARCHES
from seq2seq.search import Limits, Search

SETTINGS = [
    ("greedy", {}),
    ("beam", {"size": 1}),
    ("beam", {"size": 3, "nbest": 3}),
    ("beam", {"size": 4, "nbest": 2, "length_penalty": 0.0}),
    ("sampling", {"nbest": 3}),
    ("sampling", {"top_k": 2}),
    ("sampling", {"top_p": 0.7, "temperature": 1.5, "nbest": 2}),
]
SETTINGS += [(name, {}) for name in SEARCHES if (name, {}) not in SETTINGS]
members = pytest.mark.parametrize(("name", "own"), SETTINGS, ids=str)
sentence_keys = st.lists(st.integers(0, 2**32), min_size=1, max_size=5)
FEW = settings(max_examples=15, deadline=None)


def build(name, own, limits=None) -> Search:
    return SEARCHES.load(name)(**own, **({} if limits is None else {"limits": limits}))


def run(search, model, keys, lengths=None, **kwargs):
    memory, state, source_lengths = model.batch(keys, lengths)
    return search(model, memory, state, source_lengths, **kwargs)


def test_every_search_in_the_folder_is_registered():
    registered = {SEARCHES.load(name) for name in SEARCHES}
    for path in Path(seq2seq.search.__file__).parent.glob("*.py"):
        module = import_module(f"seq2seq.search.{path.stem}")
        for _, member in inspect.getmembers(module, inspect.isclass):
            if member.__module__ != module.__name__ or member is Search or "__call__" not in vars(member):
                continue
            if (
                "source_lengths" in inspect.signature(member.__call__).parameters
                and "model" in inspect.signature(member.__call__).parameters
            ):
                assert member in registered, f"{member.__name__} in {path.name} has no line in SEARCHES"


@members
def test_it_is_called_like_the_protocol(name, own):
    wanted = inspect.signature(Search.__call__)
    assert inspect.signature(SEARCHES.load(name).__call__) == wanted


@members
@FEW
@given(sentence_keys, st.integers(1, 6), st.sampled_from([-3.0, 0.0, 2.0]))
def test_every_result_is_whole(name, own, keys, limit, eos_bonus):
    model = ToyModel(7, eos_bonus=eos_bonus)
    search = build(name, own, Limits(0, limit))
    found = run(search, model, keys, want_attention=True)
    assert len(found) == len(keys)
    for key, hypotheses in zip(keys, found, strict=True):
        # A limit of 1 leaves 6 sequences: enough for every nbest here.
        assert len(hypotheses) == own.get("nbest", 1)
        assert [h.score for h in hypotheses] == sorted((h.score for h in hypotheses), reverse=True)
        for h in hypotheses:
            assert len(h.ids) <= limit
            assert not {GO, EOS} & set(h.ids)
            own_log_probs = [float(model.log_probs_after(key, h.ids[:i])[v]) for i, v in enumerate((*h.ids, EOS))]
            assert h.token_log_probs == pytest.approx(own_log_probs, rel=1e-6)
            assert h.log_prob == pytest.approx(sum(h.token_log_probs))
            assert h.score == pytest.approx(h.log_prob / (len(h.ids) + 1) ** own.get("length_penalty", 1.0))
            likeliest = int(model.log_probs_after(key, h.ids).argmax())
            assert h.finished == (len(h.ids) < limit or likeliest == EOS)
            assert h.attention is not None
            assert h.attention.shape == (len(h.ids) + 1, 3)


@members
@FEW
@given(sentence_keys, st.data())
def test_a_result_does_not_depend_on_its_neighbours(name, own, keys, data):
    model, search = ToyModel(6), build(name, own)
    lengths = [data.draw(st.integers(1, 5)) for _ in keys]
    numbers = np.arange(len(keys))
    together = run(search, model, keys, lengths, want_attention=True, sentence_numbers=numbers)
    order = list(data.draw(st.permutations(range(len(keys)))))[: data.draw(st.integers(1, len(keys)))]
    apart = run(
        search,
        model,
        [keys[i] for i in order],
        [lengths[i] for i in order],
        want_attention=True,
        sentence_numbers=numbers[order],
    )
    assert apart == [together[i] for i in order]
    for i, found in zip(order, apart, strict=True):
        for one, other in zip(found, together[i], strict=True):
            assert np.array_equal(one.attention, other.attention)


@members
@FEW
@given(sentence_keys, st.integers(1, 4), st.data())
def test_outputs_begin_with_their_prefixes(name, own, keys, limit, data):
    model = ToyModel(6)
    search = build(name, own, Limits(0, limit))
    prefixes = [data.draw(st.lists(st.integers(2, 5), max_size=5)) for _ in keys]
    for key, prefix, hypotheses in zip(keys, prefixes, run(search, model, keys, prefixes=prefixes), strict=True):
        assert hypotheses
        for h in hypotheses:
            assert h.ids[: len(prefix)] == tuple(prefix)
            assert len(h.ids) <= max(limit, len(prefix))
            own_log_probs = [model.log_probs_after(key, h.ids[:i])[v] for i, v in enumerate((*h.ids, EOS))]
            assert h.token_log_probs == pytest.approx([float(v) for v in own_log_probs])


@members
def test_empty_prefixes_change_nothing(name, own):
    search = build(name, own)
    keys = [1, 2, 3]
    assert run(search, ToyModel(6), keys, prefixes=[[], [], []]) == run(search, ToyModel(6), keys)


@members
def test_attention_is_given_only_where_wanted_and_had(name, own):
    search = build(name, own)
    rows = [h for found in run(search, ToyModel(6), [1, 2]) for h in found]
    assert all(h.attention is None for h in rows)
    rows = [h for found in run(search, ToyModel(6, has_attention=False), [1, 2], want_attention=True) for h in found]
    assert all(h.attention is None for h in rows)


@members
def test_attention_is_the_models_at_each_token(name, own):
    model = ToyModel(6, eos_bonus=-1.0)
    keys, lengths = [1, 2], [2, 4]
    found = run(build(name, own), model, keys, lengths, want_attention=True)
    for key, length, hypotheses in zip(keys, lengths, found, strict=True):
        for h in hypotheses:
            memory, state, _ = model.batch([key], [length])
            rows = []
            for last in (GO, *h.ids):
                step = model.step(memory, np.array([0]), np.array([last]), state, 1)
                rows.append(step.attention[0])
                state = step.state
            assert np.array_equal(h.attention, np.stack(rows))


@members
def test_no_sentences_give_no_results_and_no_step(name, own):
    model = ToyModel(6)
    assert run(build(name, own), model, []) == []
    assert run(build(name, own), model, [], prefixes=[]) == []
    assert not model.calls


@members
def test_a_search_keeps_nothing_between_calls(name, own):
    search, model = build(name, own), ToyModel(6)
    first = run(search, model, [1, 2])
    run(search, model, [3, 4, 5])
    assert run(search, model, [1, 2]) == first


@members
@pytest.mark.parametrize("wrong", [GO, EOS, 6, -1])
def test_a_prefix_of_ids_that_cannot_stand_there_is_refused(name, own, wrong):
    with pytest.raises(UserError, match=rf"prefix of sentence 1 .* not {wrong}\."):
        run(build(name, own), ToyModel(6), [1, 2], prefixes=[[], [2, wrong]])


@members
def test_a_prefix_that_the_model_cannot_write_is_refused(name, own):
    with pytest.raises(UserError, match=r"prefix of sentence 1 .* not 3\."):
        run(build(name, own), ToyModel(6, never=3), [1, 2], prefixes=[[2], [2, 3]])


@members
def test_there_must_be_a_prefix_for_each_sentence(name, own):
    with pytest.raises(ValueError, match="2 sentences, not 1"):
        run(build(name, own), ToyModel(6), [1, 2], prefixes=[[2]])


@members
def test_a_broken_model_is_named(name, own):
    class Broken(ToyModel):
        def table(self, prefix_hash):
            return np.full((len(prefix_hash), 6), np.nan, dtype=np.float32)

    with pytest.raises(WorkError, match="sentence 0 must be finite, not nan"):
        run(build(name, own), Broken(6), [1, 2])


@members
def test_the_limit_grows_with_the_source(name, own):
    model = ToyModel(6, eos_bonus=-20.0)
    search = build(name, own, Limits(2, 1))
    found = run(search, model, [1, 2], [1, 3])
    # EOS is so unlikely that only the limit ends a translation.
    assert [{len(h.ids) for h in hypotheses} for hypotheses in found] == [{3}, {7}]
    assert not any(h.finished for hypotheses in found for h in hypotheses)
