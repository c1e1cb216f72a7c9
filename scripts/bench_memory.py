"""Measures what training holds in memory on a small and on a large corpus: it should be nearly the same.

Usage: python scripts/bench_memory.py [--pairs 1000000] [--small 10000] [--updates 60] [--folder FOLDER]
           [--set section.key=value …]

Each corpus (see `synthetic.py`) is prepared and then trained on by the real commands: a tiny network, for as many
updates on both, the same batch size, the same development set. What the larger corpus adds is the lengths of its
sentences, the plan of an epoch, and those pages of the mapped file that batches were read from: these are the kernel's,
which takes them back when it needs them, and count as resident memory only. The last line is one JSON object.
"""

from __future__ import annotations

import argparse
import json
import shutil
import tempfile
from pathlib import Path
from typing import Any

from synthetic import MEGABYTE, SMALL_NETWORK, machine, watch, write_corpus

SETTINGS = (
    *SMALL_NETWORK,
    *("text.vocabulary_size=2000", "text.sample_lines=5000", "data.development_size=100", "data.test_size=100"),
    *("training.batch_tokens=1200", "training.minutes=0", "training.max_epochs=0", "training.patience=0"),
    *("training.validate_sentences=8", "training.schedule.warmup_updates=0"),
)


def measure(folder: Path, num_pairs: int, updates: int, settings: list[str]) -> dict[str, Any]:
    """Prepares a corpus of this size and trains on it. Returns what training used."""
    source, target = write_corpus(folder, num_pairs)
    run = folder / f"run-{num_pairs}"
    chosen = (*SETTINGS, f"training.max_updates={updates}", *settings)
    given = [part for setting in chosen for part in ("--set", setting)]
    watch(["prepare", "--source", str(source), "--target", str(target), "--run", str(run), *given])
    found = watch(["train", str(run)])
    mapped = (run / "data" / "train.arrow").stat().st_size
    shutil.rmtree(run)
    return {
        "pairs": num_pairs,
        "seconds": round(found.seconds, 1),
        "resident_mb": round(found.resident / MEGABYTE, 1),
        "anonymous_mb": round(found.anonymous / MEGABYTE, 1) or None,
        "mapped_file_mb": round(mapped / MEGABYTE, 1),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("--pairs", type=int, default=1_000_000)
    parser.add_argument("--small", type=int, default=10_000)
    parser.add_argument("--updates", type=int, default=60)
    parser.add_argument("--folder", type=Path, help="where the corpora are made; default: a temporary folder")
    parser.add_argument("--set", action="append", default=[], dest="settings")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=given.folder) as folder:
        sizes = (given.small, given.pairs)
        small, large = (measure(Path(folder), pairs, given.updates, given.settings) for pairs in sizes)
    both = small["anonymous_mb"] and large["anonymous_mb"]
    result = {
        "pairs_small": given.small,
        "pairs_large": given.pairs,
        "updates": given.updates,
        "resident_growth_mb": round(large["resident_mb"] - small["resident_mb"], 1),
        "anonymous_growth_mb": round(large["anonymous_mb"] - small["anonymous_mb"], 1) if both else None,
        "machine": machine(),
        "runs": [small, large],
    }
    print(json.dumps(result))


if __name__ == "__main__":
    main()
