"""Being asked to stop: what Ctrl-C and SIGTERM do while a training runs."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any

from seq2seq import console


@contextmanager
def stopping(stop: Callable[[], None], *, several: bool = False) -> Iterator[None]:
    """Within the block, Ctrl-C and SIGTERM call `stop` once; a second one interrupts as usual.

    With `several` processes further ones do nothing, until this process ends: torchrun sends some to each process while
    the first one is still saving, and also when one has died, which the others then have to tell. It kills by force
    what has not ended after half a minute.
    """
    if threading.current_thread() is not threading.main_thread():
        yield  # only the main thread may set handlers
        return
    before: dict[int, Any] = {}

    def handler(number: int, _frame: FrameType | None) -> None:
        stop()
        if not several:
            console.say("stopping after this update …")
            signal.signal(number, before[number])

    for caught in (signal.SIGINT, signal.SIGTERM):
        before[caught] = signal.signal(caught, handler)
    try:
        yield
    finally:
        for number, old in before.items() if not several else ():
            signal.signal(number, old)
