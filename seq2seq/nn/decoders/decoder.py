"""What every decoder is: a whole target under teacher forcing, or one step at a time, with equal results."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence

from jaxtyping import Float, Int
from torch import Tensor, nn

from seq2seq.nn.attention import Attention
from seq2seq.nn.bridge import Bridge
from seq2seq.nn.cells import Cell
from seq2seq.nn.dropout import LockedDropout
from seq2seq.nn.encoder import CellFactory
from seq2seq.nn.memory import Encoded, Memory
from seq2seq.nn.state import State

AttentionFactory = Callable[[int, int], Attention]
"""Makes an attention from the query's size and the memory's size."""


class Decoder(nn.Module, ABC):
    """Layers of cells over the embedded target, reading the memory through an attention.

    A wiring says what each layer reads (`input_sizes`) and how the parts are joined (`forward`, `step`). Its features
    go to the output layer. `forward` equals `step` over the positions; the family's tests hold every wiring to it.

    Args:
        embedding_size: Size of a target embedding.
        memory_size: Size of one position of the encoder's output.
        hidden_size: Size of every layer's output.
        cells: What makes each layer's cell; its length is the depth.
        attention: Makes the attention.
        bridge: What starts the layers; a name in `seq2seq.nn.bridge.SUMMARIES`.
        dropout: Share of the features dropped before each layer and in the features returned, locked over time.
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
    ) -> None:
        super().__init__()
        self.hidden_size = hidden_size
        self.attention = attention(hidden_size, memory_size)
        sizes = self.input_sizes(embedding_size, len(cells))
        self.cells = nn.ModuleList(cell(size, hidden_size) for cell, size in zip(cells, sizes, strict=True))
        self.bridge = Bridge(bridge, memory_size, self._cells)
        self.dropout = LockedDropout(dropout)

    @property
    def _cells(self) -> list[Cell]:
        return [cell for cell in self.cells if isinstance(cell, Cell)]

    @abstractmethod
    def input_sizes(self, embedding_size: int, num_layers: int) -> list[int]:
        """Returns the input size of each layer."""

    @property
    @abstractmethod
    def feature_size(self) -> int:
        """Size of the features."""

    def prepare(self, encoded: Encoded) -> Memory:
        """Projects the encoder's outputs once for all that will be asked of them."""
        return Memory(self.attention.prepare(encoded.outputs), encoded.mask, self.bridge.summarise(encoded))

    def initial_state(self, memory: Memory) -> State:
        """Returns the state before the first target token, one row a sentence."""
        state: State = self.bridge(memory.start, self._cells)
        return state

    @abstractmethod
    def forward(
        self, embedded: Float[Tensor, "batch target embedding"], memory: Memory
    ) -> Float[Tensor, "batch target feature"]:
        """Returns the features of all target positions under teacher forcing.

        Args:
            embedded: The target embeddings, shifted right: the first is that of GO.
            memory: The sentences, in the same order.
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
