"""Several corpora in one epoch: the shares that the formula gives, drawn evenly, and the same again."""

from __future__ import annotations

from collections import Counter
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from seq2seq.data.batches import Batches
from seq2seq.data.mixing import epoch_counts, epoch_rows
from seq2seq.data.plan import plan_epoch
from seq2seq.data.store import Row, Store, write_split

COUNTS = st.lists(st.integers(0, 60), min_size=1, max_size=5)
DRAWS = st.integers(0, 2**63), st.integers(0, 10**6)


@pytest.mark.parametrize(
    ("counts", "weights", "temperature", "wanted"),
    [
        ([900, 100], [1, 1], 1, [900, 100]),
        ([900, 100], [1, 9], 1, [500, 500]),  # 900 : 900
        ([900, 100], [1, 1], 2, [750, 250]),  # 30 : 10
        ([900, 100], [2, 1], 2, [857, 143]),  # 60 : 10 of 1,000
        ([900, 100], [1, 1], 1e9, [500, 500]),
        ([900, 100], [1, 1], 0.5, [988, 12]),  # 81 : 1 of 1,000, and 987.8 is rounded
        ([900, 100], [1, 1], 1e-3, [1000, 0]),
        ([50, 0, 50], [1, 5, 3], 1, [25, 0, 75]),
        ([0, 0], [1, 2], 3, [0, 0]),
        ([7], [0.1], 5, [7]),
        ([8, 64, 8], [3, 3, 3], 1, [8, 64, 8]),
        ([10**7, 10**3], [1, 1], 0.01, [10**7 + 10**3, 0]),  # its powers are beyond a float
    ],
)
def test_each_corpus_gives_its_share(counts, weights, temperature, wanted) -> None:
    assert epoch_counts(counts, [float(weight) for weight in weights], float(temperature)) == wanted


@settings(max_examples=60, deadline=None)
@given(st.data(), COUNTS, *DRAWS)
def test_rows_are_the_exact_share_and_even_within_a_corpus(data, counts, seed, epoch) -> None:
    weights = data.draw(st.lists(st.integers(1, 9).map(float), min_size=len(counts), max_size=len(counts)))
    rows = epoch_rows(counts, weights, 1.0, seed=seed, epoch=epoch)
    # T = 1: the shares are fractions, w_i n_i of their sum.
    whole = sum(w * n for w, n in zip(weights, counts, strict=True))
    wanted = [
        round(Fraction(sum(counts) * w * n) / Fraction(whole)) if n else 0 for w, n in zip(weights, counts, strict=True)
    ]
    if rows is None:
        assert all(abs(want - count) <= 1 for want, count in zip(wanted, counts, strict=True))
        return
    drawn, start = Counter(rows.tolist()), 0
    for count, want in zip(counts, wanted, strict=True):
        times = [drawn.pop(row, 0) for row in range(start, start + count)]
        assert abs(sum(times) - want) <= 1  # a half may be rounded either way
        assert not times or max(times) - min(times) <= 1
        start += count
    assert not drawn
    again = epoch_rows(counts, weights, 1.0, seed=seed, epoch=epoch)
    assert again is not None and rows.tolist() == again.tolist()


@pytest.mark.parametrize(
    ("counts", "weights", "temperature", "length", "wanted"),
    [
        ([900, 100], [1, 9], 1, 200, [100, 100]),
        ([900, 100], [1, 9], 1, 4000, [2000, 2000]),
        ([900, 100], [1, 1], 2, 40, [30, 10]),
        ([900, 100], [1, 1], 1, 1000, [900, 100]),
        ([50, 0], [1, 1], 1, 7, [7, 0]),
        ([0, 0], [1, 2], 3, 9, [0, 0]),
    ],
)
def test_an_epoch_may_be_of_another_length(counts, weights, temperature, length, wanted) -> None:
    mixture = counts, [float(weight) for weight in weights], float(temperature)
    assert epoch_counts(*mixture, length=length) == wanted
    rows = epoch_rows(*mixture, seed=1, epoch=0, length=length)
    if wanted == counts:
        assert rows is None
        return
    assert rows is not None
    first = Counter(rows[rows < counts[0]].tolist())
    assert [sum(first.values()), len(rows) - sum(first.values())] == wanted
    assert max(first.values(), default=0) - min((first[row] for row in range(counts[0])), default=0) <= 1


@pytest.mark.parametrize(("counts", "temperature"), [([30], 5.0), ([30, 7], 1.0), ([9, 9, 9], 3.0), ([], 1.0)])
def test_what_gives_every_pair_once_is_no_mixture(counts, temperature) -> None:
    assert epoch_rows(counts, [2.0] * len(counts), temperature, seed=1, epoch=0) is None


def test_epochs_seeds_and_corpora_draw_differently_and_go_through_everything() -> None:
    def rest(seed, epoch):
        rows = epoch_rows([100, 100, 400], [1.0, 1.0, 2.0], 1.0, seed=seed, epoch=epoch)
        assert rows is not None
        return [rows[(rows >= low) & (rows < low + 100)] - low for low in (0, 100)]

    first, second = rest(1, 0)
    assert len(first) == len(second) == 60
    assert set(first.tolist()) != set(second.tolist())
    assert set(first.tolist()) != set(rest(1, 1)[0].tolist())
    assert set(first.tolist()) != set(rest(2, 0)[0].tolist())
    seen = {row for epoch in range(30) for row in rest(1, epoch)[0].tolist()}
    assert seen == set(range(100))  # 0.4 ** 30 is the chance of one pair to be missed


