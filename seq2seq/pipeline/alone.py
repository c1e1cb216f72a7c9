"""One process at a time writes a file: two would mix their lines in its part, and each take the other's for its own.

The lock is the system's, on `OUT.part.lock`: it ends with the process, however that ends, so that none is ever stale.
Only the base installation is needed for it.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final

from seq2seq.errors import UserError

_HELD: Final = (BlockingIOError, PermissionError)
"""What the systems say where another one has the lock."""


def lock_of(path: Path) -> Path:
    """Returns the file that is locked while `path` is written."""
    return path.with_name(path.name + ".part.lock")


@contextmanager
def alone(target: Path) -> Iterator[None]:
    """Keeps every other process, and every other caller of this, from writing `target` meanwhile.

    A file system that knows no locks gives none: then nobody is kept away, as before there were any.

    Raises:
        UserError: Another one is writing it.
    """
    path = lock_of(target)
    path.parent.mkdir(parents=True, exist_ok=True)
    descriptor = _opened(path, target)
    try:
        yield
    finally:
        if os.name == "posix":  # while it is held, so that nobody's new lock is taken away; Windows wants it closed
            path.unlink(missing_ok=True)
        os.close(descriptor)
        with suppress(OSError):
            if os.name != "posix":
                path.unlink()


def _opened(path: Path, target: Path) -> int:
    """Returns the lock's file, locked."""
    while True:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o666)
        try:
            _lock(descriptor)
        except _HELD:
            os.close(descriptor)
            raise UserError(
                f"Another process is writing {target} now.", hint="Wait until it ends, or write to another file."
            ) from None
        except OSError:
            return descriptor
        if _is_still(path, descriptor):
            return descriptor
        os.close(descriptor)  # the one who had it took it away between the two calls


def _lock(descriptor: int) -> None:
    if sys.platform == "win32":
        import msvcrt

        msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)
    else:
        import fcntl

        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)


def _is_still(path: Path, descriptor: int) -> bool:
    try:
        return os.path.samestat(path.stat(), os.fstat(descriptor))
    except OSError:
        return False
