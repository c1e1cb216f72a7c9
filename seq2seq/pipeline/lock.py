"""One process at a time may change a run."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Final

from seq2seq.bundle import RunFolder
from seq2seq.errors import UserError

LOCK: Final = ".lock"


@contextmanager
def only_one(run: RunFolder) -> Iterator[None]:
    """Holds the run for the length of the block. A killed process lets go of it.

    A folder that is made for it, and that nothing else was put into, goes again at the end.

    Raises:
        UserError: Another process holds it.
    """
    from filelock import FileLock, Timeout

    made = not run.path.exists()
    run.path.mkdir(parents=True, exist_ok=True)
    lock = FileLock(run.path / LOCK, blocking=False)
    try:
        lock.acquire()
    except Timeout:
        raise UserError(
            f"Another process is preparing or training {run.path}.", hint="Wait for it to end, or stop it."
        ) from None
    try:
        yield
    finally:
        if made and os.name == "posix":  # while it is held, so that no other's folder is taken away
            _leave(run)
        lock.release()
        if made and os.name != "posix":  # Windows wants it closed
            _leave(run)


def _leave(run: RunFolder) -> None:
    with suppress(OSError):
        if all(path.name == LOCK for path in run.path.iterdir()):
            (run.path / LOCK).unlink(missing_ok=True)
            run.path.rmdir()
