"""Memory: what the encoder made of the sentences. One row a sentence, never changed, never copied for a beam."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from seq2seq.nn.attention import Attention, Keys
from seq2seq.nn.cells import Noise, Thinned


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
        words: [batch, source, embedding], the embedded source, where a lexical model asks for it.
    """

    keys: Keys
    mask: Bool[Tensor, "batch source"]
    start: Float[Tensor, "batch size"]
    noise: DecoderNoise
    second_keys: Keys = ()
    words: Float[Tensor, "batch source embedding"] | None = None

    def changed(self, function: Callable[[Tensor], Tensor]) -> Memory:
        """Returns the memory with `function` applied to all through which a gradient leaves it.

        That is what the encoder made, the embedded source, and the matrices of cells that were dropped from.
        """
        cells = tuple(None if noise is None else _thinned(noise, function) for noise in self.noise.cells)
        return replace(
            self,
            keys=tuple(map(function, self.keys)),
            second_keys=tuple(map(function, self.second_keys)),
            start=function(self.start),
            noise=replace(self.noise, cells=cells),
            words=None if self.words is None else function(self.words),
        )

    def select(self, rows: Int[Tensor, " rows"]) -> Memory:
        """Returns the memory whose row i is that of sentence `rows[i]`, its dropout included.

        The matrices that cells are left with are no rows: all sentences share them.
        """

        def taken(part: Tensor | None) -> Tensor | None:
            return None if part is None else part.index_select(0, rows)

        noise = DecoderNoise(
            tuple(map(taken, self.noise.inputs)),
            taken(self.noise.features),
            tuple(None if cell is None else _selected(cell, rows) for cell in self.noise.cells),
        )
        return Memory(
            tuple(key.index_select(0, rows) for key in self.keys),
            self.mask.index_select(0, rows),
            self.start.index_select(0, rows),
            noise,
            tuple(key.index_select(0, rows) for key in self.second_keys),
            taken(self.words),
        )


def _selected(noise: Noise, rows: Tensor) -> Noise:
    """Returns `noise` with rows of its masks."""
    if isinstance(noise, Thinned):
        return replace(noise, state=None if noise.state is None else noise.state.index_select(0, rows))
    if isinstance(noise, Tensor):
        return noise.index_select(0, rows)
    return tuple(_selected(part, rows) for part in noise)


def _thinned(noise: Noise, function: Callable[[Tensor], Tensor]) -> Noise:
    """Returns `noise` with `function` applied to its matrices."""
    if isinstance(noise, Thinned):
        return replace(noise, matrix=function(noise.matrix))
    return noise if isinstance(noise, Tensor) else tuple(_thinned(part, function) for part in noise)


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
    """Asks for one context a hypothesis without copying the memory of its sentence; see `Lines`.

    Args:
        attention: The attention that made `keys`.
        query: One query a hypothesis.
        keys: Of the sentences.
        mask: Of the sentences.
        position: The number of the target position that each hypothesis has come to.
        owner: The sentence each hypothesis belongs to.
    """
    lines = Lines(owner, mask.shape[0])
    context, weights = attention(lines.lay(query), keys, mask, lines.lay(position))
    return lines.pick(context), lines.pick(weights)


class Lines:
    """The hypotheses of each sentence side by side in one line, as if they were target positions.

    One product with the sentence's own memory then serves them all, and no memory is copied for a beam.

    Args:
        owner: [rows], the sentence each hypothesis belongs to, in any order.
        num_sentences: How many there are.
    """

    def __init__(self, owner: Int[Tensor, " rows"], num_sentences: int) -> None:
        counts = torch.bincount(owner, minlength=num_sentences)
        self._shape = num_sentences, int(counts.max())
        order = torch.argsort(owner, stable=True)
        first = torch.cumsum(counts, 0) - counts
        slot = torch.empty_like(owner)
        slot[order] = torch.arange(len(owner), device=owner.device) - first[owner[order]]
        self._place = owner * self._shape[1] + slot

    def lay(self, rows: Tensor) -> Tensor:
        """Returns `rows` [rows, ...] as [sentences, places of a line, ...], zeros where a place is empty."""
        grid = rows.new_zeros(self._shape[0] * self._shape[1], *rows.shape[1:]).index_copy(0, self._place, rows)
        return grid.view(*self._shape, *rows.shape[1:])

    def pick(self, grid: Tensor) -> Tensor:
        """Returns what of `grid` [sentences, places of a line, ...] stands in the place of each row, [rows, ...]."""
        return grid.flatten(0, 1).index_select(0, self._place)
