"""Locked dropout: one mask a sentence, the same at every position."""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor, nn

from seq2seq.nn.draws import keep_mask, uniform


class LockedDropout(nn.Module):
    """Drops whole features of a sentence, not single values (Gal & Ghahramani 2016, "variational" dropout).

    x'_{b,t,d} = x_{b,t,d} m_{b,d} / (1 - p),  m ~ Bernoulli(1 - p)

    Sharing the mask over time keeps noise from piling up along the recurrence, and draws `time` times fewer numbers.

    Args:
        share: p, the share of features dropped in training.
    """

    def __init__(self, share: float) -> None:
        super().__init__()
        self.share = share

    def forward(self, x: Float[Tensor, "batch time size"]) -> Float[Tensor, "batch time size"]:
        """Returns `x` with features dropped; `x` itself when evaluating."""
        if not self.training or self.share == 0.0:
            return x
        return x * self.mask(x.shape[0], x.shape[2], x)[:, None]

    def mask(self, rows: int, size: int, like: Tensor) -> Float[Tensor, "rows size"]:
        """Draws one mask; a stepping decoder draws it once and uses it at every step."""
        if not self.training or self.share == 0.0:
            return torch.ones(rows, size, device=like.device, dtype=like.dtype)
        return keep_mask(rows, size, self.share, like)


class WordDropout(nn.Module):
    """Drops the whole embedding of some words (Sennrich & Zhang 2019; the others are scaled up to make up for it).

    Args:
        share: The share of positions dropped in training.
    """

    def __init__(self, share: float) -> None:
        super().__init__()
        self.share = share

    def forward(self, x: Float[Tensor, "batch time size"]) -> Float[Tensor, "batch time size"]:
        """Returns `x` with some positions zeroed; `x` itself when evaluating."""
        if not self.training or self.share == 0.0:
            return x
        kept = uniform(x.shape[0], x.shape[1], x) >= self.share
        return x * (kept.to(x.dtype) / (1.0 - self.share))[:, :, None]
