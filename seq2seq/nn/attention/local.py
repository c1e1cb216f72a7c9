"""Local attention: a window of the source that moves on with the target."""

from __future__ import annotations

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from seq2seq.nn.attention.attention import Keys
from seq2seq.nn.attention.general import General


class Local(General):
    """Local attention with a monotonic window (local-m of Luong et al. 2015).

    p_t = min(t, n - 1),  a_s = softmax_s(q . W m_s) over |s - p_t| <= window,  c = sum_s a_s m_s

    n is the length of the source. Luong et al. let p_t = t run out of a source that is shorter than its target; here
    the window stays at the source's end, so that there is always something to read. All scores are computed and those
    outside the window left out: for sentences this is faster than gathering the windows.

    Args:
        query_size: Size of a query.
        memory_size: Size of one position of the memory.
        window: How many positions to each side of p_t are read.

    Raises:
        ValueError: The window is smaller than 1.
    """

    def __init__(self, query_size: int, memory_size: int, window: int = 10) -> None:
        super().__init__(query_size, memory_size)
        if window < 1:
            raise ValueError(f"a window reaches at least 1 position to each side, not {window}")
        self.window = window

    def forward(
        self,
        query: Float[Tensor, "batch target query"],
        keys: Keys,
        mask: Bool[Tensor, "batch source"],
        position: Int[Tensor, "batch target"],
    ) -> tuple[Float[Tensor, "batch target context"], Float[Tensor, "batch target source"]]:
        """See `Attention.forward`."""
        centre = torch.minimum(position, mask.sum(dim=1, keepdim=True) - 1)
        place = torch.arange(mask.shape[1], device=mask.device)
        inside = (place - centre[:, :, None]).abs() <= self.window
        return self._read(query, keys, inside & mask[:, None])
