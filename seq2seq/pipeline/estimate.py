"""How long a training will take here, and what it needs: measured by doing a little of it."""

from __future__ import annotations

import math
import time
from dataclasses import asdict, dataclass
from typing import Any

import torch

from seq2seq import build
from seq2seq.data.batches import Batch, Batches
from seq2seq.data.store import Store
from seq2seq.nn.model import EncoderDecoder
from seq2seq.recipe.schema import Recipe
from seq2seq.text.pairs import TokenizerPair
from seq2seq.training import precision
from seq2seq.training.allocator import keep_large_buffers
from seq2seq.training.objective import CrossEntropy
from seq2seq.training.optimizer import adamw

TRIAL_UPDATES = 3
BYTES = 4
COPIES_IN_MEMORY = 6  # weights, gradients, two moments of the optimizer, the average, and a bundle being written
COPIES_ON_DISK = 5  # a checkpoint's weights, average and two moments, and the bundle
LIBRARIES_BYTES = 900e6  # torch and datasets, loaded and in use
HOLES = 7  # between two releases of memory a measured training held seven times what one batch needs
KEPT_A_LAYER = 12  # numbers a layer keeps of each of its outputs for the backward pass: gates, states, masks, copies


@dataclass(frozen=True)
class Estimate:
    """What a training will take.

    Attributes:
        parameters: Weights of the network.
        updates: Updates until the end; None where a time budget decides.
        seconds: How long; measured on a few updates on batches of usual length.
        memory_bytes: Of the process at its largest, about.
        disk_bytes: Of the run's folder, about.
        precision: What the products are computed in.
        tokens_per_second: Target tokens.
    """

    parameters: int
    updates: int | None
    seconds: float
    memory_bytes: float
    disk_bytes: float
    precision: str
    tokens_per_second: float

    def to_dict(self) -> dict[str, Any]:
        """Returns the estimate as JSON values."""
        return asdict(self)


def estimate(recipe: Recipe, train: Store, tokenizers: TokenizerPair, *, device: torch.device) -> Estimate:
    """Trains a few updates on batches drawn at random, and multiplies."""
    settings = recipe.training
    keep_large_buffers()
    batches = Batches(train, batch_tokens=settings.batch_tokens, seed=settings.seed)
    plan = batches.plan(0)
    # The first batch touches fresh memory; it is not counted.
    trial = [batches.fill(rows).to(device) for rows in plan[: TRIAL_UPDATES + 1]]
    network = build.model(
        recipe.model,
        source_symbols=tokenizers.source.vocabulary_size,
        target_symbols=tokenizers.target.vocabulary_size,
    ).to(device)
    kind = precision.choose(settings.precision, device)
    seconds_a_token = _time(network, trial, kind, device)
    tokens = len(train) + int(train.target.lengths.sum())
    updates = _updates(recipe, len(plan))
    budget = settings.minutes * 60
    seconds = updates * settings.accumulate * tokens / len(plan) * seconds_a_token if updates else budget
    parameters = sum(weight.numel() for weight in network.parameters())
    return Estimate(
        parameters=parameters,
        updates=updates,
        seconds=min(seconds, budget) if budget else seconds,
        memory_bytes=LIBRARIES_BYTES
        + BYTES * (COPIES_IN_MEMORY * parameters + HOLES * _activations(recipe, trial, tokenizers)),
        disk_bytes=BYTES * COPIES_ON_DISK * parameters + train.path.stat().st_size,
        precision=kind,
        tokens_per_second=1 / seconds_a_token,
    )


def _time(network: EncoderDecoder, trial: list[Batch], kind: str, device: torch.device) -> float:
    """Returns the seconds that a target token takes in training."""
    objective, optimizer = CrossEntropy(0.1), adamw(network, weight_decay=0.0)
    network.train()
    begin, tokens = time.perf_counter(), 0
    for number, batch in enumerate(trial):
        if number == 1:
            begin = time.perf_counter()
        with precision.computing(kind, device):
            loss = objective(network, batch) / batch.num_tokens
        loss.backward()  # type: ignore[no-untyped-call]
        optimizer.step()
        optimizer.zero_grad()
        float(loss.detach())  # waits for a GPU to finish
        tokens += batch.num_tokens if number else 0
    if not tokens:  # a corpus of one batch
        tokens = trial[0].num_tokens
    return (time.perf_counter() - begin) / tokens


def _updates(recipe: Recipe, num_batches: int) -> int | None:
    settings = recipe.training
    limits = [settings.max_updates] if settings.max_updates else []
    if settings.max_epochs:
        limits.append(math.ceil(settings.max_epochs * math.ceil(num_batches / settings.accumulate)))
    return min(limits) if limits else None


def _activations(recipe: Recipe, trial: list[Batch], tokenizers: TokenizerPair) -> float:
    """Returns how many numbers are kept of one batch, about: the layers', and the logits with their gradient."""
    model, largest = recipe.model, max(batch.num_tokens for batch in trial)
    layers = model.encoder_layers * model.encoder_size + model.decoder_layers * model.decoder_size
    return largest * (KEPT_A_LAYER * layers + 4 * tokenizers.target.vocabulary_size)
