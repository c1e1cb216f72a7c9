"""What every cell must do, whichever it is, and the equations of each one."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from tiny_models import concrete_members, registered, scramble

from seq2seq.nn.cells import Cell
from seq2seq.nn.state import map_state, select
from seq2seq.registry import CELLS

INPUT, HIDDEN, ROWS, TIME = 3, 4, 5, 6
LENGTHS = torch.tensor([6, 1, 4, 3, 5])
every_cell = pytest.mark.parametrize("name", list(CELLS))


def make(name: str) -> Cell:
    torch.manual_seed(7)
    return scramble(CELLS.load(name)(INPUT, HIDDEN)).double()


def draw(*shape: int) -> torch.Tensor:
    return torch.randn(*shape, dtype=torch.float64, generator=torch.Generator().manual_seed(sum(shape)))


def assert_states_equal(a, b, **tolerance) -> None:
    if isinstance(a, torch.Tensor):
        torch.testing.assert_close(a, b, **tolerance)
        return
    assert len(a) == len(b)
    for x, y in zip(a, b, strict=True):
        assert_states_equal(x, y, **tolerance)


def flat(state) -> torch.Tensor:
    return state if isinstance(state, torch.Tensor) else torch.cat([flat(part) for part in state], dim=-1)


def test_every_cell_in_the_folder_is_registered() -> None:
    assert concrete_members("seq2seq.nn.cells", Cell) == registered(CELLS)


@every_cell
@pytest.mark.parametrize("started", [False, True])
@pytest.mark.parametrize("lengths", [None, LENGTHS])
def test_forward_equals_the_loop_over_step(name: str, started: bool, lengths: torch.Tensor | None) -> None:
    cell, x = make(name), draw(ROWS, TIME, INPUT)
    state = cell.initial_state(draw(ROWS, cell.state_size)) if started else None
    outputs, last = cell(x, state, lengths)
    wanted, wanted_last = cell.loop(x, state, lengths)
    assert_states_equal(last, wanted_last, rtol=1e-10, atol=1e-10)
    for row, length in enumerate(lengths.tolist() if lengths is not None else [TIME] * ROWS):
        torch.testing.assert_close(outputs[row, :length], wanted[row, :length], rtol=1e-10, atol=1e-10)


@every_cell
def test_forward_equals_the_loop_in_single_precision(name: str) -> None:
    cell, x = make(name).float(), draw(ROWS, TIME, INPUT).float()
    outputs, last = cell(x)
    wanted, wanted_last = cell.loop(x)
    torch.testing.assert_close(outputs, wanted, rtol=1e-5, atol=1e-5)
    assert_states_equal(last, wanted_last, rtol=1e-5, atol=1e-5)


@every_cell
@pytest.mark.parametrize("run", ["forward", "loop"])
def test_with_lengths_the_state_is_each_rows_own(name: str, run: str) -> None:
    cell, x = make(name), draw(ROWS, TIME, INPUT)
    _, last = getattr(cell, run)(x, None, LENGTHS)
    for row, length in enumerate(LENGTHS.tolist()):
        _, alone = cell.loop(x[row : row + 1, :length])
        assert_states_equal(select(last, torch.tensor([row])), alone)


@every_cell
def test_a_sequence_may_be_read_in_two_parts(name: str) -> None:
    cell, x = make(name), draw(ROWS, TIME, INPUT)
    whole, last = cell(x)
    first, between = cell(x[:, :2])
    second, end = cell(x[:, 2:], between)
    torch.testing.assert_close(torch.cat([first, second], dim=1), whole)
    assert_states_equal(end, last)


@every_cell
def test_initial_state_lays_out_all_its_values_and_zeros_are_the_start(name: str) -> None:
    cell, values = make(name), draw(ROWS, make(name).state_size)
    torch.testing.assert_close(flat(cell.initial_state(values)), values)
    zero = cell.zero_state(draw(ROWS, INPUT))
    assert flat(zero).shape == (ROWS, cell.state_size)
    assert not flat(zero).any()
    assert_states_equal(cell(draw(ROWS, TIME, INPUT), zero)[1], cell(draw(ROWS, TIME, INPUT))[1])


@every_cell
def test_a_step_gives_a_state_like_the_one_it_was_given(name: str) -> None:
    cell = make(name)
    before = cell.zero_state(draw(ROWS, INPUT))
    output, after = cell.step(draw(ROWS, INPUT), before)
    assert output.shape == (ROWS, HIDDEN)
    shapes = []
    map_state(lambda x: shapes.append(x.shape) or x, before)
    map_state(lambda x: shapes.append(x.shape) or x, after)
    assert shapes[: len(shapes) // 2] == shapes[len(shapes) // 2 :]


@every_cell
def test_rows_know_nothing_of_each_other(name: str) -> None:
    cell, x = make(name), draw(ROWS, TIME, INPUT)
    outputs, _ = cell(x)
    other = x.clone()
    other[1:] = 9.0
    torch.testing.assert_close(cell(other)[0][0], outputs[0])


@every_cell
def test_selecting_rows_of_the_state_goes_on_as_the_selected_rows(name: str) -> None:
    cell, x = make(name), draw(ROWS, TIME, INPUT)
    rows = torch.tensor([3, 3, 0])
    _, state = cell(x[:, :3])
    outputs, _ = cell(x[rows, 3:], select(state, rows))
    torch.testing.assert_close(outputs, cell(x[rows])[0][:, 3:])


@every_cell
@pytest.mark.parametrize("run", ["forward", "loop"])
def test_gradients_are_those_of_finite_differences(name: str, run: str) -> None:
    cell = CELLS.load(name)(2, 2).double()
    x, values = draw(2, 3, 2).requires_grad_(), draw(2, cell.state_size).requires_grad_()
    lengths = torch.tensor([3, 2])
    mask = (torch.arange(3)[None] < lengths[:, None])[:, :, None]

    def function(sequence, start, *_weights):
        outputs, last = getattr(cell, run)(sequence, cell.initial_state(start), lengths)
        return (outputs * mask).sum(dim=1), flat(last)

    assert torch.autograd.gradcheck(function, (x, values, *cell.parameters()))


def sigmoid(x: np.ndarray) -> np.ndarray:
    return 1.0 / (1.0 + np.exp(-x))


def gates(cell: Cell, number: int) -> list[tuple[np.ndarray, ...]]:
    """Each gate's W, U, and both biases, in the kernel's documented order."""
    kernel = cell.kernel
    stacks = (kernel.weight_ih_l0, kernel.weight_hh_l0, kernel.bias_ih_l0, kernel.bias_hh_l0)
    return list(zip(*(np.split(stack.detach().numpy(), number) for stack in stacks), strict=True))


def test_lstm_is_its_equations() -> None:
    cell, x = make("lstm"), draw(1, TIME, INPUT)
    start = draw(1, 2 * HIDDEN)
    outputs, (h_last, c_last) = cell(x, cell.initial_state(start))
    h, c = np.split(start.numpy()[0], 2)
    for t, x_t in enumerate(x[0].numpy()):
        i, f, g, o = (w @ x_t + u @ h + b + d for w, u, b, d in gates(cell, 4))
        c = sigmoid(f) * c + sigmoid(i) * np.tanh(g)
        h = sigmoid(o) * np.tanh(c)
        np.testing.assert_allclose(outputs[0, t].detach().numpy(), h, rtol=1e-12)
    np.testing.assert_allclose(h_last[0].detach().numpy(), h, rtol=1e-12)
    np.testing.assert_allclose(c_last[0].detach().numpy(), c, rtol=1e-12)


def test_gru_is_its_equations() -> None:
    cell, x = make("gru"), draw(1, TIME, INPUT)
    start = draw(1, HIDDEN)
    outputs, (h_last,) = cell(x, cell.initial_state(start))
    h = start.numpy()[0]
    (wr, ur, br, dr), (wz, uz, bz, dz), (wn, un, bn, dn) = gates(cell, 3)
    for t, x_t in enumerate(x[0].numpy()):
        r = sigmoid(wr @ x_t + br + ur @ h + dr)
        z = sigmoid(wz @ x_t + bz + uz @ h + dz)
        n = np.tanh(wn @ x_t + bn + r * (un @ h + dn))
        h = (1 - z) * n + z * h
        np.testing.assert_allclose(outputs[0, t].detach().numpy(), h, rtol=1e-12)
    np.testing.assert_allclose(h_last[0].detach().numpy(), h, rtol=1e-12)


def test_an_lstm_by_hand() -> None:
    # No weight but the input's into the candidate; gates of half, so c' = (c + tanh 1) / 2 and h' = tanh(c') / 2.
    cell = CELLS.load("lstm")(1, 1)
    with torch.no_grad():
        for weight in cell.parameters():
            weight.zero_()
        cell.kernel.weight_ih_l0[2] = 1.0
    _, (h, c) = cell.step(torch.ones(1, 1), (torch.zeros(1, 1), torch.full((1, 1), 3.0)))
    expected = (3.0 + np.tanh(1.0)) / 2
    assert c.item() == pytest.approx(expected)
    assert h.item() == pytest.approx(np.tanh(expected) / 2)


@pytest.mark.parametrize(("name", "number"), [("lstm", 4), ("gru", 3)])
def test_the_remembering_gate_starts_open_and_the_others_in_the_middle(name: str, number: int) -> None:
    # The forget gate of an LSTM and the update gate of a GRU both stand second: together their biases give 1.
    cell = CELLS.load(name)(INPUT, HIDDEN)
    total = [b + d for _, _, b, d in gates(cell, number)]
    for place, bias in enumerate(total):
        np.testing.assert_array_equal(bias, 1.0 if place == 1 else 0.0)


@pytest.mark.parametrize(("name", "number"), [("lstm", 4), ("gru", 3)])
def test_each_gates_recurrent_matrix_starts_orthogonal(name: str, number: int) -> None:
    cell = CELLS.load(name)(INPUT, HIDDEN)
    for _, u, _, _ in gates(cell, number):
        np.testing.assert_allclose(u @ u.T, np.eye(HIDDEN), atol=1e-5)


@pytest.mark.parametrize(("name", "number"), [("lstm", 4), ("gru", 3)])
def test_each_gates_input_matrix_starts_within_glorots_bound(name: str, number: int) -> None:
    bound = np.sqrt(6 / (INPUT + HIDDEN))
    for w, *_ in gates(CELLS.load(name)(INPUT, HIDDEN), number):
        assert 0 < np.abs(w).max() <= bound
