"""Memory: what the encoder made of the sentences. One row a sentence, never changed, never copied for a beam."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from seq2seq.nn.attention import Attention, Keys


@dataclass(frozen=True)
class Encoded:
    """What an encoder returns.

    Attributes:
        outputs: [batch, source, size], zero past a row's length.
        last: [batch, size], the state after the whole sentence: of each direction, its own last output.
        mask: [batch, source], True on real tokens.
    """

    outputs: Float[Tensor, "batch source size"]
    last: Float[Tensor, "batch size"]
    mask: Bool[Tensor, "batch source"]

    def mean(self) -> Float[Tensor, "batch size"]:
        """The mean of the outputs over the real tokens."""
        return self.outputs.sum(dim=1) / self.mask.sum(dim=1, keepdim=True)


@dataclass(frozen=True)
class Memory:
    """What a decoder reads.

    Attributes:
        keys: What the decoder's attention made of the encoder's outputs.
        mask: [batch, source], True on real tokens.
        start: [batch, size], what the decoder's initial state is made of.
    """

    keys: Keys
    mask: Bool[Tensor, "batch source"]
    start: Float[Tensor, "batch size"]


def sequence_mask(lengths: Int[Tensor, " batch"], time: int) -> Bool[Tensor, "batch time"]:
    """Returns a mask that is True on the first `lengths[b]` of `time` positions."""
    return torch.arange(time, device=lengths.device)[None] < lengths[:, None]


def attend_rows(
    attention: Attention, query: Float[Tensor, "rows query"], memory: Memory, owner: Int[Tensor, " rows"]
) -> tuple[Float[Tensor, "rows context"], Float[Tensor, "rows source"]]:
    """Asks for one context a hypothesis without copying the memory of its sentence.

    The hypotheses of a sentence are laid side by side, as if they were target positions, so that one product with the
    sentence's own memory serves them all.

    Args:
        attention: The attention that made `memory.keys`.
        query: One query a hypothesis.
        memory: The sentences.
        owner: The sentence each hypothesis belongs to.
    """
    num_sentences, num_rows = memory.mask.shape[0], owner.shape[0]
    counts = torch.bincount(owner, minlength=num_sentences)
    width = int(counts.max())
    order = torch.argsort(owner, stable=True)
    first = torch.cumsum(counts, 0) - counts
    slot = torch.empty_like(owner)
    slot[order] = torch.arange(num_rows, device=owner.device) - first[owner[order]]
    place = owner * width + slot
    grid = query.new_zeros(num_sentences * width, query.shape[1]).index_copy(0, place, query)
    context, weights = attention(grid.view(num_sentences, width, -1), memory.keys, memory.mask)
    return context.flatten(0, 1).index_select(0, place), weights.flatten(0, 1).index_select(0, place)
