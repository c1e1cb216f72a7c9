"""A reason stands as long as the value that it was given for."""

from __future__ import annotations

from seq2seq.pipeline.prepare.reasons import SET_BY_YOU, fitting, values
from seq2seq.recipe.overrides import apply_overrides
from seq2seq.recipe.schema import Recipe

REASONS = {"model.dropout": "because", "training.schedule.warmup_updates": "therefore", "model.attention": "so"}


def test_values_by_their_trail():
    found = values(Recipe(), REASONS)
    assert found["model.dropout"] == Recipe().model.dropout
    assert found["training.schedule.warmup_updates"] == Recipe().training.schedule.warmup_updates


def test_a_value_that_was_changed_was_set_by_a_person():
    chosen = values(Recipe(), REASONS)
    assert fitting(REASONS, chosen, Recipe()) == REASONS
    changed = apply_overrides(Recipe(), ["model.dropout=0.7"])
    assert fitting(REASONS, chosen, changed) == {**REASONS, "model.dropout": SET_BY_YOU}
    assert fitting(REASONS, {}, changed) == REASONS  # nothing is known of what was chosen
