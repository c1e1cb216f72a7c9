"""A plan is what the obvious way of planning gives, for any lengths; it behaves like a list and holds no list."""

from __future__ import annotations

import tracemalloc
from itertools import product

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from seq2seq.data.mixing import epoch_rows
from seq2seq.data.plan import plan_epoch, row_type, shuffled

SMALL = st.integers(0, 40)
# Lengths whose product, or which alone, do not fit the digits that are sorted by at once.
ANY = st.one_of(SMALL, st.sampled_from([254, 255, 256, 65_534, 65_535, 65_536, 65_537, 200_000, 2**31 - 2]))
SEEDS, EPOCHS = st.integers(0, 2**63), st.integers(0, 10**6)


def planned_slowly(source, target, *, seed, epoch, batch_tokens=0, num_batches=None):
    """Sorts in Python and goes through the pairs one by one; the batches' turns, and ties, from the same generator."""
    generator = np.random.Generator(np.random.Philox(key=[seed, epoch]))
    order = sorted(
        generator.permutation(len(target)).tolist(),
        key=lambda row: (target[row], -source[row] if target[row] % 2 else source[row]),
    )
    batches, number, said = [], -1, 0
    if num_batches is None:
        for row in order:
            said += int(target[row]) + 1
            if (said - 1) // batch_tokens != number:
                number = (said - 1) // batch_tokens
                batches.append([])
            batches[-1].append(row)
    else:
        parts, total = min(num_batches, len(order)), int(target.astype(np.int64).sum()) + len(order)
        sums, cuts, least = np.cumsum(target[order].astype(np.int64) + 1).tolist(), [], 0
        for part in range(1, parts):
            wanted = sum(one < total * part / parts for one in sums) + 1
            least = max(least + 1, wanted)
            cuts.append(min(least, len(order) - parts + part))
        batches = [order[a:b] for a, b in zip([0, *cuts], [*cuts, len(order)], strict=True)]
    return [batches[turn] for turn in generator.permutation(len(batches))]


@settings(max_examples=120, deadline=None)
@given(st.lists(st.tuples(ANY, ANY), min_size=1, max_size=50), st.integers(1, 120), SEEDS, EPOCHS)
@example([(65_535, 0), (0, 65_535), (3, 3)], 7, 1, 0)
@example([(255, 255), (255, 0), (0, 255)], 7, 1, 0)
@example([(65_535, 0), (3, 0)], 7, 1, 0)
def test_it_is_what_sorting_pair_by_pair_gives(pairs, budget, seed, epoch) -> None:
    source, target = np.array(pairs, dtype=np.int32).T
    plan = plan_epoch(source, target, batch_tokens=budget, seed=seed, epoch=epoch)
    wanted = planned_slowly(source, target, batch_tokens=budget, seed=seed, epoch=epoch)
    assert [rows.tolist() for rows in plan] == wanted


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(SMALL, ANY), min_size=1, max_size=40), st.integers(1, 50), SEEDS, EPOCHS)
def test_of_so_many_batches_it_is_too(pairs, num_batches, seed, epoch) -> None:
    source, target = np.array(pairs, dtype=np.int32).T
    plan = plan_epoch(source, target, batch_tokens=1, seed=seed, epoch=epoch, num_batches=num_batches)
    wanted = planned_slowly(source, target, num_batches=num_batches, seed=seed, epoch=epoch)
    assert [rows.tolist() for rows in plan] == wanted


@pytest.mark.parametrize(("count", "seed"), list(product([0, 1, 2, 997], [0, 5])))
def test_rows_are_shuffled_as_a_permutation_is(count, seed) -> None:
    one, other = (np.random.Generator(np.random.Philox(seed)) for _ in range(2))
    rows = shuffled(count, one)
    assert rows.dtype == np.int32
    assert rows.tolist() == other.permutation(count).tolist()
    assert one.integers(2**60) == other.integers(2**60)  # and the next draw is the same


def test_the_rows_of_a_mixture_are_drawn_as_ever() -> None:
    counts, weights = [40, 25, 0, 60], [1.0, 3.0, 2.0, 0.5]
    rows = epoch_rows(counts, weights, 1.0, seed=6, epoch=2)
    wanted, start = [], 0
    for number, (count, weight) in enumerate(zip(counts, weights, strict=True), start=1):
        want = round(125 * weight * count / (40 + 75 + 30))
        permuted = np.random.Generator(np.random.Philox(key=[6, 2]).jumped(number)).permutation(count)
        wanted += [start + i for i in range(count)] * (want // count if count else 0)
        wanted += [start + i for i in permuted[: want % count if count else 0].tolist()]
        start += count
    assert rows is not None
    assert rows.tolist() == wanted


def test_row_numbers_are_as_small_as_they_can_be() -> None:
    assert row_type(2**31 - 1) is np.int32
    assert row_type(2**31) is np.int64


def test_it_behaves_like_a_list() -> None:
    lengths = np.arange(30, dtype=np.int32) % 7
    plan = plan_epoch(lengths, lengths, batch_tokens=9, seed=1, epoch=0)
    every = [rows.tolist() for rows in plan]
    assert len(every) == len(plan) > 5
    assert [plan[i].tolist() for i in range(len(plan))] == every
    assert plan[-1].tolist() == every[-1]
    for part in (slice(2, 4), slice(3, None), slice(len(plan), None), slice(None, None, 2)):
        assert [rows.tolist() for rows in plan[part]] == every[part]
    with pytest.raises(IndexError):
        plan[len(plan)]
    assert plan[0].dtype == np.int64
    plan[0][:] = -1  # a batch is a copy: who changes it leaves the plan alone
    assert plan[0].tolist() == every[0]


def test_other_numbers_can_stand_for_the_rows() -> None:
    lengths = np.arange(30, dtype=np.int32) % 7
    plan = plan_epoch(lengths, lengths, batch_tokens=9, seed=1, epoch=0)
    named = plan.of(100 + np.arange(30)[::-1])
    assert [rows.tolist() for rows in named] == [(129 - rows).tolist() for rows in plan]


def test_it_takes_few_bytes_a_pair() -> None:
    pairs = 400_000
    draw = np.random.default_rng(0)
    source, target = (draw.integers(1, 40, pairs).astype(np.int32) for _ in range(2))
    tracemalloc.start()
    try:
        plan = plan_epoch(source, target, batch_tokens=1200, seed=1, epoch=0)
        held, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert len(plan) > 5000
    assert held / pairs < 5
    assert peak / pairs < 60
