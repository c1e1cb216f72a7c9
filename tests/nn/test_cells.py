"""What every cell must do, whichever it is and however it is set, and the equations of each one."""

from __future__ import annotations

import copy
import warnings
from importlib.util import module_from_spec, spec_from_file_location

import numpy as np
import pytest
import torch
from cell_variants import DEEP, DEPTH, STEPS, VARIANTS, Variant, array, reference
from tiny_models import concrete_members, registered

from seq2seq.nn.cells import Cell, kernel
from seq2seq.nn.cells.gates import GateCell, normalised
from seq2seq.nn.deep_transition import DeepTransition
from seq2seq.nn.state import map_state, select
from seq2seq.registry import CELLS
from seq2seq.training.precision import cpu_has_bf16

INPUT, HIDDEN, ROWS, TIME = 3, 4, 5, 6
LENGTHS = torch.tensor([6, 1, 4, 3, 5])
ALL = [*VARIANTS, *DEEP]
every_variant = pytest.mark.parametrize("variant", ALL, ids=str)
dropping = [variant for variant in ALL if variant.settings.get("recurrent_dropout")]
every_dropping = pytest.mark.parametrize("variant", dropping, ids=str)


def make(variant: Variant) -> Cell:
    """A cell in evaluation, where nothing is dropped."""
    return variant.build(INPUT, HIDDEN).eval()


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


def masks_of(noise) -> list[torch.Tensor]:
    return [noise] if isinstance(noise, torch.Tensor) else list(noise)


def test_every_cell_in_the_folder_is_registered() -> None:
    assert concrete_members("seq2seq.nn.cells", Cell) == registered(CELLS)


@every_variant
@pytest.mark.parametrize("started", [False, True])
@pytest.mark.parametrize("lengths", [None, LENGTHS], ids=["full", "ragged"])
def test_forward_equals_the_loop(variant: Variant, started: bool, lengths: torch.Tensor | None) -> None:
    cell, x = make(variant), draw(ROWS, TIME, INPUT)
    state = cell.initial_state(draw(ROWS, cell.state_size)) if started else None
    outputs, last = cell(x, state, lengths)
    wanted, wanted_last = cell.loop(x, state, lengths)
    assert_states_equal(last, wanted_last, rtol=1e-10, atol=1e-10)
    for row, length in enumerate(lengths.tolist() if lengths is not None else [TIME] * ROWS):
        torch.testing.assert_close(outputs[row, :length], wanted[row, :length], rtol=1e-10, atol=1e-10)


@every_variant
def test_forward_equals_the_loop_in_single_precision(variant: Variant) -> None:
    cell, x = make(variant).float(), draw(ROWS, TIME, INPUT).float()
    outputs, last = cell(x)
    wanted, wanted_last = cell.loop(x)
    torch.testing.assert_close(outputs, wanted, rtol=1e-4, atol=1e-4)
    assert_states_equal(last, wanted_last, rtol=1e-4, atol=1e-4)


@every_variant
def test_the_loop_is_one_step_after_another(variant: Variant) -> None:
    cell, x = make(variant).train(), draw(ROWS, TIME, INPUT)
    noise = cell.noise(ROWS, x)
    outputs, last = cell.loop(x, noise=noise)
    state = cell.zero_state(x[:, 0])
    for t in range(TIME):
        output, state = cell.step(x[:, t], state, noise)
        torch.testing.assert_close(outputs[:, t], output, rtol=1e-10, atol=1e-10)
    assert_states_equal(last, state, rtol=1e-10, atol=1e-10)


@pytest.mark.parametrize("variant", [variant for variant in ALL if variant.name in STEPS], ids=str)
@pytest.mark.parametrize("training", [False, True])
def test_each_cell_is_its_equations(variant: Variant, training: bool) -> None:
    cell, x = make(variant).train(training), draw(ROWS, TIME, INPUT)
    start = cell.initial_state(draw(ROWS, cell.state_size))
    torch.manual_seed(3)
    outputs, last = cell(x, start, LENGTHS)
    torch.manual_seed(3)
    noise = cell.noise(ROWS, x)
    for row, length in enumerate(LENGTHS.tolist()):
        masks = [1.0] * variant.depth if noise is None else [array(mask)[row] for mask in masks_of(noise)]
        before = tuple(array(part)[row] for part in start)
        wanted, after = reference(variant, cell, array(x)[row, :length], before, masks)
        np.testing.assert_allclose(array(outputs)[row, :length], wanted, rtol=1e-9, atol=1e-11)
        for part, expected in zip(last, after, strict=True):
            np.testing.assert_allclose(array(part)[row], expected, rtol=1e-9, atol=1e-11)


