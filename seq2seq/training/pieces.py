"""Batches in pieces, where memory is too short for a whole one."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from jaxtyping import Int
from torch import Tensor

from seq2seq.data.batches import Batch
from seq2seq.errors import WorkError


@dataclass(frozen=True)
class Piece:
    """Rows of a batch that are read together.

    Attributes:
        batch: The rows.
        number: Of the whole batch within its update.
        total: Rows of the whole batch.
        rows: Which of them these are; their random masks are drawn with those of all the others.
    """

    batch: Batch
    number: int
    total: int
    rows: Int[Tensor, " part"]

    @property
    def size(self) -> int:
        """Tokens on both sides, padding counted: what memory grows with."""
        return self.batch.source.numel() + self.batch.target_in.numel()

    def halves(self) -> list[Piece]:
        """Returns the even and the odd rows, which are about equally long; itself where it has one row."""
        parts = [torch.arange(first, len(self.rows), 2) for first in (0, 1)]
        return [Piece(self.batch.part(part), self.number, self.total, self.rows[part]) for part in parts if len(part)]


class Limit:
    """The largest piece that fits into memory, learnt by trying. It is not part of a checkpoint.

    The same rows in other pieces give the same gradient up to the order in which numbers are added, so that what memory
    does to a run is the one thing that a resumed run need not repeat to the bit.

    Args:
        said: Is told, in a sentence, when the limit gets lower.
    """

    def __init__(self, said: Callable[[str], None]) -> None:
        self._said = said
        self._size: int | None = None

    def keep(self, pieces: list[Piece]) -> list[Piece]:
        """Returns the same rows in pieces within the limit."""
        if self._size is None:
            return pieces
        kept: list[Piece] = []
        for piece in pieces:
            small = piece.size <= self._size or len(piece.rows) == 1
            kept += [piece] if small else self.keep(piece.halves())
        return kept

    def lower(self, pieces: list[Piece]) -> list[Piece]:
        """Memory ran out while `pieces` were read: halves the limit. Returns the same rows in pieces within it.

        Raises:
            WorkError: The largest is a single pair.
        """
        largest = max(pieces, key=lambda piece: piece.size)
        if len(largest.rows) == 1:
            raise WorkError(
                f"There is too little memory for a single pair of {largest.size} tokens.",
                hint="Close other programs, make the network smaller (--set model.decoder_size=...), or prepare with a "
                "lower limit on the length of a sentence.",
            )
        self._size = largest.size // 2
        self._said(
            f"Memory is too short for {largest.size:,} tokens at once (source and target, with padding): from here on "
            "a batch is read in pieces that fit. What is learnt is the same, a little slower; a smaller "
            "training.batch_tokens avoids it."
        )
        return self.keep(pieces)
