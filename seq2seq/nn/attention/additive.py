"""Additive attention."""

from __future__ import annotations

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn

from seq2seq.nn.attention.attention import Attention, Keys, masked_softmax


class Additive(Attention):
    """Additive attention (Bahdanau et al. 2015): a_s = softmax_s(v . tanh(W q + U m_s)), c = sum_s a_s m_s.

    Its inner layer is as wide as the query. It holds [batch, target, source, query] numbers at once: the dearest of the
    family where all target positions are asked together.
    """

    def __init__(self, query_size: int, memory_size: int) -> None:
        super().__init__(query_size, memory_size)
        self.query_projection = nn.Linear(query_size, query_size, bias=False)
        self.memory_projection = nn.Linear(memory_size, query_size)
        self.score = nn.Linear(query_size, 1, bias=False)

    def prepare(self, memory: Float[Tensor, "batch source memory"]) -> Keys:
        """U m, and m."""
        return self.memory_projection(memory), memory

    def forward(
        self,
        query: Float[Tensor, "batch target query"],
        keys: Keys,
        mask: Bool[Tensor, "batch source"],
        position: Int[Tensor, "batch target"],
    ) -> tuple[Float[Tensor, "batch target context"], Float[Tensor, "batch target source"]]:
        """See `Attention.forward`."""
        projected, memory = keys
        inner = torch.tanh(self.query_projection(query)[:, :, None] + projected[:, None])
        weights = masked_softmax(self.score(inner).squeeze(-1), mask)
        return weights.to(memory.dtype) @ memory, weights
