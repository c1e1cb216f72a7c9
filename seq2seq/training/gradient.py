"""The gradient of one update: of the mean loss over all real target tokens of its batches."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple, Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from seq2seq.data.batches import Batches
from seq2seq.errors import is_out_of_memory
from seq2seq.nn.draws import drawing
from seq2seq.training.pieces import Limit, Piece
from seq2seq.training.precision import first_divisor
from seq2seq.training.protocols import Objective


class Sums(NamedTuple):
    """What an update computed: its mean loss, [] on the weights' device, and its real target tokens."""

    loss: Tensor
    num_tokens: int


class GradientSource(Protocol):
    """Computes the gradient of an update, wherever that is done."""

    def __call__(self, batches: Sequence[NDArray[np.int64]], *, epoch: int, update: int, progress: float) -> Sums:
        """Leaves in the weights' `grad` the gradient of the mean loss over all real target tokens of `batches`.

        Args:
            batches: The row numbers of each batch.
            epoch: Number of the epoch.
            update: Number of the update, from 1.
            progress: Share of the training's updates that are done after this one; 0 while their number is not known.
        """


class Whole:
    """Reads each batch whole, in this process; in pieces only where memory is too short for it.

    Args:
        model: The network.
        batches: Where pairs come from.
        objective: What is minimised.
        precision: "bf16" or "fp32".
        seed: What all randomness is a function of.
        said: Is told, in a sentence, when memory ran out.
    """

    def __init__(
        self,
        model: nn.Module,
        batches: Batches,
        objective: Objective,
        *,
        precision: str,
        seed: int,
        said: Callable[[str], None] | None = None,
    ) -> None:
        self.model, self.batches, self.objective = model, batches, objective
        self.precision, self.seed = precision, seed
        self.device = next(model.parameters()).device
        self.limit = Limit(said or (lambda message: None))

    def __call__(self, batches: Sequence[NDArray[np.int64]], *, epoch: int, update: int, progress: float) -> Sums:
        """See `GradientSource`."""
        pieces, num_tokens = self._fill(batches, epoch, (0, 1))
        # Divided before the way back, which then needs no pass over the gradients, as far as their type allows.
        divisor = first_divisor(num_tokens, self.precision, self.device)
        loss = self._add(pieces, update=update, progress=progress, divisor=divisor)
        if divisor < num_tokens:
            share = divisor / num_tokens
            loss *= share
            torch._foreach_mul_([w.grad for w in self.model.parameters() if w.grad is not None], share)
        return Sums(loss, num_tokens)

    def add(
        self,
        batches: Sequence[NDArray[np.int64]],
        *,
        epoch: int,
        update: int,
        progress: float,
        part: tuple[int, int] = (0, 1),
    ) -> tuple[Tensor, int]:
        """Adds the gradient of the summed loss, not divided, of a part of each batch to the weights' `grad`.

        Args:
            batches: The row numbers of each whole batch.
            epoch: Number of the epoch.
            update: Number of the update, from 1.
            progress: As in `GradientSource`.
            part: (k, n): rows k, k + n, k + 2n, ... of each batch are read here. Some parts of a small batch are empty.

        Returns:
            The summed loss, [] on the weights' device, and the real target tokens of the part.
        """
        pieces, num_tokens = self._fill(batches, epoch, part)
        return self._add(pieces, update=update, progress=progress, divisor=1), num_tokens

    def _fill(self, batches: Sequence[NDArray[np.int64]], epoch: int, part: tuple[int, int]) -> tuple[list[Piece], int]:
        """Reads a part of each batch. Returns them, and their real target tokens."""
        first, every = part
        pieces = [
            Piece(
                self.batches.fill(rows[first::every], epoch), number, len(rows), torch.arange(first, len(rows), every)
            )
            for number, rows in enumerate(batches)
            if first < len(rows)
        ]
        return pieces, sum(piece.batch.num_tokens for piece in pieces)

    def _add(self, pieces: list[Piece], *, update: int, progress: float, divisor: int) -> Tensor:
        """Adds the gradients of `pieces`. Returns the loss; both are divided by `divisor`.

        Where memory runs out, what has been added is forgotten, and all is read again in smaller pieces.
        """
        pieces = self.limit.keep(pieces)
        while True:
            try:
                return self._add_once(pieces, update=update, progress=progress, divisor=divisor)
            except (RuntimeError, MemoryError) as error:
                if not is_out_of_memory(error):
                    raise
                smaller = self.limit.lower(pieces)
            # Out here, where the error no longer holds what the failed pass had computed.
            pieces = smaller
            for weight in self.model.parameters():
                weight.grad = None
            if self.device.type == "cuda":
                torch.cuda.empty_cache()

    def _add_once(self, pieces: list[Piece], *, update: int, progress: float, divisor: int) -> Tensor:
        loss = torch.zeros((), device=self.device)
        for piece in pieces:
            rows = piece.rows if len(piece.rows) < piece.total else None
            with drawing(self.seed, update, piece.number, total=piece.total, rows=rows):
                loss += self.objective.add_gradient(
                    self.model,
                    piece.batch.to(self.device),
                    num_tokens=divisor,
                    progress=progress,
                    precision=self.precision,
                )
        return loss
