"""From features to the k best tokens, as nodes; a lexical model on their way."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from seq2seq.engines.onnx.attentions import Asked, MemoryPart
from seq2seq.engines.onnx.cells import array_of
from seq2seq.engines.onnx.graph import Graph
from seq2seq.engines.onnx.products import Activation, Matrix, Products
from seq2seq.nn.lexical import Lexical
from seq2seq.nn.output import Output


class LexicalTwin:
    """The twin of `Lexical`. The memory is the embedded source [n, S, size].

    Args:
        lexical: The lexical model.
        name: Where it stands in the network.
        products: How products are written.
    """

    def __init__(self, lexical: Lexical, name: str, products: Products) -> None:
        self._lexical, self._name, self._products = lexical, name, products
        self._size = lexical.hidden.in_features

    def prepare(self, g: Graph, ids: str, embedding: Matrix) -> MemoryPart:
        """Writes what the encoder's graph does for it, of the source `ids` [n, S]."""
        rows = self._products.embedded(g, embedding, g.reshape(ids, -1))
        shape = g.concat([g.op("Shape", ids), g.ints(self._size)], axis=0)
        return MemoryPart(g.op("Reshape", self._products.value(g, rows), shape), ("S", self._size))

    def term(self, g: Graph, asked: Asked, weights: str, words: str) -> tuple[list[Activation], Matrix]:
        """Writes what a step does: of `weights` [R, S] and the memory, what is multiplied by which matrix."""
        mean = g.op("MatMul", g.gather(weights, asked.grid), words)
        f = g.op("Tanh", g.gather(g.reshape(mean, -1, self._size), asked.place))
        linear, name = self._lexical.hidden, f"{self._name}.hidden"
        x = self._products.measured(g, f"{self._name}.words", Activation(self._size, f))
        matrix = Matrix(f"{name}.weight", array_of(linear.weight))
        inner = g.op("Tanh", self._products.affine(g, name, [([x], matrix)], array_of(linear.bias)))
        h = self._products.measured(g, self._name, Activation(self._size, g.op("Add", f, inner)))
        return [h], Matrix(f"{self._name}.weight", array_of(self._lexical.weight))


def log_probs(
    g: Graph,
    output: Output,
    symbols: Matrix,
    products: Products,
    features: Sequence[Activation],
    forbidden: list[int],
    lexical: Sequence[tuple[list[Activation], Matrix]] = (),
) -> str:
    """Returns the log-probabilities [R, V]; those of the `forbidden` ids are -inf.

    Args:
        g: The graph.
        output: The output layer.
        symbols: Its last matrix, which may be the embedding.
        products: How products are written.
        features: What it reads.
        forbidden: What is never written.
        lexical: What else is multiplied and added, by which matrix.
    """
    linear, name = output.projection, "output.projection"
    matrix = Matrix(f"{name}.weight", array_of(linear.weight))
    x = products.ranged(g, name, [(features, matrix)], array_of(linear.bias))
    bias = array_of(output.bias).copy()
    bias[forbidden] = -np.inf
    # What is stretched is read by other numbers than the embedding's, and so is what lies beside it.
    read = symbols.name if x.stretch is None else "output.symbols"
    return g.op("LogSoftmax", products.affine(g, read, [([x], symbols), *lexical], bias), axis=-1)


def best(g: Graph, scores: str, k: str) -> tuple[str, str]:
    """Returns the ids [R, k] and the values of each row's k largest, equals by the lower id.

    One pass over the vocabulary. To look for them in groups of ids first is faster by a tenth of a millisecond for
    hundreds of rows, and takes nine nodes more, which for a single sentence cost a tenth of its time.
    """
    values, ids = g.ops("TopK", [scores, k], 2, axis=1)
    return ids, values
