"""Deep transition: one step of time through several cells. The cells' own suite runs on it, too."""

from __future__ import annotations

from functools import partial

import pytest
import torch

from seq2seq.nn.cells.elman import Elman
from seq2seq.nn.deep_transition import DeepTransition
from seq2seq.registry import CELLS

every_cell = pytest.mark.parametrize("name", list(CELLS))


def make(name: str, depth: int = 3, **settings) -> DeepTransition:
    torch.manual_seed(6)
    return DeepTransition(2, 4, cell=partial(CELLS.load(name), **settings), depth=depth)


@every_cell
def test_the_state_is_that_of_one_cell_whatever_the_depth(name: str) -> None:
    single = CELLS.load(name)(2, 4)
    for depth in (2, 5):
        cell = make(name, depth)
        assert len(cell.cells) == depth
        assert cell.state_size == single.state_size
        values = torch.randn(3, single.state_size)
        for part, wanted in zip(cell.initial_state(values), single.initial_state(values), strict=True):
            assert torch.equal(part, wanted)


@every_cell
def test_only_the_first_cell_reads_the_input(name: str) -> None:
    first, *later = make(name).cells
    assert [cell.input_size for cell in (first, *later)] == [2, 0, 0]
    assert first.matrices().inputs
    assert not any(cell.matrices().inputs for cell in later)


@every_cell
def test_a_step_goes_through_the_cells_one_after_another(name: str) -> None:
    cell = make(name)
    x, state = torch.randn(3, 2), cell.initial_state(torch.randn(3, cell.state_size))
    output, after = cell.step(x, state)
    for number, part in enumerate(cell.cells):
        y, state = part.step(x if number == 0 else x[:, :0], state)
    assert torch.equal(output, y)
    for one, other in zip(after, state, strict=True):
        assert torch.equal(one, other)


def test_two_rectifiers_by_hand() -> None:
    # First h = 3 x + 2 h, then h = 5 h + 1, all positive: 1 gives 3 and 16; then 2 gives 6 + 32 = 38 and 191.
    cell = DeepTransition(1, 1, cell=partial(Elman, activation="relu"), depth=2)
    with torch.no_grad():
        for weight in cell.parameters():
            weight.zero_()
        cell.cells[0].kernel.weight_ih_l0.fill_(3.0)
        cell.cells[0].kernel.weight_hh_l0.fill_(2.0)
        cell.cells[1].kernel.weight_hh_l0.fill_(5.0)
        cell.cells[1].kernel.bias_hh_l0.fill_(1.0)
    outputs, _ = cell(torch.tensor([[[1.0], [2.0]]]))
    assert outputs[0, :, 0].tolist() == [16.0, 191.0]


def test_each_cell_has_its_own_mask() -> None:
    cell = make("gru", recurrent_dropout=0.5)
    masks = cell.noise(200, torch.zeros(1))
    assert len(masks) == 3
    assert all(mask.shape == (200, 4) for mask in masks)
    assert (masks[0] != masks[1]).any()
    assert (masks[1] != masks[2]).any()
    assert cell.eval().noise(200, torch.zeros(1)) is None


def test_each_cell_is_given_its_own_mask() -> None:
    # With one cell's mask all zeros, what stands before it cannot matter: an Elman cell knows its state alone.
    cell = make("elman", recurrent_dropout=0.5).eval()
    state, ones, zeros = cell.zero_state(torch.zeros(1, 2)), torch.ones(1, 4), torch.zeros(1, 4)
    a, b = torch.ones(1, 2), -torch.ones(1, 2)
    for hidden in (1, 2):
        masks = tuple(zeros if number == hidden else ones for number in range(3))
        assert torch.equal(cell.step(a, state, masks)[0], cell.step(b, state, masks)[0])
    assert not torch.equal(cell.step(a, state, (zeros, ones, ones))[0], cell.step(b, state, (zeros, ones, ones))[0])


@pytest.mark.parametrize("depth", [0, 1])
def test_one_cell_is_no_transition(depth: int) -> None:
    with pytest.raises(ValueError, match=f"at least 2 cells, not {depth}"):
        make("gru", depth)


def test_it_says_that_it_steps_and_how_deep() -> None:
    assert make("lstm", 4).execution == "step by step: a transition through 4 cells without a kernel"
    assert not make("lstm", 4).eval().fused
