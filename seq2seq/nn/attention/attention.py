"""What every attention is: keys projected once from the memory, and a context for each query."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TypeAlias

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn

Keys: TypeAlias = tuple[Tensor, ...]
"""Whatever an attention needs of the memory, batch first; opaque to everyone else."""


class Attention(nn.Module, ABC):
    """Reads a memory by content, by place or both. Nothing is remembered between calls.

    Args:
        query_size: Size of a query.
        memory_size: Size of one position of the memory.
    """

    def __init__(self, query_size: int, memory_size: int) -> None:
        super().__init__()
        self.query_size = query_size
        self.memory_size = memory_size

    @property
    def context_size(self) -> int:
        """Size of a context."""
        return self.memory_size

    @abstractmethod
    def prepare(self, memory: Float[Tensor, "batch source memory"]) -> Keys:
        """Projects the memory once, for all queries to come."""

    @abstractmethod
    def forward(
        self,
        query: Float[Tensor, "batch target query"],
        keys: Keys,
        mask: Bool[Tensor, "batch source"],
        position: Int[Tensor, "batch target"],
    ) -> tuple[Float[Tensor, "batch target context"], Float[Tensor, "batch target source"]]:
        """Reads the memory once for each query.

        Args:
            query: The queries; those of one sentence share its memory.
            keys: What `prepare` made.
            mask: True on real source tokens, which stand before the padding.
            position: The number of each query's target position, from 0; only an attention that looks at a place of
                the source asks for it.

        Returns:
            The contexts, and the weights: at least 0, 0 where the mask is False, and 1 in sum over a row.
        """


def masked_softmax(
    scores: Float[Tensor, "batch *more source"], mask: Bool[Tensor, "batch *some source"]
) -> Float[Tensor, "batch *more source"]:
    """Softmax over the last axis in at least 32 bits, with nothing where the mask is False.

    Args:
        scores: The scores.
        mask: One mask a sentence, [batch, source], or as many axes as `scores` has.
    """
    if mask.dim() == 2:
        mask = mask.view(mask.shape[0], *([1] * (scores.dim() - 2)), mask.shape[1])
    scores = scores.to(torch.promote_types(scores.dtype, torch.float32))
    return scores.masked_fill(~mask, torch.finfo(scores.dtype).min).softmax(dim=-1)
