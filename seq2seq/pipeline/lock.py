"""One process at a time may change a run."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from seq2seq.bundle import RunFolder
from seq2seq.errors import UserError


@contextmanager
def only_one(run: RunFolder) -> Iterator[None]:
    """Holds the run for the length of the block. A killed process lets go of it.

    Raises:
        UserError: Another process holds it.
    """
    from filelock import FileLock, Timeout

    run.path.mkdir(parents=True, exist_ok=True)
    try:
        with FileLock(run.path / ".lock", blocking=False):
            yield
    except Timeout:
        raise UserError(
            f"Another process is preparing or training {run.path}.", hint="Wait for it to end, or stop it."
        ) from None
