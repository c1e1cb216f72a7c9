"""What an encoded batch and the states of its hypotheses are made of. Arrays lie where ONNX Runtime put them.

ONNX Runtime takes NumPy arrays as they lie and hands out views of its own, so nothing here is copied but in `gather`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from seq2seq.search import IntArray

FEWEST_LIVE = 3 / 4
"""Below this share of sentences still open, those that are left are put together: once for all steps that follow."""


@dataclass(frozen=True, eq=False, slots=True)
class Memory:
    """What the encoder made of a batch; [sentences, ...] each."""

    parts: tuple[NDArray[Any], ...]
    num_sentences: int


@dataclass(frozen=True, eq=False, slots=True)
class Kept:
    """The sentences of a memory that still have open hypotheses.

    Attributes:
        parts: As in `Memory`, of these sentences only.
        numbers: [sentences of the whole memory], each one's row in `parts`; -1 where it is gone.
        num_sentences: How many are kept.
    """

    parts: tuple[NDArray[Any], ...]
    numbers: IntArray
    num_sentences: int


@dataclass(frozen=True, eq=False, slots=True)
class State:
    """The rows of a step: what the step before gave, and which of its rows they continue.

    Choosing rows only notes them; the next step gathers them inside its graph, once, however often they were chosen.

    Attributes:
        parts: [rows of the step before, ...] each.
        rows: The row that each row continues; None: one after the other, as many as there are.
        kept: What is left of the memory; None: all of it.
    """

    parts: tuple[NDArray[Any], ...]
    rows: IntArray | None = None
    kept: Kept | None = None

    def select(self, rows: IntArray) -> State:
        """Returns the state whose row i is row `rows[i]` of this one."""
        return State(self.parts, rows if self.rows is None else self.rows[rows], self.kept)


@dataclass(frozen=True, eq=False, slots=True)
class View:
    """The memory as one step reads it.

    Attributes:
        parts: The memory's.
        owner: [rows], the row in `parts` of each hypothesis' sentence.
        counts: [sentences in `parts`], hypotheses of each.
        kept: What the state after the step remembers.
    """

    parts: tuple[NDArray[Any], ...]
    owner: IntArray
    counts: IntArray
    kept: Kept | None


def view(memory: Memory, kept: Kept | None, owner: IntArray) -> View:
    """Returns what a step must read of `memory`: what was kept, or less of it where fewer than 3/4 still count."""
    if memory.num_sentences == 1:
        return View(memory.parts, owner, np.array([len(owner)], np.int64), None)
    if kept is None:
        parts, local, num_sentences = memory.parts, owner, memory.num_sentences
    else:
        parts, local, num_sentences = kept.parts, kept.numbers[owner], kept.num_sentences
    counts = np.bincount(local, minlength=num_sentences)
    live = np.flatnonzero(counts)
    if len(live) >= FEWEST_LIVE * num_sentences:
        return View(parts, local, counts, kept)
    numbers = np.full(memory.num_sentences, -1, np.int64)
    numbers[owner[np.unique(local, return_index=True)[1]]] = np.arange(len(live))
    fewer = Kept(gather(parts, live), numbers, len(live))
    return View(fewer.parts, numbers[owner], counts[live], fewer)


def gather(parts: tuple[NDArray[Any], ...], rows: IntArray) -> tuple[NDArray[Any], ...]:
    """Returns these rows of every part."""
    return tuple(np.take(part, rows, axis=0) for part in parts)
