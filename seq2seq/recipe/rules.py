"""The rules between settings: what each value allows alone, two together may not.

A rule looks at a whole recipe and returns a problem, or None. Rules are checked once a recipe is complete, never half
way through a list of changes.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import NamedTuple

from seq2seq.errors import UserError
from seq2seq.recipe.schema import Choice, Recipe
from seq2seq.registry import SCHEDULES


class Problem(NamedTuple):
    """A broken rule: what is wrong, and what to do."""

    message: str
    hint: str


Rule = Callable[[Recipe], Problem | None]


def check_rules(recipe: Recipe, *, where: str) -> None:
    """Checks every rule between settings.

    Raises:
        UserError: The first rule that is broken, after the name `where`.
    """
    for rule in RULES:
        problem = rule(recipe)
        if problem:
            raise UserError(f"{where}: {problem.message}", hint=problem.hint)


def _encoder_halves(recipe: Recipe) -> Problem | None:
    model = recipe.model
    if model.bidirectional and model.encoder_size % 2:
        return Problem(
            f"model.encoder_size = {model.encoder_size} is odd, and a bidirectional encoder gives "
            "half to each direction.",
            "Choose an even size, or set model.bidirectional = false.",
        )
    return None


def _tying(recipe: Recipe) -> Problem | None:
    if recipe.model.tie == "all" and not recipe.text.joint:
        return Problem(
            'model.tie = "all" shares one embedding between both languages, and text.joint = false '
            "gives each its own ids.",
            'Set text.joint = true, or model.tie = "target".',
        )
    return None


def _attention_and_wiring(recipe: Recipe) -> Problem | None:
    attention, wiring = recipe.model.attention.name, recipe.model.wiring.name
    if wiring == "fixed-vector" and attention != "none":
        return Problem(
            f'model.wiring = "fixed-vector" has no place for an attention, and model.attention is "{attention}".',
            'Set model.attention = "none", or model.wiring = "parallel".',
        )
    if attention == "none" and wiring != "fixed-vector":
        return Problem(
            f'model.attention = "none" leaves model.wiring = "{wiring}" without a context to read.',
            'Set model.wiring = "fixed-vector", or choose an attention, for instance "multi-head".',
        )
    return None


def _fixed_vector_bridge(recipe: Recipe) -> Problem | None:
    if recipe.model.wiring.name == "fixed-vector" and recipe.model.bridge == "zero":
        return Problem(
            'model.wiring = "fixed-vector" with model.bridge = "zero" tells the decoder nothing about the source.',
            'Set model.bridge = "last".',
        )
    return None


def _parallel_layers(recipe: Recipe) -> Problem | None:
    if recipe.model.wiring.name == "parallel" and recipe.model.decoder_layers < 2:
        return Problem(
            'model.wiring = "parallel" needs model.decoder_layers of at least 2: the first makes the queries, the '
            "later ones read the contexts.",
            'Set model.decoder_layers = 2, or model.wiring = "input-feeding".',
        )
    return None


def _heads(recipe: Recipe) -> Problem | None:
    heads = recipe.model.attention.settings.get("heads")
    if heads is None or (heads >= 1 and recipe.model.decoder_size % int(heads) == 0):  # type: ignore[operator]
        return None
    return Problem(
        f"model.attention.heads = {heads} does not divide model.decoder_size = {recipe.model.decoder_size}.",
        "Choose a number of heads such as 1, 4 or 8 that divides the decoder's size.",
    )


def _dot_sizes(recipe: Recipe) -> Problem | None:
    model = recipe.model
    if model.attention.name != "dot" or model.encoder_size == model.decoder_size:
        return None
    return Problem(
        f'model.attention = "dot" compares vectors of one size, and model.encoder_size = {model.encoder_size} differs '
        f"from model.decoder_size = {model.decoder_size}.",
        'Make the two equal, or choose model.attention = "additive" or "multi-head".',
    )


def _lines(recipe: Recipe) -> Problem | None:
    for name in ("development_lines", "test_lines"):
        lines = getattr(recipe.data, name)
        if lines and not 1 <= lines[0] <= lines[1]:
            return Problem(
                f"data.{name} = [{lines[0]}, {lines[1]}] is not a range of lines.",
                "Lines count from 1; give the first, then the last, both included.",
            )
    return None


def _lines_apart(recipe: Recipe) -> Problem | None:
    data = recipe.data
    if set(data.development).isdisjoint(data.test):
        return None
    whole = (1, math.inf)  # of the file, where no range is given
    development, test = data.development_lines or whole, data.test_lines or whole
    if max(development[0], test[0]) <= min(development[1], test[1]):
        return Problem(
            "the lines of data.development and data.test overlap in the same file, so the test score would be that of "
            "sentences the model was chosen by.",
            "Choose two ranges that share no line: data.development_lines and data.test_lines.",
        )
    return None


def _columns(recipe: Recipe) -> Problem | None:
    source, target = recipe.data.columns
    if source < 0 or target < 0 or source == target:
        return Problem(
            f"data.columns = [{source}, {target}] does not name two columns.",
            "Columns count from 0; give the source's, then the target's.",
        )
    return None


def _files(recipe: Recipe) -> Problem | None:
    data = recipe.data
    wanted = {"aligned": 2, "tsv": 1, "phrasebook": 0}.get(data.reader.name)
    if wanted is None:
        return None
    for name in ("train", "development", "test"):
        files = getattr(data, name)
        if files and len(files) != wanted:
            what = {2: "two files, the source and the target", 1: "one file", 0: "no files: it is embedded"}[wanted]
            return Problem(
                f'data.{name} lists {len(files)} file(s), and data.reader = "{data.reader.name}" takes {what}.',
                "Correct the list, or choose another data.reader.",
            )
    return None


def _hub_name(recipe: Recipe) -> Problem | None:
    if recipe.data.reader.name == "hub" and not recipe.data.hub:
        return Problem('data.reader = "hub" needs the name of a dataset.', 'Set data.hub = "owner/dataset".')
    return None


def _some_limit(recipe: Recipe) -> Problem | None:
    training = recipe.training
    if not (training.max_epochs or training.max_updates or training.minutes):
        return Problem(
            "training.max_epochs, training.max_updates and training.minutes are all 0, so nothing ends the training.",
            "Set one of them, for instance training.max_epochs = 20.",
        )
    return None


def _warmup(recipe: Recipe) -> Problem | None:
    training = recipe.training
    if training.max_updates and training.schedule.warmup_updates >= training.max_updates:
        return Problem(
            f"training.schedule.warmup_updates = {training.schedule.warmup_updates} leaves nothing of "
            f"training.max_updates = {training.max_updates}.",
            "Warm up for a tenth of the updates or less.",
        )
    return None


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
    at_least: list[tuple[str, Choice, str, float]] = [
        ("text.tokenizer", tokenizer, "minimum_count", 1),
        ("training.schedule.shape", shape, "patience", 0),
        *(("data.filters", one, "maximum", 1) for one in recipe.data.filters),
    ]
    for trail, choice, key, least in at_least:
        if float(choice.settings.get(key, least)) < least:
            return Problem(f"{trail}: {key} of {choice.name!r} is {choice.settings[key]}.", f"Give at least {least:g}.")
    return None


RULES: tuple[Rule, ...] = (
    _encoder_halves,
    _tying,
    _attention_and_wiring,
    _fixed_vector_bridge,
    _parallel_layers,
    _heads,
    _dot_sizes,
    _lines,
    _lines_apart,
    _columns,
    _files,
    _hub_name,
    _some_limit,
    _warmup,
    _member_settings,
)
