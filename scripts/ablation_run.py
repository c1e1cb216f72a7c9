"""One run of `ablate.py`: a training and its score on the development set, in a process of its own.

The folder holds all that it needs (`job.json`, `change.toml`, the prepared data) and receives `result.json` last of
all, so what has that file is finished, and what has not goes on from its last checkpoint.
"""

from __future__ import annotations

import os
import shutil
import signal
import statistics
import threading
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from msgspec.structs import replace

from seq2seq.bundle import RunFolder, open_bundle
from seq2seq.data.store import Store
from seq2seq.evaluation.metrics import score
from seq2seq.folders import read_json, write_json
from seq2seq.pipeline.train.reporters import ConsoleReporter
from seq2seq.pipeline.train.train import train
from seq2seq.recipe.schema import Recipe, Search
from seq2seq.recipe.toml import load_recipe
from seq2seq.training.metrics_log import MetricsLog
from seq2seq.translator import from_bundle

JOB, RECIPE, RESULT, SPENT = "job.json", "change.toml", "result.json", "spent.json"
STOPPED = 130


class Timed(ConsoleReporter):
    """Says what a training does, and writes down how long it took so far at every look, for it may be killed.

    Args:
        path: Where that is written, with what earlier processes needed.
    """

    def __init__(self, path: Path) -> None:
        super().__init__()
        self._path, self._begin = path, time.monotonic()
        self._before = read_json(path)["seconds"] if path.is_file() else 0.0

    @property
    def seconds(self) -> float:
        """What the training has taken so far."""
        return float(self._before + time.monotonic() - self._begin)

    def validated(self, row: Mapping[str, Any], *, best: bool) -> None:
        """See `Reporter.validated`."""
        super().validated(row, best=best)
        write_json(self._path, {"seconds": self.seconds})


def run(folder: Path, cores: Sequence[int] | None) -> int:
    """Does the work of one run's folder. Returns the exit code: 0, or 130 where it was asked to stop.

    Args:
        folder: The run's.
        cores: The CPU cores to stay on; None: any.
    """
    if cores is not None and hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, cores)
    _end_with_parent()
    job, recipe = read_json(folder / JOB), load_recipe(folder / RECIPE)
    if job["model"]:
        trained = open_bundle(Path(job["model"]))
        search = changed_search(trained.recipe.search, load_recipe(Path(job["model"]) / RECIPE).search, recipe.search)
        facts: dict[str, Any] = read_json(Path(job["model"]) / RESULT)["training"]
    else:
        found = _trained(recipe, RunFolder(folder), device=job["device"], threads=job["threads"])
        if found is None:
            return STOPPED
        trained = open_bundle(folder / "bundle")
        search, facts = trained.recipe.search, found
    others = [open_bundle(Path(other)) for other in job["others"]]
    translator = from_bundle(trained, others=others, engine="torch", device=job["device"], threads=job["threads"])
    write_json(folder / RESULT, {**_scored(translator, Path(job["data"]), search, recipe), "training": facts})
    for done_with in ("checkpoints", "refined"):  # a few hundred megabytes, and nothing is left to do
        shutil.rmtree(folder / done_with, ignore_errors=True)
    return 0


def changed_search(tuned: Search, default: Search, change: Search) -> Search:
    """Returns how a model is searched that was trained for another run, so that only the change tells the two apart.

    Args:
        tuned: How its own run searches; training may have chosen the length penalty.
        default: What the recipe of its own run says.
        change: What the recipe of this run says.
    """
    names = (name for name in change.__struct_fields__ if getattr(change, name) != getattr(default, name))
    return replace(tuned, **{name: getattr(change, name) for name in names})


def _trained(recipe: Recipe, run: RunFolder, *, device: str, threads: int) -> dict[str, Any] | None:
    """Trains, or goes on. Returns what there is to say of it; None where it was asked to stop."""
    reporter = Timed(run.path / SPENT)
    done = train(recipe, run, resume=True, device=device, threads=threads, reporter=reporter)
    write_json(run.path / SPENT, {"seconds": reporter.seconds})
    if not done.finished:
        return None
    speeds = [row["tokens_per_second"] for row in MetricsLog(run.metrics).rows() if row["kind"] == "train"]
    return {
        "seconds": round(reporter.seconds, 1),
        "updates": done.counters.update,
        "best_update": done.counters.best_update,
        "tokens_per_second": round(statistics.median(speeds)) if speeds else 0,
        "epochs": round(done.counters.epoch, 2),
        "parameters": open_bundle(run.bundle).facts.parameters,
    }


def _scored(translator: Any, data: Path, search: Search, recipe: Recipe) -> dict[str, Any]:  # noqa: ANN401
    """Translates the development set. Returns the translations and their scores."""
    store = Store(RunFolder(data).split("development"))
    begin = time.perf_counter()
    texts = [one.text for one in translator.translate_stream(store.texts("source"), search)]
    seconds = time.perf_counter() - begin
    rules = recipe.evaluation
    scores = score(
        texts, store.texts("target"), metrics=("bleu", "chrf"), tokenize=rules.tokenize, lowercase=rules.lowercase
    )
    return {
        **{one.name: round(one.value, 3) for one in scores},
        "signatures": {one.name: one.signature for one in scores},
        "decoding_seconds": round(seconds, 2),
        "length_penalty": search.length_penalty,
        "hypotheses": texts,
    }


def _end_with_parent() -> None:
    """Stops, as if asked to, where the process that started this one is killed: another sweep will go on with it."""
    parent = os.getppid()

    def watch() -> None:
        while os.getppid() == parent:
            time.sleep(1.0)
        os.kill(os.getpid(), signal.SIGTERM)

    threading.Thread(target=watch, daemon=True).start()
