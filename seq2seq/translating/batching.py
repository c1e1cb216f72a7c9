"""Which sentences are computed together, and how many batches at a time."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor, wait
from typing import TYPE_CHECKING, Any, Final, TypeVar

if TYPE_CHECKING:
    from seq2seq.engines.engine import Engine, Start
    from seq2seq.recipe.schema import Search as SearchSettings
    from seq2seq.search import Step

T = TypeVar("T")
R = TypeVar("R")

_LOOK_SECONDS: Final = 0.2
"""How often waiting looks for Ctrl-C, which on some systems does not end it."""


def batches(lengths: Sequence[int], *, sentences: int, tokens: int, parallel: int = 1) -> list[list[int]]:
    """Returns the numbers of the sentences in batches of like length, the longest first; equals in order.

    The longest come first so that what is computed last is short, and no core waits long for another.

    Args:
        lengths: Tokens of each sentence.
        sentences: The most of a batch.
        tokens: The most that the sentences of a batch have, all padded to the longest; a single one may have more.
        parallel: Batches that are computed at a time: none has more than an even share of the sentences.
    """
    order = sorted(range(len(lengths)), key=lambda number: -lengths[number])
    most = min(sentences, -(-len(order) // parallel))
    found, begin = [], 0
    while begin < len(order):
        size = max(1, min(most, tokens // max(1, lengths[order[begin]])))
        found.append(order[begin : begin + size])
        begin += size
    return found


def engine_batches(lengths: Sequence[int], settings: SearchSettings, engine: Engine) -> list[list[int]]:
    """Returns batches of the size that the settings want, for as many at a time as the engine computes.

    Args:
        lengths: Tokens of each sentence.
        settings: How large a batch is.
        engine: See `each`.
    """
    return batches(
        lengths,
        sentences=settings.batch_sentences,
        tokens=settings.batch_tokens,
        parallel=engine.parallel,
    )


class Stopped(Exception):  # noqa: N818 - nothing went wrong
    """What ends a search that nobody waits for any more."""


class Stoppable:
    """An engine that can be told to stop, from another thread: its next step is an error.

    Args:
        engine: Does the work.
    """

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._stopped = threading.Event()

    def stop(self) -> None:
        """Lets no step begin any more."""
        self._stopped.set()

    def start(self, sources: Sequence[Sequence[int]]) -> Start:
        """See `Engine.start`."""
        self._check()
        return self._engine.start(sources)

    def step(self, *arguments: Any, **named: Any) -> Step:  # noqa: ANN401
        """See `StepModel.step`."""
        self._check()
        return self._engine.step(*arguments, **named)

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401
        return getattr(self._engine, name)

    def _check(self) -> None:
        if self._stopped.is_set():
            raise Stopped


def each(work: Callable[[Engine, T], R], items: Sequence[T], engine: Engine) -> Iterator[R]:
    """Yields work(engine, item) for each item, in order; as many at a time, each in a thread, as the engine wants.

    What an engine wants is `Engine.parallel`. An error comes out in its place, and ends the others, as does Ctrl-C:
    they are told to stop at their next step.

    Args:
        work: What to do. It finds nothing but the engine shared.
        items: What to do it with.
        engine: The engine.
    """
    num_threads = min(engine.parallel, len(items))
    if num_threads < 2:
        yield from (work(engine, item) for item in items)
        return
    stoppable: Any = Stoppable(engine)
    pool = ThreadPoolExecutor(num_threads, "translating")
    try:
        waiting = [pool.submit(work, stoppable, item) for item in items]
        for future in waiting:
            while not future.done():
                wait([future], timeout=_LOOK_SECONDS)
            yield future.result()
    finally:
        stoppable.stop()
        pool.shutdown(cancel_futures=True)
