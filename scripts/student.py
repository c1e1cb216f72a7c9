"""Trains several models, and one that learns from all of them: the best single model that a small corpus has given us.

Usage: python scripts/student.py --run FOLDER [--teachers 4] [--minutes M] [--teacher section.key=value ...]
           [--student section.key=value ...] [--beam 5] [--threads N] -- WHAT seq2seq prepare IS GIVEN

For instance: python scripts/student.py --run runs/mine --minutes 90 -- --tsv pairs.tsv --from en --into de

It does what `seq2seq prepare`, `train` and `distill` do, and nothing else. The teachers differ by their seeds, and are
trained on one core each, as many side by side as there are cores. Together they translate the training set, and the
student learns from these translations and from the original pairs, on all cores. Settings of [text] give the student a
vocabulary of its own: --student text.vocabulary_size=8000. With --minutes, the presets choose the settings for that
time: 55 % of it are the teachers', 40 % the student's, and the rest is for the translations.

After Ctrl-C or a crash the same command goes on. The last line on stdout is one JSON object: development scores as
training saw them, and the minutes of each step. The model is FOLDER/student: seq2seq evaluate FOLDER/student
"""

from __future__ import annotations

import argparse
import json
import math
import os
import signal
import subprocess
import sys
import time
from collections import deque
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from ablate import last_line
from synthetic import machine

import seq2seq
from seq2seq import console
from seq2seq.bundle import RunFolder
from seq2seq.errors import Seq2SeqError, WorkError
from seq2seq.folders import read_json, write_json
from seq2seq.pipeline.lock import only_one
from seq2seq.pipeline.workers import available_cores

TEACHERS_SHARE, STUDENTS_SHARE = 0.55, 0.4
STOPPED = 130
POLL_SECONDS = 0.2


class Clock:
    """The minutes that each step took, kept in a file, for one that was interrupted goes on.

    Args:
        path: The file.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self.minutes: dict[str, float] = read_json(path) if path.is_file() else {}

    @contextmanager
    def step(self, name: str) -> Iterator[None]:
        """Adds what the block takes to the minutes of `name`."""
        begin = time.monotonic()
        try:
            yield
        finally:
            minutes = self.minutes.get(name, 0.0) + (time.monotonic() - begin) / 60
            self.minutes[name] = round(minutes, 2)
            write_json(self._path, self.minutes)


def started(arguments: Sequence[object], **streams: Any) -> subprocess.Popen[str]:  # noqa: ANN401 - Popen's own
    """Starts a command of seq2seq, the one beside this script, whose answer is one line of JSON.

    It hears of Ctrl-C from here alone: a training that is asked to stop a second time does not wait for its update.
    """
    paths = os.pathsep.join(filter(None, (str(Path(seq2seq.__file__).parents[1]), os.environ.get("PYTHONPATH", ""))))
    command = [sys.executable, "-m", "seq2seq", *map(str, arguments), "--json"]
    streams |= {"stdin": subprocess.DEVNULL, "stdout": subprocess.PIPE, "text": True}
    return subprocess.Popen(command, env={**os.environ, "PYTHONPATH": paths}, start_new_session=True, **streams)


def ended(process: subprocess.Popen[str]) -> int:
    """Has a process stop, if it still works, and waits for it: a training saves where it stands."""
    with suppress(OSError):
        process.terminate()
    return process.wait()


def answer(arguments: Sequence[object]) -> dict[str, Any]:
    """Runs a command of seq2seq, which speaks to the person itself. Returns its answer.

    Raises:
        KeyboardInterrupt: It was stopped.
        WorkError: It failed, and has said why.
    """
    process = started(arguments)
    try:
        return _answer_of(process, f"seq2seq {arguments[0]} failed, as it says above.", hint="Mend that")
    finally:
        ended(process)


def trained(runs: Sequence[Path], side_by_side: int) -> list[dict[str, Any]]:
    """Trains runs on one core each. Returns their answers, in order.

    Raises:
        KeyboardInterrupt: One of them was stopped.
        WorkError: One of them failed.
    """
    answers: dict[Path, dict[str, Any]] = {}
    waiting, under_way = deque(runs), dict[Path, subprocess.Popen[str]]()
    try:
        while waiting or under_way:
            while waiting and len(under_way) < side_by_side:
                run = waiting.popleft()
                with log_of(run).open("ab") as log:
                    under_way[run] = started(["train", run, "--resume", "--threads", 1], stderr=log)
            time.sleep(POLL_SECONDS)
            for run in [run for run, process in under_way.items() if process.poll() is not None]:
                process, log_file = under_way.pop(run), log_of(run)
                failure = f"The training of {run} failed: {last_line(log_file)}"
                answers[run] = _answer_of(process, failure, hint=f"See {log_file}")
                console.say(f"{run.name}, {len(answers)} of {len(runs)}: development {_best(answers[run])}")
    finally:
        for process in under_way.values():
            ended(process)
    return [answers[run] for run in runs]


def _answer_of(process: subprocess.Popen[str], failure: str, *, hint: str) -> dict[str, Any]:
    said, _ = process.communicate()
    if process.returncode == STOPPED:
        raise KeyboardInterrupt
    if process.returncode:
        raise WorkError(failure, hint=f"{hint}; the same command goes on.")
    return dict(json.loads(said))


def _best(trained: dict[str, Any]) -> str:
    return f"BLEU {trained['best']['bleu']:.2f}, chrF {trained['best']['chrf']:.2f}"


def log_of(run: Path) -> Path:
    """Returns where a teacher's training tells how far it is."""
    return run.with_suffix(".log")


