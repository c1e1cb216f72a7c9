"""The parallel wiring: under teacher forcing every layer is one fused call over the whole target."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import torch
from jaxtyping import Float, Int
from torch import Tensor

from seq2seq.nn.cells import CellFactory
from seq2seq.nn.decoders.decoder import AttentionFactory, Decoder, NextEmbedding, drop, following, refuse_choosing
from seq2seq.nn.memory import Encoded, Memory, attend_rows
from seq2seq.nn.state import State


class Parallel(Decoder):
    """The first layer reads only the target, so that all its outputs are known before any attention is asked.

    h^1_t = cell_1(e_t)    c_t = attention(h^1_t)    h^l_t = cell_l([h^{l-1}_t; c_t]), l > 1    features: [h^L_t; c_t]

    This is the wiring of the second version of GNMT (Wu et al. 2016, as rewired in NVIDIA's implementation). It gives
    up the feeding of the last context into the first layer, and with it the loop over the target in training.

    With a second attention after layer k, d_t = attention'(h^k_t), and [c_t; d_t] stands for c_t in all layers above k
    and in the features. The weights that a step returns are then the mean of both attentions'.

    Args:
        embedding_size: Size of a target embedding.
        memory_size: Size of one position of the encoder's output.
        hidden_size: Size of every layer's output.
        cells: What makes each layer's cell; its length is the depth.
        attention: Makes each attention.
        bridge: What starts the layers; a name in `seq2seq.nn.bridge.SUMMARIES`.
        dropout: Share of the features dropped before each layer and in the features returned, locked over time.
        residual: Whether each layer from the second on adds the layer below, without the context, to its own output.
        second_attention: k, from 2 to the depth; 0: there is one attention.

    Raises:
        ValueError: `second_attention` is the first layer, or above the last.
    """

    def __init__(
        self,
        embedding_size: int,
        memory_size: int,
        hidden_size: int,
        *,
        cells: Sequence[CellFactory],
        attention: AttentionFactory,
        bridge: str,
        dropout: float = 0.0,
        residual: bool = False,
        second_attention: int = 0,
    ) -> None:
        if second_attention and not 2 <= second_attention <= len(cells):
            raise ValueError(f"a second attention follows layer 2 to {len(cells)}, not {second_attention}")
        self.second_after = second_attention  # before the layers are made: `input_sizes` asks for it
        super().__init__(
            embedding_size,
            memory_size,
            hidden_size,
            cells=cells,
            attention=attention,
            bridge=bridge,
            dropout=dropout,
            residual=residual,
        )
        self.second_attention = attention(hidden_size, memory_size) if second_attention else None

    def input_sizes(self, embedding_size: int, num_layers: int) -> list[int]:
        """The embedding, then the layer below with the contexts known by then."""
        return [embedding_size] + [self.hidden_size + self._contexts(above) for above in range(1, num_layers)]

    def _contexts(self, above: int) -> int:
        """Size of the contexts known above layer `above`, from 1."""
        return self.attention.context_size * (2 if 0 < self.second_after <= above else 1)

    @property
    def feature_size(self) -> int:
        """The last layer with the contexts."""
        return self.hidden_size + self._contexts(len(self.cells))

    def prepare(self, encoded: Encoded) -> Memory:
        """See `Decoder.prepare`."""
        memory = super().prepare(encoded)
        if self.second_attention is None:
            return memory
        return replace(memory, second_keys=self.second_attention.prepare(encoded.outputs))

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
        assert isinstance(position, Tensor)
        places = following(position, embedded.shape[1])
        hidden, new = self._run_layer(0, embedded, embedded, layers[0], memory.noise)
        after = [new]
        context, weights = self.attention(hidden, memory.keys, memory.mask, places)
        for number in range(1, len(self.cells)):
            x = torch.cat([hidden, context], dim=-1)
            hidden, new = self._run_layer(number, x, hidden, layers[number], memory.noise)
            after.append(new)
            if self.second_attention is not None and number + 1 == self.second_after:
                second, more = self.second_attention(hidden, memory.second_keys, memory.mask, places)
                context, weights = torch.cat([context, second], dim=-1), (weights + more) / 2
        features = drop(torch.cat([hidden, context], dim=-1), memory.noise.features)
        return self._with_words(features, weights, memory), (tuple(after), position + embedded.shape[1])

    def step(
        self, embedded: Float[Tensor, "rows embedding"], memory: Memory, owner: Int[Tensor, " rows"], state: State
    ) -> tuple[Float[Tensor, "rows feature"], Float[Tensor, "rows source"], State]:
        """See `Decoder.step`."""
        layers, position = state
        assert isinstance(position, Tensor)
        hidden, new = self._step_layer(0, embedded, embedded, layers[0])
        after = [new]
        context, weights = attend_rows(self.attention, hidden, memory.keys, memory.mask, position, owner)
        for number in range(1, len(self.cells)):
            x = torch.cat([hidden, context], dim=-1)
            hidden, new = self._step_layer(number, x, hidden, layers[number])
            after.append(new)
            if self.second_attention is not None and number + 1 == self.second_after:
                second, more = attend_rows(
                    self.second_attention, hidden, memory.second_keys, memory.mask, position, owner
                )
                context, weights = torch.cat([context, second], dim=-1), (weights + more) / 2
        features = self._rows_with_words(torch.cat([hidden, context], dim=-1), weights, memory, owner)
        return features, weights, (tuple(after), position + 1)
