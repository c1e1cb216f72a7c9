"""The encoder, as nodes: one loop over time a layer, both directions in it, time first."""

from __future__ import annotations

from collections.abc import Sequence

from seq2seq.engines.onnx.attentions import Source
from seq2seq.engines.onnx.cells import CellTwin, Part, Reads, twin
from seq2seq.engines.onnx.graph import Graph
from seq2seq.engines.onnx.products import ZERO_POINT, Activation, Products
from seq2seq.nn.encoder import BothWays, Encoder, OneWay


class EncoderTwin:
    """The twin of `Encoder`.

    In 8 bits its outputs are read with a scale a row, although they may be bounded: they are far from their bounds, and
    are read once a sentence. With the fixed scale the scores' differences from torch are more than twice as large.

    Args:
        encoder: The encoder.
        products: How products are written.
    """

    def __init__(self, encoder: Encoder, products: Products) -> None:
        self.encoder, self.products = encoder, products
        self.layers = [
            _directions(layer, f"encoder.layers.{number}", products) for number, layer in enumerate(encoder.layers)
        ]

    def table(self, g: Graph, embedded: Activation) -> str:
        """Returns what the first layer needs of each token, its directions side by side."""
        return g.concat([cell.complete(g, [([embedded], cell.input_matrix)]) for cell in self.layers[0]])

    @property
    def table_width(self) -> int:
        """Of a row of the table."""
        return sum(len(cell.input_matrix.array) for cell in self.layers[0])

    def write(self, g: Graph, ids: str, lengths: str, table: str, summary: str) -> tuple[Source, Activation]:
        """Writes the reading of `ids` [n, S]. Returns the outputs, and what the decoder starts from, [n, size]."""
        if self.encoder.reverse_source:
            ids = _reversed(g, ids, lengths, time=1)
        shape = g.op("Shape", g.transpose(ids, 1, 0))
        y = self._layer(g, 0, self._looked_up(g, ids, lengths, table), lengths)
        for number in range(1, len(self.layers)):
            x = Activation(self.encoder.output_size, g.reshape(y, -1, self.encoder.output_size))
            above = self._layer(g, number, self._projected(g, number, x, shape, lengths), lengths)
            y = g.op("Add", above, y) if self.encoder.residual else above
        last = self._last(g, y, lengths) if summary == "last" else ""
        source = self._source(g, y, lengths)
        start = last if summary == "last" else self._mean(g, source)
        return source, Activation(self.encoder.output_size, start)

    def _looked_up(self, g: Graph, ids: str, lengths: str, table: str) -> list[str]:
        """What the first layer reads, [S, n, gates] of each direction."""
        if len(self.layers[0]) == 1:
            return [g.gather(table, g.transpose(ids, 1, 0))]
        # Rows of half the width: even ones are read ahead, odd ones back. To reshape an input copies nothing.
        width = g.op("Div", g.dim(table, 1), g.ints(2))
        halves = g.op("Reshape", table, g.concat([g.ints(-1), width], axis=0))
        ahead = g.op("Mul", ids, g.constant(2, "int64"))
        back = g.op("Add", _reversed(g, ahead, lengths, time=1), g.constant(1, "int64"))
        return [g.gather(halves, g.transpose(way, 1, 0)) for way in (ahead, back)]

    def _projected(self, g: Graph, number: int, x: Activation, shape: str, lengths: str) -> list[str]:
        """What a later layer reads, [S, n, gates] of each direction."""
        found = []
        for way, cell in enumerate(self.layers[number]):
            flat = cell.complete(g, [([x], cell.input_matrix)])
            whole = g.op("Reshape", flat, g.concat([shape, g.ints(-1)], axis=0))
            found.append(_reversed(g, whole, lengths, time=0) if way else whole)
        return found

    def _layer(self, g: Graph, number: int, inputs: Sequence[str], lengths: str) -> str:
        """[S, n, size], in the order of reading."""
        cells = self.layers[number]
        rows = g.dim(inputs[0], 1)
        start = [zeros(g, rows, part, self.products) for cell in cells for part in cell.parts]
        body = self._body(g, f"layer{number}", cells)
        ends = g.ops("Scan", [*start, *inputs], len(start) + len(cells), body=body, num_scan_inputs=len(cells))
        outputs = ends[len(start) :]
        if len(outputs) == 1:
            return outputs[0]
        return g.concat([outputs[0], _reversed(g, outputs[1], lengths, time=0)])

    def _body(self, g: Graph, name: str, cells: Sequence[CellTwin]) -> object:
        """One step of all directions."""
        body = Graph(name, g.weights, parent=g)
        states = [
            [
                (body.input(body.fresh("state"), self.products.kind(bounded=p.bounded), ("n", p.size)), p)
                for p in c.parts
            ]
            for c in cells
        ]
        inputs = [body.input(body.fresh("input"), "f32", ("n", "gates")) for _ in cells]
        outputs = []
        for cell, x, state in zip(cells, inputs, states, strict=True):
            before = [self.products.restored(value, part.size, bounded=part.bounded) for value, part in state]
            y, after = cell.step(body, Reads(known=x, complete=True), before)
            for new, part in zip(after, cell.parts, strict=True):
                kind = self.products.kind(bounded=part.bounded)
                body.output(self.products.kept(body, new), body.fresh("after"), kind, ("n", part.size))
            outputs.append((self.products.value(body, y), cell.size))
        for value, size in outputs:
            body.output(value, body.fresh("output"), "f32", ("n", size))
        return body.body()

    def _last(self, g: Graph, y: str, lengths: str) -> str:
        """What stands where the reading of each sentence ended."""
        ends = g.op("Sub", lengths, g.constant(1, "int64"))
        count = g.op("Squeeze", g.op("Shape", lengths))
        rows = g.op("Range", g.constant(0, "int64"), count, g.constant(1, "int64"))
        place = g.op("Concat", *(g.op("Unsqueeze", x, g.ints(1)) for x in (ends, rows)), axis=1)
        if len(self.layers[-1]) == 1:
            return g.op("GatherND", y, place)
        size = self.encoder.output_size // 2
        ahead, back = g.split(y, [size, size])
        return g.concat([g.op("GatherND", ahead, place), g.gather(back, g.constant(0, "int64"))])

    def _source(self, g: Graph, y: str, lengths: str) -> Source:
        """The outputs in the order of the source, sentence by sentence."""
        x = g.transpose(y, 1, 0, 2)
        if self.encoder.reverse_source:
            x = _reversed(g, x, lengths, time=1)
        size = g.op("Squeeze", g.dim(y, 0))
        places = g.op("Range", g.constant(0, "int64"), size, g.constant(1, "int64"))
        real = g.op("Cast", g.op("Less", places, g.op("Unsqueeze", lengths, g.ints(1))), to=1)
        shaped = g.op("Mul", x, g.op("Unsqueeze", real, g.ints(2)))
        width = self.encoder.output_size
        return Source(Activation(width, g.reshape(shaped, -1, width)), shaped, lengths, real, width)

    def _mean(self, g: Graph, source: Source) -> str:
        """The mean over the real tokens: a product, to which padding adds zeros one after another."""
        # Of two equal rows: a product of a single one is taken another way, whose order depends on the length.
        twice = g.op("Expand", g.op("Unsqueeze", source.real, g.ints(1)), g.ints(1, 2, 1))
        total = g.gather(g.op("MatMul", twice, source.shaped), g.constant(0, "int64"), axis=1)
        return g.op("Div", total, g.op("Unsqueeze", g.op("Cast", source.lengths, to=1), g.ints(1)))


def zeros(g: Graph, rows: str, part: Part, products: Products) -> str:
    """Returns [rows, size] zeros, as a state keeps them; `rows` is a vector of one number."""
    zero = g.constant([[0.0]]) if products.kind(bounded=part.bounded) == "f32" else g.constant([[ZERO_POINT]], "uint8")
    return g.op("Expand", zero, g.concat([rows, g.ints(part.size)], axis=0))


def _directions(layer: object, name: str, products: Products) -> list[CellTwin]:
    assert isinstance(layer, OneWay | BothWays)
    cells = [twin(layer.forward_cell, f"{name}.forward_cell", products)]
    if isinstance(layer, BothWays):
        cells.append(twin(layer.backward_cell, f"{name}.backward_cell", products))
    return cells


def _reversed(g: Graph, x: str, lengths: str, *, time: int) -> str:
    """Returns `x` with each sentence reversed within its own length; its first two axes are time and sentence."""
    return g.op("ReverseSequence", x, lengths, time_axis=time, batch_axis=1 - time)
