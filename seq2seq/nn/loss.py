"""The training loss."""

from __future__ import annotations

from jaxtyping import Float, Int
from torch import Tensor
from torch.nn import functional as F  # noqa: N812 - the field's name for it


def cross_entropy(
    logits: Float[Tensor, "tokens symbol"], targets: Int[Tensor, " tokens"], *, label_smoothing: float = 0.0
) -> Float[Tensor, ""]:
    """Returns the summed cross-entropy in nats, with smoothed labels (Szegedy et al. 2016).

    L = - sum_t [(1 - e) log p(y_t) + (e / V) sum_v log p(v)]

    Computed in 32 bits whatever the logits are in: a sum over thousands of symbols loses too much in bf16.
    """
    return F.cross_entropy(logits.float(), targets, reduction="sum", label_smoothing=label_smoothing)
