"""Measures how long planning an epoch takes, how much memory, and how much of its batches is padding.

Usage: python scripts/bench_plan.py [--pairs 10000000] [--batch-tokens 1200] [--split FOLDER/data/train.arrow]

The lengths are drawn as those of image captions in subwords are, or are those of a prepared split. Planned are one
corpus, and a mixture of two of which the second is drawn from four times as often as its size says. `peak_mb` is what
planning holds at its largest beside the lengths themselves (8 bytes a pair); `process_mb` is all of this process, with
torch in it. The padded share is that of both sides together, of one corpus. The last line is one JSON object.
"""

from __future__ import annotations

import argparse
import json
import time
import tracemalloc
from contextlib import suppress
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from synthetic import MEGABYTE, machine

from seq2seq.data.batches import Batches
from seq2seq.data.plan import Plan
from seq2seq.data.store import Store

MEAN, SPREAD = 2.75, 0.35  # of the logarithm of a caption's length in subwords
RATIO_SPREAD = 0.17  # of the logarithm of the two sides' ratio


class Lengths(Store):
    """The lengths of a store without its texts."""

    def __init__(self, source: NDArray[np.int32], target: NDArray[np.int32]) -> None:
        self.source: Any = SimpleNamespace(lengths=source)
        self.target: Any = SimpleNamespace(lengths=target)

    def __len__(self) -> int:
        return len(self.target.lengths)


def draw(num_pairs: int) -> Lengths:
    """Draws lengths like those of image captions."""
    generator = np.random.default_rng(1)
    logs = generator.normal(MEAN, SPREAD, num_pairs).astype(np.float32)
    target = np.clip(np.exp(logs), 2, 120).astype(np.int32)
    logs += generator.normal(-0.05, RATIO_SPREAD, num_pairs).astype(np.float32)
    return Lengths(np.clip(np.exp(logs), 2, 120).astype(np.int32), target)


def planned(batches: Batches) -> tuple[float, float, Plan]:
    """Returns the seconds that a plan and a look at its batches take, the bytes that it holds at most, and the plan."""
    begin = time.perf_counter()
    plan = batches.plan(1)
    rows = sum(len(batch) for batch in plan)
    seconds = time.perf_counter() - begin
    assert rows == sum(batch.size for batch in plan)
    tracemalloc.start()
    batches.plan(1)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    return seconds, peak, plan


def padded(lengths: Store, plan: Plan) -> dict[str, float]:
    """Returns the share of padding in the batches as they are laid out, with EOS, of each side and of both."""
    real, laid_out = np.zeros(2, np.int64), np.zeros(2, np.int64)
    for rows in plan:
        for number, side in enumerate((lengths.source.lengths[rows], lengths.target.lengths[rows])):
            real[number] += int(side.sum()) + len(rows)
            laid_out[number] += len(rows) * (int(side.max()) + 1)
    shares = 1 - real / laid_out
    both = 1 - real.sum() / laid_out.sum()
    return {"source": round(float(shares[0]), 4), "target": round(float(shares[1]), 4), "both": round(float(both), 4)}


def process_peak() -> float | None:
    """Returns the largest resident memory of this process so far, in bytes, where Linux tells it."""
    with suppress(OSError):
        for line in Path("/proc/self/status").read_text(encoding="utf-8").splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) * 1024
    return None


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("--pairs", type=int, default=10_000_000)
    parser.add_argument("--batch-tokens", type=int, default=1200)
    parser.add_argument("--split", type=Path, help="a prepared split, in the place of lengths that are drawn")
    given = parser.parse_args()
    lengths = Store(given.split) if given.split else draw(given.pairs)
    count = len(lengths)
    seconds, peak, plan = planned(Batches(lengths, batch_tokens=given.batch_tokens, seed=1))
    mixture = [(count - count // 8, 1.0), (count // 8, 4.0)]
    mixed = planned(Batches(lengths, batch_tokens=given.batch_tokens, seed=1, corpora=mixture))
    process = process_peak()
    result = {
        "pairs": count,
        "batches": len(plan),
        "seconds": round(seconds, 2),
        "peak_mb": round(peak / MEGABYTE, 1),
        "mixed_seconds": round(mixed[0], 2),
        "mixed_peak_mb": round(mixed[1] / MEGABYTE, 1),
        "process_mb": process and round(process / MEGABYTE, 1),
        "batch_tokens": given.batch_tokens,
        "padded_share": padded(lengths, plan),
        "machine": machine(),
    }
    print(json.dumps(result))


if __name__ == "__main__":
    main()
