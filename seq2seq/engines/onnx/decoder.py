"""The wirings of the decoder, as nodes. Each class is the twin of one in `nn/decoders`."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Any

import numpy as np

from seq2seq.engines.onnx.attentions import Asked, MemoryPart, Source
from seq2seq.engines.onnx.cells import Part, Reads, array_of, twin
from seq2seq.engines.onnx.encoder import zeros
from seq2seq.engines.onnx.graph import Graph
from seq2seq.engines.onnx.products import Activation, Matrix, Products
from seq2seq.engines.onnx.twins import find_attention

POSITION = Part(1, bounded=False)


@dataclass(frozen=True)
class Stepped:
    """What a step of a decoder gives: its features side by side, the weights [R, S] ("" for none), and the state."""

    features: list[Activation]
    weights: str
    state: list[Activation]


class DecoderTwin(ABC):
    """The twin of a wiring.

    The state is the parts of each layer from the bottom, the number of the next position where an attention asks for
    it, and what else a wiring carries on.

    Args:
        decoder: The decoder.
        products: How products are written.
    """

    def __init__(self, decoder: Any, products: Products) -> None:  # noqa: ANN401 - a member's own class
        self.decoder, self.products = decoder, products
        self.cells = [twin(cell, f"decoder.cells.{number}", products) for number, cell in enumerate(decoder.cells)]
        self.attentions = [
            find_attention(attention)(attention, f"decoder.{name}", products)
            for name in ("attention", "second_attention")
            if (attention := getattr(decoder, name, None)) is not None
        ]

    @property
    def asks_position(self) -> bool:
        """Whether the state holds the number of the next position."""
        return any(attention.asks_position for attention in self.attentions)

    @property
    def parts(self) -> list[Part]:
        """The arrays of the state."""
        return [*(part for cell in self.cells for part in cell.parts), *([POSITION] if self.asks_position else [])]

    @property
    def table_width(self) -> int:
        """Of a row of the table."""
        return len(self.cells[0].input_matrix.array)

    def table(self, g: Graph, embedded: Activation) -> str:
        """Returns what the first layer needs of each token."""
        return self.cells[0].complete(g, [([embedded], self.cells[0].input_matrix)])

    def prepare(self, g: Graph, source: Source) -> list[list[MemoryPart]]:
        """Returns the memory of each attention."""
        return [attention.prepare(g, source) for attention in self.attentions]

    def initial(self, g: Graph, start: Activation, rows: str) -> list[str]:
        """Returns the arrays of the state before the first token; `rows` is how many, a vector of one number."""
        projections = self.decoder.bridge.projections
        if not projections:
            return [zeros(g, rows, part, self.products) for part in self.parts]
        found = []
        for number, (cell, linear) in enumerate(zip(self.cells, projections, strict=True)):
            name = f"decoder.bridge.projections.{number}"
            matrix = Matrix(f"{name}.weight", array_of(linear.weight))
            made = g.op("Tanh", self.products.affine(g, name, [([start], matrix)], array_of(linear.bias)))
            for part, value in zip(cell.parts, g.split(made, [part.size for part in cell.parts]), strict=True):
                found.append(self.products.kept(g, Activation(part.size, value, part.bounded)))
        return [*found, *(zeros(g, rows, part, self.products) for part in self.parts[len(found) :])]

    def step(
        self, g: Graph, known: str, asked: Asked, state: Sequence[str], memory: Sequence[Sequence[str]]
    ) -> Stepped:
        """Writes a step.

        Args:
            g: The graph.
            known: The last tokens' rows of the table.
            asked: How the rows stand in the grid; its query and position are filled in here.
            state: The arrays of the state, one row a hypothesis.
            memory: What `prepare` made, of each attention.
        """
        rows = [
            self.products.restored(value, part.size, bounded=part.bounded)
            for value, part in zip(state, self.parts, strict=True)
        ]
        ends = np.cumsum([0, *(len(cell.parts) for cell in self.cells)])
        layers = [rows[first:end] for first, end in pairwise(ends)]
        more = rows[ends[-1] :]
        position, carried = (more[:1], more[1:]) if self.asks_position else ([], more)
        if position:
            asked = replace(asked, position=position[0].value)
        stepped = self._step(g, known, asked, layers, carried, memory)
        after = [Activation(1, g.op("Add", x.value, g.constant(1.0))) for x in position]
        inner = len(stepped.state) - len(carried)
        return replace(stepped, state=[*stepped.state[:inner], *after, *stepped.state[inner:]])

    @abstractmethod
    def _step(
        self,
        g: Graph,
        known: str,
        asked: Asked,
        layers: Sequence[Sequence[Activation]],
        carried: Sequence[Activation],
        memory: Sequence[Sequence[str]],
    ) -> Stepped:
        """The wiring; its state is the layers' and then what else it carries on, without the position."""

    def _layer(
        self, g: Graph, number: int, reads: Reads, below: Activation | None, state: Sequence[Activation]
    ) -> tuple[Activation, list[Activation]]:
        """A layer with its residual connection."""
        output, after = self.cells[number].step(g, reads, state)
        if not self.decoder.residual or below is None:
            return output, after
        total = g.op("Add", self.products.value(g, output), self.products.value(g, below))
        return Activation(output.size, total), after

    def _reads(self, number: int, inputs: Sequence[Activation]) -> Reads:
        """What a later layer reads."""
        return Reads([(inputs, self.cells[number].input_matrix)])


