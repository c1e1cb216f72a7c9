"""train: from a prepared run to a bundle."""

from __future__ import annotations

import gc
import time
from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import dataclass

import torch

from seq2seq import console
from seq2seq.bundle import RunFolder
from seq2seq.device import allow_tf32, choose_device, unused_gpu
from seq2seq.manifest import Manifest
from seq2seq.pipeline.evaluate import tune
from seq2seq.pipeline.lock import only_one
from seq2seq.pipeline.models.card import refresh_card
from seq2seq.pipeline.models.export import export_trained
from seq2seq.pipeline.prepare.reasons import fitting_of
from seq2seq.pipeline.prepare.vectors import located
from seq2seq.pipeline.train.first_stage import begin, set_up
from seq2seq.pipeline.train.learning_curve import draw_last
from seq2seq.pipeline.train.prepared import read_prepared
from seq2seq.pipeline.train.refine import Refined, refine, wants_refining
from seq2seq.pipeline.train.reporters import ConsoleReporter, closing, start_stage
from seq2seq.pipeline.train.several import agreed
from seq2seq.pipeline.train.stopping import stopping
from seq2seq.pipeline.train.training_setup import Setup
from seq2seq.recipe.schema import Recipe
from seq2seq.recipe.toml import dump_recipe
from seq2seq.training import best as bests
from seq2seq.training.allocator import keep_large_buffers
from seq2seq.training.counters import Counters
from seq2seq.training.group import Alone, Group
from seq2seq.training.metrics_log import MetricsLog
from seq2seq.training.protocols import Reporter


@dataclass(frozen=True)
class Trained:
    """How a training went.

    Attributes:
        counters: Where it stands.
        finished: False where it was asked to stop before its end.
        updates: How many updates this call made; 0 where there was nothing left to do.
        seconds: How long this call took.
        best: The development scores of the first stage's best model.
        refined: How the second stage went; None where there was none, or it was not come to.
    """

    counters: Counters
    finished: bool
    updates: int
    seconds: float
    best: Mapping[str, float]
    refined: Refined | None = None


def train(
    recipe: Recipe,
    run: RunFolder,
    *,
    resume: bool = False,
    restart: bool = False,
    device: str = "auto",
    threads: int = 0,
    reporter: Reporter | None = None,
    group: Group | None = None,
) -> Trained:
    """Trains the run's network and keeps its best state as a bundle.

    Where several processes train together, all of them call this, and only the first one writes. The others may read
    the run from a copy of its folder on another machine; checkpoints need be in the first one's only.

    Args:
        recipe: All settings; those of the data must be the ones the run was prepared with.
        run: A prepared run.
        resume: Go on from the last checkpoint, or start where there is none.
        restart: Forget what was trained before.
        device: "auto", "cpu", "cuda" or "cuda:1".
        threads: CPU cores; 0: all.
        reporter: Who watches; None: a progress bar on stderr.
        group: The processes that train together; None: this one alone.

    Raises:
        UserError: The run was prepared with other settings, or a training has begun and neither `resume` nor
            `restart` says what to do with it.
    """
    recipe, group = located(recipe), group or Alone()
    with ExitStack() as held:
        if group.rank == 0:
            agreed(group, lambda: held.enter_context(only_one(run)))
        else:
            agreed(group, lambda: None)
        # Not before: another process may have been preparing until now.
        manifest = agreed(group, lambda: read_prepared(recipe, run, fresh=not (resume or restart) and not group.rank))
        if device == "auto" and (unused := unused_gpu()):
            console.warn(unused)
        return _train(
            recipe,
            run,
            manifest,
            resume=resume,
            restart=restart,
            place=choose_device(device, threads=threads),
            reporter=reporter,
            group=group,
        )


def _train(
    recipe: Recipe,
    run: RunFolder,
    manifest: Manifest,
    *,
    resume: bool,
    restart: bool,
    place: torch.device,
    reporter: Reporter | None,
    group: Group,
) -> Trained:
    """Sets up what trains, runs both stages, and does what comes after them."""
    keep_large_buffers()
    text = dump_recipe(recipe, fitting_of(manifest, recipe))
    watcher = reporter or ConsoleReporter(recipe.training.stop_on)
    setup, trainer = set_up(
        recipe, run, manifest, recipe_text=text, resume=resume, place=place, reporter=watcher, group=group
    )
    # Nothing is changed on disk before here, where all that could be refused has been.
    going_on = begin(run, setup, trainer, recipe_text=text, resume=resume, restart=restart)
    before, started = trainer.counters.update, time.monotonic()
    if going_on:
        console.say(f"going on after update {before:,}")
    with stopping(setup.stop.request, several=group.size > 1), closing(watcher), allow_tf32(place):
        counters, finished, refined = trainer.run(), trainer.finished, None
        if finished and wants_refining(recipe):
            # Its weights, moments and average are no longer needed, and a second network comes. It and what it has made
            # know each other, so that nothing is freed before cycles are looked for.
            del trainer
            gc.collect()
            start_stage(watcher, "refining")
            refined = refine(recipe, run, setup, found=counters.best is not None, resume=going_on)
            finished = refined is None or refined.finished
    trained = counters.update > before or (refined is not None and refined.updates > 0)
    _complete(recipe, run, setup, finished=finished, trained=trained)
    return Trained(
        counters,
        finished,
        counters.update - before + (refined.updates if refined is not None else 0),
        time.monotonic() - started,
        best_scores(run, counters.best_update) if group.rank == 0 else {},
        refined,
    )


def _complete(recipe: Recipe, run: RunFolder, setup: Setup, *, finished: bool, trained: bool) -> None:
    """Does what comes after the training: the last picture, the search's tuning, the graphs and the card.

    Args:
        recipe: All settings.
        run: The run.
        setup: What the training was made of.
        finished: Whether it came to its end.
        trained: Whether this call made an update.
    """
    group = setup.group
    if group.rank == 0:
        draw_last(run)
    if group.size == 1 and finished:  # who asked to stop is not kept waiting; of several see the command
        if recipe.training.tune_length_penalty:
            tune.tune_trained(run, device=str(setup.device), threads=torch.get_num_threads())
        export_trained(run)
    if group.rank == 0:
        if trained:
            setup.spent.note()
        if (run.bundle / "bundle.json").is_file():
            refresh_card(run.bundle)


def best_scores(run: RunFolder, update: int) -> Mapping[str, float]:
    """Returns the development scores of the bundle, whose `update` is known; empty where there are none.

    They need not be the best in the log: where `training.stop_on` was changed, looks before chose by another score.
    """
    return bests.look(MetricsLog(run.metrics).rows(), update)
