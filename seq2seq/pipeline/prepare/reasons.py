"""Why a setting has its value, for as long as it has it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from seq2seq.manifest import Manifest
from seq2seq.recipe.decode import recipe_from_table, table_from_recipe
from seq2seq.recipe.schema import Recipe

SET_BY_YOU = "Set by you."


def values(recipe: Recipe, trails: Iterable[str]) -> dict[str, Any]:
    """Returns the value of each setting, by "section.key"."""
    # Completed first: a member of a family is the same with its defaults written out.
    complete = recipe_from_table(table_from_recipe(recipe), where=recipe.name, rules=False)
    table = table_from_recipe(complete)
    found = {}
    for trail in trails:
        here: Any = table
        for key in trail.split("."):
            here = here[key]
        found[trail] = here
    return found


def fitting(reasons: Mapping[str, str], chosen: Mapping[str, Any], recipe: Recipe) -> dict[str, str]:
    """Returns the reasons as they apply to `recipe`: a value that is no longer the one chosen was set by a person.

    Args:
        reasons: Why each value was chosen, by "section.key".
        chosen: The values they speak of, as `values` gives them.
        recipe: The settings as they are now.
    """
    now = values(recipe, reasons)
    return {
        trail: reason if trail not in chosen or now[trail] == chosen[trail] else SET_BY_YOU
        for trail, reason in reasons.items()
    }


def fitting_of(manifest: Manifest, recipe: Recipe) -> dict[str, str]:
    """Returns the reasons that a run's manifest gives, as they apply to `recipe`; older runs do not say the values."""
    return fitting(manifest.reasons, manifest.chosen or {}, recipe)
