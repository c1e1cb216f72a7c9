"""Batches: every row once an epoch, little padding, and exactly the arrays that a decoder needs."""

from __future__ import annotations

import numpy as np
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from seq2seq.data.batches import Batches, collate, pad
from seq2seq.data.plan import plan_epoch
from seq2seq.data.store import Row, Store, write_split
from seq2seq.text.special import EOS, GO, PAD

PAIRS = st.lists(st.tuples(st.integers(0, 40), st.integers(0, 40)), min_size=1, max_size=60)
IDS = st.lists(st.integers(4, 9), max_size=6)


def lengths_of(pairs):
    source, target = np.array(pairs, dtype=np.int32).T
    return source, target


@settings(max_examples=80, deadline=None)
@given(PAIRS, st.integers(1, 120), st.integers(0, 2**63), st.integers(0, 10**6))
def test_each_row_comes_once_and_the_budget_is_kept_to_a_sentence(pairs, budget, seed, epoch) -> None:
    source, target = lengths_of(pairs)
    plan = plan_epoch(source, target, batch_tokens=budget, seed=seed, epoch=epoch)
    assert sorted(np.concatenate(plan).tolist()) == list(range(len(pairs)))
    for rows in plan:
        tokens = target[rows] + 1
        assert len(rows)
        assert tokens.sum() < budget + tokens.max()
        if (tokens > budget).any():
            assert len(rows) == 1
    again = plan_epoch(source, target, batch_tokens=budget, seed=seed, epoch=epoch)
    assert [rows.tolist() for rows in again] == [rows.tolist() for rows in plan]


def realistic(num_pairs: int = 20_000):
    generator = np.random.default_rng(0)
    target = np.maximum(1, generator.poisson(generator.gamma(6, 2.2, num_pairs))).astype(np.int32)
    source = np.maximum(1, target + generator.integers(-3, 4, num_pairs)).astype(np.int32)
    return source, target


def test_little_is_padding() -> None:
    source, target = realistic()
    plan = plan_epoch(source, target, batch_tokens=1200, seed=1, epoch=0)
    real = (target + 1).sum()
    laid_out = sum(len(rows) * (target[rows].max() + 1) for rows in plan)
    assert 1 - real / laid_out < 0.05
    # Sources are sorted within equal targets: far less than the fifth that random order within a batch would leave.
    wide = sum(len(rows) * (source[rows].max() + 1) for rows in plan)
    assert 1 - (source + 1).sum() / wide < 0.12


def test_batches_are_of_even_size() -> None:
    source, target = realistic()
    plan = plan_epoch(source, target, batch_tokens=1200, seed=1, epoch=0)
    tokens = np.array([(target[rows] + 1).sum() for rows in plan])
    longest = target.max() + 1
    assert (np.sort(tokens)[1:] > 1200 - longest).all()  # all but the last one cut
    assert (tokens < 1200 + longest).all()


def test_a_budget_that_fits_is_filled() -> None:
    fours = np.full(6, 4, np.int32)  # five tokens each, with EOS
    plan = plan_epoch(fours, fours, batch_tokens=10, seed=1, epoch=0)
    assert [len(rows) for rows in plan] == [2, 2, 2]


def test_epochs_and_seeds_differ_and_their_number_of_batches_does_not() -> None:
    source, target = realistic(2000)

    def plan(seed, epoch):
        return plan_epoch(source, target, batch_tokens=300, seed=seed, epoch=epoch)

    first, second, third = plan(1, 0), plan(1, 1), plan(2, 0)
    assert len(first) == len(second) == len(third)  # so that a limit in epochs is one number of updates
    assert [rows.tolist() for rows in first] != [rows.tolist() for rows in second]
    assert [rows.tolist() for rows in first] != [rows.tolist() for rows in third]
    # Not only the order of the batches changes: who stands together does too.
    assert {frozenset(rows.tolist()) for rows in first} != {frozenset(rows.tolist()) for rows in second}


def test_batches_do_not_come_by_length() -> None:
    source, target = realistic(5000)
    plan = plan_epoch(source, target, batch_tokens=300, seed=1, epoch=0)
    means = [target[rows].mean() for rows in plan]
    assert abs(np.corrcoef(np.arange(len(means)), means)[0, 1]) < 0.2


def test_no_pairs_make_no_batches() -> None:
    none = np.zeros(0, np.int32)
    assert not plan_epoch(none, none, batch_tokens=10, seed=1, epoch=0)
    assert not plan_epoch(none, none, batch_tokens=10, seed=1, epoch=0, num_batches=3)


def test_collate_by_hand() -> None:
    batch = collate([[5, 6], [7]], [[8], [9, 10, 11]])
    assert batch.source.tolist() == [[5, 6, EOS], [7, EOS, PAD]]
    assert batch.source_lengths.tolist() == [3, 2]
    assert batch.target_in.tolist() == [[GO, 8, PAD, PAD], [GO, 9, 10, 11]]
    assert batch.target_out.tolist() == [[8, EOS, PAD, PAD], [9, 10, 11, EOS]]
    assert batch.target_lengths.tolist() == [2, 4]
    assert batch.num_tokens == 6
    assert all(getattr(batch, field).dtype == torch.int64 for field in batch.__dataclass_fields__)


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(IDS, IDS), min_size=1, max_size=8))
def test_collate_gives_every_row_back(pairs) -> None:
    batch = collate([s for s, _ in pairs], [t for _, t in pairs])
    for row, (source, target) in enumerate(pairs):
        width, length = int(batch.source_lengths[row]), int(batch.target_lengths[row])
        assert batch.source[row, :width].tolist() == [*source, EOS]
        assert batch.target_out[row, :length].tolist() == [*target, EOS]
        assert batch.target_in[row, :length].tolist() == [GO, *target]
        for padded, begin in ((batch.source, width), (batch.target_out, length), (batch.target_in, length)):
            assert (padded[row, begin:] == PAD).all()
    assert batch.source.shape[1] == batch.source_lengths.max()
    assert batch.target_in.shape == batch.target_out.shape == (len(pairs), batch.target_lengths.max())


def test_pad_takes_arrays_and_empty_rows() -> None:
    padded, lengths = pad([np.array([4, 5], np.int32), []])
    assert padded.tolist() == [[4, 5, EOS], [EOS, PAD, PAD]]
    assert lengths.tolist() == [3, 1]


def test_a_batch_moves_whole() -> None:
    batch = collate([[5]], [[6]]).to(torch.device("meta"))
    assert all(getattr(batch, field).device.type == "meta" for field in batch.__dataclass_fields__)


def test_a_store_is_gone_through_once_in_the_same_order(tmp_path) -> None:
    rows = [Row(i, "", "", [4 + i % 5] * (1 + i % 7), [4 + i % 4] * (i % 6)) for i in range(50)]
    write_split(tmp_path / "a.arrow", rows)
    batches = Batches(Store(tmp_path / "a.arrow"), batch_tokens=20, seed=3)
    first = [batch.target_out.tolist() for batch in batches.in_order()]
    assert first == [batch.target_out.tolist() for batch in batches.in_order()]
    wanted = sorted([*row.target_ids, EOS] for row in rows)
    found = [[i for i in ids if i != PAD] for batch in first for ids in batch]
    assert sorted(found) == wanted
    own = batches.plan(2)[0]
    filled = batches.fill(own)
    assert [s[s != PAD].tolist()[:-1] for s in filled.source] == [rows[i].source_ids for i in own]
