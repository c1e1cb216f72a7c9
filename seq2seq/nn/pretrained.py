"""Embeddings that begin with vectors learned elsewhere, and rows of them that stay as they are."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float, Int
from numpy.typing import NDArray
from torch import Tensor


@dataclass(frozen=True)
class Pretrained:
    """The rows of an embedding that vectors were learned for elsewhere.

    Attributes:
        rows: int64 [covered], the ids.
        vectors: float32 [covered, size]; None where a training goes on, whose weights hold them.
    """

    rows: NDArray[np.int64]
    vectors: NDArray[np.float32] | None = None


@torch.no_grad()
def plant(weight: Tensor, rows: Int[Tensor, " covered"], vectors: Float[Tensor, "covered size"]) -> None:
    """Writes `vectors` into the rows `rows` of an embedding's weight; the other rows keep their random start."""
    weight.index_copy_(0, rows, vectors)


def hold(weight: Tensor, rows: Int[Tensor, " covered"]) -> None:
    """Keeps the rows `rows` as they are, bit for bit, while the others learn.

    Their gradient is set to zero as soon as a backward pass has summed it, so that it counts in no norm either. An
    optimizer that starts from zero moments then moves them by exactly nothing, as long as it does not decay the matrix
    (`seq2seq.training.optimizer.adamw`, `undecayed`). Costs one write of those rows a backward pass, and no copy.
    """

    def still(held: Tensor) -> None:
        if held.grad is not None:
            held.grad.index_fill_(0, rows, 0.0)

    weight.register_post_accumulate_grad_hook(still)  # type: ignore[no-untyped-call]
