"""The fixed-vector wiring: one vector carries the whole source sentence."""

from __future__ import annotations

from jaxtyping import Float, Int
from torch import Tensor

from seq2seq.nn.decoders.decoder import Decoder, NextEmbedding, drop, refuse_choosing
from seq2seq.nn.memory import Memory, attend_rows
from seq2seq.nn.state import State


class FixedVector(Decoder):
    """The encoder's summary starts the decoder, which then runs on the target alone (Sutskever et al. 2014).

    h^l_t = cell_l(h^{l-1}_t), h^0 = e, s^l_0 = tanh(W_l v);  features: h^L_t

    Deviation: v passes a projection on its way (Cho et al. 2014), so that encoder and decoder may differ in size and
    depth. Expects the attention "none", whose even weights are passed on; it has no use for a source's words.
    """

    def input_sizes(self, embedding_size: int, num_layers: int) -> list[int]:
        """The embedding, then the layer below."""
        return [embedding_size] + [self.hidden_size] * (num_layers - 1)

    @property
    def feature_size(self) -> int:
        """The last layer."""
        return self.hidden_size

    def forward(
        self,
        embedded: Float[Tensor, "batch target embedding"],
        memory: Memory,
        state: State | None = None,
        next_embedding: NextEmbedding | None = None,
    ) -> tuple[Float[Tensor, "batch target feature"], State]:
        """See `Decoder.forward`."""
        refuse_choosing(next_embedding)
        layers, position = self.initial_state(memory) if state is None else state
        hidden, after = embedded, []
        for number in range(len(self.cells)):
            hidden, new = self._run_layer(number, hidden, hidden, layers[number], memory.noise)
            after.append(new)
        assert isinstance(position, Tensor)
        return drop(hidden, memory.noise.features), (tuple(after), position + embedded.shape[1])

    def step(
        self, embedded: Float[Tensor, "rows embedding"], memory: Memory, owner: Int[Tensor, " rows"], state: State
    ) -> tuple[Float[Tensor, "rows feature"], Float[Tensor, "rows source"], State]:
        """See `Decoder.step`."""
        layers, position = state
        assert isinstance(position, Tensor)
        hidden, after = embedded, []
        for number in range(len(self.cells)):
            hidden, new = self._step_layer(number, hidden, hidden, layers[number])
            after.append(new)
        _, weights = attend_rows(self.attention, hidden, memory.keys, memory.mask, position, owner)
        return hidden, weights, (tuple(after), position + 1)
