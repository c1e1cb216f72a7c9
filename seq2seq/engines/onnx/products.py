"""Matrix products, in 32 bits or in 8: the one place where the form that is written is chosen.

In 8 bits y = (q(x) - 128) Wq * scale of the row * scale of the column. The sums are of whole numbers, and so exact: a
row does not depend on those beside it, nor on how a library splits the work. What lies between -1 and 1 has the scale
1 / 127, whatever its row holds; all else has the scale of its row's largest number.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, ClassVar, TypeAlias

import numpy as np
from numpy.typing import NDArray

from seq2seq.engines.onnx.graph import CONTRIBUTED, Graph

Numbers: TypeAlias = NDArray[np.float32]
LEVELS = 127
ZERO_POINT = 128
TINY = 1e-30
MARGIN = 1.1
"""How much room is left above the largest number that was seen."""
LEAST_RANGE = 0.02
"""An output that hardly ever takes part is given this share of the largest one's range, and not all levels."""


@dataclass(frozen=True, eq=False)
class Matrix:
    """A matrix of the network, [outputs, inputs].

    Attributes:
        name: Of torch's tensor, or of what was made of it.
        array: Its numbers.
        columns: The first and the last but one of the tensor's columns that are meant; None: all, and `array` is it.
    """

    name: str
    array: Numbers
    columns: tuple[int, int] | None = None

    @property
    def part(self) -> Numbers:
        """The numbers that are meant."""
        return self.array if self.columns is None else self.array[:, slice(*self.columns)]


@dataclass(eq=False)
class Activation:
    """Rows of numbers, [rows, size], that products read.

    Attributes:
        size: Of a row.
        value: The numbers; empty where only `quantised` is there.
        bounded: Whether all of them lie between -1 and 1.
        quantised: The numbers in 8 bits, once they were asked for.
        scale: [rows, 1], what the product of `quantised` must be multiplied with; empty where it is the same for all.
        through: A matrix [size, rows' width] that is yet to be applied: where a product follows at once, it is
            multiplied into that one's matrix.
        stretch: [rows' width], what each number was multiplied with to lie between -1 and 1; the matrices that read it
            are divided by it. None: nothing was.
    """

    size: int
    value: str = ""
    bounded: bool = False
    quantised: str = ""
    scale: str = ""
    through: Matrix | None = None
    stretch: Numbers | None = None


Term: TypeAlias = tuple[Sequence[Activation], Matrix]
"""The rows side by side that a matrix reads, and the matrix."""


class Products(ABC):
    """How products are written."""

    name: ClassVar[str]
    reorders: ClassVar[bool]
    """Whether a cell may have its gates in the order that it likes best."""
    fewest_rows: ClassVar[int]
    """With fewer rows than this a product is rounded otherwise than with more."""

    @abstractmethod
    def affine(self, g: Graph, name: str, terms: Sequence[Term], bias: Numbers | None = None, plus: str = "") -> str:
        """Returns the sum over `terms` of W x, plus `bias` [outputs], plus the value `plus`.

        Args:
            g: The graph.
            name: What the product is called; in 8 bits its weights are stored by that name.
            terms: What is multiplied.
            bias: Numbers for all rows.
            plus: A value for each row; empty: none.
        """

    def ranged(self, g: Graph, name: str, terms: Sequence[Term], bias: Numbers | None = None) -> Activation:
        """Returns what `affine` does, as rows that products read; `name` is the layer's own in the network."""
        return Activation(len(terms[0][1].part), self.affine(g, name, terms, bias))

    def measured(self, g: Graph, name: str, x: Activation) -> Activation:
        """Returns rows that products read, where `name` says whose range is known of them."""
        return x

    @abstractmethod
    def kept(self, g: Graph, x: Activation) -> str:
        """Returns `x` as a state keeps it."""

    @abstractmethod
    def restored(self, value: str, size: int, *, bounded: bool) -> Activation:
        """Returns what `kept` gave, as rows again."""

    @abstractmethod
    def kind(self, *, bounded: bool) -> str:
        """Returns the type of what `kept` gives."""

    @abstractmethod
    def value(self, g: Graph, x: Activation) -> str:
        """Returns the numbers of `x` in 32 bits."""

    @abstractmethod
    def embedded(self, g: Graph, matrix: Matrix, ids: str) -> Activation:
        """Returns the rows of `matrix`, one an id, that `ids` [t] names."""

    @abstractmethod
    def deferred(self, g: Graph, name: str, x: Activation, matrix: Matrix) -> Activation:
        """Returns W x, which only products read."""


