"""The fixed-vector wiring: one vector carries the whole source sentence."""

from __future__ import annotations

from jaxtyping import Float, Int
from torch import Tensor

from seq2seq.nn.decoders.decoder import Decoder
from seq2seq.nn.memory import Memory, attend_rows
from seq2seq.nn.state import State


class FixedVector(Decoder):
    """The encoder's summary starts the decoder, which then runs on the target alone (Sutskever et al. 2014).

    h^l_t = cell_l(h^{l-1}_t), h^0 = e, s^l_0 = tanh(W_l v);  features: h^L_t

    Deviation: v passes a projection on its way (Cho et al. 2014), so that encoder and decoder may differ in size and
    depth. Expects the attention "none", whose even weights are passed on.
    """

    def input_sizes(self, embedding_size: int, num_layers: int) -> list[int]:
        """The embedding, then the layer below."""
        return [embedding_size] + [self.hidden_size] * (num_layers - 1)

    @property
    def feature_size(self) -> int:
        """The last layer."""
        return self.hidden_size

    def forward(
        self, embedded: Float[Tensor, "batch target embedding"], memory: Memory
    ) -> Float[Tensor, "batch target feature"]:
        """See `Decoder.forward`."""
        hidden = embedded
        for cell, state in zip(self._cells, self.bridge(memory.start, self._cells), strict=True):
            hidden, _ = cell(self.dropout(hidden), state)
        features: Tensor = self.dropout(hidden)
        return features

    def step(
        self, embedded: Float[Tensor, "rows embedding"], memory: Memory, owner: Int[Tensor, " rows"], state: State
    ) -> tuple[Float[Tensor, "rows feature"], Float[Tensor, "rows source"], State]:
        """See `Decoder.step`."""
        hidden, states = embedded, []
        for number, cell in enumerate(self._cells):
            hidden, new = cell.step(hidden, state[number])
            states.append(new)
        _, weights = attend_rows(self.attention, hidden, memory, owner)
        return hidden, weights, tuple(states)
