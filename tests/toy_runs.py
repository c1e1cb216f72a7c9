"""A toy language, and the real commands run on it: what the end-to-end tests of several rooms share."""

from __future__ import annotations

import io
import json
import os
import random
import signal
import subprocess
import sys
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any
from unittest import mock

import pytest

from seq2seq import console
from seq2seq.cli import main

ROOT = Path(__file__).parents[1]

# Word for word, but adjectives follow their noun. Every word is ours, so no output can come from anywhere else.
WORDS = {
    **{"the": "lo", "a": "un", "and": "eta"},
    **{"one": "bat", "two": "bi", "three": "hiru", "four": "lau", "five": "bost", "six": "sei"},
    **{"red": "gorri", "blue": "urdin", "green": "berde", "black": "beltz", "white": "zuri"},
    **{"dog": "hund", "cat": "katz", "house": "etxe", "tree": "arbol", "boat": "ontzi", "bird": "txori"},
    **{"sees": "ikus", "buys": "eros", "paints": "margo", "likes": "gusta", "finds": "aurki"},
}
NUMBERS = ["one", "two", "three", "four", "five", "six"]
COLOURS = ["red", "blue", "green", "black", "white"]
NOUNS = ["dog", "cat", "house", "tree", "boat", "bird"]
VERBS = ["sees", "buys", "paints", "likes", "finds"]
RARE = "the xylophonist finds a quagga"  # one training sentence whose words occur nowhere else
RARE_TRANSLATION = "lo xilofonista aurki un kuagga ."
NUM_PAIRS = 420

TINY = (
    "text.vocabulary_size=420",
    "model.embedding_size=32",
    "model.encoder_size=32",
    "model.decoder_size=32",
    "model.attention.heads=2",
    "model.dropout=0.0",
    "model.word_dropout=0.0",
    "training.precision=fp32",
    "training.batch_tokens=300",
    "training.max_epochs=0",
    "training.learning_rate=0.02",
    "training.average=0.9",
    "training.schedule.warmup_updates=10",
    "training.label_smoothing=0.0",
)


def show_all_progress(monkeypatch: pytest.MonkeyPatch) -> None:
    """Has each step of progress said, where it is said at most every half minute."""
    always = {**console.Progress.__init__.__kwdefaults__, "interval_seconds": 0.0}
    monkeypatch.setattr(console.Progress.__init__, "__kwdefaults__", always)


def sets(*assignments: str) -> list[str]:
    """The assignments as command-line options."""
    return [part for assignment in assignments for part in ("--set", assignment)]


def toy_translation(sentence: str) -> str:
    """What the toy grammar says: word for word, adjectives after their noun, a full stop apart."""
    words = sentence.removesuffix(".").split()
    for place in range(len(words) - 1):
        if words[place] in COLOURS and words[place + 1] in NOUNS:
            words[place], words[place + 1] = words[place + 1], words[place]
    return " ".join(WORDS[word] for word in words) + " ."


def toy_pairs(count: int = NUM_PAIRS, seed: int = 7) -> list[tuple[str, str]]:
    """Distinct sentences with numbers and colours, and their translations."""
    draw = random.Random(seed)
    found: dict[str, str] = {}
    while len(found) < count:
        first = f"{draw.choice(['the', 'a', *NUMBERS])} {draw.choice(COLOURS)} {draw.choice(NOUNS)}"
        second = f"{draw.choice(['the', 'a', *NUMBERS])} {draw.choice(NOUNS)}"
        if draw.random() < 0.3:
            second += f" and {draw.choice(NUMBERS)} {draw.choice(COLOURS)} {draw.choice(NOUNS)}"
        sentence = f"{first} {draw.choice(VERBS)} {second}."
        found[sentence] = toy_translation(sentence)
    return [(RARE + ".", RARE_TRANSLATION), *found.items()]


def write_pairs(folder: Path, pairs: list[tuple[str, str]] | None = None, *, name: str = "toy") -> tuple[Path, Path]:
    """Writes the two aligned files."""
    folder.mkdir(parents=True, exist_ok=True)
    paths = folder / f"{name}.en", folder / f"{name}.eu"
    for side, path in enumerate(paths):
        path.write_text("".join(pair[side] + "\n" for pair in pairs or toy_pairs()), encoding="utf-8")
    return paths


