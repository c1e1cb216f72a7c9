"""Measures what `seq2seq prepare` holds in memory, and how fast it is, on a small and on a large corpus.

Usage: python scripts/bench_prepare.py [--pairs 1000000] [--small 200000] [--folder FOLDER] [--set section.key=value …]

Each corpus (see `synthetic.py`) is prepared by the real command, which is watched with the workers it starts. Growth is
stated of anonymous memory, of the whole command and, since its last part trains a network for a moment and so would
hide what comes before, of the part before that too. The small corpus is to be large enough that workers start and that
the words they remember reach their bound; else these would be taken for growth. Elsewhere than on Linux the growth is
that of the resident memory of the first process.

`pairs_per_second` is of the whole command. `pairs_per_second_without_tokenizer` leaves out the seconds in which the
vocabulary was learned, which the command tells, and nothing else: starting, looking for trouble in the corpus and
estimating how long training takes are in it. `pairs_per_second_preparing` is of the command's own phases without that
one: fingerprints of the files, reading, tokenising. The last line is one JSON object.
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
    *SMALL_NETWORK,  # the command ends with an estimate of training, which is to weigh as little as may be
    *("text.vocabulary_size=2000", "text.sample_lines=5000", "data.development_size=1000", "data.test_size=1000"),
    "training.batch_tokens=1200",  # the same for both sizes
)


def measure(folder: Path, num_pairs: int, settings: list[str]) -> dict[str, Any]:
    """Prepares a corpus of this size in a process of its own. Returns its time, its peaks and what was kept."""
    source, target = write_corpus(folder, num_pairs)
    run = folder / f"run-{num_pairs}"
    given = [part for setting in (*SETTINGS, *settings) for part in ("--set", setting)]
    command = ["prepare", "--source", str(source), "--target", str(target), "--run", str(run), *given, "--json"]
    found = watch(command, until=(run / "manifest.json").exists)
    told = json.loads(found.output)
    shutil.rmtree(run)
    phases = told["seconds"]
    return {
        "pairs": num_pairs,
        "seconds": round(found.seconds, 1),
        "phases": phases,
        "kept": sum(split["pairs"] for split in told["splits"].values()),
        "pairs_per_second": round(num_pairs / found.seconds),
        "pairs_per_second_without_tokenizer": round(num_pairs / (found.seconds - phases["vocabulary"])),
        "pairs_per_second_preparing": round(num_pairs / (sum(phases.values()) - phases["vocabulary"])),
        "resident_mb": round(found.resident / MEGABYTE, 1),
        "anonymous_mb": round(found.anonymous / MEGABYTE, 1) or None,
        "preparing_mb": round(found.before / MEGABYTE, 1) or None,
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("--pairs", type=int, default=1_000_000)
    parser.add_argument("--small", type=int, default=200_000)
    parser.add_argument("--folder", type=Path, help="where the corpora are made; default: a temporary folder")
    parser.add_argument("--set", action="append", default=[], dest="settings")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=given.folder) as folder:
        small, large = (measure(Path(folder), pairs, given.settings) for pairs in (given.small, given.pairs))
    kind = "anonymous" if small["anonymous_mb"] and large["anonymous_mb"] else "resident"
    growth = {
        part: (large[f"{part}_mb"] - small[f"{part}_mb"]) * MEGABYTE / (given.pairs - given.small)
        for part in (kind, "preparing")
        if small[f"{part}_mb"]
    }
    speeds = ("pairs_per_second", "pairs_per_second_without_tokenizer", "pairs_per_second_preparing")
    result = {
        "pairs_small": given.small,
        "peak_small_mb": small[f"{kind}_mb"],
        "pairs_large": given.pairs,
        "peak_large_mb": large[f"{kind}_mb"],
        "memory": kind,
        "bytes_a_pair": round(growth[kind], 1),
        "bytes_a_pair_preparing": round(growth["preparing"], 1) if "preparing" in growth else None,
        **{speed: large[speed] for speed in speeds},
        "machine": machine(),
        "runs": [small, large],
    }
    print(json.dumps(result))


if __name__ == "__main__":
    main()
