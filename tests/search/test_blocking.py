"""Minimum length, n-gram blocking, banned sequences and the coverage penalty: each alone and in pairs."""

from __future__ import annotations

from itertools import combinations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from search_references import NO_RULES, Rules, coverage, exhaustive, rounded
from search_references import beam as slow_beam
from search_references import greedy as slow_greedy
from toy_model import EOS, GO, Attending, ToyModel

from seq2seq.errors import UserError
from seq2seq.search import Beam, Greedy, Limits, Required, Sampling, force_decode, sum_log_probs
from seq2seq.search.banned import Banned
from seq2seq.search.blocking import block
from seq2seq.search.coverage import Coverage
from seq2seq.search.ngrams import RepeatedNgrams

keys = st.integers(0, 2**32)
ids = st.integers(2, 4)
sequences = st.lists(ids, min_size=1, max_size=3).map(tuple)
ON = {
    "prefix": st.lists(ids, min_size=1, max_size=3).map(tuple),
    "min_length": st.integers(1, 5),
    "ngram": st.integers(1, 3),
    "banned": st.lists(sequences, min_size=1, max_size=3).map(tuple),
    "coverage": st.sampled_from([0.05, 0.2, 1.0]),
    "phrases": st.sampled_from([((2,),), ((2, 3),), ((2,), (3,)), ((4, 2), (3,)), ((2,), (2,))]),
}
PAIRS = [*combinations(ON, 2)]
any_rules = st.fixed_dictionaries({}, optional={k: v for k, v in ON.items() if k != "phrases"}).map(
    lambda d: Rules(**d)
)


def ask(kind, rules, *args, limit=None, **own):
    """Returns the search that has the rules' settings."""
    own |= {"min_length": rules.min_length, "no_repeat_ngram": rules.ngram}
    if kind is Beam:
        own["coverage_penalty"] = rules.coverage
    return kind(*args, **own, **({} if limit is None else {"limits": Limits(0, limit)}))


def run(search, model, sentence_keys, rules=NO_RULES, lengths=None, **kwargs):
    """Searches with what the rules ask of one call, of each sentence alike."""
    memory, state, source_lengths = model.batch(sentence_keys, lengths)
    count = len(sentence_keys)
    kwargs = {"prefixes": [rules.prefix] * count, "banned": rules.banned, **kwargs}
    kwargs |= {"required": Required([rules.phrases] * count)} if rules.phrases else {}
    return search(model, memory, state, source_lengths, **kwargs)


@pytest.mark.parametrize("pair", PAIRS, ids="+".join)
@settings(max_examples=6, deadline=None)
@given(key=keys, limit=st.integers(1, 4), alpha=st.sampled_from([0.0, 1.0]), data=st.data())
def test_a_beam_wider_than_the_space_is_exhaustive_among_what_keeps_to_the_rules(pair, key, limit, alpha, data):
    model = Attending(5, eos_bonus=data.draw(st.sampled_from([-1.0, 1.0])))
    rules = Rules(**{name: data.draw(ON[name]) for name in pair})
    wanted = exhaustive(model, key, limit, alpha, rules=rules)
    nbest = data.draw(st.sampled_from([1, 3, 1500]))
    search = ask(Beam, rules, 1500, limit=limit, nbest=nbest, length_penalty=alpha)
    if not wanted:
        with pytest.raises(UserError, match=r"No translation of sentence 0"):
            run(search, model, [key], rules)
        return
    (found,) = run(search, model, [key], rules)
    assert rounded(found) == rounded(wanted[:nbest])
    assert len({h.ids for h in found}) == len(found)


@settings(max_examples=80, deadline=None)
@given(
    st.lists(keys, min_size=1, max_size=3),
    st.integers(1, 7),
    st.integers(1, 5),
    st.sampled_from([0.0, 0.6, 1.0]),
    any_rules,
    st.data(),
)
def test_equals_the_beam_written_with_lists(sentence_keys, limit, size, alpha, rules, data):
    # Three words repeat themselves soon; with eight, what is dropped leaves others to take.
    model = Attending(data.draw(st.sampled_from([5, 10])), levels=data.draw(st.sampled_from([0, 2])), eos_bonus=-1.0)
    nbest = data.draw(st.integers(1, size))
    search = ask(Beam, rules, size, limit=limit, nbest=nbest, length_penalty=alpha)
    wanted = [slow_beam(model, k, limit, alpha, size=size, nbest=nbest, rules=rules) for k in sentence_keys]
    if not all(wanted):
        with pytest.raises(UserError, match=rf"No translation of sentence {wanted.index([])} was found"):
            run(search, model, sentence_keys, rules)
        return
    assert [rounded(found) for found in run(search, model, sentence_keys, rules)] == [rounded(own) for own in wanted]