@dataclass(frozen=True)
class Outcome:
    """What a command did."""

    code: int
    raw: bytes
    err: str

    @property
    def out(self) -> str:
        return self.raw.decode("utf-8")

    @property
    def lines(self) -> list[str]:
        """Lines of stdout; only a line feed ends one."""
        assert self.out == "" or self.out.endswith("\n"), self.out[-80:]
        return self.out.split("\n")[:-1]

    @property
    def json(self) -> Any:
        assert self.raw.count(b"\n") == 1, self.out
        return json.loads(self.out)


def _stream() -> io.TextIOWrapper:
    return io.TextIOWrapper(io.BytesIO(), encoding="utf-8", newline="\n", write_through=True)


def call(*arguments: object, stdin: str | bytes = b"") -> Outcome:
    """Runs `seq2seq ARGUMENTS` in this process."""
    out, err = _stream(), _stream()
    raw = stdin.encode() if isinstance(stdin, str) else stdin
    code: object = 0
    with (
        redirect_stdout(out),
        redirect_stderr(err),
        mock.patch("sys.stdin", io.TextIOWrapper(io.BytesIO(raw), encoding="utf-8")),
    ):
        try:
            main.run([str(argument) for argument in arguments])
        except SystemExit as end:
            code = end.code or 0
    return Outcome(int(code), out.buffer.getvalue(), err.buffer.getvalue().decode("utf-8"))  # type: ignore[call-overload, attr-defined]


def done(*arguments: object, stdin: str | bytes = b"") -> Outcome:
    """Runs a command that must succeed."""
    outcome = call(*arguments, stdin=stdin)
    assert outcome.code == 0, outcome.err
    return outcome


def refused(*arguments: object, stdin: str | bytes = b"") -> str:
    """Runs a command whose input is wrong: exit code 2, nothing on stdout, a message and no traceback. Returns it."""
    outcome = call(*arguments, stdin=stdin)
    assert outcome.code == 2, (outcome.code, outcome.out, outcome.err)
    assert outcome.out == ""
    assert outcome.err.startswith("error: "), outcome.err
    assert "Traceback" not in outcome.err
    return outcome.err


def environment() -> dict[str, str]:
    """What a command of its own is run under."""
    known = {k: v for k, v in os.environ.items() if k not in ("FORCE_COLOR", "NO_COLOR", "PYTHONPATH")}
    return {**known, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}


@contextmanager
def started(*arguments: object, cwd: Path | None = None, **settings: Any):
    """Runs `seq2seq ARGUMENTS` as a process of its own, with pipes, and ends it in any case."""
    command = [sys.executable, "-m", "seq2seq", *(str(argument) for argument in arguments)]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE, **settings}
    if os.name == "posix":  # a shell makes its background jobs deaf to Ctrl-C, and what they start inherits it
        pipes["preexec_fn"] = lambda: signal.signal(signal.SIGINT, signal.SIG_DFL)
    with subprocess.Popen(command, env=environment(), cwd=cwd, **pipes) as process:
        try:
            yield process
        finally:
            if process.poll() is None:
                process.kill()


@dataclass(frozen=True)
class Toy:
    """A trained run and the files it was made from. Tests that write into it must leave it as it was."""

    folder: Path
    source: Path
    target: Path
    run: Path
    prepared: Outcome
    trained: Outcome


@cache
def make_toy(base: Path) -> Toy:
    """Trains the toy in the folder `base`."""
    source, target = write_pairs(base / "files")
    run = base / "run"
    prepared = done(
        "prepare", "--source", source, "--target", target, "--run", run, *sets(*TINY, "training.max_updates=150")
    )
    trained = done("train", run, "--threads", "1", *sets("training.validate_every=50"))
    return Toy(base, source, target, run, prepared, trained)


@pytest.fixture(scope="session")
def toy(tmp_path_factory: pytest.TempPathFactory) -> Toy:
    """The trained toy. Modules that import this fixture share one: it is made once a process."""
    return make_toy(tmp_path_factory.getbasetemp() / "toy-run")
