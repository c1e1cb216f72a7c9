"""Required phrases: they are in every output, and of all outputs that hold them the search finds the best."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from search_references import count, exhaustive, holds, rounded
from toy_model import EOS, GO, Attending, ToyModel

from seq2seq.errors import UserError
from seq2seq.search import Beam, Greedy, Limits, Required, Sampling, Step
from seq2seq.search.banks import WIDEST, _first_of_banks
from seq2seq.search.pool import Pool
from seq2seq.search.required import Progress

keys = st.integers(0, 2**32)
FEW = settings(max_examples=30, deadline=None)
any_phrases = st.lists(st.lists(st.integers(2, 4), min_size=1, max_size=3), max_size=3)
any_continuing = st.frozensets(st.integers(2, 5), max_size=2)


def run(search, model, sentence_keys, lengths=None, **kwargs):
    memory, state, source_lengths = model.batch(sentence_keys, lengths)
    return search(model, memory, state, source_lengths, **kwargs)


@st.composite
def separate_phrases(draw):
    """Phrases of which none can overlap another: each id stands in one, once."""
    ids = list(draw(st.permutations([2, 3, 4])))
    cuts = draw(st.sampled_from([(1,), (2,), (1, 2), (1, 3), (3,)]))
    phrases = [ids[a:b] for a, b in zip((0, *cuts), cuts, strict=False)]
    return phrases + phrases[: draw(st.integers(0, 1))] * (len(phrases[0]) == 1)  # one of them asked for twice


@FEW
@given(
    st.lists(keys, min_size=1, max_size=2),
    st.integers(1, 4),
    st.sampled_from([0.0, 1.0]),
    st.data(),
)
def test_a_beam_wider_than_the_space_is_exhaustive_among_what_holds_the_phrases(sentence_keys, limit, alpha, data):
    model = ToyModel(5, eos_bonus=data.draw(st.sampled_from([-1.0, 2.0])))
    phrases = [data.draw(separate_phrases() | st.just([])) for _ in sentence_keys]
    continuing = data.draw(any_continuing)
    found = run(
        Beam(400, length_penalty=alpha, nbest=400, limits=Limits(0, limit)),
        model,
        sentence_keys,
        required=Required(phrases, continuing),
    )
    for key, own, got in zip(sentence_keys, phrases, found, strict=True):
        lifted = max(limit, sum(map(len, own)))
        wanted = [f for f in exhaustive(model, key, lifted, alpha) if holds(f.ids, own, continuing)]
        # With phrases the log-probability decides, without any the score.
        assert rounded(got) == rounded(sorted(wanted, key=lambda f: -f.log_prob) if own else wanted)
        assert wanted


def merit(model, key, ids, phrases, spans, log_prob):
    """The formula, for phrases that cannot overlap: probability, and what attention says of each token."""
    memory, state, _ = model.batch([key])
    total, last, left = log_prob, GO, sum(map(len, phrases))
    for place, token in enumerate(ids):
        step = model.step(memory, np.array([0]), np.array([last]), state, 1)
        state, last = step.state, token
        written = ids[: place + 1]
        now = 0
        for phrase in phrases:
            begun = max((n for n in range(1, len(phrase)) if tuple(written[-n:]) == tuple(phrase[:n])), default=0)
            now += 0 if count(written, phrase) else len(phrase) - begun
        if now < left:
            (own,) = (span for phrase, span in zip(phrases, spans, strict=True) if token in phrase)
            total += np.log(max(1e-3, step.attention[0, own].sum()))
        else:
            total += np.log(max(1e-3, 1 - step.attention[0, sorted({i for span in spans for i in span})].sum()))
        left = now
    return total


@FEW
@given(keys, st.integers(1, 4), st.data())
def test_attention_decides_where_a_phrase_stands(key, limit, data):
    model = Attending(5)
    phrases = data.draw(st.sampled_from([[(2,)], [(2, 3)], [(2, 4), (3,)], [(4,), (2, 3)]]))
    spans = [data.draw(st.sampled_from([[0], [1], [0, 2]])) for _ in phrases]
    (found,) = run(
        Beam(400, nbest=400, limits=Limits(0, limit)), model, [key], required=Required([phrases], spans=[spans])
    )
    lifted = max(limit, sum(map(len, phrases)))
    wanted = [f for f in exhaustive(model, key, lifted, 1.0) if holds(f.ids, phrases)]
    merits = {f.ids: merit(model, key, f.ids, phrases, spans, f.log_prob) for f in wanted}
    assert [merits[h.ids] for h in found] == pytest.approx(sorted(merits.values(), reverse=True), abs=1e-5)
    for h in found:
        assert h.score == pytest.approx(h.log_prob / (len(h.ids) + 1))  # the model's own, whatever attention says


def test_without_attention_spans_change_nothing():
    model = ToyModel(6, has_attention=False)
    plain = run(Beam(3), model, [1, 2], required=Required([[(2,)], [(3, 4)]]))
    assert run(Beam(3), model, [1, 2], required=Required([[(2,)], [(3, 4)]], spans=[[[0]], [[1]]])) == plain


@FEW
@given(st.lists(keys, min_size=1, max_size=4), st.integers(1, 8), st.integers(1, 6), st.data())
def test_every_output_holds_its_phrases_at_its_true_price(sentence_keys, limit, size, data):
    # Phrases that overlap, hold each other and are there twice; any beam; with and without a prefix.
    model = ToyModel(6, eos_bonus=data.draw(st.sampled_from([-3.0, 0.0, 3.0])))
    phrases = [data.draw(any_phrases) for _ in sentence_keys]
    prefixes = [data.draw(st.lists(st.integers(2, 5), max_size=3)) for _ in sentence_keys]
    continuing = data.draw(any_continuing)
    search = data.draw(
        st.sampled_from(
            [Beam(size, nbest=(size + 1) // 2, limits=Limits(0, limit)), Greedy(limits=Limits(0, limit))],
        )
    )
    found = run(
        search,
        model,
        sentence_keys,
        prefixes=prefixes,
        required=Required(phrases, continuing),
        want_attention=True,
    )
    for key, own, prefix, got in zip(sentence_keys, phrases, prefixes, found, strict=True):
        assert got
        assert len({h.ids for h in got}) == len(got)
        ranked_by = [h.log_prob if any(own) else h.score for h in got]
        assert ranked_by == sorted(ranked_by, reverse=True)
        longest = max(limit, len(prefix) + sum(count(q, p) * len(p) for p in set(map(tuple, own)) for q in own))
        for h in got:
            assert holds(h.ids, own, continuing), (h.ids, own, continuing)
            assert h.ids[: len(prefix)] == tuple(prefix)
            assert len(h.ids) <= longest
            own_log_probs = [float(model.log_probs_after(key, h.ids[:i])[v]) for i, v in enumerate((*h.ids, EOS))]
            assert h.token_log_probs == pytest.approx(own_log_probs, rel=1e-6)
            assert h.log_prob == pytest.approx(sum(own_log_probs))
            assert h.attention.shape == (len(h.ids) + 1, 3)


@FEW
@given(st.lists(keys, min_size=1, max_size=4), st.integers(1, 4), st.data())
def test_a_result_does_not_depend_on_its_neighbours(sentence_keys, size, data):
    model = ToyModel(6)
    phrases = [data.draw(any_phrases) for _ in sentence_keys]
    search = data.draw(st.sampled_from([Beam(size, nbest=size), Greedy()]))
    together = run(search, model, sentence_keys, required=Required(phrases))
    for key, own, found in zip(sentence_keys, phrases, together, strict=True):
        assert run(search, model, [key], required=Required([own])) == [found]
        if not own:
            assert run(search, model, [key]) == [found]


class Endless(Pool):
    """A pool that never says that it is full: every hypothesis runs to its limit."""

    any_full = property(lambda self: False, lambda self, value: None)


@FEW
@given(st.lists(keys, min_size=1, max_size=3), st.integers(2, 7), st.integers(1, 4), st.data())
def test_the_early_stop_changes_nothing(sentence_keys, limit, size, data):
    model = ToyModel(6, spread=6.0, eos_bonus=data.draw(st.sampled_from([0.0, 3.0])))
    phrases = [data.draw(any_phrases) for _ in sentence_keys]
    search = Beam(size, length_penalty=data.draw(st.sampled_from([0.0, 1.0])), limits=Limits(0, limit))
    stopped = run(search, model, sentence_keys, required=Required(phrases))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("seq2seq.search.beam.Pool", Endless)
        assert run(search, model, sentence_keys, required=Required(phrases)) == stopped


class Told:
    """A model given as a dictionary from what is written to log-probabilities by id; all others are -20."""

    go, eos, vocabulary_size = GO, EOS, 7

    def __init__(self, table):
        self.table = table

    def step(self, memory, owner, last_ids, state, k, also=None):
        written = [(*ids, int(last)) for ids, last in zip(state, last_ids, strict=True)]
        full = np.full((len(written), 7), -20.0, dtype=np.float32)
        full[:, GO] = -np.inf
        for row, ids in zip(full, written, strict=True):
            for value, log_prob in self.table.get(ids[1:], {}).items():
                row[value] = log_prob
        ids = np.argsort(-full, axis=1, kind="stable")[:, :k]
        chosen = None if also is None else np.take_along_axis(full, also, 1)
        return Step(ids, np.take_along_axis(full, ids, 1), written, chosen)

    def select(self, state, rows):
        return [state[row] for row in rows]


def test_a_hypothesis_that_cannot_win_still_holds_its_place_in_its_bank():
    # Four places, two a bank. (2,) ends with -2, and all without the phrase are at -6 or less from then on. They hold
    # two places, so that of three that go on from (2, 4) only two do: not the one that would have come to -1.41.
    table = {
        (): {2: -1.0, 3: -5.0},
        (2,): {4: -0.1, EOS: -1.0},
        (3,): {5: -1.0},
        (2, 4): {4: -0.1, 5: -0.2, 6: -0.3},
        (2, 4, 6): {EOS: -0.01},
    }
    (found,) = Beam(4, limits=Limits(0, 4))(Told(table), None, [()], np.array([1]), required=Required([[(2,)]]))
    assert found[0].ids == (2,)
    (found,) = Beam(6, limits=Limits(0, 4))(Told(table), None, [()], np.array([1]), required=Required([[(2,)]]))
    assert found[0].ids == (2, 4, 6)


def test_without_phrases_the_model_is_asked_for_nothing_more():
    for search in (Beam(3), Greedy(), Sampling(top_k=2)):
        asked = []
        for required in (None, Required([[], []])):
            model = ToyModel(6)
            step, also = model.step, []
            model.step = lambda *a, step=step, also=also: (also.append(a[5] if len(a) > 5 else None), step(*a))[1]
            found = run(search, model, [1, 2], required=required)
            asked.append((found, model.calls, [None if a is None else a.tolist() for a in also]))
        assert asked[0] == asked[1]


def test_the_limit_forces_the_phrases_and_is_lifted_where_they_need_more():
    model = ToyModel(8, eos_bonus=-20.0)  # it never ends of itself
    for limit, length in ((7, 7), (5, 5), (2, 5)):
        for search in (Beam(1, limits=Limits(0, limit)), Beam(5, limits=Limits(0, limit)), Greedy(limits=Limits(0, 4))):
            (found,) = run(search, model, [3], required=Required([[(2, 3, 4), (5, 6)]]))
            assert holds(found[0].ids, [(2, 3, 4), (5, 6)])
            if isinstance(search, Beam):
                assert len(found[0].ids) == length
    (found,) = run(Beam(2, limits=Limits(0, 1)), model, [3], prefixes=[[7, 2]], required=Required([[(2, 3)]]))
    assert found[0].ids == (7, 2, 3)  # what the prefix began counts


class Sure(ToyModel):
    """Writes 2 3 4 and ends: at each place one id has nearly all the probability, whatever went before."""

    place = -1

    def table(self, prefix_hash):
        self.place += 1  # one call a step
        full = np.full((len(prefix_hash), 7), -12.0, dtype=np.float32)
        full[:, GO] = -np.inf
        full[:, [2, 3, 4, EOS][min(self.place, 3)]] = -0.001
        return full


def test_a_phrase_the_model_would_never_think_of_costs_what_it_must_and_no_more():
    # 5 in the place of one of the three words costs 12, the two others and EOS 0.001 each; all else costs more.
    (found,) = run(Beam(4, length_penalty=0.0, limits=Limits(0, 6)), Sure(7), [1], required=Required([[(5,)]]))
    assert found[0].log_prob == pytest.approx(-12 - 3 * 0.001, abs=1e-5)
    assert found[0].ids in [(5, 3, 4), (2, 5, 4), (2, 3, 5)]


@pytest.mark.parametrize(
    ("phrases", "continuing", "ids", "needed"),
    [
        ([], (), [2, 3], 0),
        ([(2, 3)], (), [], 2),
        ([(2, 3)], (), [2], 1),
        ([(2, 3)], (), [2, 2], 1),
        ([(2, 3)], (), [2, 4], 2),  # broken: from the start again
        ([(2, 3)], (), [2, 3], 0),
        ([(2, 3), (2, 3)], (), [2, 3], 2),
        ([(2, 3), (2, 3)], (), [2, 3, 5, 2, 3], 0),
        ([(2, 3)], (4,), [2, 3, 4], 2),  # its last word went on: it was another word
        ([(2, 3)], (4,), [2, 3, 5], 0),
        ([(2, 3)], (4,), [2, 3, 4, 2, 3], 0),
        ([(3,), (2, 3)], (), [2, 3], 1),  # "New York" holds a "York" that is not the other's
        ([(3,), (2, 3)], (), [3, 2, 3], 0),
        ([(3,), (3, 4)], (4,), [3, 4, 3], 0),  # the 3 in 3 4 goes on, so nothing of it is shared
        ([(2, 2, 3)], (), [2, 2, 2], 1),  # falls back to the longest end that begins the phrase
        ([(4,), (2,)], (2,), [4, 2], 0),  # what begins a phrase goes on with nothing
        ([(), (2,)], (), [2], 0),
    ],
)
def test_progress_is_how_many_ids_are_still_needed(phrases, continuing, ids, needed):
    progress = Progress(phrases, frozenset(continuing))
    assert progress.needed[progress.after_all(ids)] == needed


def test_what_counts_as_written_before_may_begin_a_phrase():
    progress = Progress([(2, 3)], before=(2,))
    assert [progress.needed[progress.after_all(ids)] for ids in ([], [3], [4], [4, 2, 3])] == [1, 0, 2, 0]
    model = ToyModel(6, eos_bonus=-20.0)
    (found,) = run(Beam(9, limits=Limits(0, 1)), model, [3], required=Required([[(2, 3)]], before=(2,)))
    assert found[0].ids == (3,)


@settings(max_examples=100, deadline=None)
@given(any_phrases, any_continuing, st.lists(st.integers(2, 5), max_size=8))
def test_progress_agrees_with_counting_and_some_follower_always_leads_on(phrases, continuing, ids):
    progress = Progress(phrases, continuing)
    state = progress.after_all(ids)
    assert (progress.needed[state] == 0) == holds(ids, phrases, continuing)
    for _ in range(progress.needed[state]):
        nexts = [progress.after(state, token) for token in progress.followers[state]]
        best = min(nexts, key=lambda s: progress.needed[s])
        assert progress.needed[best] < progress.needed[state]
        state = best
        if not progress.needed[state]:
            break
    assert progress.needed[state] == 0


def test_places_are_shared_out_among_the_banks():
    # Likeliest first; 2 places a bank, and those that bank 1 cannot fill go to the likeliest left.
    banks = np.array([0, 0, 0, 0, 2, 2, 2, 1])
    assert _first_of_banks(banks, 3, 6).tolist() == [0, 1, 2, 4, 5, 7]
    # 5 places for 3 banks: one each, and one more for the two fullest.
    assert _first_of_banks(banks, 3, 5).tolist() == [0, 1, 4, 5, 7]
    assert _first_of_banks(np.array([1, 1, 1]), 2, 2).tolist() == [0, 1]
    # Fewer places than banks: the fullest have them.
    assert _first_of_banks(np.array([0, 1, 2]), 3, 1).tolist() == [2]


def test_the_beam_grows_to_a_place_a_bank_but_not_without_end():
    model = ToyModel(50, eos_bonus=-5.0)
    run(Beam(2, limits=Limits(0, 9)), model, [1], required=Required([[(2, 3, 4), (5, 6)]]))
    assert {k for _, k in model.calls} == {7}  # 6 banks, and EOS may be in the way
    assert max(rows for rows, _ in model.calls) == 6
    model = ToyModel(60, eos_bonus=-5.0)
    (found,) = run(Beam(2, limits=Limits(0, 9)), model, [1], required=Required([[tuple(range(2, 52))]]))
    assert found[0].ids == tuple(range(2, 52))
    assert max(rows for rows, _ in model.calls) <= WIDEST


def test_sampling_promises_nothing():
    with pytest.raises(UserError, match="Sampling cannot promise"):
        run(Sampling(), ToyModel(6), [1], required=Required([[(2,)]]))
    assert run(Sampling(), ToyModel(6), [1], required=Required([[]])) == run(Sampling(), ToyModel(6), [1])


@pytest.mark.parametrize("search", [Beam(2), Greedy()])
@pytest.mark.parametrize("wrong", [GO, EOS, 6, -1])
def test_a_phrase_of_ids_that_cannot_stand_there_is_refused(search, wrong):
    with pytest.raises(UserError, match=rf"required phrases of sentence 1 .* not {wrong}\."):
        run(search, ToyModel(6), [1, 2], required=Required([[], [[2, wrong]]]))


@pytest.mark.parametrize("search", [Beam(2), Greedy()])
def test_a_phrase_that_the_model_cannot_write_is_refused(search):
    with pytest.raises(UserError, match=r"required phrases of sentence 1 .* not 3\."):
        run(search, ToyModel(6, never=3), [1, 2], required=Required([[[2]], [[2, 3]]]))


def test_there_must_be_a_list_for_each_sentence():
    with pytest.raises(ValueError, match="2 sentences, not 1"):
        run(Beam(2), ToyModel(6), [1, 2], required=Required([[[2]]]))
