"""Random masks by counters: what a part of a batch draws is what the whole batch would have drawn for its rows.

A network in training asks here for its masks. Within `drawing`, each mask comes from a generator of its own, seeded
with (seed, update, number of the batch, number of the draw), so that nothing has to be saved between two updates; and
it is drawn for all rows of the batch, of which a part takes its own. So a batch may be divided between processes or
machines, or read in two halves where memory is short, and every sentence meets the same masks.

A mask of weights belongs to no sentence: it is seeded with (seed, update, number of the draw of weights), and is so the
same for all batches of an update and for whoever reads a part of them.

Outside of `drawing` the masks come from torch's own generator.
"""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace

import torch
from jaxtyping import Float, Int
from torch import Tensor


@dataclass
class _Drawing:
    """Whose masks are drawn: those of `rows` of a batch of `total`; `count` draws are done.

    `key` names the batch, `update` the update that it belongs to, and `num_weights` draws of weights are done.
    """

    key: str
    update: str
    total: int
    rows: Tensor | None
    count: int = 0
    num_weights: int = 0


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
    _current.drawing = _Drawing(f"{seed}/{update}/{batch}", f"{seed}/{update}", total, rows)
    try:
        yield
    finally:
        _current.drawing = before


@contextmanager
def twice() -> Iterator[None]:
    """Within the block every row is read twice, side by side: first all rows, then all of them again.

    The second time they draw masks of their own. So two readings of a sentence differ, and neither depends on which
    other rows are read with it.
    """
    before = _current.drawing
    if before is not None:
        rows = None if before.rows is None else torch.cat([before.rows, before.rows + before.total])
        _current.drawing = replace(before, total=2 * before.total, rows=rows)
    try:
        yield
    finally:
        _current.drawing = before


@contextmanager
def repeated(times: int, owner: Int[Tensor, " rows"], copy: Int[Tensor, " rows"]) -> Iterator[None]:
    """Within the block each row of before is there up to `times` times, and each copy draws numbers of its own.

    Args:
        times: Copies of a row, at most.
        owner: Of which row of before each row is a copy.
        copy: Its number among them, from 0; so which other copies there are changes nothing.
    """
    before = _current.drawing
    if before is not None:
        rows = owner if before.rows is None else before.rows.to(owner.device)[owner]
        _current.drawing = replace(before, total=times * before.total, rows=times * rows + copy)
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


def weight_mask(weight: Float[Tensor, "rows columns"], share: float) -> Float[Tensor, "rows columns"]:
    """Draws 0 with probability `share` and 1 / (1 - share) else for each number of a matrix, like `weight` in type.

    16 bits decide on a number, four numbers a draw: a matrix has a million of them, which one by one would take longer
    than its product. The probability is the nearest of 1 / 65,536.
    """
    current = _current.drawing
    generator = None
    if current is not None:
        generator = torch.Generator(weight.device)
        generator.manual_seed(seed_from(f"{current.update}/weights/{current.num_weights}"))
        current.num_weights += 1
    bits = torch.empty(-(-weight.numel() // 4), dtype=torch.int64, device=weight.device)
    levels = bits.random_(-(2**63), None, generator=generator).view(torch.int16)[: weight.numel()]
    kept = levels.view(weight.shape) >= round(share * 2**16) - 2**15
    return kept.to(weight.dtype).div_(1.0 - share)


def _own(current: _Drawing, drawn: Tensor, axis: int) -> Tensor:
    return drawn if current.rows is None else drawn.index_select(axis, current.rows.to(drawn.device))


def _generator(current: _Drawing, device: torch.device) -> torch.Generator:
    generator = torch.Generator(device)
    generator.manual_seed(seed_from(f"{current.key}/{current.count}"))
    current.count += 1
    return generator
