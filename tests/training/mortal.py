"""Trainings in processes of their own, which die in the middle: what the tests of resuming share."""

from __future__ import annotations

import hashlib
import json
import multiprocessing
import os
import signal
import sys
import time
import types
from pathlib import Path

import datasets  # noqa: F401 - it and torch._dynamo: once, in the process that the others are forked from
import numpy as np
import torch
import torch._dynamo
from toy_training import Development, Watcher, copy_store

from seq2seq import build
from seq2seq.data.batches import Batches
from seq2seq.data.store import Store
from seq2seq.folders import whole_folder
from seq2seq.recipe.schema import Choice, Model
from seq2seq.training import checkpoint, clock, saving
from seq2seq.training import trainer as trainer_module
from seq2seq.training.gradient import Sums, Whole
from seq2seq.training.metrics_log import MetricsLog
from seq2seq.training.objective import CrossEntropy
from seq2seq.training.optimizer import adamw
from seq2seq.training.randomness import seed_update
from seq2seq.training.rotation import Checkpoints
from seq2seq.training.schedules import Linear, Plateau
from seq2seq.training.trainer import Limits, Trainer

CLOCKED = {"tokens_per_second", "seconds"}
SEED = 5
FEW = Limits(max_updates=61)


class Recut:
    """A sampler: cuts the text of a row in a way that its key decides, as subword sampling does."""

    def __init__(self, column) -> None:
        self.column = column

    def __call__(self, text: str, *, key) -> list[int]:
        draw = np.random.default_rng(list(key))
        return [int(symbol) for symbol in self.column[key[1]] for _ in range(draw.integers(1, 3))]


class Folder:
    """A keeper that writes."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __call__(self, tensors, scores, update) -> None:
        with whole_folder(self.path) as folder:
            checkpoint.write_tensors({k: v.detach().contiguous() for k, v in tensors.items()}, folder / "w.safetensors")
            (folder / "facts.json").write_text(json.dumps({"update": update, **scores}))


class Poisoned:
    """A gradient whose loss is no number where a batch holds one of the rows `bad`, in the first epoch."""

    def __init__(self, inner, bad) -> None:
        self.inner, self.bad = inner, set(bad)

    def __call__(self, batches, *, epoch, update, progress) -> Sums:
        sums = self.inner(batches, epoch=epoch, update=update, progress=progress)
        if epoch == 0 and any(self.bad & set(rows.tolist()) for rows in batches):
            return Sums(sums.loss * torch.nan, sums.num_tokens)
        return sums


class Ticking:
    """A clock that ticks when it is read, so that a time budget is the same number in every run."""

    def __init__(self) -> None:
        self.now = 0.0

    def perf_counter(self) -> float:
        self.now += 0.01
        return self.now


# What is on in each: subword sampling, the average, the plateau schedule, accumulation, dropout are on in all.
VARIANTS = {
    "everything": {"limits": FEW},
    "epochs": {"limits": Limits(max_epochs=2.5), "validate_every": 0, "accumulate": 1},
    "patience": {"limits": Limits(max_updates=400, patience=3)},
    "minutes": {"limits": Limits(minutes=0.015), "schedule": Linear(warmup_updates=5)},
    "going back": {"limits": FEW, "poisoned": (3, 100)},
    "nothing averaged": {"limits": FEW, "average": 0.0, "accumulate": 1},
    "read late": {"limits": FEW, "poisoned": (3, 100), "read_every": 20},
}


def mortal_trainer(folder: Path, store: Store, variant: str, **others) -> Trainer:
    """A trainer of everything that could be forgotten."""
    changes = {**VARIANTS[variant], **others}
    seed_update(SEED, 0)
    settings = Model(attention=Choice("dot"), embedding_size=8, encoder_size=16, decoder_size=16, dropout=0.3)
    model = build.model(settings, source_symbols=14, target_symbols=14)
    sampler = Recut(store.source), Recut(store.target)
    batches = Batches(store, batch_tokens=60, seed=SEED, sampler=sampler)
    source = Whole(model, batches, CrossEntropy(0.1), precision="fp32", seed=SEED)
    bad = changes.pop("poisoned", ())
    return Trainer(
        model,
        batches,
        gradient=Poisoned(source, bad) if bad else source,
        validator=Development(Batches(store, batch_tokens=400, seed=0)),
        reporter=changes.pop("reporter", None) or Watcher(),
        keeper=Folder(folder / "kept"),
        folder=folder,
        optimizer=adamw(model, weight_decay=0.1),
        learning_rate=0.02,
        clip_norm=1.0,
        seed=SEED,
        **{
            "schedule": Plateau(warmup_updates=5, factor=0.7, patience=0),
            "accumulate": 2,
            "average": 0.9,
            "validate_every": 7,
            **changes,
        },
    )


def live(folder: Path, store: Path, variant: str, dies_at: int = 0, ready=None) -> None:
    """Trains in this process, going on where it stopped; SIGKILL before its `dies_at`-th touch of the run's folder."""
    torch.set_num_threads(1)
    from jaxtyping import config

    config.update("jaxtyping_disable", True)
    # Checkpoints by the clock and good states, many of both.
    saving.SAVE_EVERY_SECONDS, trainer_module.GOOD_EVERY = 0.05, 10
    os.fsync = lambda descriptor: None  # what a killed process has written is not lost; only a power cut would lose it
    if VARIANTS[variant]["limits"].minutes:
        clock.time = types.SimpleNamespace(perf_counter=Ticking().perf_counter)
    trainer = mortal_trainer(folder, Store(store), variant)
    if dies_at:
        die_at(dies_at, folder)
    trainer.resume()
    if ready is not None:
        ready.set()
    trainer.run()


