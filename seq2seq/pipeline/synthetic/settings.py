"""The settings of a run with synthetic pairs: those of the run that it is made of, and the reasons that still hold."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from msgspec.structs import replace as changed

from seq2seq.bundle import RunFolder
from seq2seq.pipeline.prepare import cleaning
from seq2seq.pipeline.prepare.basis import check_from_scratch
from seq2seq.pipeline.prepare.reasons import SET_BY_YOU, fitting_of, values
from seq2seq.pipeline.prepare.sources import languages
from seq2seq.pipeline.prepare.vocabulary import check_text
from seq2seq.pipeline.synthetic.files import sides_of
from seq2seq.recipe.overrides import apply_overrides
from seq2seq.recipe.schema import Choice, Corpus, Recipe
from seq2seq.recipe.toml import load_recipe

ANOTHER: Final = "The models that write may be fine-tuned, but name another run with --of"
"""How another run is named where one was fine-tuned."""


def recipe_of(
    run: RunFolder, name: str, corpora: Sequence[Corpus], *, minutes: float | None, settings: Sequence[str]
) -> Recipe:
    """Returns the recipe of a run with these corpora: that of `run`, but for where its text comes from.

    The network begins with random weights and the vocabulary is that of `run`, so the settings must be those of a
    training from scratch, and none of [text] may change.

    The text was normalised, filtered and rid of its duplicates when `run` was prepared; of a pair that a model has
    written like one there was, both count, for the weights say how much.

    Args:
        run: The run that it is made of.
        name: What the new one is called.
        corpora: What it trains on.
        minutes: How long that may take; None: as before.
        settings: Changes, "section.key=value".

    Raises:
        UserError: `run` was fine-tuned; or a change is no setting, breaks a rule, or is of the vocabulary.
    """
    check_from_scratch(run, other=ANOTHER)
    before = load_recipe(run.recipe)
    source, target = languages(before.data)
    has_test = run.split("test").is_file()
    data = changed(
        before.data,
        **{"source_language": source, "target_language": target, "reverse": False},
        **{"reader": Choice("aligned"), "hub": "", "train": (), "columns": (0, 1), "fields": ()},
        **{"development": sides_of("development"), "test": sides_of("test") if has_test else ()},
        **{"development_lines": None, "test_lines": None, "development_size": 0, "test_size": 0},
        **{"corpora": tuple(corpora)},
    )
    data = cleaning.already_cleaned(data)
    training = before.training
    if minutes:
        training = changed(training, minutes=minutes, max_epochs=0.0, max_updates=0)
    found = changed(before, name=name, description="", results=(), data=data, training=training)
    found = apply_overrides(found, list(settings))
    check_text(run, before, found)
    return found


def asked(minutes: float | None, settings: Sequence[str]) -> list[str]:
    """Returns which settings a person has set, "section.key"."""
    return [*(["training.minutes"] if minutes else []), *(one.partition("=")[0].strip() for one in settings)]


def reasons_of(of: RunFolder, recipe: Recipe, told: Sequence[str]) -> dict[str, str]:
    """Returns the reasons of `of` that still hold.

    Where a value is another now, a person has set it, and that is said; or it follows from where the text comes from
    now, which needs no reason.

    Args:
        of: The run that the new one is made of.
        recipe: The new run's.
        told: The settings that a person has set, as `asked` gives them.
    """
    old = load_recipe(of.recipe)
    reasons = fitting_of(of.read_manifest(), old)
    was, now = values(old, reasons), values(recipe, reasons)
    found = {}
    for trail, reason in reasons.items():
        if now[trail] == was[trail]:
            found[trail] = reason
        elif any(one == trail or one.startswith(f"{trail}.") for one in told):
            found[trail] = SET_BY_YOU
    return found