@settings(max_examples=80, deadline=None)
@given(st.lists(keys, min_size=1, max_size=4), st.integers(1, 8), st.sampled_from([0, 2]), any_rules)
def test_greedy_equals_the_loop_over_one_sentence_and_a_beam_of_one(sentence_keys, limit, levels, rules):
    model = Attending(6, levels=levels, eos_bonus=-1.0)
    plain = rules._replace(coverage=0.0)  # changes no translation of a beam of one, only its score
    wanted = [slow_greedy(model, k, limit, 1.0, rules=plain) for k in sentence_keys]
    greedy, beam = ask(Greedy, rules, limit=limit), ask(Beam, rules, 1, limit=limit)
    if None in wanted:
        for search in (greedy, beam):
            with pytest.raises(UserError, match="leave no token that may come next"):
                run(search, model, sentence_keys, rules)
        return
    found = run(greedy, model, sentence_keys, rules)
    assert [rounded(own) for own in found] == [rounded([own]) for own in wanted]
    for key, (one,), (other,) in zip(sentence_keys, found, run(beam, model, sentence_keys, rules), strict=True):
        assert (one.ids, one.log_prob, one.token_log_probs) == (other.ids, other.log_prob, other.token_log_probs)
        assert one.finished == other.finished
        assert other.score == pytest.approx(one.score + coverage(model, key, other.ids, rules.coverage))


@pytest.mark.parametrize("kind", [Beam, Greedy, Sampling])
@settings(max_examples=25, deadline=None)
@given(sentence_keys=st.lists(keys, min_size=1, max_size=4), limit=st.integers(3, 9), rules=any_rules, data=st.data())
def test_every_result_keeps_to_the_rules_and_is_what_force_decoding_says(kind, sentence_keys, limit, rules, data):
    model = Attending(12, eos_bonus=data.draw(st.sampled_from([-2.0, 3.0])))
    own = {} if kind is Greedy else {"nbest": 3}
    search = ask(kind, rules, limit=limit, length_penalty=0.7, **own)
    for key, found in zip(sentence_keys, run(search, model, sentence_keys, rules, want_attention=True), strict=True):
        possible = (
            3 if len(rules.prefix) < rules.longest(limit) else 1
        )  # a prefix that fills the limit leaves no choice
        assert kind is not Beam or len({h.ids for h in found}) == len(found) == possible
        for h in found:
            assert h.ids[: len(rules.prefix)] == rules.prefix
            assert rules.min_length <= len(h.ids) <= rules.longest(limit)
            for place in range(len(rules.prefix), len(h.ids)):
                assert rules.may_follow(h.ids[:place], h.ids[place], EOS)
            memory, state, _ = model.batch([key])
            (forced,) = force_decode(model, memory, state, [h.ids])
            assert tuple(forced.tolist()) == h.token_log_probs
            assert sum_log_probs(forced) == h.log_prob
            penalty = coverage(model, key, h.ids, rules.coverage) if kind is Beam else 0.0
            assert h.score == pytest.approx(h.log_prob / (len(h.ids) + 1) ** 0.7 + penalty)
            if not penalty:
                assert h.score == sum_log_probs(forced) / (len(h.ids) + 1) ** 0.7


@pytest.mark.parametrize("kind", [Beam, Greedy, Sampling])
@settings(max_examples=20, deadline=None)
@given(sentence_keys=st.lists(keys, min_size=2, max_size=5), rules=any_rules, data=st.data())
def test_a_result_does_not_depend_on_its_neighbours(kind, sentence_keys, rules, data):
    model = Attending(12)
    lengths = [data.draw(st.integers(1, 30)) for _ in sentence_keys]
    search = ask(kind, rules, limit=8)
    numbers = np.arange(len(sentence_keys))
    together = run(search, model, sentence_keys, rules, lengths, sentence_numbers=numbers)
    for i, key in enumerate(sentence_keys):
        assert run(search, model, [key], rules, lengths[i : i + 1], sentence_numbers=numbers[i : i + 1]) == [
            together[i]
        ]


