"""No attention: the null object, so that no decoder has to ask whether there is one."""

from __future__ import annotations

from jaxtyping import Bool, Float, Int
from torch import Tensor

from seq2seq.nn.attention.attention import Attention, Keys


class NoAttention(Attention):
    """Gives contexts of size 0 and weights that say nothing (the mean over the real source tokens)."""

    @property
    def context_size(self) -> int:
        """Zero."""
        return 0

    def prepare(self, memory: Float[Tensor, "batch source memory"]) -> Keys:
        """Keeps nothing."""
        return ()

    def forward(
        self,
        query: Float[Tensor, "batch target query"],
        keys: Keys,
        mask: Bool[Tensor, "batch source"],
        position: Int[Tensor, "batch target"],
    ) -> tuple[Float[Tensor, "batch target context"], Float[Tensor, "batch target source"]]:
        """Returns empty contexts and even weights."""
        even = mask.float() / mask.sum(dim=1, keepdim=True).clamp(min=1)
        return query.new_zeros(*query.shape[:2], 0), even[:, None].expand(-1, query.shape[1], -1)
