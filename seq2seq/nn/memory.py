"""Memory: what the encoder made of the sentences. One row a sentence, never changed, never copied for a beam."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from seq2seq.nn.attention import Attention, Keys
from seq2seq.nn.cells import Noise


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
class DecoderNoise:
    """What a decoder's dropout lets through in training: drawn once a sentence, the same at every position.

    It belongs to the memory, and not to the reading of a target, so that a target read in parts meets the same masks
    in all of them.

    Attributes:
        inputs: [batch, input] of each layer; what stands before its cell is multiplied by it. None: nothing is dropped.
        features: [batch, feature], the same for the features.
        cells: The noise of each layer's cell, for its `step`; None: nothing is dropped.
    """

    inputs: tuple[Tensor | None, ...]
    features: Tensor | None
    cells: tuple[Noise | None, ...]


@dataclass(frozen=True)
class Memory:
    """What a decoder reads.

    Attributes:
        keys: What the decoder's attention made of the encoder's outputs.
        mask: [batch, source], True on real tokens.
        start: [batch, size], what the decoder's initial state is made of.
        noise: The decoder's dropout for these sentences. A whole target is read through it, a search's steps are not.
        second_keys: What a second attention made of the encoder's outputs, where there is one.
    """

    keys: Keys
    mask: Bool[Tensor, "batch source"]
    start: Float[Tensor, "batch size"]
    noise: DecoderNoise
    second_keys: Keys = ()


def sequence_mask(lengths: Int[Tensor, " batch"], time: int) -> Bool[Tensor, "batch time"]:
    """Returns a mask that is True on the first `lengths[b]` of `time` positions."""
    return torch.arange(time, device=lengths.device)[None] < lengths[:, None]


def attend_rows(
    attention: Attention,
    query: Float[Tensor, "rows query"],
    keys: Keys,
    mask: Bool[Tensor, "batch source"],
    position: Int[Tensor, " rows"],
    owner: Int[Tensor, " rows"],
) -> tuple[Float[Tensor, "rows context"], Float[Tensor, "rows source"]]:
    """Asks for one context a hypothesis without copying the memory of its sentence.

    The hypotheses of a sentence are laid side by side, as if they were target positions, so that one product with the
    sentence's own memory serves them all.

    Args:
        attention: The attention that made `keys`.
        query: One query a hypothesis.
        keys: Of the sentences.
        mask: Of the sentences.
        position: The number of the target position that each hypothesis has come to.
        owner: The sentence each hypothesis belongs to.
    """
    num_sentences, num_rows = mask.shape[0], owner.shape[0]
    counts = torch.bincount(owner, minlength=num_sentences)
    width = int(counts.max())
    order = torch.argsort(owner, stable=True)
    first = torch.cumsum(counts, 0) - counts
    slot = torch.empty_like(owner)
    slot[order] = torch.arange(num_rows, device=owner.device) - first[owner[order]]
    place = owner * width + slot

    def lay(rows: Tensor) -> Tensor:
        grid = rows.new_zeros(num_sentences * width, *rows.shape[1:]).index_copy(0, place, rows)
        return grid.view(num_sentences, width, *rows.shape[1:])

    context, weights = attention(lay(query), keys, mask, lay(position))
    return context.flatten(0, 1).index_select(0, place), weights.flatten(0, 1).index_select(0, place)