@settings(max_examples=100, deadline=None)
@given(st.lists(st.lists(ids, min_size=7, max_size=7), min_size=1, max_size=4), st.integers(0, 7), st.integers(1, 4))
def test_an_id_is_forbidden_where_it_would_end_an_ngram_that_is_there(rows, position, n):
    written = np.array(rows, dtype=np.int64)[:, :position]
    forbidden = RepeatedNgrams(n)(written)
    for row, found in zip(written.tolist(), forbidden.tolist(), strict=True):
        ngrams = {tuple(row[i : i + n]) for i in range(len(row) - n + 1)}
        assert {i for i in found if i >= 0} == {v for v in range(2, 5) if (*row[len(row) - n + 1 :], v) in ngrams}
    assert not forbidden.shape[1] or (forbidden[:, -1] >= 0).any()  # no wider than it must be


@settings(max_examples=100, deadline=None)
@given(
    st.lists(st.lists(ids, min_size=5, max_size=5), min_size=1, max_size=4),
    st.integers(0, 5),
    st.lists(sequences, max_size=5),
)
def test_an_id_is_forbidden_where_it_would_end_a_banned_sequence(rows, position, banned):
    written = np.array(rows, dtype=np.int64)[:, :position]
    longer = [b for b in banned if len(b) > 1]
    forbidden = Banned(banned, 6)(written)
    for row, found in zip(written.tolist(), forbidden.tolist(), strict=True):
        assert {i for i in found if i >= 0} == {
            v for v in range(2, 5) if any((*row, v)[-len(b) :] == b for b in longer)
        }


def test_no_more_is_asked_for_than_is_forbidden():
    def asked(search, banned=None):
        model = ToyModel(20, eos_bonus=-20.0)
        run(search, model, [1], Rules(banned=banned or ()))
        return [k for _, k in model.calls]

    limits = Limits(0, 4)
    assert asked(Beam(3, limits=limits)) == [3] * 5
    assert asked(Beam(3, limits=limits, min_length=2)) == [4, 4, 3, 3, 3]
    assert asked(Beam(3, limits=limits, no_repeat_ngram=1)) == [3, 4, 5, 6, 7]
    assert asked(Beam(3, limits=limits), banned=((2,), (3,))) == [5] * 5
    assert asked(Beam(3, limits=limits), banned=((2,), (3,), (2, 3, 4))) == [5] * 5
    assert asked(Greedy(limits=limits, min_length=1), banned=((2,),)) == [3, 2, 2, 2, 2]
    assert asked(Sampling(limits=limits, top_k=2), banned=((2,),)) == [3] * 5
    assert asked(Sampling(limits=limits), banned=((2,),)) == [20] * 5


@pytest.mark.parametrize("kind", [Beam, Greedy, Sampling])
def test_where_nothing_is_forbidden_nothing_is_done(kind):
    for banned in (None, []):
        assert block(ToyModel(6), 3, min_length=0, no_repeat_ngram=0, banned=banned) is None
    assert run(kind(), ToyModel(6), [1, 2], banned=[]) == run(kind(), ToyModel(6), [1, 2])


def test_a_draw_leaves_out_what_is_forbidden_and_keeps_the_rest_in_proportion():
    model, draws = ToyModel(7), 4000
    memory, state, lengths = model.batch([11])
    search = Sampling(nbest=draws, min_length=1, limits=Limits(0, 1))
    (found,) = search(model, memory, state, lengths, banned=[[3], [5]])
    counts = np.bincount([h.ids[0] for h in found], minlength=7)
    assert set(np.flatnonzero(counts)) == {2, 4, 6}
    expected = np.exp(model.log_probs_after(11, ()).astype(float))[[2, 4, 6]]
    expected *= draws / expected.sum()
    # 2 degrees of freedom: a true distribution exceeds 18.4 once in 10,000 seeds.
    assert ((counts[[2, 4, 6]] - expected) ** 2 / expected).sum() < 18.4
    model = ToyModel(7)  # the two likeliest of what is left
    likeliest = np.argsort(-model.log_probs_after(11, ())[[2, 4, 6]])[:2]
    (found,) = Sampling(nbest=50, top_k=2, min_length=1, limits=Limits(0, 1))(
        model, *model.batch([11])[:2], lengths, banned=[[3], [5]]
    )
    assert {h.ids[0] for h in found} == set(np.array([2, 4, 6])[likeliest].tolist())


def test_the_minimum_lifts_the_limit():
    for search in (Beam(2, min_length=6, limits=Limits(0, 2)), Greedy(min_length=6, limits=Limits(0, 2))):
        ((found,),) = run(search, ToyModel(6, eos_bonus=9.0), [1])
        assert len(found.ids) == 6
        assert found.finished  # EOS was the model's own choice there