class ParallelTwin(DecoderTwin):
    """The twin of `Parallel`."""

    def _step(
        self,
        g: Graph,
        known: str,
        asked: Asked,
        layers: Sequence[Sequence[Activation]],
        carried: Sequence[Activation],
        memory: Sequence[Sequence[str]],
    ) -> Stepped:
        hidden, after = self._layer(g, 0, Reads(known=known, complete=True), None, layers[0])
        context, weights = self.attentions[0].read(g, replace(asked, query=hidden), memory[0])
        for number in range(1, len(self.cells)):
            reads = self._reads(number, [hidden, *context])
            hidden, new = self._layer(g, number, reads, hidden, layers[number])
            after = [*after, *new]
            if number + 1 == self.decoder.second_after:
                second, more = self.attentions[1].read(g, replace(asked, query=hidden), memory[1])
                context = [*context, *second]
                weights = g.op("Mul", g.op("Add", weights, more), g.constant(0.5))
        return Stepped([hidden, *context], weights, after)


class InputFeedingTwin(DecoderTwin):
    """The twin of `InputFeeding`. The state ends with what is fed."""

    @property
    def parts(self) -> list[Part]:
        """The layers', the position, and what is fed, which a tanh made."""
        return [*super().parts, Part(self.decoder.hidden_size)]

    @property
    def _sides(self) -> tuple[Matrix, Matrix]:
        """The first layer's columns that read the token, and those that read what is fed."""
        whole = self.cells[0].input_matrix
        width = whole.array.shape[1]
        between = width - self.decoder.hidden_size
        return replace(whole, columns=(0, between)), replace(whole, columns=(between, width))

    def table(self, g: Graph, embedded: Activation) -> str:
        """See `DecoderTwin.table`."""
        return self.cells[0].partial(g, [([embedded], self._sides[0])])

    def _step(
        self,
        g: Graph,
        known: str,
        asked: Asked,
        layers: Sequence[Sequence[Activation]],
        carried: Sequence[Activation],
        memory: Sequence[Sequence[str]],
    ) -> Stepped:
        reads = Reads([(carried, self._sides[1])], known=known)
        hidden, after = self._layer(g, 0, reads, None, layers[0])
        for number in range(1, len(self.cells)):
            hidden, new = self._layer(g, number, self._reads(number, [hidden]), hidden, layers[number])
            after = [*after, *new]
        context, weights = self.attentions[0].read(g, replace(asked, query=hidden), memory[0])
        combine = self.decoder.combine
        matrix = Matrix("decoder.combine.weight", array_of(combine.weight))
        total = self.products.affine(g, "decoder.combine", [([*context, hidden], matrix)], array_of(combine.bias))
        fed = Activation(self.decoder.hidden_size, g.op("Tanh", total), bounded=True)
        return Stepped([fed], weights, [*after, fed])


class FixedVectorTwin(DecoderTwin):
    """The twin of `FixedVector`: no memory, and no weights."""

    def _step(
        self,
        g: Graph,
        known: str,
        asked: Asked,
        layers: Sequence[Sequence[Activation]],
        carried: Sequence[Activation],
        memory: Sequence[Sequence[str]],
    ) -> Stepped:
        hidden, after = self._layer(g, 0, Reads(known=known, complete=True), None, layers[0])
        for number in range(1, len(self.cells)):
            hidden, new = self._layer(g, number, self._reads(number, [hidden]), hidden, layers[number])
            after = [*after, *new]
        return Stepped([hidden], "", after)
