"""What the benchmarks share: corpora made by rule, and processes that are watched while they work.

The corpora are of made-up words, drawn by Zipf's law, the same each time. A watched process is the real command with
the processes it starts: `anonymous` memory is their own; `resident` memory also counts the pages of files that are
mapped, which the kernel takes back when it needs them. Only Linux tells the two apart.
"""

from __future__ import annotations

import os
import platform
import random
import subprocess
import sys
import tempfile
import time
from bisect import bisect
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from itertools import accumulate
from pathlib import Path

WORDS = 20_000
SYLLABLES = [consonant + vowel for consonant in "bdfgklmnprstvz" for vowel in "aeiou"]
SHORTEST, LONGEST = 4, 20  # words a sentence
REPEATED = 0.02  # share of pairs that stand there twice
WATCH_SECONDS = 0.02
MEGABYTE = 1e6
SMALL_NETWORK = ("model.embedding_size=16", "model.encoder_size=16", "model.decoder_size=16", "model.attention.heads=2")
"""Settings of a network that weighs as little as may be."""


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


def machine() -> str:
    """Returns the processor's name and how many cores this process may use."""
    name = platform.processor() or platform.machine()
    with suppress(OSError):
        for line in Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines():
            if line.startswith("model name"):
                name = line.partition(":")[2].strip()
                break
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    return f"{name}, {cores} core{'s' if cores != 1 else ''}"


@dataclass
class Watched:
    """What a command took.

    Attributes:
        seconds: From its start to its end.
        resident: Largest resident memory of the command's first process, in bytes.
        anonymous: Largest anonymous memory of all its processes together, in bytes; 0 where nobody tells.
        before: The same, before the moment that was asked for.
        output: What it wrote to stdout.
    """

    seconds: float
    resident: int
    anonymous: int
    before: int
    output: str


def watch(command: Sequence[str], *, until: Callable[[], bool] = lambda: False) -> Watched:
    """Runs `seq2seq` with these arguments in a process of its own, and watches it to its end.

    Args:
        command: The arguments.
        until: Tells when a moment has come; what was used before it is told apart.

    Raises:
        SystemExit: The command failed.
    """
    with tempfile.TemporaryFile() as output:
        begin = time.monotonic()
        process = subprocess.Popen([sys.executable, "-m", "seq2seq", *command], stdout=output)
        before = anonymous = 0
        while True:
            ended, status, usage = os.wait4(process.pid, os.WNOHANG)
            if ended:
                break
            anonymous = max(anonymous, sum(map(_anonymous, _family(process.pid))))
            if not until():
                before = anonymous
            time.sleep(WATCH_SECONDS)
        seconds = time.monotonic() - begin
        process.returncode = os.waitstatus_to_exitcode(status)
        if status:
            raise SystemExit(process.returncode)
        output.seek(0)
        told = output.read().decode("utf-8")
    return Watched(seconds, usage.ru_maxrss * (1 if sys.platform == "darwin" else 1024), anonymous, before, told)


def _family(pid: int) -> list[int]:
    """Returns a process and all that it has started, directly or not."""
    found = [pid]
    for member in found:
        with suppress(OSError):
            for task in Path(f"/proc/{member}/task").iterdir():
                found += map(int, (task / "children").read_text(encoding="utf-8").split())
    return found


def _anonymous(pid: int) -> int:
    with suppress(OSError):
        for line in Path(f"/proc/{pid}/status").read_text(encoding="utf-8").splitlines():
            if line.startswith("RssAnon:"):
                return int(line.split()[1]) * 1024
    return 0
