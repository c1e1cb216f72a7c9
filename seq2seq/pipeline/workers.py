"""Worker processes: the same function on many parts of a stream, on all cores, with the results in order.

A job is an object that can be pickled and called with one part; what it returns depends on nothing else. So how many
processes share the work makes no difference to what comes out, and where there is one core, or little to do, all of it
is done in this process.

Workers are started as programs of their own that are talked to through pipes, and not forked: this works on every
system, imports nothing of the caller's main program, and a worker whose parent has died reads the end of its pipe and
ends too. What travels through the pipes is pickled, as in Python's own `multiprocessing`: between a process and those
that it has started itself, and nothing that was ever a file.
"""

from __future__ import annotations

import os
import pickle
import queue
import subprocess
import sys
import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from itertools import islice
from pathlib import Path
from typing import IO, Any, Final, Self, TypeVar

from seq2seq.errors import WorkError

Part = TypeVar("Part")
Result = TypeVar("Result")

ALONE_FIRST: Final = 5
"""Parts that are done in this process before others are started: small work is over before they would be ready."""
_AHEAD: Final = 2  # parts that a worker is given before its first result is waited for: it never runs dry
_PROGRAM: Final = "from seq2seq.pipeline.workers import work; work()"


def available_cores() -> int:
    """Returns how many cores this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


class Workers:
    """A number of processes that are started when there is enough to do, and ended with the block.

    Args:
        count: How many; below 2, all is done in this process.
        alone_first: Parts of a job that are done in this process before any other is started; None: `ALONE_FIRST`.
    """

    def __init__(self, count: int, *, alone_first: int | None = None) -> None:
        self.count, self._alone_first = count, ALONE_FIRST if alone_first is None else alone_first
        self._started: list[_Worker] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        for worker in self._started:
            worker.end()
        self._started = []

    def map(self, job: Callable[[Part], Result], parts: Iterable[Part]) -> Iterator[Result]:
        """Yields `job(part)` for each part, in their order; some parts are taken ahead of what is yielded.

        Raises:
            WorkError: A worker died. What a job raises is raised here.
        """
        stream = iter(parts)
        if self.count < 2:
            yield from map(job, stream)
            return
        if not self._started:
            yield from map(job, islice(stream, self._alone_first))
            first = list(islice(stream, 1))
            if not first:
                return
            self._started = [_Worker() for _ in range(self.count)]
            stream = _chained(first, stream)
        packed = pickle.dumps((True, job), pickle.HIGHEST_PROTOCOL)
        for worker in self._started:
            worker.send(packed)
        waiting: deque[_Worker] = deque()
        for number, part in enumerate(stream):
            worker = self._started[number % self.count]
            worker.send(pickle.dumps((False, part), pickle.HIGHEST_PROTOCOL))
            waiting.append(worker)
            if len(waiting) >= _AHEAD * self.count:
                yield waiting.popleft().receive()
        while waiting:
            yield waiting.popleft().receive()


def _chained(first: list[Part], rest: Iterator[Part]) -> Iterator[Part]:
    yield from first
    yield from rest


class _Worker:
    """One process, seen from its parent."""

    def __init__(self) -> None:
        # A terminal sends Ctrl-C to all of a group: the parent hears it, and ends its workers.
        apart: dict[str, Any] = {"start_new_session": True}
        if sys.platform == "win32":
            apart = {"creationflags": subprocess.CREATE_NEW_PROCESS_GROUP}
        paths = os.pathsep.join(path or str(Path.cwd()) for path in sys.path)
        self._process = subprocess.Popen(
            [sys.executable, "-c", _PROGRAM],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env={**os.environ, "PYTHONPATH": paths},
            **apart,
        )

    def send(self, packed: bytes) -> None:
        assert self._process.stdin is not None
        try:
            self._process.stdin.write(packed)
            self._process.stdin.flush()
        except OSError:
            raise self._died() from None

    def receive(self) -> Any:  # noqa: ANN401 - whatever the job returns
        assert self._process.stdout is not None
        try:
            good, value = pickle.load(self._process.stdout)
        except (EOFError, OSError, pickle.UnpicklingError):
            raise self._died() from None
        if not good:
            raise value
        return value

    def end(self) -> None:
        """Ends the process, whatever it is doing."""
        self._process.kill()
        for pipe in (self._process.stdin, self._process.stdout):
            with suppress(OSError):
                if pipe is not None:
                    pipe.close()
        self._process.wait()

    def _died(self) -> WorkError:
        code = self._process.wait()
        how = f"signal {-code}" if code < 0 else f"exit code {code}"
        return WorkError(
            f"A worker process died ({how}).",
            hint="If memory ran out, try with fewer: --threads 1 starts none.",
        )


def work() -> None:
    """What a worker does: takes jobs and parts from its standard input, and writes results to its standard output."""
    source, target = sys.stdin.buffer, os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # whatever a library prints must not come between the results
    arrived: queue.Queue[tuple[bool, Any] | None] = queue.Queue()
    # What is sent is taken at once: a parent that waits to send, and a worker that waits to answer, would wait forever.
    threading.Thread(target=_read, args=(source, arrived), daemon=True).start()
    job: Callable[[Any], Any] | None = None
    while (message := arrived.get()) is not None:
        is_job, value = message
        if is_job:
            job = value
            continue
        assert job is not None
        try:
            answer = pickle.dumps((True, job(value)), pickle.HIGHEST_PROTOCOL)
        except Exception as error:
            answer = _packed(error)
        try:
            target.write(answer)
            target.flush()
        except OSError:  # nobody listens any more
            return


def _read(source: IO[bytes], arrived: queue.Queue[tuple[bool, Any] | None]) -> None:
    with suppress(EOFError, OSError, pickle.UnpicklingError):
        while True:
            arrived.put(pickle.load(source))
    arrived.put(None)


def _packed(error: Exception) -> bytes:
    """Returns an error ready to be raised in the parent; where it cannot travel, what it says."""
    try:
        packed = pickle.dumps((False, error), pickle.HIGHEST_PROTOCOL)
        pickle.loads(packed)
        return packed
    except Exception:
        told = WorkError(f"{type(error).__name__}: {error}")
        return pickle.dumps((False, told), pickle.HIGHEST_PROTOCOL)
