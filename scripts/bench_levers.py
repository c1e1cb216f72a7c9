"""Measures what each lever of training speed is worth alone: training with all of them, in turn with one taken away.

Usage: python scripts/bench_levers.py [--lever NAME ...] [--updates 20] [--rounds 2] [--batch-tokens N] [--threads N]

The network and the text are those of `bench_train.py`, shape `comparison`. Each round makes the same updates with all
levers and without the one that is looked at. The factor is the ratio of the medians of their times, so what else the
machine does at the moment weighs on both. The last line is one JSON object.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from unittest import mock

import numpy as np
import torch
from bench_train import SHAPES, WARM_UP, Training, made_up_store, recipe_of
from synthetic import machine

from seq2seq.device import choose_device
from seq2seq.nn.cells.gates import GateCell
from seq2seq.nn.encoder import BothWays, reorder, reverse_index
from seq2seq.nn.loss import cross_entropy
from seq2seq.nn.output import Output
from seq2seq.training.allocator import keep_large_buffers

DEFAULT_ALLOCATOR = "SEQ2SEQ_BENCH_DEFAULT_ALLOCATOR"


@contextmanager
def in_32_bits(training: Training) -> Iterator[None]:
    """Products in fp32 instead of bf16."""
    with mock.patch.object(training.gradient, "precision", "fp32"):
        yield


@contextmanager
def step_by_step(training: Training) -> Iterator[None]:
    """One step after another, with the inputs projected at once, instead of a kernel over the sequence."""
    with mock.patch.object(GateCell, "fused", False):
        yield


@contextmanager
def packed(training: Training) -> Iterator[None]:
    """Packed sequences in the encoder instead of dense ones that are reversed by a gather."""

    def forward(self: BothWays, x: torch.Tensor, lengths: torch.Tensor) -> torch.Tensor:
        index = reverse_index(lengths, x.shape[1])
        ahead, _ = self.forward_cell(x, None, lengths)
        back, _ = self.backward_cell(reorder(x, index), None, lengths)
        return torch.cat([ahead, reorder(back, index)], dim=-1)

    with mock.patch.object(BothWays, "forward", forward):
        yield


@contextmanager
def at_random(training: Training) -> Iterator[None]:
    """Batches of as many pairs, drawn at random instead of by length."""
    plan, generator = training.plan, np.random.default_rng(1)
    rows = generator.permutation(np.concatenate(list(plan)))
    with mock.patch.object(training, "plan", np.array_split(rows, len(plan))):
        yield


@contextmanager
def padding_too(training: Training) -> Iterator[None]:
    """The output layer for every position instead of the real ones."""
    fill = training.batches.fill

    def padded(*arguments: Any, **named: Any) -> Any:  # noqa: ANN401 - whatever `fill` takes and gives
        batch = fill(*arguments, **named)
        # The count of tokens changes with it, which only scales the loss.
        return type(batch)(**{**vars(batch), "real": torch.arange(batch.target_in.numel())})

    with mock.patch.object(training.batches, "fill", padded):
        yield


@contextmanager
def all_logits(training: Training) -> Iterator[None]:
    """The plain cross-entropy, which holds all logits several times."""

    def loss(self: Output, features: torch.Tensor, targets: torch.Tensor, *, label_smoothing: float) -> torch.Tensor:
        return cross_entropy(self(features), targets, label_smoothing=label_smoothing)

    with mock.patch.object(Output, "loss", loss):
        yield


@contextmanager
def plain_optimizer(training: Training) -> Iterator[None]:
    """AdamW as a loop over the weights instead of one fused kernel."""
    groups = training.step.optimizer.param_groups
    for group in groups:
        group.update(fused=False, foreach=False)
    try:
        yield
    finally:
        for group in groups:
            group.update(fused=True, foreach=None)


LEVERS: dict[str, Callable[[Training], Any]] = {
    "bf16": in_32_bits,
    "kernels over whole sequences": step_by_step,
    "exact reversal instead of packing": packed,
    "batches of even length": at_random,
    "only real tokens before the softmax": padding_too,
    "loss without all logits": all_logits,
    "fused optimizer": plain_optimizer,
}
ALLOCATOR = "allocator that keeps large buffers"


def milliseconds(training: Training, updates: int) -> list[float]:
    """Returns the time of each of so many updates."""
    return [1000 * training.make(1)[0] for _ in range(updates)]


def compared(training: Training, without: Callable[[Training], Any], updates: int, rounds: int) -> dict[str, float]:
    """Returns the milliseconds of an update with everything, and without a lever."""
    found: dict[str, list[float]] = {"with": [], "without": []}
    place = training.place
    for _ in range(rounds):
        training.place = place
        found["with"] += milliseconds(training, updates)
        training.place = place
        with without(training):
            training.make(1)
            training.place = place
            found["without"] += milliseconds(training, updates)
    return summary(found["with"], found["without"])


def summary(with_it: list[float], without: list[float]) -> dict[str, float]:
    a, b = statistics.median(with_it), statistics.median(without)
    return {"with_ms": round(a, 1), "without_ms": round(b, 1), "factor": round(b / a, 3)}


def started(given: argparse.Namespace, folder: Path) -> Training:
    """Returns a warm training."""
    changes = [f"training.batch_tokens={given.batch_tokens}"] if given.batch_tokens else []
    num_symbols = SHAPES["comparison"][0]
    store = made_up_store(folder / "train.arrow", 29_000, num_symbols)
    device = choose_device("cpu", threads=given.threads)
    training = Training(recipe_of("comparison", changes), store, num_symbols, device)
    training.make(WARM_UP)
    return training


def by_allocator(given: argparse.Namespace) -> dict[str, float]:
    """Compares the allocators, each of which a process of its own must have from the start."""
    found: dict[str, list[float]] = {"": [], "1": []}
    command = [sys.executable, __file__, "--updates", str(given.updates), "--times"]
    command += ["--batch-tokens", str(given.batch_tokens), "--threads", str(given.threads)]
    for _ in range(given.rounds):
        for value, times in found.items():
            done = subprocess.run(
                command, env={**os.environ, DEFAULT_ALLOCATOR: value}, stdout=subprocess.PIPE, check=True, text=True
            )
            times.extend(json.loads(done.stdout.splitlines()[-1]))
    return summary(found[""], found["1"])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("--lever", action="append", choices=[*LEVERS, ALLOCATOR], help="default: all")
    parser.add_argument("--updates", type=int, default=20)
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument("--batch-tokens", type=int, default=0)
    parser.add_argument("--threads", type=int, default=0)
    parser.add_argument("--times", action="store_true", help="only print the milliseconds of each update")
    given = parser.parse_args()
    if not os.environ.get(DEFAULT_ALLOCATOR):
        keep_large_buffers()
    with tempfile.TemporaryDirectory() as folder:
        training = started(given, Path(folder))
        if given.times:
            print(json.dumps(milliseconds(training, given.updates)))
            return
        chosen = given.lever or [*LEVERS, ALLOCATOR]
        found = {
            name: compared(training, without, given.updates, given.rounds)
            for name, without in LEVERS.items()
            if name in chosen
        }
    if ALLOCATOR in chosen:
        found[ALLOCATOR] = by_allocator(given)
    result = {
        "levers": found,
        "precision": training.kind,
        "threads": torch.get_num_threads(),
        "batch_tokens": training.batches.batch_tokens,
        "machine": machine(),
    }
    print(json.dumps(result))


if __name__ == "__main__":
    main()
