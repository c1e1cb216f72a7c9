"""State: any nesting of tensors is mapped, selected and merged row by row."""

from __future__ import annotations

import torch

from seq2seq.nn.state import map_state, select, where


def rows(*values: float) -> torch.Tensor:
    return torch.tensor(values)[:, None].expand(-1, 2).clone()


def test_map_keeps_the_nesting() -> None:
    state = (rows(1, 2), (rows(3, 4), (rows(5, 6),)))
    doubled = map_state(lambda x: 2 * x, state)
    assert torch.equal(doubled[0], rows(2, 4))
    assert torch.equal(doubled[1][0], rows(6, 8))
    assert torch.equal(doubled[1][1][0], rows(10, 12))


def test_select_reorders_repeats_and_drops() -> None:
    state = ((rows(1, 2, 3),), rows(4, 5, 6))
    chosen = select(state, torch.tensor([2, 0, 0, 2]))
    assert torch.equal(chosen[0][0], rows(3, 1, 1, 3))
    assert torch.equal(chosen[1], rows(6, 4, 4, 6))


def test_where_takes_the_new_rows_only_where_told() -> None:
    new, old = (rows(1, 2, 3), (torch.ones(3),)), (rows(-1, -2, -3), (torch.zeros(3),))
    merged = where(torch.tensor([True, False, True]), new, old)
    assert torch.equal(merged[0], rows(1, -2, 3))
    assert torch.equal(merged[1][0], torch.tensor([1.0, 0.0, 1.0]))