@every_variant
@pytest.mark.parametrize("run", ["forward", "loop"])
def test_with_lengths_the_state_is_each_rows_own(variant: Variant, run: str) -> None:
    cell, x = make(variant), draw(ROWS, TIME, INPUT)
    _, last = getattr(cell, run)(x, None, LENGTHS)
    for row, length in enumerate(LENGTHS.tolist()):
        _, alone = cell.loop(x[row : row + 1, :length])
        assert_states_equal(select(last, torch.tensor([row])), alone)


@every_variant
def test_a_sequence_may_be_read_in_two_parts(variant: Variant) -> None:
    cell, x = make(variant), draw(ROWS, TIME, INPUT)
    whole, last = cell(x)
    first, between = cell(x[:, :2])
    second, end = cell(x[:, 2:], between)
    torch.testing.assert_close(torch.cat([first, second], dim=1), whole)
    assert_states_equal(end, last)


@every_variant
def test_initial_state_lays_out_all_its_values_and_zeros_are_the_start(variant: Variant) -> None:
    cell = make(variant)
    values = draw(ROWS, cell.state_size)
    torch.testing.assert_close(flat(cell.initial_state(values)), values)
    zero = cell.zero_state(draw(ROWS, INPUT))
    assert flat(zero).shape == (ROWS, cell.state_size)
    assert not flat(zero).any()
    assert_states_equal(cell(draw(ROWS, TIME, INPUT), zero)[1], cell(draw(ROWS, TIME, INPUT))[1])


