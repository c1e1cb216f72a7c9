"""Initialisations: every weight of a built network is what the formula of the named scheme says."""

from __future__ import annotations

import inspect
import math
from itertools import pairwise

import pytest
import torch
from torch import nn

from seq2seq import build
from seq2seq.nn import initialisation
from seq2seq.nn.attention import Attention
from seq2seq.nn.cells import Cell
from seq2seq.nn.cells.gates import GateCell
from seq2seq.nn.model import EncoderDecoder
from seq2seq.recipe.schema import Choice, Model
from seq2seq.registry import CELLS, INITIALISATIONS

SIZE, EMBEDDING, SYMBOLS = 64, 48, 70
every_cell = pytest.mark.parametrize("cell", list(CELLS))

BOUNDS = {
    "glorot-uniform": lambda rows, columns: math.sqrt(6 / (rows + columns)),
    "he-uniform": lambda rows, columns: math.sqrt(6 / columns),
    "uniform": lambda rows, columns: 0.05,
}
DEVIATIONS = {
    "glorot-normal": lambda rows, columns: math.sqrt(2 / (rows + columns)),
    "he-normal": lambda rows, columns: math.sqrt(2 / columns),
    "lecun-normal": lambda rows, columns: math.sqrt(1 / columns),
}
SCHEMES = [*BOUNDS, *DEVIATIONS]


def network(scheme: str, cell: str = "lstm", *, seed: int = 1, **changes) -> EncoderDecoder:
    torch.manual_seed(seed)
    settings = {
        "embedding_size": EMBEDDING,
        "encoder_size": 2 * SIZE,
        "decoder_size": SIZE,
        "tie": "none",
        "cell": Choice(cell),
        "initialisation": Choice(scheme, {"bound": 0.05} if scheme == "uniform" else {}),
        **changes,
    }
    return build.model(Model(**settings), source_symbols=SYMBOLS, target_symbols=SYMBOLS)


def cells(model: nn.Module) -> list[Cell]:
    return [part for part in model.modules() if isinstance(part, Cell)]


def matrices(model: nn.Module) -> list[torch.Tensor]:
    """Every matrix that is filled by itself: gate by gate in the cells, whole elsewhere; no embedding."""
    inside = {id(weight) for cell in cells(model) for weight in cell.parameters()}
    inside |= {id(part.weight) for part in model.modules() if isinstance(part, nn.Embedding)}
    found = [weight for weight in model.parameters() if weight.dim() == 2 and id(weight) not in inside]
    for cell in cells(model):
        for stack in (*cell.matrices().recurrent, *cell.matrices().inputs):
            found += torch.split(stack, cell.hidden_size)
    return [matrix.detach() for matrix in found]


def check(matrix: torch.Tensor, scheme: str) -> None:
    """Holds a matrix to its scheme: its mean and its variance within five standard errors, and its bound."""
    count = matrix.numel()
    if scheme in BOUNDS:
        bound = BOUNDS[scheme](*matrix.shape)
        variance, fourth = bound**2 / 3, bound**4 / 5
        assert matrix.abs().max() <= bound
        if count > 500:
            assert matrix.abs().max() > 0.9 * bound
    else:
        variance = DEVIATIONS[scheme](*matrix.shape) ** 2
        fourth = 3 * variance**2
    assert matrix.mean().abs() < 5 * math.sqrt(variance / count)
    assert abs(matrix.square().mean() - variance) < 5 * math.sqrt((fourth - variance**2) / count)


def test_every_scheme_is_registered() -> None:
    functions = inspect.getmembers(initialisation, inspect.isfunction)
    here = {
        function
        for name, function in functions
        if function.__module__ == initialisation.__name__ and not name.startswith("_")
    }
    assert here == {INITIALISATIONS.load(name) for name in INITIALISATIONS}


def test_every_scheme_is_tested() -> None:
    assert {*SCHEMES, "orthogonal", "identity"} == set(INITIALISATIONS)


@pytest.mark.parametrize("scheme", SCHEMES)
@every_cell
def test_every_matrix_has_the_distribution_of_its_scheme(scheme: str, cell: str) -> None:
    model = network(scheme, cell, encoder_layers=2)
    found = matrices(model)
    assert any(matrix.shape == (SIZE, SIZE) for matrix in found)
    assert any(matrix.shape == (SYMBOLS, EMBEDDING) for matrix in found)  # the output's
    for matrix in found:
        check(matrix, scheme)
    for one, other in pairwise(found):  # each is drawn for itself
        assert one.shape != other.shape or not torch.equal(one, other)


@pytest.mark.parametrize("attention", ["additive", "multi-head"])
def test_attentions_and_bridges_are_matrices_like_others(attention: str) -> None:
    model = network("he-uniform", attention=Choice(attention))
    parts = [part for part in model.modules() if isinstance(part, Attention)]
    parts.append(model.decoder.bridge)
    for part in parts:
        weights = [weight for weight in part.parameters() if weight.dim() == 2]
        assert weights
        for weight in weights:
            check(weight.detach(), "he-uniform")


