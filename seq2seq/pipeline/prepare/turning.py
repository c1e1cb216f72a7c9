"""The recipe of the other direction: what else changes sides where a recipe is turned round."""

from __future__ import annotations

from collections.abc import Iterable

from msgspec.structs import replace

from seq2seq.pipeline.prepare.sources import languages
from seq2seq.recipe.languages import metric_tokenizer
from seq2seq.recipe.schema import Choice, Recipe


def turned(recipe: Recipe) -> Recipe:
    """Returns the recipe that learns the other direction from the same text.

    Pretrained vectors and the scripts of filters go with their languages. What was measured and said was of the old
    direction. Scores count words as the new target language does, where they did so for the old one; any other way was
    a person's choice, and stays.
    """
    data, model, evaluation = recipe.data, recipe.model, recipe.evaluation
    new_target, old_target = languages(data)
    if evaluation.tokenize == metric_tokenizer(old_target):
        evaluation = replace(evaluation, tokenize=metric_tokenizer(new_target))
    return replace(
        recipe,
        description="",
        results=(),
        data=replace(data, reverse=not data.reverse, filters=turned_filters(data.filters)),
        model=replace(model, source_vectors=model.target_vectors, target_vectors=model.source_vectors),
        evaluation=evaluation,
    )


def turned_filters(filters: Iterable[Choice]) -> tuple[Choice, ...]:
    """Returns filters for the other direction: their settings of the two sides have changed places."""
    return tuple(map(_turned, filters))


def _turned(part: Choice) -> Choice:
    """Returns a filter whose settings of the two sides have changed places."""
    sides = {"source": "target", "target": "source"}
    return Choice(part.name, {sides.get(key, key): value for key, value in part.settings.items()})
