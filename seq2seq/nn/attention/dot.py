"""Dot attention."""

from __future__ import annotations

from jaxtyping import Bool, Float, Int
from torch import Tensor

from seq2seq.nn.attention.attention import Attention, Keys, masked_softmax


class Dot(Attention):
    """Dot attention (Luong et al. 2015): a_s = softmax_s(q . m_s), c = sum_s a_s m_s. No parameters.

    Raises:
        ValueError: The query and the memory differ in size.
    """

    def __init__(self, query_size: int, memory_size: int) -> None:
        super().__init__(query_size, memory_size)
        if query_size != memory_size:
            raise ValueError(f"dot attention needs queries ({query_size}) and memory ({memory_size}) of one size")

    def prepare(self, memory: Float[Tensor, "batch source memory"]) -> Keys:
        """The memory itself."""
        return (memory,)

    def forward(
        self,
        query: Float[Tensor, "batch target query"],
        keys: Keys,
        mask: Bool[Tensor, "batch source"],
        position: Int[Tensor, "batch target"],
    ) -> tuple[Float[Tensor, "batch target context"], Float[Tensor, "batch target source"]]:
        """See `Attention.forward`."""
        (memory,) = keys
        weights = masked_softmax(query.to(memory.dtype) @ memory.transpose(1, 2), mask)
        return weights.to(memory.dtype) @ memory, weights