def die_at(count: int, folder: Path) -> None:
    """Kills this process just before it opens, makes, renames or deletes something in `folder` for the n-th time."""
    touched = 0

    def hook(event: str, arguments) -> None:
        nonlocal touched
        if event not in ("open", "os.rename", "os.remove", "os.mkdir", "os.rmdir", "shutil.rmtree"):
            return
        if str(folder) in str(arguments[0]) or event in ("os.remove", "os.rmdir"):
            touched += 1
            if touched == count:
                os.kill(os.getpid(), signal.SIGKILL)

    sys.addaudithook(hook)


def processes():
    """A context whose processes are forked from one that has imported everything, and does nothing else."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["mortal"])
    return context


def run_to_death(folder: Path, store: Path, variant: str, *, dies_at: int = 0, seconds: float | None = None) -> int:
    """Trains in a process of its own, which dies at a touch of the folder or after `seconds`, or comes to its end.

    Returns:
        Its exit code.
    """
    context = processes()
    ready = context.Event()
    process = context.Process(target=live, args=(folder, store, variant, dies_at, ready))
    process.start()
    if seconds is not None:
        ready.wait(60)
        end = time.monotonic() + seconds
        while process.is_alive() and time.monotonic() < end:
            time.sleep(0.001)
        process.kill()
    process.join()
    return process.exitcode


def left_behind(folder: Path) -> dict[str, object]:
    """All that a run leaves: hashes of its tensors, its counters, its metrics without the clock, what was kept."""
    last = Checkpoints(folder / "checkpoints").last

    def digest(path: Path) -> str:
        return hashlib.blake2b(path.read_bytes()).hexdigest()

    raw = MetricsLog(folder / "metrics.jsonl")._lines()
    return {
        "tensors": {path.name: digest(path) for path in sorted(last.glob("*.safetensors"))},
        "counters": checkpoint.read_header(last)["counters"],
        "rows": [{k: v for k, v in json.loads(line).items() if k not in CLOCKED} for line in raw],
        "kept": {path.name: digest(path) for path in sorted((folder / "kept").iterdir())},
        "stray": sorted(
            path.name for path in (folder / "checkpoints").iterdir() if path.name not in ("last", "previous")
        ),
    }


def make_store(folder: Path) -> Path:
    copy_store(folder / "train.arrow", num_pairs=160)
    return folder / "train.arrow"
