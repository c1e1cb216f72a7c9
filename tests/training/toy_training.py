"""What a trainer needs from outside, as small as it can be."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import torch
from torch import nn

from seq2seq.data.batches import Batches, collate
from seq2seq.data.store import Row, Store, write_split
from seq2seq.training.gradient import Whole
from seq2seq.training.objective import CrossEntropy
from seq2seq.training.schedules import Constant
from seq2seq.training.trainer import Limits, Trainer


class Watcher:
    """A reporter that remembers; `act` is called with every training row."""

    def __init__(self, act=lambda row: None) -> None:
        self.act, self.starts, self.rows, self.looks, self.told = act, [], [], [], []

    def started(self, *, update, total) -> None:
        self.starts.append((update, total))

    def updated(self, row) -> None:
        self.rows.append(dict(row))
        self.act(row)

    def validated(self, row, *, best) -> None:
        self.looks.append((row["update"], best))

    def said(self, message) -> None:
        self.told.append(message)


class Shelf:
    """A keeper that remembers."""

    def __init__(self) -> None:
        self.kept = []

    def __call__(self, tensors, scores, update) -> None:
        self.kept.append((update, dict(scores), {name: tensor.clone() for name, tensor in tensors.items()}))


class Scripted:
    """A validator that says what it is told to; the last score for ever."""

    def __init__(self, *scores: float) -> None:
        self.scores, self.calls = scores or (0.0,), 0

    def __call__(self, model) -> dict[str, float]:
        value = self.scores[min(self.calls, len(self.scores) - 1)]
        self.calls += 1
        return {"bleu": value, "loss": value}


class Single(nn.Module):
    """One weight, whose loss is its square: every gradient is known."""

    def __init__(self, value: float = 1.0) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.tensor([value]))


def square(model, batch) -> torch.Tensor:
    return (model.weight**2).sum() * batch.num_tokens


class Plain:
    """The objective of a function that returns a summed loss."""

    def __init__(self, loss) -> None:
        self.loss = loss

    def add_gradient(self, model, batch, *, num_tokens, progress, precision) -> torch.Tensor:
        value = self.loss(model, batch) / num_tokens
        value.backward()
        return value.detach()


class Planned:
    """Batches of which only the plan matters: `num_batches` an epoch, one pair each."""

    def __init__(self, num_batches: int, num_rows: int = 1) -> None:
        self.num_batches, self.num_rows, self.filled = num_batches, num_rows, []

    def plan(self, epoch):
        return [np.array([epoch * 1000 + i] * self.num_rows) for i in range(self.num_batches)]

    def fill(self, rows, epoch=None):
        self.filled.append(int(rows[0]))
        return collate([[4]] * len(rows), [[4]] * len(rows))


def single_trainer(folder: Path, *, batches=None, **changes) -> Trainer:
    """A trainer of one weight."""
    model = changes.pop("model", None) or Single()
    batches = batches or Planned(4)
    objective = changes.pop("objective", None) or Plain(square)
    precision = changes.pop("precision", "fp32")
    settings = {
        "gradient": Whole(model, batches, objective, precision=precision, seed=changes.get("seed", 1)),
        "validator": Scripted(),
        "reporter": Watcher(),
        "keeper": Shelf(),
        "folder": folder,
        "optimizer": torch.optim.SGD(model.parameters(), lr=0.0),
        "schedule": Constant(warmup_updates=0),
        "limits": Limits(max_updates=3),
        "learning_rate": 0.1,
        **changes,
    }
    return Trainer(model, batches, **settings)


def copy_store(path: Path, *, num_pairs: int = 200, letters: int = 10, longest: int = 6) -> Store:
    """Pairs whose target is their source."""
    generator = np.random.default_rng(1)
    lengths = generator.integers(1, longest + 1, num_pairs)
    ids = [generator.integers(4, 4 + letters, n).tolist() for n in lengths]
    write_split(path, [Row(i, "", "", row, row) for i, row in enumerate(ids, start=1)])
    return Store(path)


class Development:
    """Scores that are a function of the weights: the loss, and a figure that goes up and down."""

    def __init__(self, batches: Batches) -> None:
        self.batches = batches

    def __call__(self, model) -> dict[str, float]:
        total, tokens = 0.0, 0
        for batch in self.batches.in_order():
            total += float(CrossEntropy()(model, batch))
            tokens += batch.num_tokens
        weights = sum(float(weight.double().abs().sum()) for weight in model.parameters())
        return {"loss": total / tokens, "bleu": math.modf(weights * 1e4)[0]}