class Float(Products):
    """Products in 32 bits, of the tensors of the bundle's weights as they lie."""

    name = "fp32"
    reorders = False
    fewest_rows = 2

    def affine(self, g: Graph, name: str, terms: Sequence[Term], bias: Numbers | None = None, plus: str = "") -> str:
        """See `Products.affine`."""
        total = plus
        if bias is not None:
            constant = g.constant(bias)
            total = g.op("Add", plus, constant) if plus else constant
        for inputs, matrix in terms:
            x = g.concat([self.value(g, x) for x in inputs])
            weight = g.weight(matrix.name, matrix.array)
            if matrix.columns is not None:  # ONNX Runtime does this once, when it loads the graph
                first, end = matrix.columns
                weight = g.op("Slice", weight, g.ints(first), g.ints(end), g.ints(1))
            total = g.op("Gemm", x, weight, *([total] if total else []), transB=1)
        return total

    def kept(self, g: Graph, x: Activation) -> str:
        """See `Products.kept`."""
        return x.value

    def restored(self, value: str, size: int, *, bounded: bool) -> Activation:
        """See `Products.restored`."""
        return Activation(size, value, bounded)

    def kind(self, *, bounded: bool) -> str:
        """See `Products.kind`."""
        return "f32"

    def value(self, g: Graph, x: Activation) -> str:
        """See `Products.value`."""
        return x.value

    def embedded(self, g: Graph, matrix: Matrix, ids: str) -> Activation:
        """See `Products.embedded`."""
        return Activation(matrix.array.shape[1], g.gather(g.weight(matrix.name, matrix.array), ids))

    def deferred(self, g: Graph, name: str, x: Activation, matrix: Matrix) -> Activation:
        """See `Products.deferred`."""
        return Activation(len(matrix.array), self.affine(g, name, [([x], matrix)]))


