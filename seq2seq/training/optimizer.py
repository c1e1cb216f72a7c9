"""The optimizer."""

from __future__ import annotations

import torch
from torch import nn


def adamw(model: nn.Module, *, weight_decay: float) -> torch.optim.AdamW:
    """Returns AdamW (Loshchilov & Hutter 2019) in its fused form, with betas (0.9, 0.98).

    Only matrices decay: pulling biases to zero constrains nothing worth constraining. The rate is the trainer's to set.
    """
    matrices = [w for w in model.parameters() if w.dim() > 1]
    vectors = [w for w in model.parameters() if w.dim() <= 1]
    groups = [{"params": matrices, "weight_decay": weight_decay}, {"params": vectors, "weight_decay": 0.0}]
    return torch.optim.AdamW(groups, lr=0.0, betas=(0.9, 0.98), eps=1e-8, fused=True)
