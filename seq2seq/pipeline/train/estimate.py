"""How long a training will take here, and what it needs: measured by doing a little of it."""

from __future__ import annotations

import math
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from functools import partial
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from seq2seq import build
from seq2seq.data.batches import Batch, Batches
from seq2seq.data.lexicon import LINK_BYTES, MOST_LINKS, Lexicon, learn_lexicon
from seq2seq.data.plan import plan_epoch
from seq2seq.data.store import Store
from seq2seq.device import allow_tf32
from seq2seq.nn.model import EncoderDecoder
from seq2seq.recipe.schema import Recipe, Risk, Training
from seq2seq.text.pairs import TokenizerPair
from seq2seq.training import precision
from seq2seq.training.allocator import keep_large_buffers
from seq2seq.training.clock import BUDGET_FOR_UPDATES
from seq2seq.training.guidance import Guide
from seq2seq.training.optimizer import adamw
from seq2seq.training.protocols import Objective

TRIAL_UPDATES = 3
PAIRS_PLANNED = 100_000
BYTES = 4
COPIES_IN_MEMORY = 6  # weights, gradients, two moments of the optimizer, the average, and a bundle being written
CHECKPOINTS_ON_DISK = 3  # the last and the one before, and beside them the next one while it is written
COPIES_IN_A_CHECKPOINT = 4  # weights, the average and two moments
COPIES_BESIDE = 2  # the bundle, its graphs in 8 bits, and what a fine-tuning starts from in the room that is left
REFINING_COPIES_ON_DISK = 9  # two checkpoints again, and the weights that the second stage starts from
LIBRARIES_BYTES = 900e6  # torch and datasets, loaded and in use
HOLES = 7  # between two releases of memory a measured training held seven times what one batch needs
PAIR_BYTES = 240  # of the ids of both sides, found in the file and not copied: what a lexicon is learned from
KEPT_A_LAYER = 12  # numbers a layer keeps of each of its outputs for the backward pass: gates, states, masks, copies


@dataclass(frozen=True)
class Estimate:
    """What a training will take.

    Attributes:
        parameters: Weights of the network.
        updates: Updates until the end; of a time budget as many as fit, about.
        passes: Over the corpus in as many updates.
        seconds: How long, the second stage included; measured on a few updates on batches of usual length.
        refining_seconds: How much of it is the second stage's; 0 where there is none.
        memory_bytes: Of the process at its largest, about.
        disk_bytes: Of the run's folder, about.
        precision: What the products are computed in.
        tokens_per_second: Target tokens.
    """

    parameters: int
    updates: int
    passes: float
    seconds: float
    memory_bytes: float
    disk_bytes: float
    precision: str
    tokens_per_second: float
    refining_seconds: float = 0.0

    def to_dict(self) -> dict[str, Any]:
        """Returns the estimate as JSON values."""
        return asdict(self)


def estimate(
    recipe: Recipe,
    train: Store,
    tokenizers: TokenizerPair,
    *,
    device: torch.device,
    corpora: Sequence[tuple[int, float]] = (),
    epoch_pairs: int | None = None,
) -> Estimate:
    """Trains a few updates on batches drawn at random, and multiplies.

    Args:
        recipe: All settings.
        train: The training pairs.
        tokenizers: What made their ids.
        device: Where to train.
        corpora: Pairs and weight of each corpus in `train`, in their order; none: it is one.
        epoch_pairs: How many of them a pass has; None: as many as there are.
    """
    settings = recipe.training
    keep_large_buffers()
    batches = Batches(
        train,
        batch_tokens=settings.batch_tokens,
        seed=settings.seed,
        corpora=corpora,
        temperature=recipe.data.temperature,
        epoch_pairs=epoch_pairs,
        sampler=build.samplers(recipe, tokenizers),
    )
    plan, num_batches = _planned(train, settings)
    # The first batch touches fresh memory; it is not counted.
    trial = [batches.fill(rows, 0).to(device) for rows in plan]
    network = build.model(
        recipe.model,
        source_symbols=tokenizers.source.vocabulary_size,
        target_symbols=tokenizers.target.vocabulary_size,
    ).to(device)
    kind = precision.choose(settings.precision, device)
    per_token = seconds_a_token(network, objective(settings, trial), trial, kind)
    tokens = batches.num_tokens() * _growth(batches, plan, trial)
    num_batches = batches.num_mixed_batches() if batches.is_mixed else num_batches
    looks = settings.average_looks  # each of them a copy more, in memory and in every checkpoint
    readings = 2 if settings.r_drop else 1
    an_update = settings.accumulate * tokens / num_batches * per_token
    updates, seconds = _length(settings, num_batches, an_update)
    refining = _refining_seconds(settings.risk, batches.num_tokens() * per_token / readings)
    copies = CHECKPOINTS_ON_DISK * (COPIES_IN_A_CHECKPOINT + looks) + COPIES_BESIDE
    copies += REFINING_COPIES_ON_DISK if refining else 0
    parameters = sum(weight.numel() for weight in network.parameters())
    return Estimate(
        parameters=parameters,
        updates=updates,
        passes=updates * settings.accumulate / num_batches,
        seconds=seconds + refining,
        memory_bytes=LIBRARIES_BYTES
        + BYTES * (COPIES_IN_MEMORY + looks) * parameters
        # What a lexicon is counted in is free again before batches have left any holes.
        + max(BYTES * HOLES * readings * _activations(recipe, trial, tokenizers), _lexicon_bytes(settings, train)),
        disk_bytes=BYTES * copies * parameters + train.path.stat().st_size,
        precision=kind,
        tokens_per_second=1 / per_token,
        refining_seconds=refining,
    )


