"""The first stage of a training: what it is made of, and where it begins."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

import numpy as np
import torch

from seq2seq import build
from seq2seq.bundle import RunFolder
from seq2seq.data.store import Store
from seq2seq.folders import write_text
from seq2seq.manifest import Manifest
from seq2seq.pipeline.prepare.vectors import Vectors, note, start_from
from seq2seq.pipeline.train.environment import Spent, environment, note_environment
from seq2seq.pipeline.train.keeping import BestAsBundle
from seq2seq.pipeline.train.learning_curve import Pictures
from seq2seq.pipeline.train.refine import forget
from seq2seq.pipeline.train.several import agreed, check_alike, facts
from seq2seq.pipeline.train.starting import first_weights
from seq2seq.pipeline.train.training_setup import Setup
from seq2seq.pipeline.train.validation import validator
from seq2seq.recipe.schema import Recipe
from seq2seq.text.pairs import TokenizerPair
from seq2seq.training import checkpoint, precision
from seq2seq.training.checkpoint import TrainingState
from seq2seq.training.group import Group
from seq2seq.training.rotation import Checkpoints
from seq2seq.training.stop import Stop

if TYPE_CHECKING:
    from seq2seq.training.protocols import Reporter
    from seq2seq.training.trainer import Trainer


def set_up(
    recipe: Recipe,
    run: RunFolder,
    manifest: Manifest,
    *,
    recipe_text: str,
    resume: bool,
    place: torch.device,
    reporter: Reporter,
    group: Group,
) -> tuple[Setup, Trainer]:
    """Reads what was prepared, and makes what trains on it. Several processes all call it. Writes nothing.

    Args:
        recipe: All settings.
        run: A prepared run.
        manifest: What was prepared.
        recipe_text: The recipe, as the bundle holds it.
        resume: Whether this call goes on with a training, where one has begun.
        place: Where to compute.
        reporter: Who watches.
        group: The processes that train together.

    Returns:
        What both stages are made of, and the trainer of the first.

    Raises:
        UserError: Something of the run is missing or damaged, or the processes have not the same of it.
    """
    tokenizers, store = agreed(group, lambda: (TokenizerPair.load(run.tokenizers), Store(run.split("train"))))
    kind = agreed(group, lambda: precision.choose(recipe.training.precision, place))
    check_alike(group, facts(recipe, run, manifest, store, device=place.type, precision=kind))
    stop, spent = Stop(), Spent(run)
    first = agreed(group, lambda: first_weights(recipe, run, manifest))  # a copy of all weights
    vectors = _vectors(recipe, run, tokenizers, store, resume=resume, group=group)
    setup = Setup(
        tokenizers=tokenizers,
        store=store,
        corpora=[(corpus.pairs, corpus.weight) for corpus in manifest.corpora],
        epoch_pairs=manifest.epoch_pairs,
        vectors=vectors,
        held=first if recipe.training.hold else None,
        validator=validator(recipe, run, tokenizers, kind, stop.check),
        reporter=Pictures(reporter, run),
        keeper=BestAsBundle(run, recipe_text, tokenizers, manifest, vectors.report, spent, recipe.training.stop_on),
        device=place,
        precision=kind,
        group=group,
        stop=stop,
        spent=spent,
    )
    samplers = build.samplers(recipe, tokenizers)
    trainer = setup.trainer(
        recipe,
        setup.batches(recipe, batch_tokens=recipe.training.batch_tokens, sampler=samplers),
        keeper=setup.keeper,
        folder=run.path,
        weights=first,
        look_first=first is not None,
    )
    return setup, trainer


def _vectors(
    recipe: Recipe, run: RunFolder, tokenizers: TokenizerPair, store: Store, *, resume: bool, group: Group
) -> Vectors:
    """Reads the vectors that the training begins with, in the first process.

    The others are told which rows of the embeddings have one; they get its weights.
    """
    goes_on = resume and Checkpoints(run.checkpoints).exist()
    vectors = agreed(
        group, lambda: Vectors() if group.rank else start_from(recipe, run, tokenizers, store, goes_on=goes_on)
    )
    rows = group.from_first({side: given.rows.tolist() for side, given in vectors.given.items()})
    if group.rank == 0:
        return vectors
    from seq2seq.nn.pretrained import Pretrained

    return Vectors({side: Pretrained(np.array(numbers, np.int64)) for side, numbers in rows.items()})


def begin(run: RunFolder, setup: Setup, trainer: Trainer, *, recipe_text: str, resume: bool, restart: bool) -> bool:
    """Brings the trainer to where training goes on, or begins, and writes down what it trains with.

    Args:
        run: The run.
        setup: What the training is made of.
        trainer: That of the first stage.
        recipe_text: The recipe, as the run is to hold it.
        resume: Go on from the last checkpoint, if there is one.
        restart: Forget what was trained before.

    Returns:
        Whether it goes on.
    """
    group = setup.group
    if restart and group.rank == 0:
        shutil.rmtree(run.checkpoints, ignore_errors=True)
        run.metrics.unlink(missing_ok=True)
        forget(run)
    going_on = resume and trainer.resume()
    if group.size > 1 and not going_on:  # the first one read the vectors, and another kind of CPU draws other numbers
        checkpoint.share(TrainingState(trainer.model, trainer.optimizer, trainer.average, trainer.counters), group)
    if group.rank == 0:
        if not going_on:
            note(setup.vectors, run)
        found = environment(setup.device, precision=setup.precision, processes=group.size)
        note_environment(run, found, goes_on=going_on)
        write_text(run.recipe, recipe_text)
    return going_on