@every_variant
def test_a_step_gives_a_state_like_the_one_it_was_given(variant: Variant) -> None:
    cell = make(variant)
    before = cell.zero_state(draw(ROWS, INPUT))
    output, after = cell.step(draw(ROWS, INPUT), before)
    assert output.shape == (ROWS, HIDDEN)
    shapes = []
    map_state(lambda x: shapes.append(x.shape) or x, before)
    map_state(lambda x: shapes.append(x.shape) or x, after)
    assert shapes[: len(shapes) // 2] == shapes[len(shapes) // 2 :]


@every_variant
def test_rows_know_nothing_of_each_other(variant: Variant) -> None:
    cell, x = make(variant), draw(ROWS, TIME, INPUT)
    outputs, _ = cell(x)
    other = x.clone()
    other[1:] = 9.0
    torch.testing.assert_close(cell(other)[0][0], outputs[0])


@every_variant
def test_selecting_rows_of_the_state_goes_on_as_the_selected_rows(variant: Variant) -> None:
    cell, x = make(variant), draw(ROWS, TIME, INPUT)
    rows = torch.tensor([3, 3, 0])
    _, state = cell(x[:, :3])
    outputs, _ = cell(x[rows, 3:], select(state, rows))
    torch.testing.assert_close(outputs, cell(x[rows])[0][:, 3:])


@pytest.mark.parametrize(
    ("variant", "run"),
    [(v, run) for v in ALL for run in ("loop", "forward") if run == "loop" or make(v).fused],
    ids=str,
)
def test_gradients_are_those_of_finite_differences(variant: Variant, run: str) -> None:
    cell = variant.build(2, 3).eval()
    noise = None
    if run == "loop":
        noise = cell.train().noise(2, draw(1))
    x, values = draw(2, 2, 2).requires_grad_(), draw(2, cell.state_size).requires_grad_()
    lengths = torch.tensor([2, 1])
    mask = (torch.arange(2)[None] < lengths[:, None])[:, :, None]

    def function(sequence, start, *_weights):
        state = cell.initial_state(start)
        outputs, last = (
            cell(sequence, state, lengths) if run == "forward" else cell.loop(sequence, state, lengths, noise)
        )
        return (outputs * mask).sum(dim=1), flat(last)

    # In a random direction, not number by number: the suite tries many variants.
    assert torch.autograd.gradcheck(function, (x, values, *cell.parameters()), fast_mode=True)


@pytest.mark.parametrize("variant", [v for v in ALL if v.settings.get("layer_norm")], ids=str)
def test_words_dropped_at_the_start_make_no_gradient_explode(variant: Variant) -> None:
    # New biases are zero, so that with x = 0 and h = 0 every norm sees a row of zeros, where LN is steepest.
    kind = CELLS.load(variant.name)
    torch.manual_seed(7)
    if variant.depth > 1:
        cell = DeepTransition(INPUT, 8, cell=lambda *sizes: kind(*sizes, **variant.settings), depth=variant.depth)
    else:
        cell = kind(INPUT, 8, **variant.settings)
    cell, x = cell.double().eval(), draw(ROWS, TIME, INPUT)

    def norm_of_gradient(sequence: torch.Tensor) -> float:
        outputs, _ = cell(sequence)
        gradients = torch.autograd.grad(outputs[:, -TIME:].square().sum(), list(cell.parameters()), allow_unused=True)
        return float(torch.cat([g.flatten() for g in gradients if g is not None]).norm())

    dropped = torch.cat([torch.zeros(ROWS, 4, INPUT, dtype=x.dtype), x], dim=1)
    assert norm_of_gradient(dropped) < 100 * norm_of_gradient(x)


def test_a_norm_of_zeros_has_the_value_of_torchs_and_passes_the_gradient_on() -> None:
    norm = torch.nn.LayerNorm(HIDDEN).double()
    with torch.no_grad():
        norm.weight.copy_(draw(HIDDEN))
        norm.bias.copy_(draw(HIDDEN) + 1)
    x = draw(3, HIDDEN)
    x[1] = 0.0
    x.requires_grad_()
    found = normalised(norm, x)
    torch.testing.assert_close(found, norm(x))
    upstream = draw(3, HIDDEN)
    mine, torchs = (torch.autograd.grad(y, x, upstream)[0] for y in (found, norm(x)))
    torch.testing.assert_close(mine[[0, 2]], torchs[[0, 2]])
    assert torch.equal(mine[1], upstream[1])


@every_variant
def test_a_kernel_runs_where_the_cell_says_so_and_nowhere_else(variant: Variant, monkeypatch) -> None:
    cell, x = make(variant), draw(ROWS, TIME, INPUT)

    def refuse(*_) -> None:
        raise AssertionError("asked")

    for training in (False, True):
        cell.train(training)
        with monkeypatch.context() as patch:
            patch.setattr(cell, "advance" if cell.fused else "run", refuse)
            cell(x)
    if not cell.eval().fused:
        assert cell.execution.startswith("step by step: ")
    elif not cell.train().fused:
        assert cell.execution.startswith("step by step in training: recurrent dropout; else ")
    else:
        assert cell.execution.endswith(", whole sequences")


@pytest.mark.parametrize("name", ["elman", "gru", "lstm"])
def test_what_torch_has_a_kernel_for_is_run_by_it(name: str) -> None:
    kind = CELLS.load(name)
    assert kind(INPUT, HIDDEN).fused
    assert not kind(INPUT, HIDDEN, layer_norm=True).eval().fused
    dropping = kind(INPUT, HIDDEN, recurrent_dropout=0.1)
    assert not dropping.train().fused
    assert dropping.eval().fused


@every_variant
def test_nothing_is_dropped_when_evaluating_or_without_recurrent_dropout(variant: Variant) -> None:
    cell, x = make(variant), draw(ROWS, TIME, INPUT)
    assert cell.noise(ROWS, x) is None
    torch.testing.assert_close(cell(x)[0], cell(x)[0], rtol=0, atol=0)
    if not variant.settings.get("recurrent_dropout"):
        assert cell.train().noise(ROWS, x) is None


@every_dropping
def test_the_noise_of_a_sequence_is_drawn_once_and_keeps_the_mean(variant: Variant) -> None:
    cell, x, share = make(variant).train(), draw(ROWS, TIME, INPUT), variant.settings["recurrent_dropout"]
    torch.manual_seed(11)
    cell(x)
    after = torch.get_rng_state()
    torch.manual_seed(11)
    cell.noise(ROWS, x)
    assert torch.equal(torch.get_rng_state(), after)  # the whole sequence drew no more than one noise
    for mask in masks_of(cell.noise(5000, x)):
        assert mask.shape == (5000, HIDDEN)
        assert mask.dtype == x.dtype
        assert set(mask.unique().tolist()) == {0.0, 1 / (1 - share)}
        # 20,000 draws: the mean is within five standard deviations of 1.
        assert mask.mean().item() == pytest.approx(1.0, abs=5 * (share / (1 - share) / 20_000) ** 0.5)


@every_dropping
def test_each_sequence_has_its_own_noise(variant: Variant) -> None:
    cell = make(variant).train()
    x = draw(1, TIME, INPUT).expand(40, -1, -1)
    once, again = cell(x)[0], cell(x)[0]
    assert (once != again).any()
    assert (once[0] != once[1:]).any()


@every_variant
@pytest.mark.skipif(not cpu_has_bf16(), reason="this CPU computes no bf16")
def test_training_in_bf16_stays_close_to_single_precision(variant: Variant) -> None:
    cell, x = variant.build(8, 16).float().train(), draw(ROWS, TIME, 8).float()
    torch.manual_seed(2)
    wanted, wanted_last = cell(x)
    for sequence in (x, x.bfloat16()):  # a first layer reads one, a later layer the other
        for lengths in (None, LENGTHS):
            torch.manual_seed(2)
            with torch.autocast("cpu", torch.bfloat16):
                outputs, last = cell(sequence, None, lengths)
                further, _ = cell(sequence, last)
            real = torch.arange(TIME)[None] < (LENGTHS if lengths is not None else torch.full((ROWS,), TIME))[:, None]
            # bf16 rounds by 2^-9, at each of a few steps, and layer norm makes the small sums among them larger.
            assert (outputs - wanted)[real].norm() < 0.05 * wanted[real].norm()
            if lengths is None:
                assert (flat(last) - flat(wanted_last)).norm() < 0.05 * flat(wanted_last).norm()
            further.float().sum().backward()
            assert all(weight.grad is not None and weight.grad.isfinite().all() for weight in cell.parameters())


@pytest.mark.skipif(not cpu_has_bf16(), reason="this CPU computes no bf16")
def test_what_is_added_up_over_time_is_kept_in_32_bits() -> None:
    # Every gate open, and 0.002 added a hundred times to 1: a sum in bf16, whose next number is 1.0078, would stay 1.
    cell = zeroed(CELLS.load("lstm")(1, 1, peepholes=True))
    with torch.no_grad():
        cell.kernel.bias_ih_l0.copy_(torch.tensor([20.0, 20.0, 0.002, 20.0]))
    x, state = torch.zeros(1, 100, 1, dtype=torch.bfloat16), (torch.zeros(1, 1).bfloat16(), torch.ones(1, 1).bfloat16())
    with torch.autocast("cpu", torch.bfloat16):
        _, (_, c) = cell(x, state)
    assert c.item() == pytest.approx(1.2, abs=0.01)


@every_variant
def test_every_matrix_of_a_cell_can_be_initialised(variant: Variant) -> None:
    cell = make(variant)
    listed: list[torch.Tensor] = []
    for part in cell.modules():
        if isinstance(part, Cell):
            listed += [*part.matrices().recurrent, *part.matrices().inputs]
            assert all(stack.shape[1] == HIDDEN for stack in part.matrices().recurrent)
            assert all(stack.shape[1] == INPUT for stack in part.matrices().inputs)
    assert all(stack.shape[0] % HIDDEN == 0 for stack in listed)
    wanted = {id(weight) for weight in cell.parameters() if weight.dim() == 2}
    assert sorted(id(stack) for stack in listed) == sorted(wanted)


@pytest.mark.parametrize("variant", VARIANTS, ids=str)
def test_a_cell_without_input_is_the_cell_whose_input_is_zero(variant: Variant) -> None:
    kind = CELLS.load(variant.name)
    torch.manual_seed(5)
    bare = kind(0, HIDDEN, **variant.settings).double().eval()
    full = kind(INPUT, HIDDEN, **variant.settings).double().eval()
    full.load_state_dict(bare.state_dict(), strict=False)
    state = bare.initial_state(draw(ROWS, bare.state_size))
    wanted = full.step(torch.zeros(ROWS, INPUT, dtype=torch.float64), state)
    assert_states_equal(bare.step(torch.zeros(ROWS, 0, dtype=torch.float64), state), wanted)
    assert sum(weight.dim() == 2 and 0 in weight.shape for weight in bare.parameters()) == 0


def zeroed(cell: Cell) -> Cell:
    with torch.no_grad():
        for weight in cell.parameters():
            weight.zero_()
    return cell


def test_an_lstm_by_hand() -> None:
    # No weight but the input's into the candidate; gates of half, so c' = (c + tanh 1) / 2 and h' = tanh(c') / 2.
    cell = zeroed(CELLS.load("lstm")(1, 1))
    with torch.no_grad():
        cell.kernel.weight_ih_l0[2] = 1.0
    _, (h, c) = cell.step(torch.ones(1, 1), (torch.zeros(1, 1), torch.full((1, 1), 3.0)))
    expected = (3.0 + np.tanh(1.0)) / 2
    assert c.item() == pytest.approx(expected)
    assert h.item() == pytest.approx(np.tanh(expected) / 2)


def test_peepholes_by_hand() -> None:
    # Nothing but the three peepholes: i and f see the old cell, o the new one; without a candidate c' = f * c.
    cell = zeroed(CELLS.load("lstm")(1, 1, peepholes=True))
    with torch.no_grad():
        cell.peepholes.copy_(torch.tensor([5.0, -0.5, 2.0]))
    _, (h, c) = cell.step(torch.ones(1, 1), (torch.zeros(1, 1), torch.full((1, 1), 3.0)))
    expected = 3.0 / (1.0 + np.exp(1.5))
    assert c.item() == pytest.approx(expected)
    assert h.item() == pytest.approx(np.tanh(expected) / (1.0 + np.exp(-2.0 * expected)))


def test_a_new_lstm_with_peepholes_is_the_one_without() -> None:
    torch.manual_seed(4)
    plain, seeing = CELLS.load("lstm")(INPUT, HIDDEN), CELLS.load("lstm")(INPUT, HIDDEN, peepholes=True)
    missing, unexpected = seeing.load_state_dict(plain.state_dict(), strict=False)
    assert (missing, unexpected) == (["peepholes"], [])
    x = draw(ROWS, TIME, INPUT).float()
    torch.testing.assert_close(seeing(x)[0], plain(x)[0])


def test_elman_by_hand() -> None:
    cell = zeroed(CELLS.load("elman")(1, 1, activation="relu"))
    with torch.no_grad():
        cell.kernel.weight_ih_l0.fill_(2.0)
        cell.kernel.weight_hh_l0.fill_(3.0)
    outputs, _ = cell(torch.tensor([[[1.0], [-4.0], [5.0]]]))  # 2; 3 * 2 - 8 < 0; 10 + 3 * 0
    assert outputs[0, :, 0].tolist() == [2.0, 0.0, 10.0]


def test_jordan_by_hand() -> None:
    cell = zeroed(CELLS.load("jordan")(1, 1, activation="relu"))
    with torch.no_grad():
        cell.kernel.weight_ih_l0.fill_(1.0)
        cell.kernel.weight_hh_l0.fill_(2.0)
        cell.output.weight.fill_(0.5)
    outputs, (y,) = cell(torch.tensor([[[1.0], [1.0]]]))
    first = np.tanh(0.5)
    second = np.tanh(0.5 * (1 + 2 * first))  # what is fed back is the output
    assert outputs[0, :, 0].tolist() == pytest.approx([first, second])
    assert y.item() == pytest.approx(second)


def test_recurrent_dropout_drops_the_way_into_the_product_and_nothing_else() -> None:
    # A mask of zeros: an LSTM's h is not seen, and its c is carried on whole; a GRU still carries on its h.
    for name in ("lstm", "gru"):
        cell = zeroed(CELLS.load(name)(1, 1)).double()
        with torch.no_grad():
            cell.kernel.weight_hh_l0.fill_(7.0)
        values = torch.full((1, cell.state_size), 0.5, dtype=torch.float64)
        zero = torch.zeros(1, 1, dtype=torch.float64)
        _, state = cell.step(zero, cell.initial_state(values), zero)
        assert state[-1].item() == pytest.approx(0.25)  # every gate is half open, the candidate is 0


@every_variant
def test_what_is_bounded_lies_between_minus_one_and_one_and_nothing_else_does(variant: Variant) -> None:
    cell = make(variant)
    with torch.no_grad():
        for weight in cell.parameters():
            weight.mul_(30)
    outputs, _ = cell(100 * draw(ROWS, TIME, INPUT))
    assert (outputs.abs().max().item() <= 1) == cell.bounded


@pytest.mark.parametrize("name", ["elman", "jordan"])
def test_an_unknown_activation_is_refused(name: str) -> None:
    with pytest.raises(ValueError, match="activation is 'gelu', and must be one of tanh, relu"):
        CELLS.load(name)(INPUT, HIDDEN, activation="gelu")


gated = pytest.mark.parametrize("variant", [v for v in VARIANTS if issubclass(CELLS.load(v.name), GateCell)], ids=str)


def gates(cell: Cell) -> list[tuple[np.ndarray, ...]]:
    """Each gate's W, U, and both biases, in the kernel's documented order."""
    kernel = cell.kernel
    stacks = (kernel.weight_ih_l0, kernel.weight_hh_l0, kernel.bias_ih_l0, kernel.bias_hh_l0)
    return list(zip(*(np.split(array(stack), cell.num_gates) for stack in stacks), strict=True))


@gated
def test_new_weights_are_what_each_gate_wants(variant: Variant) -> None:
    cell = CELLS.load(variant.name)(INPUT, HIDDEN, **variant.settings)
    # The forget gate of an LSTM and the update gate of a GRU both stand second: together their biases give 1.
    remembering = {"lstm": 1, "gru": 1}.get(variant.name, cell.remembering_gate)
    for place, (w, u, b, d) in enumerate(gates(cell)):
        np.testing.assert_array_equal(b + d, 1.0 if place == remembering else 0.0)
        np.testing.assert_allclose(u @ u.T, np.eye(HIDDEN), atol=1e-5)
        assert 0 < np.abs(w).max() <= np.sqrt(6 / (INPUT + HIDDEN))
    norms = [part for part in cell.modules() if isinstance(part, torch.nn.LayerNorm)]
    assert bool(norms) == bool(variant.settings.get("layer_norm"))
    for norm in norms:
        assert (norm.weight == 1).all()


def test_the_weights_that_kernels_hold_keep_their_names() -> None:
    # Models that were kept are read by these names.
    names = ["kernel.weight_ih_l0", "kernel.weight_hh_l0", "kernel.bias_ih_l0", "kernel.bias_hh_l0"]
    for name in ("lstm", "gru"):
        for dropout in (0.0, 0.3):
            assert list(CELLS.load(name)(INPUT, HIDDEN, recurrent_dropout=dropout).state_dict()) == names


def test_a_copied_transition_shares_nothing_with_the_first() -> None:
    cell = make(Variant("gru", {}, DEPTH))
    x = draw(ROWS, TIME, INPUT)
    wanted = cell(x)[0]
    zeroed(copy.deepcopy(cell))
    torch.testing.assert_close(cell(x)[0], wanted)


def test_of_a_gpus_warnings_only_the_one_about_weights_in_pieces_is_not_shown() -> None:
    pieces = "RNN module weights are not part of single contiguous chunk of memory. This means they need …"
    with warnings.catch_warnings(record=True) as shown:
        warnings.simplefilter("always")
        spec = spec_from_file_location("kernel_anew", kernel.__file__)
        spec.loader.exec_module(module_from_spec(spec))  # as at the first import
        for message in (pieces, "another"):
            warnings.warn(message, stacklevel=1)
    assert [str(warning.message) for warning in shown] == ["another"]
