"""Random masks by counters: parts of a batch draw what the whole batch draws."""

from __future__ import annotations

import threading

import pytest
import torch

from seq2seq.nn.draws import drawing, keep_mask, seed_from, uniform

LIKE = torch.zeros(())


def drawn(rows: int, *, update: int = 1, batch: int = 0, seed: int = 1, total: int | None = None, own=None):
    """Three draws in a row: of features, of positions, and of features again."""
    with drawing(seed, update, batch, total=total or rows, rows=own):
        return keep_mask(rows, 40, 0.3, LIKE), uniform(rows, 6, LIKE), keep_mask(rows, 17, 0.5, LIKE)


def same(one, other) -> bool:
    return all(torch.equal(x, y) for x, y in zip(one, other, strict=True))


def test_a_draw_is_a_function_of_seed_update_and_batch_and_of_nothing_else() -> None:
    first = drawn(8)
    torch.manual_seed(99)
    assert same(drawn(8), first)
    for changed in ({"update": 2}, {"batch": 1}, {"seed": 2}):
        assert not any(torch.equal(x, y) for x, y in zip(drawn(8, **changed), first, strict=True))


def test_two_draws_of_one_size_differ() -> None:
    with drawing(1, 1, 0, total=8):
        assert not torch.equal(keep_mask(8, 40, 0.3, LIKE), keep_mask(8, 40, 0.3, LIKE))


@pytest.mark.parametrize("parts", [2, 3])
def test_parts_draw_their_rows_of_the_whole(parts: int) -> None:
    whole = drawn(11)
    for first in range(parts):
        own = torch.arange(first, 11, parts)
        assert same(drawn(len(own), total=11, own=own), [mask[own] for mask in whole])


def test_a_part_with_fewer_positions_draws_the_same_at_those_it_has() -> None:
    own = torch.tensor([1, 3])
    with drawing(1, 1, 0, total=5):
        whole = uniform(5, 9, LIKE), keep_mask(5, 3, 0.4, LIKE)
    with drawing(1, 1, 0, total=5, rows=own):
        part = uniform(2, 4, LIKE), keep_mask(2, 3, 0.4, LIKE)
    assert torch.equal(part[0], whole[0][own, :4])
    assert torch.equal(part[1], whole[1][own])


def test_the_number_of_threads_changes_nothing() -> None:
    before = torch.get_num_threads()
    try:
        torch.set_num_threads(1)
        one = drawn(300)
        torch.set_num_threads(2)
        assert same(drawn(300), one)
    finally:
        torch.set_num_threads(before)


def test_other_threads_draw_for_themselves() -> None:
    found = []

    def elsewhere() -> None:
        torch.manual_seed(7)
        found.append(keep_mask(4, 5, 0.5, LIKE))

    with drawing(1, 1, 0, total=4):
        thread = threading.Thread(target=elsewhere)
        thread.start()
        thread.join()
    torch.manual_seed(7)
    assert torch.equal(found[0], keep_mask(4, 5, 0.5, LIKE))


def test_drawing_ends_with_its_block_and_may_stand_in_another() -> None:
    with drawing(1, 1, 0, total=4):
        first = keep_mask(4, 5, 0.5, LIKE)
        with drawing(1, 2, 0, total=4):
            keep_mask(4, 5, 0.5, LIKE)
        second = keep_mask(4, 5, 0.5, LIKE)
    with drawing(1, 1, 0, total=4):
        assert torch.equal(keep_mask(4, 5, 0.5, LIKE), first)
        assert torch.equal(keep_mask(4, 5, 0.5, LIKE), second)
    torch.manual_seed(3)
    outside = keep_mask(4, 5, 0.5, LIKE)
    torch.manual_seed(4)
    assert not torch.equal(keep_mask(4, 5, 0.5, LIKE), outside)


def test_masks_have_the_type_that_is_asked_for_and_keep_the_mean() -> None:
    mask = keep_mask(500, 400, 0.25, torch.zeros((), dtype=torch.bfloat16))
    assert mask.dtype == torch.bfloat16
    assert set(mask.unique().tolist()) == {0.0, torch.tensor(4 / 3).bfloat16().item()}
    # 200,000 draws: within five standard deviations.
    assert (mask != 0).double().mean().item() == pytest.approx(0.75, abs=5 * (0.1875 / 200_000) ** 0.5)


def test_neighbouring_keys_give_unlike_seeds() -> None:
    bits = [bin((seed_from(f"1/{n}") ^ seed_from(f"1/{n + 1}")) & (2**64 - 1)).count("1") for n in range(200)]
    assert sum(bits) / len(bits) == pytest.approx(32, abs=5 * 4 / 200**0.5)
