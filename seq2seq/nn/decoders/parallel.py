"""The parallel wiring: under teacher forcing every layer is one fused call over the whole target."""

from __future__ import annotations

import torch
from jaxtyping import Float, Int
from torch import Tensor

from seq2seq.nn.decoders.decoder import Decoder
from seq2seq.nn.memory import Memory, attend_rows
from seq2seq.nn.state import State


class Parallel(Decoder):
    """The first layer reads only the target, so that all its outputs are known before any attention is asked.

    h^1_t = cell_1(e_t)    c_t = attention(h^1_t)    h^l_t = cell_l([h^{l-1}_t; c_t]), l > 1    features: [h^L_t; c_t]

    This is the wiring of the second version of GNMT (Wu et al. 2016, as rewired in NVIDIA's implementation). It gives
    up the feeding of the last context into the first layer, and with it the loop over the target in training.
    """

    def input_sizes(self, embedding_size: int, num_layers: int) -> list[int]:
        """The embedding, then the layer below with the context."""
        return [embedding_size] + [self.hidden_size + self.attention.context_size] * (num_layers - 1)

    @property
    def feature_size(self) -> int:
        """The last layer with the context."""
        return self.hidden_size + self.attention.context_size

    def forward(
        self, embedded: Float[Tensor, "batch target embedding"], memory: Memory
    ) -> Float[Tensor, "batch target feature"]:
        """See `Decoder.forward`."""
        states = self.bridge(memory.start, self._cells)
        first, *later = self._cells
        hidden, _ = first(self.dropout(embedded), states[0])
        context, _ = self.attention(hidden, memory.keys, memory.mask)
        for cell, state in zip(later, states[1:], strict=True):
            hidden, _ = cell(self.dropout(torch.cat([hidden, context], dim=-1)), state)
        features: Tensor = self.dropout(torch.cat([hidden, context], dim=-1))
        return features

    def step(
        self, embedded: Float[Tensor, "rows embedding"], memory: Memory, owner: Int[Tensor, " rows"], state: State
    ) -> tuple[Float[Tensor, "rows feature"], Float[Tensor, "rows source"], State]:
        """See `Decoder.step`."""
        first, *later = self._cells
        hidden, new = first.step(embedded, state[0])
        states = [new]
        context, weights = attend_rows(self.attention, hidden, memory, owner)
        for number, cell in enumerate(later, start=1):
            hidden, new = cell.step(torch.cat([hidden, context], dim=-1), state[number])
            states.append(new)
        return torch.cat([hidden, context], dim=-1), weights, tuple(states)