def sets(settings: Sequence[str]) -> list[str]:
    """Returns settings as the commands take them."""
    return [part for setting in settings for part in ("--set", setting)]


def minutes(budget: float, share: float, rounds: int = 1) -> list[object]:
    """Returns the option that gives a training its share of the budget; none where there is no budget."""
    return ["--minutes", f"{max(0.1, budget * share / rounds):.1f}"] if budget else []


def make(given: argparse.Namespace) -> dict[str, Any]:
    """Does it all. Returns what there is to say."""
    cores = given.threads or available_cores()
    side_by_side = min(cores, given.teachers)
    teachers = [given.run / f"teacher-{number}" for number in range(1, given.teachers + 1)]
    student, own_text = given.run / "student", given.run / "text"
    text = [setting for setting in given.student if setting.startswith("text.")]
    clock = Clock(given.run / "minutes.json")
    share = minutes(given.minutes, TEACHERS_SHARE, math.ceil(given.teachers / side_by_side))
    with clock.step("prepare"):
        for seed, run in enumerate(teachers, 1):
            prepare(given, run, share, [f"training.seed={seed}"])
        if text:
            prepare(given, own_text, share, text)
    console.say(f"{given.teachers} teachers, {side_by_side} at a time; follow them: tail -f {given.run}/teacher-*.log")
    with clock.step("teachers"):
        taught = trained(teachers, side_by_side)
    with clock.step("translations"):
        named = [part for run in teachers[1:] for part in ("--with", run)] + ["--of", own_text] * bool(text)
        limit = minutes(given.minutes, STUDENTS_SHARE)
        settings = sets([setting for setting in given.student if setting not in text])
        options = [*named, "--beam", given.beam, "--threads", cores, *limit, "--run", student, *settings]
        answer(["distill", teachers[0], "--resume", *options])
    with clock.step("student"):
        learned = answer(["train", student, "--resume", "--threads", cores])
    return {
        "run": str(student),
        "teachers": [one["best"]["bleu"] for one in taught],
        "student": learned["best"]["bleu"],
        "minutes": {**clock.minutes, "all": round(sum(clock.minutes.values()), 2)},
        "cores": cores,
        "machine": machine(),
    }


def prepare(given: argparse.Namespace, run: Path, share: Sequence[object], settings: Sequence[str]) -> None:
    """Prepares a run for one core, with settings beside those of all teachers."""
    answer(["prepare", *given.prepare, *share, "--threads", 1, "--run", run, *sets([*given.teacher, *settings])])


def parsed(words: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__.split("\n", 1)[0],
        epilog=__doc__.partition("\n\n")[2],
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--run", type=Path, required=True, metavar="FOLDER", help="where everything is kept")
    parser.add_argument("--teachers", type=_count, default=4, metavar="N", help="how many, from 2 (default 4)")
    parser.add_argument("--minutes", type=float, default=0.0, help="that all of it may take")
    parser.add_argument("--teacher", nargs="+", default=[], metavar="SETTING", help="of the teachers")
    parser.add_argument("--student", nargs="+", default=[], metavar="SETTING", help="of the student; else as theirs")
    parser.add_argument("--beam", type=int, default=5, help="of the translations (default 5)")
    parser.add_argument("--threads", type=int, default=0, help="CPU cores to keep busy (default: all)")
    parser.add_argument("prepare", nargs="+", metavar="-- PREPARE", help="what seq2seq prepare is given")
    given = parser.parse_args(words)
    if not (math.isfinite(given.minutes) and given.minutes >= 0) or given.threads < 0:
        parser.error("--minutes and --threads are at least 0")
    return given


def _count(text: str) -> int:
    if int(text) < 2:
        raise argparse.ArgumentTypeError("a student of one teacher is what `seq2seq distill` makes; give 2 or more")
    return int(text)


def main() -> int:
    given = parsed(sys.argv[1:])
    given.run.mkdir(parents=True, exist_ok=True)
    with suppress(ValueError):  # only a main thread can; a timeout's SIGTERM then ends this as Ctrl-C does
        signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        with only_one(RunFolder(given.run)):
            found = make(given)
    except KeyboardInterrupt:
        console.say("Stopped. The same command goes on.")
        return STOPPED
    except Seq2SeqError as error:
        console.show_error(error)
        return error.exit_code
    print(json.dumps(found))
    return 0


if __name__ == "__main__":
    sys.exit(main())
