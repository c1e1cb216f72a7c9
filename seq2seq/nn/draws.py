"""Random masks by counters: what a part of a batch draws is what the whole batch would have drawn for its rows.

A network in training asks here for its masks. Within `drawing`, each mask comes from a generator of its own, seeded
with (seed, update, number of the batch, number of the draw), so that nothing has to be saved between two updates; and
it is drawn for all rows of the batch, of which a part takes its own. So a batch may be divided between processes or
machines, or read in two halves where memory is short, and every sentence meets the same masks.

Outside of `drawing` the masks come from torch's own generator.
"""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import torch
from jaxtyping import Float, Int
from torch import Tensor


@dataclass
class _Drawing:
    """Whose masks are drawn: those of `rows` of a batch of `total`; `count` draws are done."""

    key: str
    total: int
    rows: Tensor | None
    count: int = 0


class _Current(threading.local):
    drawing: _Drawing | None = None


_current = _Current()


def seed_from(key: str) -> int:
    """Returns a seed of 64 bits; hashed, because generators seeded with neighbouring numbers can start alike."""
    digest = hashlib.blake2b(key.encode(), digest_size=8).digest()
    return int.from_bytes(digest, "little", signed=True)


@contextmanager
def drawing(
    seed: int, update: int, batch: int, *, total: int, rows: Int[Tensor, " part"] | None = None
) -> Iterator[None]:
    """Within the block, and in this thread only, masks are a function of these numbers.

    Args:
        seed: The run's seed.
        update: The update under way.
        batch: Number of the batch within the update.
        total: Rows of the whole batch.
        rows: Which of them are read here; None: all.
    """
    before = _current.drawing
    _current.drawing = _Drawing(f"{seed}/{update}/{batch}", total, rows)
    try:
        yield
    finally:
        _current.drawing = before


def keep_mask(rows: int, size: int, share: float, like: Tensor) -> Float[Tensor, "rows size"]:
    """Draws 0 with probability `share` and 1 / (1 - share) else, one row a sentence."""
    current = _current.drawing
    if current is None:
        drawn = torch.empty(rows, size, device=like.device).bernoulli_(1.0 - share)
    else:
        full = torch.empty(current.total, size, device=like.device)
        drawn = _own(current, full.bernoulli_(1.0 - share, generator=_generator(current, like.device)), 0)
    return drawn.to(like.dtype).div_(1.0 - share)


def uniform(rows: int, time: int, like: Tensor) -> Float[Tensor, "rows time"]:
    """Draws numbers between 0 and 1 for the positions of each sentence.

    Drawn position by position: a part whose longest sentence is shorter than the whole batch's draws fewer positions,
    and the same numbers at those that it has.
    """
    current = _current.drawing
    if current is None:
        return torch.rand(rows, time, device=like.device)
    drawn = torch.rand(time, current.total, device=like.device, generator=_generator(current, like.device))
    return _own(current, drawn, 1).t()


def _own(current: _Drawing, drawn: Tensor, axis: int) -> Tensor:
    return drawn if current.rows is None else drawn.index_select(axis, current.rows.to(drawn.device))


def _generator(current: _Drawing, device: torch.device) -> torch.Generator:
    generator = torch.Generator(device)
    generator.manual_seed(seed_from(f"{current.key}/{current.count}"))
    current.count += 1
    return generator
