"""Workers give what one process gives, in order; they tell when one dies, and none outlives its parent."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from contextlib import suppress
from itertools import count, islice
from pathlib import Path

import pytest
from toy_runs import environment

from seq2seq.errors import UserError, WorkError
from seq2seq.pipeline.workers import Workers, available_cores

posix_only = pytest.mark.skipif(os.name != "posix", reason="sends signals")


class Squared:
    """A job; workers import it from this file."""

    def __init__(self, power=2):
        self.power = power

    def __call__(self, part):
        if part == "die":
            os._exit(3)
        if part == "refuse":
            raise UserError("No.", hint="Ask again.")
        if part == "odd":
            raise _NoTravellerError(lambda: None)
        if part == "talk":
            os.write(1, b"a library talks")
            return os.getpid()
        if part == "where":
            return os.getpid()
        return [n**self.power for n in part]


class _NoTravellerError(Exception):
    """Cannot be pickled."""


PARTS = [[n, n + 1] * 5000 for n in range(23)]  # longer than a pipe holds
ALONE = [[a * a for a in part] for part in PARTS]


@pytest.mark.parametrize("workers", [0, 1, 2, 3])
def test_any_number_of_workers_gives_the_same_in_order(workers):
    with Workers(workers, alone_first=2) as pool:
        assert list(pool.map(Squared(), iter(PARTS))) == ALONE
        assert list(pool.map(Squared(3), PARTS)) == [[a**3 for a in part] for part in PARTS]
        assert list(pool.map(Squared(), [])) == []
        where = set(pool.map(Squared(), ["where"] * 6))
    assert len(where) == max(1, workers)
    assert (os.getpid() in where) == (workers < 2)


def test_little_work_starts_nothing(monkeypatch):
    monkeypatch.setattr("seq2seq.pipeline.workers.subprocess.Popen", None)
    with Workers(4, alone_first=3) as pool:
        assert list(pool.map(Squared(), PARTS[:3])) == ALONE[:3]


def test_no_more_is_read_ahead_than_keeps_them_busy():
    read = []

    def endless():
        for number in count():
            read.append(number)
            yield [number]

    with Workers(2, alone_first=1) as pool:
        assert list(islice(pool.map(Squared(), endless()), 10)) == [[n * n] for n in range(10)]
    assert len(read) <= 10 + 6


def test_a_death_is_told_and_an_error_travels():
    with Workers(2, alone_first=0) as pool, pytest.raises(WorkError, match=r"died \(exit code 3\).*--threads 1"):
        list(pool.map(Squared(), [*PARTS[:5], "die", *PARTS]))
    with Workers(2, alone_first=0) as pool, pytest.raises(UserError, match=r"No\. Ask again"):
        list(pool.map(Squared(), [PARTS[0], "refuse"]))
    with Workers(2, alone_first=0) as pool, pytest.raises(WorkError, match="_NoTravellerError"):
        list(pool.map(Squared(), ["odd"]))


def test_what_a_library_prints_is_no_result():
    with Workers(2, alone_first=0) as pool:
        results = list(pool.map(Squared(), ["talk", PARTS[0]]))
    assert results[1] == ALONE[0]


def alive(pid):
    with suppress(OSError):
        os.kill(pid, 0)
        state = Path(f"/proc/{pid}/stat")
        return not state.exists() or state.read_text().rpartition(")")[2].split()[0] != "Z"
    return False


@posix_only
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGKILL])
def test_none_outlives_its_parent(number):
    program = (
        "from test_workers import *\n"
        "with Workers(2, alone_first=0) as pool:\n"
        "    for result in pool.map(Squared(), (['where', PARTS[0]][n % 3 > 1] for n in count())):\n"
        "        if isinstance(result, int): print(result, flush=True)\n"
    )
    place = {**environment(), "PYTHONPATH": os.pathsep.join([str(Path(__file__).parents[1]), *sys.path])}
    place["PYTHONPATH"] = os.pathsep.join([str(Path(__file__).parent), place["PYTHONPATH"]])
    command = [sys.executable, "-c", "import signal\nsignal.signal(2, signal.default_int_handler)\n" + program]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=place, text=True) as parent:
        assert parent.stdout is not None
        pids = {int(parent.stdout.readline()) for _ in range(6)}
        assert len(pids) == 2
        parent.send_signal(number)
        parent.communicate()
    deadline = time.monotonic() + 20
    while any(map(alive, pids)) and time.monotonic() < deadline:
        time.sleep(0.02)
    assert not any(map(alive, pids))


def test_cores_are_those_that_may_be_used():
    assert 1 <= available_cores() <= (os.cpu_count() or 1)
