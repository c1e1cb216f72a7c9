"""Measures what `seq2seq prepare` holds in memory, and how fast it is, on a small and on a large corpus.

Usage: python scripts/bench_prepare.py [--pairs 1000000] [--small 10000] [--folder FOLDER] [--set section.key=value ...]

The corpora are made by rule: made-up words, drawn by Zipf's law, the same each time. Each is prepared by the real
command in a process of its own, which is watched: `anonymous` memory is the process' own; `resident` memory also
counts the pages of files that are mapped, which the kernel takes back when it needs them. Growth is stated of anonymous
memory, of the whole command and, since its last part trains a network for a moment and so would hide what comes before,
of the part before that too. Only Linux tells all this apart; elsewhere the growth is that of resident memory. The last
line is one JSON object.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import random
import shutil
import subprocess
import sys
import tempfile
import time
from bisect import bisect
from collections.abc import Iterator
from contextlib import suppress
from itertools import accumulate
from pathlib import Path
from typing import Any

WORDS = 20_000
SYLLABLES = [consonant + vowel for consonant in "bdfgklmnprstvz" for vowel in "aeiou"]
SHORTEST, LONGEST = 4, 20  # words a sentence
REPEATED = 0.02  # share of pairs that stand there twice
WATCH_SECONDS = 0.02
MEGABYTE = 1e6
SMALL_NETWORK = (  # the command ends with an estimate of training, which is to weigh as little as may be
    *("model.embedding_size=16", "model.encoder_size=16", "model.decoder_size=16", "model.attention.heads=2"),
    *("text.vocabulary_size=2000", "text.sample_lines=5000", "data.development_size=1000", "data.test_size=1000"),
    "training.batch_tokens=1200",  # the same for both sizes
)


def word(number: int) -> str:
    """Returns the made-up word of this number; no two numbers have the same."""
    letters = SYLLABLES[number % len(SYLLABLES)]
    while number := number // len(SYLLABLES):
        letters += SYLLABLES[number % len(SYLLABLES)]
    return letters


def corpus(num_pairs: int) -> Iterator[tuple[str, str]]:
    """Yields pairs in two made-up languages, whose words are those of the other one backwards."""
    draw = random.Random(1)
    words = [word(number) for number in range(WORDS)]
    shares = list(accumulate(1 / rank for rank in range(1, WORDS + 1)))
    pair = ("", "")
    for _ in range(num_pairs):
        if not pair[0] or draw.random() >= REPEATED:
            count = draw.randint(SHORTEST, LONGEST)
            source = [words[bisect(shares, draw.random() * shares[-1])] for _ in range(count)]
            pair = (" ".join(source) + ".", " ".join(one[::-1] for one in source) + ".")
        yield pair


def write_corpus(folder: Path, num_pairs: int) -> tuple[Path, Path]:
    """Writes the corpus as two aligned files."""
    paths = folder / f"{num_pairs}.en", folder / f"{num_pairs}.eu"
    with paths[0].open("w", encoding="utf-8") as source, paths[1].open("w", encoding="utf-8") as target:
        for one, other in corpus(num_pairs):
            source.write(one + "\n")
            target.write(other + "\n")
    return paths


def measure(folder: Path, num_pairs: int, settings: list[str]) -> dict[str, Any]:
    """Prepares a corpus of this size in a process of its own. Returns its time, its peaks and what was kept."""
    source, target = write_corpus(folder, num_pairs)
    run = folder / f"run-{num_pairs}"
    given = [part for setting in (*SMALL_NETWORK, *settings) for part in ("--set", setting)]
    command = [sys.executable, "-m", "seq2seq", "prepare", "--source", str(source), "--target", str(target)]
    begin = time.monotonic()
    process = subprocess.Popen([*command, "--run", str(run), *given], stdout=subprocess.DEVNULL)
    usage, preparing, anonymous = watch(process.pid, run / "manifest.json")
    seconds = time.monotonic() - begin
    manifest = json.loads((run / "manifest.json").read_text(encoding="utf-8"))
    shutil.rmtree(run)
    resident = usage.ru_maxrss * (1 if sys.platform == "darwin" else 1024)
    return {
        "pairs": num_pairs,
        "seconds": round(seconds, 1),
        "kept": sum(split["pairs"] for split in manifest["splits"].values()),
        "resident_mb": round(resident / MEGABYTE, 1),
        "anonymous_mb": round(anonymous / MEGABYTE, 1) or None,
        "preparing_mb": round(preparing / MEGABYTE, 1) or None,
    }


def watch(pid: int, manifest: Path) -> tuple[Any, int, int]:
    """Waits for a process. Returns what it used, and its largest anonymous memory before `manifest` and in all."""
    before = anonymous = 0
    while True:
        ended, status, usage = os.wait4(pid, os.WNOHANG)
        if ended and status:
            raise SystemExit(os.waitstatus_to_exitcode(status))
        if ended:
            return usage, before, anonymous
        with suppress(OSError):
            for line in Path(f"/proc/{pid}/status").read_text(encoding="utf-8").splitlines():
                if line.startswith("RssAnon:"):
                    anonymous = max(anonymous, int(line.split()[1]) * 1024)
        if not manifest.exists():
            before = anonymous
        time.sleep(WATCH_SECONDS)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("--pairs", type=int, default=1_000_000)
    parser.add_argument("--small", type=int, default=10_000)
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
    result = {
        "pairs_small": given.small,
        "peak_small_mb": small[f"{kind}_mb"],
        "pairs_large": given.pairs,
        "peak_large_mb": large[f"{kind}_mb"],
        "memory": kind,
        "bytes_a_pair": round(growth[kind], 1),
        "bytes_a_pair_preparing": round(growth["preparing"], 1) if "preparing" in growth else None,
        "pairs_per_second": round(given.pairs / large["seconds"]),
        "machine": platform.processor() or platform.machine(),
        "runs": [small, large],
    }
    print(json.dumps(result))


if __name__ == "__main__":
    main()
