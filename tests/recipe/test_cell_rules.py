"""The rules for what a cell and an initialisation are told: refused in the recipe, before any network is built."""

from __future__ import annotations

from typing import get_args

import pytest

from seq2seq.errors import UserError
from seq2seq.nn.cells.elman import Activation
from seq2seq.recipe.overrides import apply_overrides
from seq2seq.recipe.schema import Recipe


@pytest.mark.parametrize("name", ["elman", "jordan"])
@pytest.mark.parametrize("activation", get_args(Activation))
def test_every_activation_that_a_cell_knows_is_allowed(name: str, activation: str) -> None:
    recipe = apply_overrides(Recipe(), [f"model.cell={name}", f"model.cell.activation={activation}"])
    assert recipe.model.cell.settings == {"activation": activation}


@pytest.mark.parametrize(
    "assignments",
    [
        ["model.cell=elman", "model.cell.activation=gelu"],
        ['model.encoder_cells=[{name = "elman", activation = "gelu"}]'],
        ['model.decoder_cells=["gru", {name = "elman", activation = "gelu"}]'],
    ],
)
def test_another_activation_is_refused_wherever_the_cell_stands(assignments: list[str]) -> None:
    with pytest.raises(UserError, match="The activation 'gelu' of the cell 'elman' is unknown") as caught:
        apply_overrides(Recipe(), assignments)
    assert caught.value.hint == 'Choose "tanh" or "relu".'


def test_a_bound_of_zero_is_refused() -> None:
    assignments = ["model.initialisation=uniform", "model.initialisation.bound=0.0"]
    with pytest.raises(UserError, match=r"bound = 0\.0 leaves every weight at 0") as caught:
        apply_overrides(Recipe(), assignments)
    assert "above 0" in caught.value.hint
