"""The input-feeding wiring: what was attended to feeds the next step, one step after another."""

from __future__ import annotations

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from seq2seq.nn.decoders.decoder import Decoder
from seq2seq.nn.memory import Memory, attend_rows
from seq2seq.nn.state import State


class InputFeeding(Decoder):
    """The classic attentional decoder (Luong et al. 2015, section 3.3).

    h^1_t = cell_1([e_t; a_{t-1}])    h^l_t = cell_l(h^{l-1}_t)    c_t = attention(h^L_t)    a_t = tanh(W [c_t; h^L_t])

    The features are a_t; a_0 is zero. It learns more from each sentence than the parallel wiring and sees fewer of them
    in the same time, since nothing can be computed ahead of its step.
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
        """The layers' states, and a_0 = 0."""
        fed = memory.start.new_zeros(memory.start.shape[0], self.hidden_size)
        return self.bridge(memory.start, self._cells), fed

    def forward(
        self, embedded: Float[Tensor, "batch target embedding"], memory: Memory
    ) -> Float[Tensor, "batch target feature"]:
        """See `Decoder.forward`. The dropout masks are drawn once and serve every step."""
        rows = embedded.shape[0]
        sizes = [cell.input_size for cell in self._cells] + [self.hidden_size]
        masks = [self.dropout.mask(rows, size, embedded) for size in sizes]
        state, features = self.initial_state(memory), []
        for position in range(embedded.shape[1]):
            hidden, states = self._layers(embedded[:, position], state, masks)
            context, _ = self.attention(hidden[:, None], memory.keys, memory.mask)
            fed = self._combined(hidden, context[:, 0], masks[-1])
            state = (states, fed)
            features.append(fed)
        return torch.stack(features, dim=1)

    def step(
        self, embedded: Float[Tensor, "rows embedding"], memory: Memory, owner: Int[Tensor, " rows"], state: State
    ) -> tuple[Float[Tensor, "rows feature"], Float[Tensor, "rows source"], State]:
        """See `Decoder.step`."""
        hidden, states = self._layers(embedded, state, None)
        context, weights = attend_rows(self.attention, hidden, memory, owner)
        fed = self._combined(hidden, context, None)
        return fed, weights, (states, fed)

    def _layers(self, embedded: Tensor, state: State, masks: list[Tensor] | None) -> tuple[Tensor, State]:
        """Runs the stack of cells for one step; `masks` are the dropout masks of the layers' inputs."""
        states, fed = state
        assert isinstance(fed, Tensor)
        hidden, after = torch.cat([embedded, fed.to(embedded.dtype)], dim=-1), []
        for number, cell in enumerate(self._cells):
            hidden, new = cell.step(hidden if masks is None else hidden * masks[number], states[number])
            after.append(new)
        return hidden, tuple(after)

    def _combined(self, hidden: Tensor, context: Tensor, mask: Tensor | None) -> Tensor:
        """a_t, with its dropout."""
        fed = torch.tanh(self.combine(torch.cat([context, hidden], dim=-1)))
        return fed if mask is None else fed * mask
