"""Trains two decoder wirings for the same time on the same prepared run, and compares them on the development set.

Usage: python scripts/compare_wirings.py RUN OUT --minutes 20 [--threads N] [--set section.key=value ...]

RUN is a prepared run; OUT receives one run folder a wiring. Development scores only: a test set is no place to choose.
The last line is one JSON object.
"""

from __future__ import annotations

import argparse
import json
import platform
import shutil
import time
from pathlib import Path
from typing import Any

from seq2seq.bundle import RunFolder, find_run, open_bundle
from seq2seq.pipeline.evaluate import evaluate as scoring
from seq2seq.pipeline.train.train import train
from seq2seq.recipe.overrides import apply_overrides
from seq2seq.recipe.toml import load_recipe
from seq2seq.translator import from_bundle

WIRINGS = ("parallel", "input-feeding")


def measure(run: RunFolder, out: Path, wiring: str, settings: list[str], threads: int) -> dict[str, Any]:
    """Trains one wiring in its own folder. Returns its development scores and its speed."""
    folder = RunFolder(out / wiring)
    shutil.copytree(run.path, folder.path, ignore=shutil.ignore_patterns("checkpoints", "bundle", "metrics.jsonl"))
    recipe = apply_overrides(load_recipe(folder.recipe), [*settings, f"model.wiring={wiring}"])
    begin = time.monotonic()
    done = train(recipe, folder, threads=threads)
    seconds = time.monotonic() - begin
    bundle = open_bundle(folder.path)
    test = scoring.test_sets(folder, ["development"])[0]
    result = scoring.evaluate(from_bundle(bundle, threads=threads), test, recipe.search, recipe.evaluation)
    counts = folder.read_manifest().splits["train"]
    tokens_an_epoch = counts.target_tokens + counts.pairs
    epochs = done.counters.update * recipe.training.batch_tokens / tokens_an_epoch
    return {
        "wiring": wiring,
        "seconds": round(seconds),
        "updates": done.counters.update,
        "epochs": round(epochs, 2),
        "target_tokens_per_second": round(epochs * tokens_an_epoch / seconds),
        "development": {s.name: [round(s.value, 2), s.signature] for s in result.scores},
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("run", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--minutes", type=float, default=20.0)
    parser.add_argument("--threads", type=int, default=0)
    parser.add_argument("--set", action="append", default=[], dest="settings")
    given = parser.parse_args()
    settings = [f"training.minutes={given.minutes}", "training.max_epochs=0", *given.settings]
    run = find_run(given.run)
    results = [measure(run, given.out, wiring, settings, given.threads) for wiring in WIRINGS]
    print(json.dumps({"minutes": given.minutes, "machine": platform.processor(), "results": results}))


if __name__ == "__main__":
    main()
