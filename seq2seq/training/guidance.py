"""Guided attention: a lexicon shows an attention where to look before it has found out by itself."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cached_property
from typing import cast

import torch
from jaxtyping import Float
from torch import Tensor, nn

from seq2seq.data.batches import Batch
from seq2seq.data.lexicon import TENSION, Lexicon
from seq2seq.nn.memory import sequence_mask
from seq2seq.nn.model import EncoderDecoder

FLOOR = 1e-4
"""Added to each weight of the attention: one that is almost 0 then pulls no harder than a thousand others."""


class Guide:
    """What is added to the loss where an attention looks elsewhere than the lexicon (Chen et al. 2016).

    G = -g (1 - progress) sum_t sum_s A_ts log(a_ts + 1e-4)    A_ts = sqrt(p(s | t) p(t | s))

    a are the weights of the attention, their mean over heads. p(s | t) is how likely e_t comes from f_s by p(e_t | f_s)
    and by the place, and p(t | s) the same of the other direction: only what both directions say counts (Liang et al.
    2006), and a token about which they disagree is guided less, or not at all. Deviations: the paper aligns words
    beforehand, one source word each; here every link has a weight, found out when its batch is read. And its weight of
    the guidance falls by steps; here in a straight line, to nothing at the end of the training.

    Where sentences are a few thousand, what a network cannot find out is not which words follow each other, but which
    source word it is translating.

    Args:
        learn: Returns what translates what. It is asked when the first batch is read, since it may take seconds.
        strength: g, of the first update; cross-entropy counts 1.
    """

    def __init__(self, learn: Callable[[], Lexicon], strength: float) -> None:
        self.strength = strength
        self._learn = learn

    @cached_property
    def _lexicon(self) -> Lexicon:
        return self._learn()

    @cached_property
    def _keys(self) -> Tensor:
        return torch.from_numpy(self._lexicon.keys)

    @cached_property
    def _values(self) -> Tensor:
        return torch.stack([torch.from_numpy(self._lexicon.forward), torch.from_numpy(self._lexicon.backward)])

    def loss(self, batch: Batch, weights: Float[Tensor, "batch target source"], progress: float) -> Float[Tensor, ""]:
        """Returns G, summed over the batch, in nats."""
        wanted = self.alignment(batch)
        apart: Tensor = -(wanted * (weights + FLOOR).log()).sum()
        return self.strength * (1.0 - progress) * apart

    @torch.no_grad()
    def alignment(self, batch: Batch) -> Float[Tensor, "batch target source"]:
        """Returns A; 0 on padding."""
        device = batch.source.device
        if self._keys.device != device:
            self._keys, self._values = self._keys.to(device), self._values.to(device)
        forward, backward = self._translations(batch) * _prior(batch)
        tiny = torch.finfo(forward.dtype).tiny
        of_target = forward / forward.sum(dim=2, keepdim=True).clamp(min=tiny)
        of_source = backward / backward.sum(dim=1, keepdim=True).clamp(min=tiny)
        both: Tensor = of_target * of_source
        return both.sqrt()

    def _translations(self, batch: Batch) -> Float[Tensor, "two batch target source"]:
        """p(e_t | f_s) and p(f_s | e_t); 0 where the lexicon does not know the two."""
        num_targets = self._lexicon.num_targets
        keys = batch.source[:, None, :] * num_targets + batch.target_out[:, :, None]
        entry = torch.searchsorted(self._keys, keys).clamp(max=len(self._keys) - 1)
        known = (self._keys[entry] == keys) & (batch.target_out < num_targets)[:, :, None]
        return self._values[:, entry] * known


def _prior(batch: Batch) -> Float[Tensor, "batch target source"]:
    """The d of `seq2seq.data.lexicon.learn_lexicon`, 0 on padding."""
    (source, real_source), (target, real_target) = (
        _shares(lengths, ids.shape[1])
        for lengths, ids in ((batch.source_lengths, batch.source), (batch.target_lengths, batch.target_out))
    )
    prior = torch.exp(-TENSION * (target[:, :, None] - source[:, None, :]).abs())
    return prior * (real_target[:, :, None] & real_source[:, None, :])


def _shares(lengths: Tensor, time: int) -> tuple[Tensor, Tensor]:
    """The share of its sentence at which each position stands, and whether it is in it."""
    places = torch.arange(time, device=lengths.device)
    return (places + 0.5) / lengths[:, None], sequence_mask(lengths, time)


@contextmanager
def watched(model: nn.Module, guide: Guide | None) -> Iterator[list[Tensor]]:
    """Collects the weights of the decoder's attention, [batch, part, source] each, while a target is read for `guide`.

    Without one nothing is collected: what a pass made would be held on to for nothing.
    """
    seen: list[Tensor] = []
    if guide is None:
        yield seen
        return
    attention = cast(EncoderDecoder, model).decoder.attention
    handle = attention.register_forward_hook(lambda _module, _inputs, output: seen.append(output[1]))
    try:
        yield seen
    finally:
        handle.remove()