class Int8(Products):
    """Products in 8 bits, which ONNX Runtime sums in 32 whole bits.

    Args:
        ranges: The largest number that each output of a layer took on a sample of sentences, [outputs], by the layer's
            name. Such outputs are multiplied so that they lie between -1 and 1, and need no scale for each row: that
            saves a pass over them, and products of their own where they are read beside what is bounded. What is
            beyond is cut off. Layers that are not named have scales for each row.
    """

    name = "int8"
    reorders = True
    fewest_rows = 1

    def __init__(self, ranges: Mapping[str, Numbers] | None = None) -> None:
        self.ranges = ranges or {}

    def knows(self, names: Iterable[str]) -> bool:
        """Tells whether there are ranges for all these layers."""
        return all(name in self.ranges for name in names)

    def stretch(self, name: str) -> Numbers:
        """Returns what the outputs of a layer are multiplied with to lie between -1 and 1, [outputs]."""
        largest = self.ranges[name] * MARGIN
        found: Numbers = (1 / np.maximum(largest, max(largest.max() * LEAST_RANGE, TINY))).astype(np.float32)
        return found

    def ranged(self, g: Graph, name: str, terms: Sequence[Term], bias: Numbers | None = None) -> Activation:
        """See `Products.ranged`."""
        if name not in self.ranges:
            return super().ranged(g, name, terms, bias)
        stretch = self.stretch(name)
        terms = [(inputs, stretched(matrix, stretch)) for inputs, matrix in terms]
        value = self.affine(g, name, terms, None if bias is None else bias * stretch)
        return Activation(len(stretch), value, bounded=True, stretch=stretch)

    def measured(self, g: Graph, name: str, x: Activation) -> Activation:
        """See `Products.measured`."""
        if name not in self.ranges:
            return x
        stretch = self.stretch(name)
        return Activation(x.size, g.op("Mul", x.value, g.constant(stretch)), bounded=True, stretch=stretch)

    def affine(self, g: Graph, name: str, terms: Sequence[Term], bias: Numbers | None = None, plus: str = "") -> str:
        """See `Products.affine`.

        All that is bounded is laid side by side, and multiplied at once with what belongs to it.
        """
        fixed: list[tuple[Activation, Numbers]] = []
        scaled: list[tuple[Activation, Numbers]] = []
        for x, part in (pair for inputs, matrix in terms for pair in _columns(inputs, matrix)):
            self._quantise(g, x)
            (scaled if x.scale else fixed).append((x, part))
        total = plus
        if fixed:
            q = g.concat([x.quantised for x, _ in fixed])
            total = self._product(g, name, q, np.concatenate([m for _, m in fixed], axis=1), bias)
            bias = None
            if plus:
                total = g.op("Add", total, plus)
        for number, (x, part) in enumerate(scaled):
            own = f"{name}.{number}" if fixed or number else name
            product = self._product(g, own, x.quantised, part, None)
            product = g.op("Mul", product, x.scale)
            total = g.op("Add", product, total) if total else product
        return g.op("Add", total, g.constant(bias)) if bias is not None else total

    def _stored(self, g: Graph, name: str, matrix: Numbers) -> tuple[str, str]:
        weight, scale = quantise_columns(matrix)
        g.weights.scales[f"{name}.q"] = f"{name}.scale"
        return g.weight(f"{name}.q", weight), g.weight(f"{name}.scale", (scale / LEVELS).astype(np.float32))

    def _product(self, g: Graph, name: str, q: str, matrix: Numbers, bias: Numbers | None) -> str:
        names = self._stored(g, name, matrix)
        one, zero = g.constant(1.0), g.constant(ZERO_POINT, np.uint8)
        ends = ["", g.constant(bias)] if bias is not None else []
        return g.op("MatMulIntegerToFloat", q, names[0], one, names[1], zero, *ends, domain=CONTRIBUTED)

    def _quantise(self, g: Graph, x: Activation) -> None:
        """Makes `x.quantised`, once, and for what is not bounded `x.scale`."""
        if x.quantised:
            return
        zero = g.constant(ZERO_POINT, np.uint8)
        if x.bounded:
            x.quantised = g.op("QuantizeLinear", x.value, g.constant(1 / LEVELS), zero)
            return
        # A row of zeros has the scale 0: whatever 0 / 0 is rounded to, the product is multiplied by 0.
        x.scale = g.op("ReduceMax", g.op("Abs", x.value), g.ints(-1), keepdims=1)
        ones = g.op("Div", x.value, x.scale)
        x.quantised = g.op("QuantizeLinear", ones, g.constant(1 / LEVELS), zero)

    def kept(self, g: Graph, x: Activation) -> str:
        """See `Products.kept`."""
        if not x.bounded:
            return x.value
        self._quantise(g, x)
        return x.quantised

    def restored(self, value: str, size: int, *, bounded: bool) -> Activation:
        """See `Products.restored`."""
        return Activation(size, bounded=True, quantised=value) if bounded else Activation(size, value)

    def kind(self, *, bounded: bool) -> str:
        """See `Products.kind`."""
        return "u8" if bounded else "f32"

    def value(self, g: Graph, x: Activation) -> str:
        """See `Products.value`."""
        if not x.value:
            zero = g.constant(ZERO_POINT, np.uint8)
            x.value = g.op("DequantizeLinear", x.quantised, g.constant(1 / LEVELS), zero)
        return x.value if x.stretch is None else g.op("Div", x.value, g.constant(x.stretch))

    def embedded(self, g: Graph, matrix: Matrix, ids: str) -> Activation:
        """See `Products.embedded`. The embeddings lie as the output layer reads them, which may be the same."""
        weight, scale = self._stored(g, matrix.name, matrix.array)
        whole = g.op("Cast", g.transpose(g.gather(weight, ids, axis=1), 1, 0), to=1)
        scales = g.op("Mul", g.op("Unsqueeze", g.gather(scale, ids), g.ints(1)), g.constant(LEVELS))
        return Activation(matrix.array.shape[1], g.op("Mul", whole, scales))

    def deferred(self, g: Graph, name: str, x: Activation, matrix: Matrix) -> Activation:
        """See `Products.deferred`."""
        return replace(x, size=len(matrix.array), through=matrix)


def _columns(inputs: Sequence[Activation], matrix: Matrix) -> list[tuple[Activation, Numbers]]:
    """Returns each of `inputs` with the columns that read it."""
    ends = np.cumsum([x.size for x in inputs])
    if ends[-1] != matrix.part.shape[1]:
        raise ValueError(f"{matrix.name} reads {matrix.part.shape[1]} numbers, and is given {ends[-1]}")
    parts = np.split(matrix.part, ends[:-1], axis=1)
    return [(x, _reading(x, part)) for x, part in zip(inputs, parts, strict=True)]


def _reading(x: Activation, part: Numbers) -> Numbers:
    """Returns the columns that read `x` as it is: not yet multiplied by a matrix, or stretched."""
    part = part @ x.through.array if x.through else part
    return part if x.stretch is None else part / x.stretch


def stretched(matrix: Matrix, by: Numbers) -> Matrix:
    """Returns `matrix` with each output multiplied."""
    return Matrix(matrix.name, matrix.part * by[:, None])


def quantise_columns(matrix: Numbers) -> tuple[NDArray[Any], Numbers]:
    """Returns [inputs, outputs] whole numbers from -127 to 127, and the scale of each output."""
    scale = np.maximum(np.abs(matrix).max(axis=1), TINY) / LEVELS
    whole = np.rint(matrix / scale[:, None]).astype(np.int8)
    return np.ascontiguousarray(whole.T), scale.astype(np.float32)
