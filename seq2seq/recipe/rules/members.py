"""The settings of single members of a family, where a wrong value would only fail much later."""

from __future__ import annotations

from seq2seq.recipe.rules.problem import Problem, Rule
from seq2seq.recipe.schema import Choice, Recipe
from seq2seq.registry import SCHEDULES

_LEAST_OF_FILTERS = {"length": 1, "ratio": 1, "repeated": 1}  # of their `maximum`; that of the others is a share


def _member_settings(recipe: Recipe) -> Problem | None:
    """Bounds of settings that belong to one member of a family, where a wrong one would only fail much later."""
    tokenizer, shape = recipe.text.tokenizer, recipe.training.schedule.shape
    if tokenizer.settings.get("model", "bpe") not in ("bpe", "unigram"):
        return Problem(
            f'text.tokenizer.model = "{tokenizer.settings["model"]}" is not a kind of subwords.',
            'Choose "bpe" or "unigram".',
        )
    if shape.name in SCHEDULES and not 0 < float(shape.settings.get("factor", 0.5)) < 1:
        return Problem(
            f"training.schedule.shape.factor = {shape.settings['factor']} would not lower the learning rate.",
            "Choose a factor above 0 and below 1.",
        )
    for cell in (recipe.model.cell, *recipe.model.encoder_cells, *recipe.model.decoder_cells):
        if cell.settings.get("activation", "tanh") not in ("tanh", "relu"):
            return Problem(
                f"The activation {cell.settings['activation']!r} of the cell {cell.name!r} is unknown.",
                'Choose "tanh" or "relu".',
            )
    if not float(recipe.model.initialisation.settings.get("bound", 1.0)) > 0:
        return Problem(
            f"model.initialisation.bound = {recipe.model.initialisation.settings['bound']} leaves every weight at 0.",
            "Choose a bound above 0, for instance 0.08.",
        )
    at_least: list[tuple[str, Choice, str, float]] = [
        ("text.tokenizer", tokenizer, "minimum_count", 1),
        ("training.schedule.shape", shape, "patience", 0),
        *(("data.filters", one, "maximum", _LEAST_OF_FILTERS.get(one.name, 0)) for one in recipe.data.filters),
    ]
    for trail, choice, key, least in at_least:
        if float(choice.settings.get(key, least)) < least:
            return Problem(f"{trail}: {key} of {choice.name!r} is {choice.settings[key]}.", f"Give at least {least:g}.")
    return None


MEMBERS_RULES: tuple[Rule, ...] = (_member_settings,)
