"""General attention."""

from __future__ import annotations

from jaxtyping import Bool, Float, Int
from torch import Tensor, nn

from seq2seq.nn.attention.attention import Attention, Keys, masked_softmax


class General(Attention):
    """General attention (Luong et al. 2015): a_s = softmax_s(q . W m_s), c = sum_s a_s m_s.

    The matrix lets the query and the memory differ in size, and lets both mean something else by their numbers.
    """

    def __init__(self, query_size: int, memory_size: int) -> None:
        super().__init__(query_size, memory_size)
        self.key_projection = nn.Linear(memory_size, query_size, bias=False)
        nn.init.xavier_uniform_(self.key_projection.weight)

    def prepare(self, memory: Float[Tensor, "batch source memory"]) -> Keys:
        """W m, and m."""
        return self.key_projection(memory), memory

    def forward(
        self,
        query: Float[Tensor, "batch target query"],
        keys: Keys,
        mask: Bool[Tensor, "batch source"],
        position: Int[Tensor, "batch target"],
    ) -> tuple[Float[Tensor, "batch target context"], Float[Tensor, "batch target source"]]:
        """See `Attention.forward`."""
        return self._read(query, keys, mask)

    @staticmethod
    def _read(query: Tensor, keys: Keys, mask: Tensor) -> tuple[Tensor, Tensor]:
        """Contexts and weights; `mask` is one for each sentence or one for each query."""
        key, memory = keys
        weights = masked_softmax(query.to(key.dtype) @ key.transpose(1, 2), mask)
        return weights.to(memory.dtype) @ memory, weights
