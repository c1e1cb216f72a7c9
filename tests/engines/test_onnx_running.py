"""The ONNX engine over graphs made by hand, against the same model written as a loop over rows."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import hand_made
import numpy as np
import pytest
from hand_made import FORBIDDEN, TARGET_SYMBOLS, log_probs_of
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from seq2seq.engines.onnx.memory import Memory, view
from seq2seq.engines.onnx.places import LEAST_WIDTH, lay_out
from seq2seq.engines.onnx.sessions import Session
from seq2seq.engines.onnx.tables import Table, unwritten
from seq2seq.errors import UserError
from seq2seq.search import Beam, Greedy, Limits
from seq2seq.text.special import EOS, GO

SOURCES = [[5, 6, 7, 8], [9], [10, 11, 22], [4, 4, 4, 4, 4, 4], [12, 13]]


def ints(*values: int) -> np.ndarray:
    return np.array(values, dtype=np.int64)


@pytest.fixture(params=[1, 2], ids=["rows as they are", "lone rows doubled"])
def engine(request, tmp_path):
    return hand_made.engine(tmp_path, least_rows=request.param)


def check(step, sources, targets, k):
    """The step's rows follow these targets of these sources."""
    for row, (source, target) in enumerate(zip(sources, targets, strict=True)):
        wanted, shares = log_probs_of(source, target)
        order = np.argsort(-wanted, kind="stable")[:k]
        assert step.ids[row].tolist() == order.tolist()
        np.testing.assert_allclose(step.log_probs[row], wanted[order], atol=1e-5)
        np.testing.assert_allclose(step.attention[row, : len(shares)], shares, atol=1e-6)
        assert not step.attention[row, len(shares) :].any()


def test_the_first_step(engine) -> None:
    start = engine.start(SOURCES)
    assert start.source_lengths.tolist() == [5, 2, 4, 7, 3]
    step = engine.step(start.memory, np.arange(5), np.full(5, GO), start.state, 3)
    assert step.ids.shape == step.log_probs.shape == (5, 3)
    assert (step.ids.dtype, step.log_probs.dtype) == (np.int64, np.float32)
    assert step.also_log_probs is None
    check(step, SOURCES, [[]] * 5, 3)
    assert (engine.go, engine.eos, engine.vocabulary_size) == (GO, EOS, TARGET_SYMBOLS)


@given(
    st.lists(
        st.lists(st.tuples(st.integers(0, 10**6), st.integers(4, TARGET_SYMBOLS - 1)), min_size=1, max_size=9),
        min_size=1,
        max_size=6,
    ),
    st.integers(1, 5),
    st.booleans(),
)
@hypothesis_settings(max_examples=60, deadline=None)
def test_any_walk_over_the_rows(tmp_path_factory, walk, num_sentences: int, selects_twice: bool) -> None:
    """Rows may be dropped, repeated and put in any order at each step; whole sentences vanish on the way."""
    made = _engine(tmp_path_factory)
    sources = SOURCES[:num_sentences]
    start = made.start(sources)
    state, owner, targets = start.state, np.arange(num_sentences), [[] for _ in sources]
    last = np.full(num_sentences, GO)
    for chosen in walk:
        step = made.step(start.memory, owner, last, state, 2)
        check(step, [sources[i] for i in owner], targets, 2)
        rows = np.array([number % len(owner) for number, _ in chosen])
        last = np.array([word for _, word in chosen])
        if selects_twice:
            state = made.select(made.select(step.state, np.arange(len(owner))[::-1]), len(owner) - 1 - rows)
        else:
            state = made.select(step.state, rows)
        owner, targets = owner[rows], [[*targets[row], int(word)] for row, word in zip(rows, last, strict=True)]


_MADE = {}


def _engine(factory):
    """One engine for all examples: hypothesis asks many times."""
    if "engine" not in _MADE:
        _MADE["engine"] = hand_made.engine(factory.mktemp("graphs"))
    return _MADE["engine"]


def test_ids_that_are_asked_for(engine) -> None:
    start = engine.start(SOURCES[:2])
    also = ints(7, GO, EOS, 7).reshape(2, 2)
    step = engine.step(start.memory, ints(1, 0), ints(GO, GO), engine.select(start.state, ints(1, 0)), 1, also)
    for row, number in enumerate([1, 0]):
        wanted, _ = log_probs_of(SOURCES[number], [])
        np.testing.assert_allclose(step.also_log_probs[row], wanted[also[row]], atol=1e-5)


def test_a_lone_row_with_ids_asked_for(engine) -> None:
    start = engine.start(SOURCES[:1])
    step = engine.step(start.memory, ints(0), ints(GO), start.state, 2, ints(7, 8)[None])
    assert step.ids.shape == (1, 2)
    assert step.attention.shape == (1, 5)
    np.testing.assert_allclose(step.also_log_probs[0], log_probs_of(SOURCES[0], [])[0][[7, 8]], atol=1e-5)


