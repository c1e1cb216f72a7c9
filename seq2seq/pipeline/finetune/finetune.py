"""From a model and new text to a run that is ready to go on from the model's weights."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from msgspec.structs import replace

from seq2seq.bundle import Bundle, RunFolder
from seq2seq.errors import UserError
from seq2seq.pipeline.finetune.basis import basis
from seq2seq.pipeline.finetune.beginning import Beginning, begun
from seq2seq.pipeline.finetune.model import check_place, check_weights
from seq2seq.pipeline.finetune.new_text import NewText
from seq2seq.pipeline.finetune.old_text import OldText, check_tags, old_text
from seq2seq.pipeline.finetune.settings import check_settings, choose
from seq2seq.pipeline.finetune.training_settings import OLD_SHARE, passes_of
from seq2seq.pipeline.prepare.prepare import Prepared, prepare
from seq2seq.pipeline.prepare.reasons import fitting, values
from seq2seq.recipe.overrides import apply_overrides
from seq2seq.recipe.presets import Preset
from seq2seq.recipe.schema import Data, Recipe
from seq2seq.text.pairs import TokenizerPair


@dataclass(frozen=True)
class Wish:
    """What a model is to learn.

    Attributes:
        bundle: The model.
        text: The new text, as `described` tells of it.
        folder: Where its files are; as for `open_sources`.
        name: What the run is called.
        old: The run that made the model; None: the one that its bundle lies in, where it lies in one.
        old_share: Share of the pairs learned from that are old ones; None: half, where there are any.
        minutes: How long training may take.
        settings: Changes, "section.key=value".
        command: What makes the run again.
    """

    bundle: Bundle
    text: Data
    folder: Path | None
    name: str
    old: Path | None = None
    old_share: float | None = None
    minutes: float | None = None
    settings: Sequence[str] = ()
    command: str = ""


@dataclass(frozen=True)
class Ready:
    """A run that is ready to be trained.

    Attributes:
        prepared: What was done for it.
        measured: The new text, as the model's vocabulary cuts it.
        tokenizer: What cuts it, by name.
    """

    prepared: Prepared
    measured: NewText
    tokenizer: str


def prepare_finetuning(
    wish: Wish, run: RunFolder, *, resume: bool = False, restart: bool = False, force: bool = False, threads: int = 0
) -> Ready:
    """Prepares a run that goes on from a model.

    Args:
        wish: What the model is to learn.
        run: The run to make.
        resume: Whether training is to go on: what was said when it was begun need not be said again.
        restart: Whether training is to begin anew.
        force: Prepare again even where nothing changed, and where a training has begun.
        threads: How many processes may share the work; 0: one a core.

    Raises:
        UserError: The model has no weights, the run's folder is the model's own, the new text is wrong or too little, a
            setting does not fit the model, there are no old pairs where some are to be mixed in, or as `prepare`.
    """
    bundle = wish.bundle
    check_weights(bundle)
    beginning = begun(run) if resume else None
    old = old_text(bundle, wish.old or (beginning.old if beginning else None))
    share = _share(beginning.old_share if beginning and wish.old_share is None else wish.old_share, old, bundle)
    check_place(run, bundle, old)
    tokenizers = TokenizerPair.load(bundle.tokenizers)
    if old and share:
        check_tags(tokenizers, old)
    old_tokens = old.target_tokens if old else None
    text = beginning.reading(wish.text) if beginning else wish.text
    chosen, measured = choose(
        bundle,
        text,
        wish.folder,
        tokenizers,
        name=wish.name,
        old_share=share,
        old_sets=old is not None,
        old_tokens=old_tokens,
        minutes=wish.minutes,
        settings=wish.settings,
    )
    recipe = _recipe(wish, chosen, text, beginning)
    check_settings(bundle, recipe)
    passes = passes_of(recipe.training, measured, old_share=share, old_tokens=old_tokens)
    prepared = prepare(
        recipe,
        run,
        folder=wish.folder,
        reasons=fitting(chosen.reasons, values(chosen.recipe, chosen.reasons), recipe),
        force=force,
        threads=threads,
        basis=basis(bundle, tokenizers, old, old_share=share, command=wish.command, passes=passes),
        spare_begun=not (resume or restart),  # training will refuse it too, and nothing may be written by then
    )
    return Ready(prepared, measured, recipe.text.tokenizer.name)


def _share(asked: float | None, old: OldText | None, bundle: Bundle) -> float:
    """Returns the share of old pairs: as asked for, or by whether there are any."""
    if asked and old is None:
        raise UserError(
            f"There are no old pairs to mix in: {bundle.path} does not lie in the run that made it.",
            hint="Name that run with --old RUN; without it and without --old-share, the old weights are held on to.",
        )
    return asked if asked is not None else OLD_SHARE if old else 0.0


def _recipe(wish: Wish, chosen: Preset, text: Data, beginning: Beginning | None) -> Recipe:
    """Returns the settings: those chosen for the text, or those begun with, which are not chosen anew; then a person's.

    Raises:
        UserError: One of a person's is none, or breaks a rule.
    """
    if beginning is None:
        return apply_overrides(chosen.recipe, list(wish.settings))
    kept = beginning.recipe
    base = replace(
        chosen.recipe,
        data=text,
        model=kept.model,
        training=kept.training,
        search=kept.search,
        evaluation=kept.evaluation,
    )
    longer = [f"training.minutes={wish.minutes}"] if wish.minutes else []
    return apply_overrides(base, [*longer, *wish.settings])
