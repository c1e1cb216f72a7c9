"""Multi-head attention."""

from __future__ import annotations

from jaxtyping import Bool, Float, Int
from torch import Tensor, nn

from seq2seq.nn.attention.attention import Attention, Keys, masked_softmax


class MultiHead(Attention):
    """Scaled dot products in several heads (Vaswani et al. 2017).

    a^h = softmax(Q_h q . K_h m_s / sqrt(d)),  c = O [sum_s a^h_s V_h m_s]_h,  with d = query_size / heads

    The weights it returns are the mean over the heads.

    Args:
        query_size: Size of a query, and of a context.
        memory_size: Size of one position of the memory.
        heads: Number of heads; must divide `query_size`.

    Raises:
        ValueError: The heads do not divide the query.
    """

    def __init__(self, query_size: int, memory_size: int, heads: int = 4) -> None:
        super().__init__(query_size, memory_size)
        if query_size % heads:
            raise ValueError(f"{heads} heads do not divide a query of size {query_size}")
        self.heads = heads
        self.query_projection = nn.Linear(query_size, query_size, bias=False)
        self.key_projection = nn.Linear(memory_size, query_size, bias=False)
        self.value_projection = nn.Linear(memory_size, query_size, bias=False)
        self.output_projection = nn.Linear(query_size, query_size, bias=False)
        for projection in self.children():
            assert isinstance(projection, nn.Linear)
            nn.init.xavier_uniform_(projection.weight)

    @property
    def context_size(self) -> int:
        """As wide as the query."""
        return self.query_size

    def _split(self, x: Tensor) -> Tensor:
        """[batch, time, query] -> [batch, head, time, query / heads]."""
        return x.view(x.shape[0], x.shape[1], self.heads, -1).transpose(1, 2)

    def prepare(self, memory: Float[Tensor, "batch source memory"]) -> Keys:
        """K m and V m, split by head."""
        return self._split(self.key_projection(memory)), self._split(self.value_projection(memory))

    def forward(
        self,
        query: Float[Tensor, "batch target query"],
        keys: Keys,
        mask: Bool[Tensor, "batch source"],
        position: Int[Tensor, "batch target"],
    ) -> tuple[Float[Tensor, "batch target context"], Float[Tensor, "batch target source"]]:
        """See `Attention.forward`."""
        key, value = keys
        scale = (self.query_size // self.heads) ** -0.5
        scores = self._split(self.query_projection(query) * scale) @ key.transpose(2, 3)
        weights = masked_softmax(scores, mask)
        heads = (weights.to(value.dtype) @ value).transpose(1, 2)
        return self.output_projection(heads.flatten(2)), weights.mean(dim=1)