LENGTHS = st.lists(st.tuples(st.integers(0, 40), st.integers(0, 40)), min_size=1, max_size=60)


@settings(max_examples=80, deadline=None)
@given(LENGTHS, st.integers(1, 70), *DRAWS)
def test_a_plan_of_so_many_batches_has_them(pairs, num_batches, seed, epoch) -> None:
    source, target = np.array(pairs, dtype=np.int32).T
    plan = plan_epoch(source, target, batch_tokens=1, seed=seed, epoch=epoch, num_batches=num_batches)
    assert len(plan) == min(num_batches, len(pairs))
    assert all(len(rows) for rows in plan)
    assert sorted(np.concatenate(plan).tolist()) == list(range(len(pairs)))


def test_its_batches_are_of_even_size() -> None:
    lengths = np.random.default_rng(0).integers(1, 40, 5000).astype(np.int32)
    plan = plan_epoch(lengths, lengths, batch_tokens=1, seed=1, epoch=0, num_batches=90)
    tokens = [int((lengths[rows] + 1).sum()) for rows in plan]
    assert max(tokens) - min(tokens) <= 2 * 41


def store(folder, counts, seed=0) -> Store:
    generator = np.random.default_rng(seed)
    rows = [Row(n, "", "", [4] * int(a), [5] * int(a)) for n, a in enumerate(generator.integers(1, 30, sum(counts)))]
    write_split(folder / "a.arrow", rows)
    return Store(folder / "a.arrow")


def plans(batches, epochs=3):
    return [[rows.tolist() for rows in batches.plan(epoch)] for epoch in range(epochs)]


def test_one_corpus_and_equal_ones_are_planned_as_ever(tmp_path) -> None:
    pairs = store(tmp_path, [70, 30])
    plain = Batches(pairs, batch_tokens=90, seed=4)
    lengths = pairs.source.lengths, pairs.target.lengths
    assert plans(plain) == [
        [rows.tolist() for rows in plan_epoch(*lengths, batch_tokens=90, seed=4, epoch=epoch)] for epoch in range(3)
    ]
    for corpora in ([(100, 3.0)], [(70, 0.5), (30, 0.5)], [(70, 1.0), (0, 1.0), (30, 1.0)]):
        assert plans(Batches(pairs, batch_tokens=90, seed=4, corpora=corpora)) == plans(plain)
    # One corpus has nothing to be mixed with, at any temperature.
    assert plans(Batches(pairs, batch_tokens=90, seed=4, corpora=[(100, 3.0)], temperature=5.0)) == plans(plain)


def test_a_mixture_is_planned_from_its_rows_with_one_number_of_batches(tmp_path) -> None:
    pairs = store(tmp_path, [400, 40])
    corpora = [(400, 1.0), (40, 5.0)]
    batches = Batches(pairs, batch_tokens=120, seed=4, corpora=corpora)
    for epoch in range(12):
        plan = batches.plan(epoch)
        rows = epoch_rows([400, 40], [1.0, 5.0], 1.0, seed=4, epoch=epoch)
        assert rows is not None
        assert sorted(np.concatenate(plan).tolist()) == sorted(rows.tolist())
        assert len(plan) == len(batches.plan(0))  # so that a limit in epochs is one number of updates
        tokens = [int((pairs.target.lengths[batch] + 1).sum()) for batch in plan]
        assert 120 * 0.6 < np.mean(tokens) < 120 * 1.4
    assert plans(batches) == plans(Batches(pairs, batch_tokens=120, seed=4, corpora=corpora))
    assert plans(batches) != plans(Batches(pairs, batch_tokens=120, seed=4, corpora=corpora, temperature=4.0))


def test_a_short_epoch_has_batches_of_the_usual_size(tmp_path) -> None:
    pairs = store(tmp_path, [400, 40])
    batches = Batches(pairs, batch_tokens=120, seed=4, corpora=[(400, 0.1), (40, 1.0)], epoch_pairs=80)
    assert batches.is_mixed
    seen = set()
    for epoch in range(4):
        plan = batches.plan(epoch)
        rows = np.concatenate(plan)
        assert (len(rows), int((rows >= 400).sum())) == (80, 40)  # as often from the small one
        assert set(range(400, 440)) <= set(rows.tolist())
        seen |= set(rows.tolist())
        assert len(plan) == batches.num_mixed_batches()
        tokens = [int((pairs.target.lengths[batch] + 1).sum()) for batch in plan]
        assert 120 * 0.6 < np.mean(tokens) < 120 * 1.4
    assert len(seen) > 40 + 3 * 30
    assert Batches(pairs, batch_tokens=120, seed=4, epoch_pairs=80).is_mixed
    assert not Batches(pairs, batch_tokens=120, seed=4, epoch_pairs=440).is_mixed


def test_a_loss_is_taken_over_each_pair_once_whatever_the_mixture(tmp_path) -> None:
    pairs = store(tmp_path, [40, 9])
    mixed = Batches(pairs, batch_tokens=90, seed=4, corpora=[(40, 1.0), (9, 9.0)], temperature=2.0)
    plain = Batches(pairs, batch_tokens=90, seed=4)
    assert [b.target_out.tolist() for b in mixed.in_order()] == [b.target_out.tolist() for b in plain.in_order()]
    assert sum(len(b.target_out) for b in mixed.in_order()) == 49


def test_corpora_that_are_not_the_store_are_a_mistake(tmp_path) -> None:
    with pytest.raises(ValueError, match="The corpora have 50 pairs, the store 49"):
        Batches(store(tmp_path, [40, 9]), batch_tokens=90, seed=4, corpora=[(40, 1.0), (10, 9.0)])
