"""Stopping when asked to: at once where work can be taken up again, and never in the middle of an update."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Generic, TypeVar

ASK_EVERY_SECONDS = 0.1

T = TypeVar("T")


class StoppedError(Exception):
    """Someone asked to stop, and what was under way was left off; nothing has changed by it."""


class Stop:
    """Whether someone asked to stop. A plain flag, so that a signal handler may set it at any moment."""

    def __init__(self) -> None:
        self.requested = False

    def request(self) -> None:
        """Asks to stop."""
        self.requested = True

    def check(self) -> None:
        """Raises `StoppedError` where someone asked to stop: for work that can be left off and done again."""
        if self.requested:
            raise StoppedError


class _Work(threading.Thread, Generic[T]):
    """Work in a thread of its own, which does not keep the program from ending."""

    def __init__(self, work: Callable[[], T]) -> None:
        super().__init__(daemon=True)
        self._work = work
        self.found: list[T] = []
        self.failure: BaseException | None = None

    def run(self) -> None:
        try:
            self.found.append(self._work())
        except BaseException as error:
            self.failure = error


def interruptibly(work: Callable[[], T], check: Callable[[], None]) -> T:
    """Returns what `work` returns, unless `check` raises meanwhile: the work is then left to itself.

    For work in long calls of compiled code, during which Python sees no signal.
    """
    check()
    thread = _Work(work)
    thread.start()
    while thread.is_alive():
        thread.join(ASK_EVERY_SECONDS)
        check()
    if thread.failure is not None:
        raise thread.failure
    return thread.found[0]