def test_what_is_forced_or_required_is_never_forbidden():
    rules = Rules(prefix=(2, 2, 3), banned=((3,), (2, 2)), ngram=1)
    for kind in (Beam, Greedy, Sampling):
        (found,) = run(ask(kind, rules, limit=5), ToyModel(8), [1], rules)
        assert found[0].ids[:3] == (2, 2, 3)
        assert not {2, 3} & set(found[0].ids[3:])
    for kind in (Beam, Greedy):
        # Twice the same phrase, of banned ids; beside it nothing may stand there twice.
        (found,) = run(
            kind(no_repeat_ngram=1, min_length=6, limits=Limits(0, 6)),
            ToyModel(9),
            [1],
            banned=[[2], [3, 4]],
            required=Required([[(2, 3, 4), (2, 3, 4)]]),
        )
        assert found[0].ids == (2, 3, 4, 2, 3, 4)


def test_the_coverage_penalty_is_the_formula():
    coverage = Coverage(0.5, np.array([2, 3]))
    coverage.read(np.array([[0.5, 0.5, 0.0], [0.25, 0.75, 0.0]], dtype=np.float32))
    coverage.keep(np.array([1, 1, 0]))
    coverage.read(np.array([[0.25, 0.5, 0.0], [0.25, 0.75, 0.0], [0.125, 0.875, 0.0]], dtype=np.float32))
    # Sums: 0.5 and 1.25, which counts as 1, and 0, which counts as 0.001; the last row has but two source tokens.
    found = coverage.penalties(np.array([0, 2]), np.array([1, 0]))
    assert found == pytest.approx([0.5 * np.log(0.5 * 1 * 0.001), 0.5 * np.log(0.625)])


def test_the_coverage_penalty_prefers_what_looked_at_everything():
    class Looks(ToyModel):
        """After 2 it looks at the second source token, else at the first."""

        def table(self, prefix_hash):
            full = np.full((len(prefix_hash), 4), -np.inf, dtype=np.float32)
            full[:] = np.log([1e-9, 0.4, 0.3, 0.3])
            full[:, GO] = -np.inf
            return full

        def step(self, memory, owner, last_ids, state, k, also=None):
            step = super().step(memory, owner, last_ids, state, k, also)
            step.attention[:] = np.where((last_ids == 2)[:, None], [[0, 1]], [[1, 0]])
            return step

    model = Looks(4)
    (plain,) = run(Beam(9, limits=Limits(0, 3)), model, [1], lengths=[2])
    (covered,) = run(Beam(9, limits=Limits(0, 3), coverage_penalty=0.2), model, [1], lengths=[2])
    assert plain[0].ids == ()
    assert covered[0].ids == (2,)
    assert covered[0].score == pytest.approx((np.log(0.3) + np.log(0.4)) / 2)  # it has looked at both, so no penalty


def test_a_coverage_penalty_needs_attention():
    with pytest.raises(UserError, match="needs a model with attention"):
        run(Beam(coverage_penalty=0.1), ToyModel(6, has_attention=False), [1])


@pytest.mark.parametrize("kind", [Beam, Greedy, Sampling])
@pytest.mark.parametrize(
    ("own", "rule"),
    [({"min_length": -1}, "at least 0, not -1."), ({"no_repeat_ngram": -2}, "at least 0, not -2.")],
)
def test_settings_out_of_range_name_the_rule_and_the_value(kind, own, rule):
    with pytest.raises(UserError) as caught:
        kind(**own)
    assert caught.value.message.endswith(rule)


@pytest.mark.parametrize("wrong", [-0.1, float("nan"), float("inf")])
def test_a_coverage_penalty_out_of_range_is_refused(wrong):
    with pytest.raises(UserError, match=f"finite number of at least 0, not {wrong}"):
        Beam(coverage_penalty=wrong)


@pytest.mark.parametrize("search", [Beam(2), Greedy(), Sampling()])
@pytest.mark.parametrize("wrong", [GO, EOS, 6, -1])
def test_what_cannot_be_written_cannot_be_banned(search, wrong):
    with pytest.raises(UserError, match=rf"ids of banned sequence 1 .* not {wrong}\."):
        run(search, ToyModel(6), [1], banned=[[2], [3, wrong]])
    with pytest.raises(UserError, match="Banned sequence 0 must hold at least one id"):
        run(search, ToyModel(6), [1], banned=[[]])


@pytest.mark.parametrize("search", [Beam(2, min_length=3), Greedy(min_length=3), Sampling(min_length=3)])
def test_where_nothing_may_follow_the_sentence_is_named(search):
    with pytest.raises(UserError, match=r"No translation of sentence \d was found"):
        run(search, ToyModel(5), [1, 2], banned=[[2], [3], [4, 4]])
