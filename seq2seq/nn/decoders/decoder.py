"""What every decoder is: a whole target under teacher forcing, or one step at a time, with equal results."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from seq2seq.nn.attention import Attention
from seq2seq.nn.bridge import Bridge
from seq2seq.nn.cells import Cell, CellFactory
from seq2seq.nn.dropout import LockedDropout
from seq2seq.nn.lexical import mean_words
from seq2seq.nn.memory import DecoderNoise, Encoded, Lines, Memory
from seq2seq.nn.state import State, map_state

AttentionFactory = Callable[[int, int], Attention]
"""Makes an attention from the query's size and the memory's size."""

NextEmbedding = Callable[[Tensor, Tensor], Tensor]
"""Given the features of the position before, [batch, feature], and the embedding of the true word, [batch, embedding],
returns the embedding to read."""


class Decoder(nn.Module, ABC):
    """Layers of cells over the embedded target, reading the memory through an attention.

    A wiring says what each layer reads (`input_sizes`) and how the parts are joined (`forward`, `step`). Its features
    go to the output layer. `forward` equals `step` over the positions; the family's tests hold every wiring to it.
    The state is a tuple that begins with the layers' states and the number of the next position of each row.

    Where the memory holds the source's words, as it does for a lexical model, their mean under the attention stands
    behind the wiring's own features.

    Args:
        embedding_size: Size of a target embedding.
        memory_size: Size of one position of the encoder's output.
        hidden_size: Size of every layer's output.
        cells: What makes each layer's cell; its length is the depth.
        attention: Makes the attention.
        bridge: What starts the layers; a name in `seq2seq.nn.bridge.SUMMARIES`.
        dropout: Share of the features dropped before each layer and in the features returned, locked over time.
        residual: Whether each layer from the second on adds the layer below to its own output: h^l + h^{l-1}.
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
    ) -> None:
        super().__init__()
        self.hidden_size = hidden_size
        self.attention = attention(hidden_size, memory_size)
        sizes = self.input_sizes(embedding_size, len(cells))
        self.cells = nn.ModuleList(cell(size, hidden_size) for cell, size in zip(cells, sizes, strict=True))
        self.bridge = Bridge(bridge, memory_size, self._cells)
        self.dropout = LockedDropout(dropout)
        self.residual = residual

    @property
    def _cells(self) -> list[Cell]:
        return [cell for cell in self.cells if isinstance(cell, Cell)]

    @abstractmethod
    def input_sizes(self, embedding_size: int, num_layers: int) -> list[int]:
        """Returns the input size of each layer."""

    @property
    @abstractmethod
    def feature_size(self) -> int:
        """Size of the wiring's own features."""

    def prepare(self, encoded: Encoded) -> Memory:
        """Projects the encoder's outputs once for all that will be asked of them, and draws the dropout."""
        return Memory(
            self.attention.prepare(encoded.outputs),
            encoded.mask,
            self.bridge.summarise(encoded),
            self._noise(encoded.outputs),
        )

    def initial_state(self, memory: Memory) -> State:
        """Returns the state before the first target token, one row a sentence.

        It is of the cells' own type, though in mixed precision the bridge computes a shorter one: what is added up from
        step to step is kept in that.
        """
        position = torch.zeros(memory.mask.shape[0], dtype=torch.int64, device=memory.mask.device)
        own = next(self.cells.parameters()).dtype
        return map_state(lambda start: start.to(own), self.bridge(memory.start, self._cells)), position

    @abstractmethod
    def forward(
        self,
        embedded: Float[Tensor, "batch target embedding"],
        memory: Memory,
        state: State | None = None,
        next_embedding: NextEmbedding | None = None,
    ) -> tuple[Float[Tensor, "batch target feature"], State]:
        """Reads a target, or the next part of one, under teacher forcing.

        Args:
            embedded: The target embeddings, shifted right: the first is that of GO.
            memory: The sentences, in the same order.
            state: Where the part before ended, padding read like words; None: at the target's beginning.
            next_embedding: Chooses what each position reads, but for a target's first (scheduled sampling).

        Returns:
            The features of all positions, and the state after them.

        Raises:
            ValueError: `next_embedding` is given to a wiring that reads all positions at once.
        """

    @abstractmethod
    def step(
        self, embedded: Float[Tensor, "rows embedding"], memory: Memory, owner: Int[Tensor, " rows"], state: State
    ) -> tuple[Float[Tensor, "rows feature"], Float[Tensor, "rows source"], State]:
        """Reads one target token a hypothesis.

        Args:
            embedded: The embedding of each hypothesis' last token.
            memory: The sentences.
            owner: The sentence of each hypothesis.
            state: One row a hypothesis.

        Returns:
            The features, the attention weights, and the new state.
        """

    def _noise(self, like: Tensor) -> DecoderNoise:
        """Draws the dropout of one batch, one row a sentence."""
        sizes = [cell.input_size for cell in self._cells] + [self.feature_size]
        if self.training and self.dropout.share > 0.0:
            masks: list[Tensor | None] = [self.dropout.mask(like.shape[0], size, like) for size in sizes]
        else:
            masks = [None] * len(sizes)
        inner = tuple(cell.noise(like.shape[0], like) for cell in self._cells)
        return DecoderNoise(tuple(masks[:-1]), masks[-1], inner)

    def _join(self, number: int, output: Tensor, below: Tensor) -> Tensor:
        """The output of layer `number`, from 0, with its residual connection."""
        return output + below if self.residual and number > 0 else output

    def _step_layer(
        self, number: int, x: Tensor, below: Tensor, state: State, noise: DecoderNoise | None = None
    ) -> tuple[Tensor, State]:
        """One step of layer `number`, which reads `x` and stands above `below`; a search's steps have no noise."""
        cell = self.cells[number]
        assert isinstance(cell, Cell)
        if noise is None:
            output, new = cell.step(x, state)
        else:
            output, new = cell.step(drop(x, noise.inputs[number]), state, noise.cells[number])
        return self._join(number, output, below), new

    def _run_layer(
        self, number: int, x: Tensor, below: Tensor, state: State, noise: DecoderNoise
    ) -> tuple[Tensor, State]:
        """All positions of layer `number`: one fused call where its cell has one."""
        cell, inner = self.cells[number], noise.cells[number]
        assert isinstance(cell, Cell)
        output, new = cell(drop(x, noise.inputs[number]), state, None, inner)
        return self._join(number, output, below), new

    def _with_words(self, features: Tensor, weights: Tensor, memory: Memory) -> Tensor:
        """Returns the features, [batch, target, feature], with the mean of the words that `weights` look at."""
        if memory.words is None:
            return features
        return torch.cat([features, mean_words(weights, memory.words).to(features.dtype)], dim=-1)

    def _rows_with_words(self, features: Tensor, weights: Tensor, memory: Memory, owner: Tensor) -> Tensor:
        """The same for the rows of a step, [rows, feature]."""
        if memory.words is None:
            return features
        lines = Lines(owner, memory.mask.shape[0])
        words = lines.pick(mean_words(lines.lay(weights), memory.words))
        return torch.cat([features, words.to(features.dtype)], dim=-1)


def drop(x: Tensor, mask: Tensor | None) -> Tensor:
    """Returns `x`, [batch, size] or [batch, time, size], times a mask [batch, size] in the type of `x`."""
    if mask is None:
        return x
    # Not the mask's type: under autocast `x` is in bf16, and a wider product would have to be turned back.
    mask = mask.to(x.dtype)
    return x * (mask if x.dim() == 2 else mask[:, None])


def refuse_choosing(next_embedding: NextEmbedding | None) -> None:
    """Refuses scheduled sampling in a wiring that reads all target words at once.

    Raises:
        ValueError: `next_embedding` is given.
    """
    if next_embedding is not None:
        raise ValueError("this wiring reads all target words at once: it cannot read its own guesses")


def following(position: Int[Tensor, " batch"], time: int) -> Int[Tensor, "batch time"]:
    """Returns the numbers of `time` positions, the first being `position`."""
    return position[:, None] + torch.arange(time, device=position.device)
