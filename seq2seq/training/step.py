"""A step of the weights along a gradient that is already there."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn


class Step:
    """Clips the gradient and moves the weights.

    Args:
        model: The network; its weights' `grad` is what is stepped along.
        optimizer: Moves them; its rate is set before every step.
        clip_norm: Largest norm of the gradient; 0 for no limit (Pascanu et al. 2013).
        clip_value: Largest absolute value of each number of the gradient, before the norm is taken; 0 for no limit.
    """

    def __init__(
        self, model: nn.Module, optimizer: torch.optim.Optimizer, *, clip_norm: float = 0.0, clip_value: float = 0.0
    ) -> None:
        self.model, self.optimizer = model, optimizer
        self.clip_norm, self.clip_value = clip_norm, clip_value

    def __call__(self, rate: float) -> Tensor:
        """Makes a step at `rate`, and forgets the gradient. Returns its norm, [], before it was clipped to one."""
        if self.clip_value:
            nn.utils.clip_grad_value_(self.model.parameters(), self.clip_value, foreach=True)
        norm = nn.utils.clip_grad_norm_(self.model.parameters(), self.clip_norm or math.inf, foreach=True)
        for group in self.optimizer.param_groups:
            group["lr"] = rate
        self.optimizer.step()
        self.optimizer.zero_grad(set_to_none=True)
        return norm
