"""The moving average of the weights."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import Tensor, nn


class MovingAverage:
    """An exponential moving average of the weights (Polyak & Juditsky 1992, with a decay).

    a_n = d_n a_{n-1} + (1 - d_n) w_n,  d_n = min(decay, (1 + n) / (10 + n))

    The smaller decay at the start keeps the first, random weights out of the average. The averaged weights translate
    better than the last ones, at the cost of one more copy of them in memory.

    Args:
        model: Whose weights are averaged.
        decay: d; 0 makes the average the weights themselves.
    """

    def __init__(self, model: nn.Module, decay: float) -> None:
        self.decay = decay
        self._weights = list(model.parameters())
        self.names = [name for name, _ in model.named_parameters()]
        self.values = [weight.detach().clone() for weight in self._weights] if decay else []

    @torch.no_grad()
    def update(self, number: int) -> None:
        """Takes in the weights after update `number`, from 1."""
        if self.values:
            decay = min(self.decay, (1 + number) / (10 + number))
            torch._foreach_lerp_(self.values, [w.detach() for w in self._weights], 1.0 - decay)

    @contextmanager
    def swapped_in(self) -> Iterator[None]:
        """Within the block the model computes with the averaged weights."""
        self._swap()
        try:
            yield
        finally:
            self._swap()

    def tensors(self) -> dict[str, Tensor]:
        """Returns the averaged weights by name; the weights themselves where nothing is averaged."""
        values = self.values or [weight.detach() for weight in self._weights]
        return dict(zip(self.names, values, strict=True))

    def restore(self, tensors: dict[str, Tensor]) -> None:
        """Takes back what `tensors` gave."""
        for name, value in zip(self.names, self.values, strict=False):
            value.copy_(tensors[name])

    @torch.no_grad()
    def _swap(self) -> None:
        for weight, value in zip(self._weights, self.values, strict=False):
            weight.data, value.data = value.data, weight.data
