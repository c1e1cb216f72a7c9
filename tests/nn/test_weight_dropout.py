"""Dropout of recurrent weights: the equations with fewer numbers in them, in every cell and by its kernel too."""

from __future__ import annotations

from unittest import mock

import pytest
import torch
from cell_variants import DEEP, VARIANTS, Variant
from tiny_models import random_batch, tiny

from seq2seq.data.batches import collate
from seq2seq.nn.cells import Cell, Thinned
from seq2seq.nn.draws import drawing, keep_mask, uniform, weight_mask
from seq2seq.nn.state import map_state

SHARE = 0.4
INPUT, HIDDEN, ROWS, TIME = 3, 4, 5, 6
LENGTHS = torch.tensor([6, 1, 4, 3, 5])
BATCH = collate(*random_batch([4, 1, 6, 3], [5, 2, 0, 4]))
every_variant = pytest.mark.parametrize("variant", [*VARIANTS, *DEEP], ids=str)


def dropping(variant: Variant) -> Cell:
    cell = variant.build(INPUT, HIDDEN).train()
    for part in cell.modules():
        if isinstance(part, Cell):
            part.recurrent_weight_dropout = SHARE
    return cell


def owners(cell: Cell) -> list[Cell]:
    return list(getattr(cell, "cells", [cell]))


def draw(*shape: int) -> torch.Tensor:
    return torch.randn(*shape, dtype=torch.float64, generator=torch.Generator().manual_seed(sum(shape)))


def update(number: int, batch: int = 0):
    return drawing(1, number, batch, total=ROWS)


@every_variant
@pytest.mark.parametrize("lengths", [None, LENGTHS], ids=["full", "ragged"])
def test_it_is_the_cell_whose_matrix_has_lost_those_numbers(variant: Variant, lengths: torch.Tensor | None) -> None:
    cell, x = dropping(variant), draw(ROWS, TIME, INPUT)
    start = cell.initial_state(draw(ROWS, cell.state_size))
    with update(3):
        outputs, last = cell(x, start, lengths)
    with update(3):
        masks = [weight_mask(one.kernel.weight_hh_l0.detach(), SHARE) for one in owners(cell)]
    plain = variant.build(INPUT, HIDDEN).train()
    for one, mask in zip(owners(plain), masks, strict=True):
        assert {round(number, 9) for number in mask.flatten().tolist()} == {0.0, round(1 / (1 - SHARE), 9)}
        one.kernel.weight_hh_l0.data.mul_(mask)
    with update(3):  # the same masks of states, where there are any
        wanted, wanted_last = plain.loop(x, start, lengths, plain.noise(ROWS, x))
    for row, length in enumerate(LENGTHS.tolist() if lengths is not None else [TIME] * ROWS):
        torch.testing.assert_close(outputs[row, :length], wanted[row, :length], rtol=1e-10, atol=1e-10)
    for found, expected in zip(last, wanted_last, strict=True):
        torch.testing.assert_close(found, expected, rtol=1e-10, atol=1e-10)


@every_variant
def test_the_gradient_reaches_what_was_kept_and_nothing_else(variant: Variant) -> None:
    cell, x = dropping(variant), draw(ROWS, TIME, INPUT)
    with update(2):
        outputs, _ = cell(x)
    outputs.square().sum().backward()
    with update(2):
        masks = [weight_mask(one.kernel.weight_hh_l0.detach(), SHARE) for one in owners(cell)]
    for one, mask in zip(owners(cell), masks, strict=True):
        gradient = one.kernel.weight_hh_l0.grad
        assert not gradient[mask == 0].any()
        assert gradient[mask != 0].any()


@pytest.mark.parametrize("name", ["lstm", "gru", "elman"])
@pytest.mark.parametrize("lengths", [None, LENGTHS], ids=["full", "ragged"])
def test_a_kernel_still_reads_the_whole_sequence(name: str, lengths: torch.Tensor | None) -> None:
    variant = next(v for v in VARIANTS if v.name == name and not any(v.settings.get(k) for k in REASONS))
    cell, x = dropping(variant), draw(ROWS, TIME, INPUT)
    with mock.patch.object(Cell, "loop", side_effect=AssertionError("step by step")):
        cell(x, None, lengths)
    assert cell.execution.endswith("whole sequences")


