"""What a recipe does differently from the defaults is found, and so are the reasons in its file."""

from __future__ import annotations

import pytest

from seq2seq.recipe.catalog import shipped_recipes
from seq2seq.recipe.decode import complete
from seq2seq.recipe.differences import differences, reasons_in
from seq2seq.recipe.overrides import apply_overrides
from seq2seq.recipe.schema import Recipe
from seq2seq.recipe.toml import dump_recipe


def test_the_defaults_differ_in_nothing():
    assert differences(Recipe()) == differences(complete(Recipe())) == {}


def test_what_was_changed_is_found_with_both_values():
    changed = apply_overrides(
        Recipe(), ["model.dropout=0.1", "training.schedule.shape=cosine", "model.attention.heads=8", "search.beam=5"]
    )
    default = Recipe()
    assert differences(changed) == {
        "model.attention": ({"name": "multi-head", "heads": 8}, {"name": "multi-head", "heads": 4}),
        "model.dropout": (0.1, default.model.dropout),
        "training.schedule.shape": ("cosine", "linear"),
    }


def test_reasons_come_back_from_where_they_were_written():
    long = "Because this corpus is small, and because " + "so it goes on, " * 12 + "and ends."
    reasons = {"model.dropout": long, "training.schedule.warmup_updates": "A tenth.", "name": "Ours."}
    assert reasons_in(dump_recipe(Recipe(), reasons)) == reasons


def test_a_comment_belongs_to_the_setting_right_below_it():
    head = "# The file.\n\nname = 'x'\n# Of the section.\n[data]\n"
    text = head + "# Why.\n#   And why.\ntrain = [\n  'a = b',\n]\nseed = 2\n"
    assert reasons_in(text) == {"data.train": "Why. And why."}


@pytest.mark.parametrize("shipped", shipped_recipes(), ids=lambda one: one.name)
def test_every_reason_of_a_shipped_recipe_is_for_a_setting_of_it(shipped):
    own = differences(shipped.recipe)
    found = reasons_in(shipped.path.read_text("utf-8"))
    assert found
    assert set(found) <= set(own), "a reason for a value that is the default"