@pytest.mark.parametrize("k", [6, 7, TARGET_SYMBOLS])
def test_any_number_of_the_best_can_be_asked_for(engine, k: int) -> None:
    start = engine.start(SOURCES)
    step = engine.step(start.memory, np.arange(5), np.full(5, GO), start.state, k)
    check(step, SOURCES, [[]] * 5, k)
    assert step.ids.shape == step.log_probs.shape == (5, k)
    assert engine.asked["step"][-1]["k"].tolist() == [k]


def test_the_whole_distribution(engine) -> None:
    start = engine.start(SOURCES)
    found = engine.distribution(start.memory, np.arange(5), np.full(5, GO), start.state)
    for row, source in enumerate(SOURCES):
        np.testing.assert_allclose(found.log_probs[row], log_probs_of(source, [])[0], atol=1e-5)
        assert (found.log_probs[row, FORBIDDEN] == -np.inf).all()
    step = engine.step(start.memory, np.arange(5), np.full(5, GO), start.state, 1)
    for one, other in ((found.attention, step.attention), (found.state.parts[0], step.state.parts[0])):
        assert np.array_equal(one, other)


def test_a_lone_row_is_doubled_where_it_must_be_and_nowhere_else(engine) -> None:
    start = engine.start(SOURCES[:1])
    step = engine.step(start.memory, ints(0), ints(GO), start.state, 1)
    engine.step(start.memory, ints(0), ints(5), step.state, 1)
    wanted = engine._least
    assert [len(feed["ids"]) for feed in engine.asked["encoder"]] == [wanted]
    assert [len(feed["last_ids"]) for feed in engine.asked["step"]] == [wanted, wanted]
    assert all(feed["grid"].shape == (1, 2) for feed in engine.asked["step"])
    assert start.memory.parts[0].shape[0] == 1  # and the copy is nobody's business


def test_states_and_memory_are_never_copied(engine) -> None:
    start = engine.start(SOURCES)
    step = engine.step(start.memory, np.arange(5), np.full(5, GO), start.state, 1)
    engine.step(start.memory, ints(4, 2, 1, 0), np.full(4, 5), engine.select(step.state, ints(4, 2, 1, 0)), 1)
    first, second = engine.asked["step"]
    for name in ("memory.0", "memory.1"):
        assert np.shares_memory(first[name], second[name])
    assert np.shares_memory(second["state.0"], step.state.parts[0])
    assert second["state.0"].shape == (5, hand_made.SIZE)  # the choice is made inside the graph
    assert not second["state.0"].flags.owndata


def test_the_memory_shrinks_once_with_what_is_left_of_the_batch(engine) -> None:
    start = engine.start(SOURCES)
    owner, state, last, targets = np.arange(5), start.state, np.full(5, GO), [[] for _ in SOURCES]
    for chosen in ([0, 1, 2, 3, 4], [0, 2, 3, 4], [1, 0, 3], [0, 1, 1], [0, 1], [1]):
        rows = np.array(chosen)
        state, owner, last = engine.select(state, rows), owner[rows], last[rows]
        targets = [targets[row] for row in rows]
        step = engine.step(start.memory, owner, last, state, 1)
        check(step, [SOURCES[i] for i in owner], targets, 1)
        state, last = step.state, np.full(len(owner), 6)
        targets = [[*target, 6] for target in targets]
    # 5 and 4 of 5 stay; 3 of 5 are put together; 2 of 3 again; and 2 of 2, though in one row each; then 1 of 2.
    assert [len(feed["memory.0"]) for feed in engine.asked["step"]] == [5, 5, 3, 2, 2, 1]
    held = [feed["memory.0"] for feed in engine.asked["step"]]
    assert np.shares_memory(held[3], held[4])  # put together once, and remembered


def test_a_state_can_be_taken_up_again_after_another_was_followed(engine) -> None:
    start = engine.start(SOURCES)
    step = engine.step(start.memory, np.arange(5), np.full(5, GO), start.state, 1)
    alone = engine.step(start.memory, ints(3), ints(7), engine.select(step.state, ints(3)), 1)
    check(alone, [SOURCES[3]], [[7]], 1)
    again = engine.step(start.memory, np.arange(5), np.full(5, 8), step.state, 1)
    check(again, SOURCES, [[8]] * 5, 1)