REASONS = ("layer_norm", "recurrent_dropout", "peepholes")


@every_variant
def test_nothing_is_drawn_in_evaluation_or_where_the_share_is_zero(variant: Variant) -> None:
    without_states = variant._replace(settings={**variant.settings, "recurrent_dropout": 0.0})
    cell = dropping(without_states)
    assert cell.eval().noise(ROWS, draw(1)) is None
    cell = without_states.build(INPUT, HIDDEN).train()
    assert cell.noise(ROWS, draw(1)) is None
    parameter = owners(cell)[0].kernel.weight_hh_l0
    with mock.patch("seq2seq.nn.cells.gates.weight_mask", side_effect=AssertionError("drawn")):
        cell(draw(ROWS, TIME, INPUT))[0].sum().backward()
    assert parameter.grad is not None


def test_masks_of_weights_are_an_updates_and_no_batchs_or_parts() -> None:
    weight = torch.zeros(30, 20)

    def masks(number: int, batch: int = 0, rows: torch.Tensor | None = None, total: int = 8) -> list[torch.Tensor]:
        with drawing(1, number, batch, total=total, rows=rows):
            keep_mask(total if rows is None else len(rows), 4, 0.5, weight)
            return [weight_mask(weight, SHARE), weight_mask(weight, SHARE)]

    first = masks(1)
    assert not torch.equal(*first), "each matrix has its own"
    for same in (masks(1, batch=1), masks(1, rows=torch.tensor([2, 5])), masks(1, total=3)):
        assert all(torch.equal(one, other) for one, other in zip(first, same, strict=True))
    assert not any(torch.equal(one, other) for one, other in zip(first, masks(2), strict=True))


def test_a_draw_of_weights_moves_no_other_draw() -> None:
    like = torch.zeros(3, 3)
    with drawing(1, 1, 0, total=4):
        weight_mask(like, SHARE)
        found = keep_mask(4, 5, 0.3, like), uniform(4, 5, like)
    with drawing(1, 1, 0, total=4):
        wanted = keep_mask(4, 5, 0.3, like), uniform(4, 5, like)
    assert all(torch.equal(one, other) for one, other in zip(found, wanted, strict=True))


def test_masks_of_weights_keep_their_share_and_the_mean() -> None:
    mask = weight_mask(torch.zeros(400, 500), 0.25)
    assert (mask != 0).double().mean().item() == pytest.approx(0.75, abs=5 * (0.1875 / 200_000) ** 0.5)
    torch.testing.assert_close(mask.max(), torch.tensor(4 / 3))


@pytest.mark.parametrize("wiring", ["parallel", "input-feeding"])
@torch.no_grad()
def test_a_target_in_parts_meets_one_matrix_however_it_was_drawn(wiring: str) -> None:
    model = tiny(wiring, recurrent_weight_dropout=SHARE, encoder_transition=2, decoder_transition=2).double().train()
    memory = model.encode(BATCH.source, BATCH.source_lengths)
    flat = [part for noise in memory.noise.cells for part in noise]
    assert all(isinstance(part, Thinned) and part.state is None for part in flat)
    embedded = model.target_embedding(BATCH.target_in)
    whole, end = model.decoder(embedded, memory)
    first, between = model.decoder(embedded[:, :2], memory)
    second, after = model.decoder(embedded[:, 2:], memory, between)
    torch.testing.assert_close(torch.cat([first, second], 1), whole)
    ends = []
    map_state(lambda part: ends.append(part) or part, (end, after))
    for one, other in zip(ends[: len(ends) // 2], ends[len(ends) // 2 :], strict=True):
        torch.testing.assert_close(one, other)
    other, _ = model.decoder(embedded, model.encode(BATCH.source, BATCH.source_lengths))
    assert not torch.allclose(whole, other), "another reading, another matrix"
