"""The optimizer."""

from __future__ import annotations

from collections.abc import Iterable

import torch
from torch import Tensor, nn


def adamw(model: nn.Module, *, weight_decay: float, undecayed: Iterable[Tensor] = ()) -> torch.optim.AdamW:
    """Returns AdamW (Loshchilov & Hutter 2019) in its fused form, with betas (0.9, 0.98).

    Only matrices decay: pulling biases to zero constrains nothing worth constraining. Weights that need no gradient are
    left out. The rate is the trainer's to set.

    Args:
        model: Whose weights it moves.
        weight_decay: How strongly matrices are pulled to zero.
        undecayed: Matrices that are not, for instance because some of their rows must stay as they are.
    """
    spared = {id(weight) for weight in undecayed}
    learned = [weight for weight in model.parameters() if weight.requires_grad]
    decaying = [weight for weight in learned if weight.dim() > 1 and id(weight) not in spared]
    others = [weight for weight in learned if weight.dim() <= 1 or id(weight) in spared]
    groups = [{"params": decaying, "weight_decay": weight_decay}, {"params": others, "weight_decay": 0.0}]
    return torch.optim.AdamW(groups, lr=0.0, betas=(0.9, 0.98), eps=1e-8, fused=True)