@given(st.lists(st.integers(0, 7), min_size=1, max_size=40), st.booleans())
def test_the_grid(owner: list[int], is_sorted: bool) -> None:
    rows = np.array(sorted(owner) if is_sorted else owner)
    num_sentences = max(owner) + 1
    counts = np.bincount(rows, minlength=num_sentences)
    grid, place = lay_out(rows, counts)
    assert grid.shape == (num_sentences, max(LEAST_WIDTH, counts.max()))
    assert grid.dtype == place.dtype == np.int64
    assert grid.ravel()[place].tolist() == list(range(len(rows)))  # each row is where it is said to be
    assert (place // grid.shape[1]).tolist() == rows.tolist()  # in its own sentence's line
    empty = np.ones(grid.size, bool)
    empty[place] = False
    assert not grid.ravel()[empty].any()


@given(st.lists(st.integers(0, 19), min_size=1, max_size=30))
def test_the_view_of_a_memory(owner: list[int]) -> None:
    memory = Memory((np.arange(20),), 20)
    kept = None
    for fewer in (owner, owner[: len(owner) // 2 + 1], owner[:1]):
        rows = np.array(fewer)
        seen = view(memory, kept, rows)
        assert seen.parts[0][seen.owner].tolist() == fewer
        assert seen.counts.tolist() == np.bincount(seen.owner, minlength=len(seen.parts[0])).tolist()
        assert len(set(fewer)) >= 0.75 * len(seen.parts[0])
        kept = seen.kept


def test_rows_of_a_table_are_computed_once() -> None:
    asked = []

    def compute(ids):
        asked.append(ids.tolist())
        return np.stack([ids, ids * 2], axis=1).astype(np.float32)

    table = Table(10, 2, compute)
    for ids in ([[3, 5], [5, 3]], [[3, 4]], [[5, 4]]):
        table.ensure(np.array(ids))
        assert table.rows[ids].tolist() == [[[i, 2 * i] for i in line] for line in ids]
    assert asked == [[3, 5], [4]]


def test_a_row_is_marked_as_known_only_when_it_is_there() -> None:
    def fail(ids):
        raise MemoryError

    table = Table(4, 2, fail)
    for _ in range(2):  # the second time as the first: nothing was marked
        with pytest.raises(MemoryError):
            table.ensure(ints(1))


@pytest.mark.parametrize("shape", [(3, 5), (0, 4), (4, 0)])
def test_a_table_starts_with_zeros_and_can_be_written(shape) -> None:
    rows = unwritten(*shape)
    assert (rows.shape, rows.dtype) == (shape, np.float32)
    rows[:] = 1.0
    assert rows.sum() == rows.size


def test_the_vocabularies_may_differ_in_size(tmp_path) -> None:
    """Source ids beyond the target's vocabulary are looked up in the source's alone."""
    engine = hand_made.engine(tmp_path)
    start = engine.start([[hand_made.SOURCE_SYMBOLS - 1, TARGET_SYMBOLS]])
    step = engine.step(start.memory, ints(0), ints(GO), start.state, 1)
    check(step, [[hand_made.SOURCE_SYMBOLS - 1, TARGET_SYMBOLS]], [[]], 1)


def test_threads_share_an_engine(tmp_path) -> None:
    search = Beam(3, limits=Limits(max_length_factor=1.0, max_length_constant=3))

    def found(made, source):
        start = made.start([source])
        (hypotheses,) = search(made, start.memory, start.state, start.source_lengths)
        return [(list(h.ids), h.log_prob) for h in hypotheses]

    sources = [[4 + (i * j) % 19 for j in range(1, 2 + i % 5)] for i in range(40)]
    alone = hand_made.engine(tmp_path)
    wanted = [found(alone, source) for source in sources]
    shared = hand_made.engine(tmp_path)
    with ThreadPoolExecutor(4) as pool:
        assert list(pool.map(lambda source: found(shared, source), sources)) == wanted


def test_searches_run_on_it(engine) -> None:
    limits = Limits(max_length_factor=1.0, max_length_constant=3)
    start = engine.start(SOURCES)
    found = Greedy(limits=limits)(engine, start.memory, start.state, start.source_lengths)
    for source, (hypothesis,) in zip(SOURCES, found, strict=True):
        target = []
        while len(target) < len(source) + 1 + 3:
            word = int(log_probs_of(source, target)[0].argmax())
            if word == EOS:
                break
            target.append(word)
        assert list(hypothesis.ids) == target


def test_a_damaged_graph_is_an_error_for_people(tmp_path) -> None:
    path = tmp_path / "step.onnx"
    with pytest.raises(UserError, match=r"step\.onnx is missing"):
        Session(path, {})
    path.write_bytes(b"no graph")
    with pytest.raises(UserError, match=r"step\.onnx cannot be run"):
        Session(path, {})
    path.write_bytes(hand_made.step().SerializeToString())
    with pytest.raises(UserError, match="cannot be run"):
        Session(path, {"another": np.zeros(3, np.float32)})
