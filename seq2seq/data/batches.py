"""Batches: planned from the lengths alone, filled from the store when their turn comes."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Int
from numpy.typing import NDArray
from torch import Tensor

from seq2seq.data.mixing import epoch_counts, epoch_rows
from seq2seq.data.padding import pad
from seq2seq.data.plan import Plan, plan_epoch
from seq2seq.data.store import Store
from seq2seq.text.segmentation import Sampler
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
        real: Where real target tokens stand, target after target, counting through [batch, target] row by row. Known
            beforehand, since a GPU would have to be waited for to say how many there are.
    """

    source: Int[Tensor, "batch source"]
    source_lengths: Int[Tensor, " batch"]
    target_in: Int[Tensor, "batch target"]
    target_out: Int[Tensor, "batch target"]
    target_lengths: Int[Tensor, " batch"]
    real: Int[Tensor, " real"]

    @property
    def num_tokens(self) -> int:
        """Real target tokens, EOS counted."""
        return len(self.real)

    def part(self, rows: Int[Tensor, " part"]) -> Batch:
        """Returns the pairs `rows` as a batch of their own, padded to the longest of them."""
        source, target = (int(lengths[rows].max()) for lengths in (self.source_lengths, self.target_lengths))
        return Batch(
            self.source[rows, :source],
            self.source_lengths[rows],
            self.target_in[rows, :target],
            self.target_out[rows, :target],
            self.target_lengths[rows],
            real_places(self.target_lengths[rows].numpy(), target),
        )

    def to(self, device: torch.device) -> Batch:
        """Returns the batch on `device`; to a GPU it is copied while the GPU is still at work."""
        fields = [getattr(self, field) for field in self.__dataclass_fields__]
        if device.type == "cuda":  # only from pinned memory is a copy not waited for
            fields = [field.pin_memory() for field in fields]
        return Batch(*(field.to(device, non_blocking=True) for field in fields))


def collate(
    sources: Sequence[Sequence[int] | NDArray[np.int32]], targets: Sequence[Sequence[int] | NDArray[np.int32]]
) -> Batch:
    """Makes a batch of id lists that hold neither GO nor EOS."""
    source, source_lengths = pad(sources)
    target_out, target_lengths = pad(targets)
    target_in = np.roll(target_out, 1, axis=1)
    target_in[:, 0] = GO
    target_in[target_in == EOS] = PAD  # EOS is said, never read
    return Batch(
        torch.from_numpy(source),
        torch.from_numpy(source_lengths),
        torch.from_numpy(target_in),
        torch.from_numpy(target_out),
        torch.from_numpy(target_lengths),
        real_places(target_lengths, target_out.shape[1]),
    )


def real_places(lengths: NDArray[np.int64], time: int) -> Int[Tensor, " real"]:
    """Returns where the first `lengths[b]` positions of each row b stand in [batch, time], counted row by row."""
    return torch.from_numpy(np.flatnonzero(np.arange(time) < lengths[:, None]))


class Batches:
    """The batches of a store, epoch after epoch.

    Args:
        store: The prepared pairs.
        batch_tokens: Real target tokens a batch.
        seed: The run's seed.
        corpora: Pairs and weight of each corpus in the store, in their order; none: it is one.
        temperature: How even the corpora are drawn from: see `seq2seq.data.mixing`.
        epoch_pairs: Rows of an epoch; None: as many as the store has pairs.
        sampler: Cuts the source's texts into ids, and the target's, in many ways; None: as they were prepared.
    """

    def __init__(
        self,
        store: Store,
        *,
        batch_tokens: int,
        seed: int,
        corpora: Sequence[tuple[int, float]] = (),
        temperature: float = 1.0,
        epoch_pairs: int | None = None,
        sampler: tuple[Sampler, Sampler] | None = None,
    ) -> None:
        if corpora and sum(count for count, _ in corpora) != len(store):
            raise ValueError(f"The corpora have {sum(count for count, _ in corpora)} pairs, the store {len(store)}.")
        self.store = store
        self.batch_tokens = batch_tokens
        self.seed = seed
        self.temperature = temperature
        self.epoch_pairs = epoch_pairs
        self._counts = [count for count, _ in corpora] or [len(store)]
        self._weights = [weight for _, weight in corpora] or [1.0]
        self.sampler = sampler

    def plan(self, epoch: int) -> Plan:
        """Returns the row numbers of each batch of an epoch; a function of the seed and `epoch`."""
        rows = epoch_rows(
            self._counts, self._weights, self.temperature, seed=self.seed, epoch=epoch, length=self.epoch_pairs
        )
        if rows is None:
            return self._plan_once(epoch)
        lengths = self.store.source.lengths[rows], self.store.target.lengths[rows]
        plan = plan_epoch(
            *lengths,
            batch_tokens=self.batch_tokens,
            seed=self.seed,
            epoch=epoch,
            num_batches=self.num_mixed_batches(),
        )
        return plan.of(rows)

    def _plan_once(self, epoch: int) -> Plan:
        """Plans every pair once."""
        lengths = self.store.source.lengths, self.store.target.lengths
        return plan_epoch(*lengths, batch_tokens=self.batch_tokens, seed=self.seed, epoch=epoch)

    @property
    def is_mixed(self) -> bool:
        """Whether an epoch is anything but every pair once."""
        return self._epoch_counts() != self._counts

    def _epoch_counts(self) -> list[int]:
        return epoch_counts(self._counts, self._weights, self.temperature, length=self.epoch_pairs)

    def num_tokens(self) -> int:
        """Returns the target tokens of an epoch, EOS counted; of a mixture, from the mean length of each corpus's."""
        wanted = self._epoch_counts()
        parts = np.split(self.store.target.lengths, np.cumsum(self._counts)[:-1])
        return round(sum(want * (float(part.mean()) + 1) for want, part in zip(wanted, parts, strict=True) if want))

    def num_mixed_batches(self) -> int:
        """Returns the number of batches of an epoch of a mixture.

        It is the same for every epoch, whatever the epoch draws: so a limit in epochs is one number of updates.
        """
        return max(1, -(-self.num_tokens() // self.batch_tokens))

    def fill(self, rows: NDArray[np.int64], epoch: int | None = None) -> Batch:
        """Reads the pairs `rows` into a batch.

        Args:
            rows: Their numbers.
            epoch: Number of the epoch, which with the row decides how the sampler cuts a text. None: the ids as they
                were prepared. A batch was planned by their number, and one of sampled ids is somewhat longer.
        """
        if self.sampler is not None and epoch is not None:
            numbers = rows.tolist()
            texts = (self.store.source_text, self.store.target_text)
            sources, targets = (
                [cut(text[i], key=(epoch, i, side)) for i in numbers]
                for side, (cut, text) in enumerate(zip(self.sampler, texts, strict=True))
            )
            if tags := getattr(self.sampler[0], "tags", None):  # a tag stands in no text: it comes from the store
                opened = (ids[:1].tolist() for ids in self.store.source.many(rows))
                sources = [[i for i in first if i in tags] + ids for first, ids in zip(opened, sources, strict=True)]
            return collate(sources, targets)
        return collate(self.store.source.many(rows), self.store.target.many(rows))

    def in_order(self) -> Iterator[Batch]:
        """Goes through the store once, for a loss: every pair once, the same batches every time."""
        for rows in self._plan_once(0):
            yield self.fill(rows)
