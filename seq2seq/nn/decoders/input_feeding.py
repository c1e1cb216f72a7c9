"""The input-feeding wiring: what was attended to feeds the next step, one step after another."""

from __future__ import annotations

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from seq2seq.nn.decoders.decoder import Decoder, NextEmbedding, drop
from seq2seq.nn.memory import DecoderNoise, Memory, attend_rows
from seq2seq.nn.state import State


class InputFeeding(Decoder):
    """The classic attentional decoder (Luong et al. 2015, section 3.3).

    h^1_t = cell_1([e_t; a_{t-1}])    h^l_t = cell_l(h^{l-1}_t)    c_t = attention(h^L_t)    a_t = tanh(W [c_t; h^L_t])

    The features are a_t, which is also what is fed; a_0 is zero. It learns more from each sentence than the parallel
    wiring and sees fewer of them in the same time, since nothing can be computed ahead of its step. It can read its own
    guesses in training.
    """

    def __init__(self, embedding_size: int, memory_size: int, hidden_size: int, **parts: object) -> None:
        super().__init__(embedding_size, memory_size, hidden_size, **parts)  # type: ignore[arg-type]
        self.combine = nn.Linear(self.attention.context_size + hidden_size, hidden_size)

    def input_sizes(self, embedding_size: int, num_layers: int) -> list[int]:
        """The embedding with the fed vector, then the layer below."""
        return [embedding_size + self.hidden_size] + [self.hidden_size] * (num_layers - 1)

    @property
    def feature_size(self) -> int:
        """The attentional vector a_t."""
        return self.hidden_size

    def initial_state(self, memory: Memory) -> State:
        """The layers' states, the position, and the features of no position, 0."""
        words = 0 if memory.words is None else memory.words.shape[2]
        fed = memory.start.new_zeros(memory.start.shape[0], self.hidden_size + words)
        layers, position = super().initial_state(memory)
        return layers, position, fed

    def forward(
        self,
        embedded: Float[Tensor, "batch target embedding"],
        memory: Memory,
        state: State | None = None,
        next_embedding: NextEmbedding | None = None,
    ) -> tuple[Float[Tensor, "batch target feature"], State]:
        """See `Decoder.forward`."""
        layers, position, fed = self.initial_state(memory) if state is None else state
        assert isinstance(position, Tensor)
        assert isinstance(fed, Tensor)
        features = []
        for number, word in enumerate(embedded.unbind(1)):
            read = word
            if next_embedding is not None and (number > 0 or state is not None):
                read = next_embedding(fed, word)
            hidden, layers = self._layers(read, fed, layers, memory.noise)
            context, weights = self.attention(hidden[:, None], memory.keys, memory.mask, position[:, None])
            combined = drop(self._combined(hidden, context[:, 0]), memory.noise.features)
            fed = self._with_words(combined[:, None], weights, memory)[:, 0]
            position = position + 1
            features.append(fed)
        return torch.stack(features, dim=1), (layers, position, fed)

    def step(
        self, embedded: Float[Tensor, "rows embedding"], memory: Memory, owner: Int[Tensor, " rows"], state: State
    ) -> tuple[Float[Tensor, "rows feature"], Float[Tensor, "rows source"], State]:
        """See `Decoder.step`."""
        layers, position, fed = state
        assert isinstance(position, Tensor)
        assert isinstance(fed, Tensor)
        hidden, after = self._layers(embedded, fed, layers, None)
        context, weights = attend_rows(self.attention, hidden, memory.keys, memory.mask, position, owner)
        fed = self._rows_with_words(self._combined(hidden, context), weights, memory, owner)
        return fed, weights, (after, position + 1, fed)

    def _layers(self, embedded: Tensor, fed: Tensor, states: State, noise: DecoderNoise | None) -> tuple[Tensor, State]:
        """Runs the stack of cells for one step; a search's steps have no noise."""
        hidden, after = torch.cat([embedded, fed[:, : self.hidden_size].to(embedded.dtype)], dim=-1), []
        for number in range(len(self.cells)):
            hidden, new = self._step_layer(number, hidden, hidden, states[number], noise)
            after.append(new)
        return hidden, tuple(after)

    def _combined(self, hidden: Tensor, context: Tensor) -> Tensor:
        """a_t, before its dropout."""
        return torch.tanh(self.combine(torch.cat([context, hidden], dim=-1)))
