"""Beam search against exhaustive search and against a beam written with lists."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from search_references import Rules, exhaustive, rounded
from search_references import beam as slow_beam
from toy_model import EOS, ToyModel

from seq2seq.errors import UserError
from seq2seq.search import Beam, Greedy, Limits, Step

keys = st.integers(0, 2**32)
alphas = st.sampled_from([0.0, 0.6, 1.0, 2.0])
FEW = settings(max_examples=40, deadline=None)


def run(search, model, sentence_keys, lengths=None, **kwargs):
    memory, state, source_lengths = model.batch(sentence_keys, lengths)
    return search(model, memory, state, source_lengths, **kwargs)


def exactly(limit: int) -> Limits:
    return Limits(0, limit)


@FEW
@given(st.lists(keys, min_size=1, max_size=3), st.integers(1, 4), alphas, st.sampled_from([4, 5]), st.data())
def test_a_beam_wider_than_the_space_is_exhaustive(sentence_keys, limit, alpha, vocabulary_size, data):
    model = ToyModel(vocabulary_size, eos_bonus=data.draw(st.sampled_from([-2.0, 0.0, 2.0])))
    size = (vocabulary_size - 1) ** (limit + 1)
    nbest = data.draw(st.sampled_from([1, 3, size]))
    found = run(Beam(size, length_penalty=alpha, nbest=nbest, limits=exactly(limit)), model, sentence_keys)
    for key, got in zip(sentence_keys, found, strict=True):
        assert rounded(got) == rounded(exhaustive(model, key, limit, alpha)[:nbest])


@FEW
@given(
    st.lists(keys, min_size=1, max_size=4),
    st.integers(1, 7),
    st.integers(1, 6),
    alphas,
    st.data(),
)
def test_equals_the_beam_written_with_lists_ties_included(sentence_keys, limit, size, alpha, data):
    levels = data.draw(st.sampled_from([0, 1, 2]))
    model = ToyModel(5, levels=levels, eos_bonus=data.draw(st.sampled_from([-2, 0, 1])))
    nbest = data.draw(st.integers(1, size))
    prefixes = data.draw(st.lists(st.lists(st.integers(2, 4), max_size=3), min_size=4, max_size=4))
    prefixes = prefixes[: len(sentence_keys)]
    search = Beam(size, length_penalty=alpha, nbest=nbest, limits=exactly(limit))
    found = run(search, model, sentence_keys, prefixes=prefixes)
    for key, prefix, got in zip(sentence_keys, prefixes, found, strict=True):
        assert rounded(got) == rounded(
            slow_beam(model, key, limit, alpha, size=size, nbest=nbest, rules=Rules(tuple(prefix)))
        )


@FEW
@given(st.lists(keys, min_size=1, max_size=5), st.integers(1, 8), alphas, st.sampled_from([0, 1, 2]))
def test_a_beam_of_one_is_greedy(sentence_keys, limit, alpha, levels):
    model = ToyModel(6, levels=levels)
    beam = Beam(1, length_penalty=alpha, limits=exactly(limit))
    greedy = Greedy(length_penalty=alpha, limits=exactly(limit))
    assert run(beam, model, sentence_keys) == run(greedy, model, sentence_keys)


def test_a_tie_goes_to_the_higher_hypothesis_and_then_to_the_lower_id():
    # All logits equal over EOS=1, 2, 3, 4: the first step takes EOS and 2, the second 2's EOS and 2 2, and so on.
    found = run(Beam(2, length_penalty=1.0, nbest=2, limits=exactly(3)), ToyModel(5, levels=1), [0])[0]
    assert [h.ids for h in found] == [(), (2,)]
    assert [h.score for h in found] == pytest.approx([-np.log(4)] * 2, rel=1e-6)


class Script:
    """A model given as a dictionary from prefix to probabilities by id; one sentence, or equal ones."""

    go, eos, vocabulary_size = 0, EOS, 4

    def __init__(self, table):
        self.table = table
        self.num_steps = 0

    def step(self, memory, owner, last_ids, state, k, also=None):
        self.num_steps += 1
        written = [(*ids, int(last)) for ids, last in zip(state, last_ids, strict=True)]
        full = np.full((len(written), 4), -np.inf, dtype=np.float32)
        for row, ids in zip(full, written, strict=True):
            for value, probability in self.table(ids[1:]).items():
                row[value] = np.log(probability)
        ids = np.argsort(-full, axis=1, kind="stable")[:, :k]
        chosen = None if also is None else np.take_along_axis(full, also, 1)
        return Step(ids, np.take_along_axis(full, ids, 1), written, chosen)

    def select(self, state, rows):
        return [state[row] for row in rows]


def test_the_beam_finds_what_greedy_misses():
    table = {(): {2: 0.6, 3: 0.4}, (2,): {EOS: 0.5, 2: 0.25, 3: 0.25}, (3,): {EOS: 1.0}}
    model = Script(lambda ids: table.get(ids, {EOS: 1.0}))
    lengths = np.array([1])
    (greedy,) = Greedy(length_penalty=0.0)(model, None, [()], lengths)
    (beam,) = Beam(2, length_penalty=0.0)(model, None, [()], lengths)
    assert [h.ids for h in greedy] == [(2,)]
    assert [h.ids for h in beam] == [(3,)]
    assert np.exp(greedy[0].log_prob) == pytest.approx(0.3)
    assert np.exp(beam[0].log_prob) == pytest.approx(0.4)


def test_the_search_stops_as_soon_as_nothing_open_can_win():
    # EOS at once has 0.9; what is open has 0.1 at most, and the exponent 0 leaves it no way up.
    model = Script(lambda ids: {EOS: 0.9, 2: 0.1} if not ids else {2: 0.99, EOS: 0.01})
    (found,) = Beam(2, length_penalty=0.0, limits=exactly(50))(model, None, [()], np.array([1]))
    assert found[0].ids == ()
    assert model.num_steps == 1


def test_the_search_goes_on_while_a_longer_one_can_win():
    # EOS at once: log 0.6. The other: log 0.4 over many sure tokens, at the limit of 9: log(0.4) / 10 a token.
    model = Script(lambda ids: {EOS: 0.6, 2: 0.4} if not ids else {2: 1.0, EOS: 1e-9} if len(ids) < 9 else {EOS: 1.0})
    (found,) = Beam(2, length_penalty=1.0, limits=exactly(9))(model, None, [()], np.array([1]))
    assert found[0].ids == (2,) * 9
    assert found[0].finished
    assert found[0].score == pytest.approx(np.log(0.4) / 10)


def test_a_hypothesis_leaves_as_soon_as_it_cannot_win_and_the_others_go_on():
    # EOS at once has 0.6, 2 has 0.399 and 3 has 0.001: with limit 4 and exponent 1, log(0.001) / 5 is below log(0.6).
    model = Script(lambda ids: {EOS: 0.6, 2: 0.399, 3: 0.001} if not ids else {2: 1.0} if len(ids) < 4 else {EOS: 1.0})
    rows = []
    step = model.step
    model.step = lambda memory, owner, *rest: rows.append(len(owner)) or step(memory, owner, *rest)
    (found,) = Beam(3, limits=exactly(4))(model, None, [()], np.array([1]))
    assert found[0].ids == (2, 2, 2, 2)
    assert rows == [1, 1, 1, 1, 1]
    rows.clear()
    (found,) = Beam(3, nbest=2, limits=exactly(4))(model, None, [()], np.array([1]))
    assert rows[1] == 2  # of two kept, the second may be as unlikely as it likes


def test_finished_sentences_leave_the_batch():
    model = ToyModel(5, eos_bonus=-20.0)
    run(Beam(3, limits=Limits(1, 0)), model, [1, 2, 3, 4], [1, 2, 3, 20])
    rows = [rows for rows, _ in model.calls]
    assert rows[0] == 4
    assert max(rows) <= 12
    assert rows[5:] == [3] * (21 - 5)


def test_no_more_continuations_are_asked_for_than_the_beam_can_take():
    model = ToyModel(9)
    run(Beam(3), model, [1])
    assert {k for _, k in model.calls} == {3}
    wide = ToyModel(4)
    run(Beam(7), wide, [1])
    assert {k for _, k in wide.calls} == {4}


@FEW
@given(keys, st.integers(1, 6))
def test_nbest_holds_no_sequence_twice_and_is_full(key, size):
    found = run(Beam(size, nbest=size, limits=exactly(6)), ToyModel(8), [key])[0]
    assert len({h.ids for h in found}) == len(found) == size


def test_fewer_results_where_fewer_sequences_exist():
    # At most one token of three, or none: 4 sequences.
    found = run(Beam(9, nbest=9, limits=exactly(1)), ToyModel(5), [3])[0]
    assert len(found) == 4


@pytest.mark.parametrize(
    ("settings", "rule", "value"),
    [
        ({"size": 0}, "at least 1", "0"),
        ({"size": 3, "nbest": 4}, "from 1 to the beam's size, 3", "4"),
        ({"nbest": 0}, "from 1 to", "0"),
        ({"length_penalty": -0.5}, "at least 0", "-0.5"),
        ({"length_penalty": float("nan")}, "finite", "nan"),
    ],
)
def test_invalid_settings_name_the_rule_and_the_value(settings, rule, value):
    with pytest.raises(UserError) as caught:
        Beam(**settings)
    assert rule in caught.value.message
    assert caught.value.message.endswith(f"not {value}.")
