"""Batches: planned from the lengths alone, filled from the store when their turn comes."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Int
from numpy.typing import NDArray
from torch import Tensor

from seq2seq.data.store import Store
from seq2seq.text.special import EOS, GO, PAD


@dataclass(frozen=True)
class Batch:
    """Pairs side by side, padded to the longest.

    Attributes:
        source: Source ids with EOS.
        source_lengths: Real tokens of each source, EOS counted.
        target_in: What the decoder reads: GO, then the target ids.
        target_out: What it should say: the target ids, then EOS.
        target_lengths: Real tokens of each target, EOS counted.
    """

    source: Int[Tensor, "batch source"]
    source_lengths: Int[Tensor, " batch"]
    target_in: Int[Tensor, "batch target"]
    target_out: Int[Tensor, "batch target"]
    target_lengths: Int[Tensor, " batch"]

    @property
    def num_tokens(self) -> int:
        """Real target tokens, EOS counted."""
        return int(self.target_lengths.sum())

    def to(self, device: torch.device) -> Batch:
        """Returns the batch on `device`."""
        return Batch(*(getattr(self, field).to(device, non_blocking=True) for field in self.__dataclass_fields__))


def plan_epoch(
    source_lengths: NDArray[np.int32],
    target_lengths: NDArray[np.int32],
    *,
    batch_tokens: int,
    seed: int,
    epoch: int,
) -> list[NDArray[np.int64]]:
    """Divides all pairs into batches of about `batch_tokens` real target tokens, of even length, in random order.

    Pairs are sorted by target and then source length, ties at random, so that little is padding; then cut where the
    running sum of tokens passes a multiple of the budget; then the batches are shuffled. A function of (seed, epoch).

    Args:
        source_lengths: Tokens of each source, EOS not counted.
        target_lengths: Tokens of each target, EOS not counted.
        batch_tokens: Real target tokens a batch, EOS counted. A longer sentence makes a batch of its own.
        seed: The run's seed.
        epoch: Number of the epoch, from 0.

    Returns:
        The row numbers of each batch.
    """
    generator = np.random.Generator(np.random.Philox(key=[seed, epoch]))
    shuffled = generator.permutation(len(target_lengths))
    order = shuffled[np.lexsort((source_lengths[shuffled], target_lengths[shuffled]))]
    tokens = np.cumsum(target_lengths[order].astype(np.int64) + 1)
    cuts = np.flatnonzero(np.diff((tokens - 1) // batch_tokens)) + 1
    batches = np.split(order, cuts)
    return [batches[i] for i in generator.permutation(len(batches)) if len(batches[i])]


def collate(
    sources: Sequence[Sequence[int] | NDArray[np.int32]], targets: Sequence[Sequence[int] | NDArray[np.int32]]
) -> Batch:
    """Makes a batch of id lists that hold neither GO nor EOS."""
    source, source_lengths = pad(sources)
    target_out, target_lengths = pad(targets)
    target_in = np.roll(target_out, 1, axis=1)
    target_in[:, 0] = GO
    target_in[target_in == EOS] = PAD  # EOS is said, never read
    return Batch(*(torch.from_numpy(x) for x in (source, source_lengths, target_in, target_out, target_lengths)))


def pad(rows: Sequence[Sequence[int] | NDArray[np.int32]]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Returns the rows with EOS behind each, padded to the longest, and their lengths with EOS."""
    lengths = np.fromiter((len(row) + 1 for row in rows), np.int64, len(rows))
    padded = np.full((len(rows), int(lengths.max(initial=1))), PAD, np.int64)
    for number, row in enumerate(rows):
        padded[number, : len(row)] = row
        padded[number, len(row)] = EOS
    return padded, lengths


class Batches:
    """The batches of a store, epoch after epoch.

    Args:
        store: The prepared pairs.
        batch_tokens: Real target tokens a batch.
        seed: The run's seed.
    """

    def __init__(self, store: Store, *, batch_tokens: int, seed: int) -> None:
        self.store = store
        self.batch_tokens = batch_tokens
        self.seed = seed

    def plan(self, epoch: int) -> list[NDArray[np.int64]]:
        """Returns the row numbers of each batch of an epoch."""
        lengths = self.store.source.lengths, self.store.target.lengths
        return plan_epoch(*lengths, batch_tokens=self.batch_tokens, seed=self.seed, epoch=epoch)

    def fill(self, rows: NDArray[np.int64]) -> Batch:
        """Reads the pairs `rows` into a batch."""
        numbers = rows.tolist()
        return collate([self.store.source[i] for i in numbers], [self.store.target[i] for i in numbers])

    def in_order(self) -> Iterator[Batch]:
        """Goes through the store once, for a loss: the same batches every time."""
        for rows in self.plan(0):
            yield self.fill(rows)