@pytest.mark.parametrize("scheme", list(INITIALISATIONS))
@every_cell
def test_only_the_gate_that_remembers_has_a_bias(scheme: str, cell: str) -> None:
    model = network(scheme, cell)
    for part in cells(model):
        if isinstance(part, GateCell):
            # The forget gate of an LSTM and the update gate of a GRU both stand second.
            remembering = {"lstm": 1, "gru": 1}.get(cell, part.remembering_gate)
            total = (part.kernel.bias_ih_l0 + part.kernel.bias_hh_l0).split(part.hidden_size)
            wanted = [{1.0 if place == remembering else 0.0} for place in range(len(total))]
            assert [set(bias.tolist()) for bias in total] == wanted
    if scheme != "orthogonal":
        biases = [part.bias for part in model.modules() if isinstance(part, nn.Linear) and part.bias is not None]
        assert biases
        assert not any(bias.any() for bias in biases)
    assert not model.output.bias.any()


@pytest.mark.parametrize("scheme", [name for name in INITIALISATIONS if name != "uniform"])
@pytest.mark.parametrize("tie", ["none", "target", "all"])
def test_embeddings_stay_as_they_are_made_and_tied_ones_too(scheme: str, tie: str) -> None:
    model = network(scheme, tie=tie)
    for embedding in (model.source_embedding, model.target_embedding):
        weight = embedding.weight.detach()
        variance = 1 / EMBEDDING
        assert abs(weight.square().mean() - variance) < 5 * variance * math.sqrt(2 / weight.numel())
    assert (model.output.weight is model.target_embedding.weight) == (tie != "none")
    assert (model.source_embedding is model.target_embedding) == (tie == "all")


@pytest.mark.parametrize("tie", ["none", "all"])
def test_uniform_fills_the_embeddings_too(tie: str) -> None:
    model = network("uniform", tie=tie)
    for weight in (model.source_embedding.weight, model.target_embedding.weight, model.output.weight):
        check(weight.detach(), "uniform")


@every_cell
def test_identity_passes_the_state_on(cell: str) -> None:
    for part in cells(network("identity", cell)):
        for stack in part.matrices().recurrent:
            blocks = stack.detach().split(part.hidden_size)
            for block in blocks:
                torch.testing.assert_close(block, torch.eye(part.hidden_size) / math.sqrt(len(blocks)))
            h = torch.randn(9, part.hidden_size)
            torch.testing.assert_close((h @ stack.detach().T).norm(dim=1), h.norm(dim=1))
        for stack in part.matrices().inputs:
            for block in torch.split(stack.detach(), part.hidden_size):
                check(block, "glorot-uniform")


def test_a_rectifier_with_the_identity_adds_up_its_inputs() -> None:
    # Le et al. 2015: with identity and no bias, h is the sum of what came, as long as that is positive.
    cell = CELLS.load("elman")(3, 3, activation="relu")
    initialisation.identity(cell)
    with torch.no_grad():
        cell.kernel.weight_ih_l0.copy_(torch.eye(3))
    x = torch.rand(2, 50, 3)
    torch.testing.assert_close(cell(x)[0], x.cumsum(dim=1), rtol=1e-4, atol=1e-4)


@every_cell
def test_orthogonal_leaves_what_the_constructors_made(cell: str) -> None:
    model = network("orthogonal", cell)
    made = {name: weight.clone() for name, weight in model.state_dict().items()}
    drawn = torch.get_rng_state()
    initialisation.orthogonal(model)
    assert torch.equal(drawn, torch.get_rng_state())
    assert all(torch.equal(weight, made[name]) for name, weight in model.state_dict().items())
    for part in cells(model):
        for stack in part.matrices().recurrent:
            for block in torch.split(stack.detach(), part.hidden_size):
                torch.testing.assert_close(block @ block.T, torch.eye(part.hidden_size), rtol=0, atol=1e-5)
        for stack in part.matrices().inputs:
            for block in torch.split(stack.detach(), part.hidden_size):
                check(block, "glorot-uniform")


@pytest.mark.parametrize("scheme", list(INITIALISATIONS))
def test_the_weights_are_a_function_of_the_seed(scheme: str) -> None:
    one, same, other = (network(scheme, "gru", seed=seed).state_dict() for seed in (1, 1, 2))
    assert all(torch.equal(one[name], same[name]) for name in one)
    assert any(not torch.equal(one[name], other[name]) for name in one)


@pytest.mark.parametrize("scheme", ["lecun-normal", "identity"])
def test_cells_inside_a_transition_are_filled_and_their_norms_stay_one(scheme: str) -> None:
    model = network(scheme, "gru", encoder_transition=2, decoder_transition=3, layer_norm=True)
    if scheme == "lecun-normal":
        for matrix in matrices(model):
            check(matrix, scheme)
    norms = [part for part in model.modules() if isinstance(part, nn.LayerNorm)]
    assert len(norms) == 2 * (2 + 1) + 2 * (2 + 1 + 1)  # one for each product: only first cells have an input's
    assert all((norm.weight == 1).all() for norm in norms)


@pytest.mark.parametrize("bound", [0.0, -1.0, float("inf"), float("nan")])
def test_a_bound_that_is_no_number_above_zero_is_refused(bound: float) -> None:
    with pytest.raises(ValueError, match="must be a number above 0"):
        initialisation.uniform(nn.Linear(2, 2), bound=bound)