def _refining_seconds(risk: Risk, plain: float) -> float:
    """Returns how long the second stage takes, where a pass of the ordinary loss over the corpus takes `plain` seconds.

    Per sentence of n candidates the target side is read n + 1 times, forward and backward, as `plain` does once;
    drawing goes n times forward, about n / 3 of that. The source is read forward twice and backward once, where n + 1
    times `plain` would have it n + 1 times, and that is about what drawing costs: at 2, 8 and 16 candidates of the
    default network, all different, a pass took 3.5, 8.9 and 16.4 times `plain`. Candidates that are alike are read but
    once, so this is about the most that it takes. It is not measured as the first stage is, since a network that has
    learned nothing draws longer translations than it ever will again.
    """
    passes = risk.epochs * (risk.candidates + 1) * plain
    budget = risk.minutes * 60
    return min(passes, budget) if passes and budget else passes or budget


def _planned(train: Store, settings: Training) -> tuple[list[NDArray[np.int64]], int]:
    """Returns the rows of some batches, drawn at random, and how many batches an epoch has.

    Of a large corpus a part is planned, taken evenly from all of it: the plan of a whole epoch would take more memory
    than all of preparing.
    """
    rows = np.linspace(0, len(train) - 1, min(len(train), PAIRS_PLANNED)).astype(np.int64)
    lengths = train.source.lengths[rows], train.target.lengths[rows]
    plan = plan_epoch(*lengths, batch_tokens=settings.batch_tokens, seed=settings.seed, epoch=0)
    return [rows[batch] for batch in plan[: TRIAL_UPDATES + 1]], round(len(plan) * len(train) / len(rows))


def _growth(batches: Batches, plan: list[NDArray[np.int64]], trial: list[Batch]) -> float:
    """Returns how many tokens a batch has for each that was planned: sampled subwords are more than the prepared."""
    if batches.sampler is None:
        return 1.0
    planned = sum(int(batches.store.target.lengths[rows].sum()) + len(rows) for rows in plan)
    return sum(batch.num_tokens for batch in trial) / planned


def objective(settings: Training, trial: Sequence[Batch]) -> Objective:
    """Builds what a training minimises, to be timed on `trial`.

    What shows an attention where to look has its lexicon from these batches alone, in a few hundredths of a second.
    That of a corpus takes up to five seconds, once, which is not counted; looking a batch up in it takes no longer. Of
    an update of the default network guiding takes less than a hundredth.
    """
    if not settings.guided_attention:
        return build.objective(settings)
    return build.objective(settings, Guide(partial(_lexicon, trial), settings.guided_attention))


def _lexicon(trial: Sequence[Batch]) -> Lexicon:
    def ids(side: Tensor, lengths: Tensor) -> list[list[int]]:
        return [row[: length - 1] for row, length in zip(side.tolist(), lengths.tolist(), strict=True)]

    sources = [row for batch in trial for row in ids(batch.source, batch.source_lengths)]
    return learn_lexicon(sources, [row for batch in trial for row in ids(batch.target_out, batch.target_lengths)])


def _lexicon_bytes(settings: Training, train: Store) -> float:
    """Returns what learning the lexicon of a guided attention takes, about; 0 where none is learned."""
    if not settings.guided_attention:
        return 0.0
    source, target = (side.lengths.astype(np.int64) + 1 for side in (train.source, train.target))
    return LINK_BYTES * min(MOST_LINKS, int((source * target).sum())) + PAIR_BYTES * len(train)


def seconds_a_token(network: EncoderDecoder, objective: Objective, trial: list[Batch], kind: str) -> float:
    """Returns the seconds that a target token takes in training."""
    with allow_tf32(trial[0].source.device):
        return _seconds_a_token(network, objective, trial, kind)


def _seconds_a_token(network: EncoderDecoder, objective: Objective, trial: list[Batch], kind: str) -> float:
    optimizer = adamw(network, weight_decay=0.0)
    network.train()
    begin, tokens = time.perf_counter(), 0
    for number, batch in enumerate(trial):
        if number == 1:
            begin = time.perf_counter()
        # Half-way through: what changes with the progress costs its mean there.
        loss = objective.add_gradient(network, batch, num_tokens=batch.num_tokens, progress=0.5, precision=kind)
        optimizer.step()
        optimizer.zero_grad()
        float(loss)  # waits for a GPU to finish
        tokens += batch.num_tokens if number else 0
    if not tokens:  # a corpus of one batch
        tokens = trial[0].num_tokens
    return (time.perf_counter() - begin) / tokens


def _length(settings: Training, num_batches: int, an_update: float) -> tuple[int, float]:
    """Returns the updates and the seconds until the first of the limits: updates, passes or minutes.

    Args:
        settings: The limits; there is one at least.
        num_batches: Of a pass.
        an_update: How many seconds one takes.
    """
    limits = [settings.max_updates] if settings.max_updates else []
    if settings.max_epochs:
        limits.append(math.ceil(settings.max_epochs * math.ceil(num_batches / settings.accumulate)))
    budget = settings.minutes * 60
    fits = max(1, int(budget * BUDGET_FOR_UPDATES / an_update))
    if budget and fits < min(limits, default=math.inf):
        return fits, budget
    return min(limits), min(limits) * an_update


def _activations(recipe: Recipe, trial: list[Batch], tokenizers: TokenizerPair) -> float:
    """Returns how many numbers are kept of one batch, about: the layers', and the logits with their gradient."""
    model, largest = recipe.model, max(batch.num_tokens for batch in trial)
    encoder = model.encoder_layers * model.encoder_transition * model.encoder_size
    decoder = model.decoder_layers * model.decoder_transition * model.decoder_size
    return largest * (KEPT_A_LAYER * (encoder + decoder) + 4 * tokenizers.target.vocabulary_size)
