"""The attentions, as nodes. Each class is the twin of one in `nn/attention`, and the registry names both side by side.

A sum over the source must not depend on how much padding stands behind it, so softmax takes none of its own: with the
values a column of ones is multiplied, whose product is the sum. There padding adds zeros, one after another.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from seq2seq.engines.onnx.cells import array_of
from seq2seq.engines.onnx.graph import Graph
from seq2seq.engines.onnx.products import (
    LEVELS,
    MARGIN,
    TINY,
    ZERO_POINT,
    Activation,
    Int8,
    Matrix,
    Products,
    stretched,
)

MASKED = -1e30
UNBROKEN = 128
"""How many products ONNX Runtime adds up one after another, whatever the shapes. A longer sum is broken, and where the
breaks are depends on how many columns there are: here, on the padding."""


@dataclass(frozen=True)
class MemoryPart:
    """One array of the memory.

    Attributes:
        value: Its value in the encoder's graph.
        dims: Its dimensions behind the sentences; "S": the source.
        kind: Its type.
    """

    value: str
    dims: tuple[int | str, ...]
    kind: str = "f32"


@dataclass(frozen=True)
class Source:
    """The encoder's outputs, as an attention prepares them.

    Attributes:
        outputs: [n * S, size], zero on padding.
        shaped: [n, S, size], the same.
        lengths: [n], real tokens.
        real: [n, S], 1 on real tokens, 0 on padding.
        size: Of a position.
    """

    outputs: Activation
    shaped: str
    lengths: str
    real: str
    size: int


@dataclass(frozen=True)
class Asked:
    """The rows of a step, as an attention is asked by them.

    Attributes:
        query: [R, size].
        grid: [n, w], the row in each place.
        place: [R], the place of each row.
        position: [R, 1], the number of each row's target position; empty where no attention asks for it.
    """

    query: Activation
    grid: str
    place: str
    position: str = ""


class AttentionTwin(ABC):
    """The twin of an attention.

    Args:
        attention: The attention.
        name: Where it stands in the network.
        products: How products are written.
    """

    asks_position = False
    """Whether it asks for the number of the target position."""

    def __init__(self, attention: Any, name: str, products: Products) -> None:  # noqa: ANN401 - a member's own class
        self.attention, self.name, self.products = attention, name, products

    @abstractmethod
    def prepare(self, g: Graph, source: Source) -> list[MemoryPart]:
        """Writes what the encoder's graph does for it; the same parts come back in `read`."""

    @abstractmethod
    def read(self, g: Graph, asked: Asked, memory: Sequence[str]) -> tuple[list[Activation], str]:
        """Writes what a step does. Returns the context, none where there is none, and the weights [R, S]."""

    def _matrix(self, linear: str) -> Matrix:
        return Matrix(f"{self.name}.{linear}.weight", array_of(getattr(self.attention, linear).weight))


class NoAttentionTwin(AttentionTwin):
    """The twin of `NoAttention`: nothing is prepared, and nothing is read."""

    def prepare(self, g: Graph, source: Source) -> list[MemoryPart]:
        """See `AttentionTwin.prepare`."""
        return []

    def read(self, g: Graph, asked: Asked, memory: Sequence[str]) -> tuple[list[Activation], str]:
        """See `AttentionTwin.read`."""
        return [], ""


class ScoringTwin(AttentionTwin):
    """The twin of an attention that scores each position, and whose context is the mean of the memory itself.

    The memory is the keys, [n, S, size + 1] the outputs with a column of ones, and [n, 1, S] what is added to
    the scores: 0, or on padding what makes them vanish.
    """

    def prepare(self, g: Graph, source: Source) -> list[MemoryPart]:
        """See `AttentionTwin.prepare`."""
        ones = g.op("Expand", g.constant([[[1.0]]]), g.concat([g.op("Shape", source.real), g.ints(1)], axis=0))
        values = g.concat([source.shaped, ones])
        return [*self._keys(g, source), MemoryPart(values, ("S", source.size + 1)), hidden(g, source, 1)]

    @abstractmethod
    def _keys(self, g: Graph, source: Source) -> list[MemoryPart]:
        """What of the memory the scores need."""

    @abstractmethod
    def _scores(self, g: Graph, asked: Asked, keys: Sequence[str]) -> str:
        """[n, w, S]."""

    def read(self, g: Graph, asked: Asked, memory: Sequence[str]) -> tuple[list[Activation], str]:
        """See `AttentionTwin.read`."""
        *keys, values, padding = memory
        scores = g.op("Add", self._scores(g, asked, keys), padding)
        context, weights = attend(g, scores, values, self.attention.memory_size)
        size = self.attention.memory_size
        contexts = g.gather(g.reshape(context, -1, size), asked.place)
        rows = g.gather(g.op("Flatten", weights, axis=2), asked.place)
        return [Activation(size, contexts)], rows


class DotTwin(ScoringTwin):
    """The twin of `Dot`."""

    def _keys(self, g: Graph, source: Source) -> list[MemoryPart]:
        return blocks(g, g.transpose(source.shaped, 0, 2, 1), (source.size, "S"))

    def _scores(self, g: Graph, asked: Asked, keys: Sequence[str]) -> str:
        return compared(g, g.gather(self.products.value(g, asked.query), asked.grid), keys, self.attention.query_size)


class GeneralTwin(DotTwin):
    """The twin of `General`."""

    def _keys(self, g: Graph, source: Source) -> list[MemoryPart]:
        matrix, size = self._matrix("key_projection"), self.attention.query_size
        keys = self.products.affine(g, f"{self.name}.key", [([source.outputs], matrix)])
        shaped = g.op("Reshape", keys, g.concat([g.op("Shape", source.real), g.ints(size)], axis=0))
        return blocks(g, g.transpose(shaped, 0, 2, 1), (size, "S"))


class LocalTwin(GeneralTwin):
    """The twin of `Local`. The place of each source token is compared with the middle of the window, in numbers."""

    asks_position = True

    def _keys(self, g: Graph, source: Source) -> list[MemoryPart]:
        last = g.op("Sub", g.op("Cast", source.lengths, to=1), g.constant(1.0))
        return [*super()._keys(g, source), MemoryPart(g.reshape(last, -1, 1, 1), (1, 1))]

    def _scores(self, g: Graph, asked: Asked, keys: Sequence[str]) -> str:
        *keys, last = keys
        scores = super()._scores(g, asked, keys)
        centre = g.op("Min", g.gather(asked.position, asked.grid), last)
        size = g.op("Squeeze", g.dim(keys[0], 2))
        places = g.op("Range", g.constant(0, np.int64), size, g.constant(1, np.int64))
        distance = g.op("Abs", g.op("Sub", g.op("Cast", places, to=1), centre))
        outside = g.op("Greater", distance, g.constant(float(self.attention.window)))
        return g.op("Where", outside, g.constant(MASKED), scores)


class AdditiveTwin(ScoringTwin):
    """The twin of `Additive`."""

    def _keys(self, g: Graph, source: Source) -> list[MemoryPart]:
        matrix, size = self._matrix("memory_projection"), self.attention.query_size
        bias = array_of(self.attention.memory_projection.bias)
        keys = self.products.affine(g, f"{self.name}.memory", [([source.outputs], matrix)], bias)
        shape = g.concat([g.dim(source.real, 0), g.ints(1), g.dim(source.real, 1), g.ints(size)], axis=0)
        return [MemoryPart(g.op("Reshape", keys, shape), (1, "S", size))]

    def _scores(self, g: Graph, asked: Asked, keys: Sequence[str]) -> str:
        matrix, size = self._matrix("query_projection"), self.attention.query_size
        query = self.products.affine(g, f"{self.name}.query", [([asked.query], matrix)])
        query = g.op("Unsqueeze", g.gather(query, asked.grid), g.ints(2))
        inner = g.op("Tanh", g.op("Add", query, keys[0]))
        # Two columns: a product with one is taken another way, which sums in another order.
        weights = array_of(self.attention.score.weight).reshape(size, 1)
        scores = g.op("MatMul", inner, g.constant(np.concatenate([weights, np.zeros_like(weights)], axis=1)))
        return g.gather(scores, g.constant(0, np.int64), axis=3)


class MultiHeadTwin(AttentionTwin):
    """The twin of `MultiHead`. The memory is the keys [n, heads, d, S], the values with a column of ones
    [n, heads, S, d + 1], and [n, 1, 1, S] what is added to the scores.

    In 8 bits, and where it is known how large queries, keys and values get, see `WholeMultiHead`.
    """  # noqa: D205 - the shapes belong to the first sentence

    def __init__(self, attention: Any, name: str, products: Products) -> None:  # noqa: ANN401 - see `AttentionTwin`
        super().__init__(attention, name, products)
        whole = isinstance(products, Int8) and products.knows(f"{name}.{layer}" for layer in WholeMultiHead.LAYERS)
        self._whole = WholeMultiHead(attention, name, products) if whole else None

    def prepare(self, g: Graph, source: Source) -> list[MemoryPart]:
        """See `AttentionTwin.prepare`."""
        if self._whole is not None:
            return self._whole.prepare(g, source)
        heads, size = self.attention.heads, self.attention.query_size // self.attention.heads
        shape = g.concat([g.op("Shape", source.real), g.ints(heads, size)], axis=0)

        def projected(what: str) -> str:
            matrix = self._matrix(f"{what}_projection")
            flat = self.products.affine(g, f"{self.name}.{what}", [([source.outputs], matrix)])
            return g.op("Reshape", flat, shape)

        # The scores' scale goes into the keys, where it costs nothing in a step.
        keys = g.op("Mul", g.transpose(projected("key"), 0, 2, 3, 1), g.constant(size**-0.5))
        ones = g.op("Expand", g.constant([[[[1.0]]]]), g.concat([g.op("Shape", source.real), g.ints(heads, 1)], axis=0))
        values = g.transpose(g.concat([projected("value"), ones]), 0, 2, 1, 3)
        return [
            *blocks(g, keys, (heads, size, "S")),
            MemoryPart(values, (heads, "S", size + 1)),
            hidden(g, source, 2),
        ]

    def read(self, g: Graph, asked: Asked, memory: Sequence[str]) -> tuple[list[Activation], str]:
        """See `AttentionTwin.read`."""
        if self._whole is not None:
            return self._whole.read(g, asked, memory)
        *keys, values, padding = memory
        whole, heads = self.attention.query_size, self.attention.heads
        query = self.products.affine(g, f"{self.name}.query", [([asked.query], self._matrix("query_projection"))])
        laid = g.gather(g.reshape(query, -1, heads, whole // heads), asked.grid)
        scores = compared(g, g.transpose(laid, 0, 2, 1, 3), keys, whole // heads)
        context, weights = attend(g, g.op("Add", scores, padding), values, whole // heads)
        contexts = g.gather(g.reshape(g.transpose(context, 0, 2, 1, 3), -1, whole), asked.place)
        rows = g.gather(g.op("Flatten", mean_of_heads(g, weights, heads), axis=2), asked.place)
        output = self._matrix("output_projection")
        return [self.products.deferred(g, f"{self.name}.output", Activation(whole, contexts), output)], rows


class WholeMultiHead(AttentionTwin):
    """The twin of `MultiHead` in whole numbers.

    The memory, which every step fetches, is a quarter as large. Sums over the source are exact: padding adds zeros to
    them, however they are cut.

    Each number of a key or a value has its own range, which goes into the matrices before and after; the numbers of a
    head's query have one, as its score is a sum over them. Keys and values take 7 of 8 bits: with all 8, processors
    without VNNI would cut off the sum of two products. A value's last column is 1, so that its sum is the softmax's.
    """

    LAYERS = ("query_projection", "key_projection", "value_projection")
    STORED = 63

    def __init__(self, attention: Any, name: str, products: Any) -> None:  # noqa: ANN401 - see `AttentionTwin`
        super().__init__(attention, name, products)
        self._heads, self._size = attention.heads, attention.query_size // attention.heads
        query, key, value = (f"{name}.{layer}" for layer in self.LAYERS)
        into_keys = 1 / products.stretch(key)
        largest = (products.ranges[query] * into_keys * MARGIN).reshape(self._heads, self._size).max(axis=1)
        largest = np.maximum(largest, TINY)
        self._value_stretch = products.stretch(value)
        self._query_stretch = into_keys / np.repeat(largest, self._size)
        self._scale = largest * self._size**-0.5 / (LEVELS * self.STORED)

    def prepare(self, g: Graph, source: Source) -> list[MemoryPart]:
        """See `AttentionTwin.prepare`."""
        heads, size = self._heads, self._size
        keys = g.transpose(self._stored(g, source, "key_projection"), 0, 2, 3, 1)
        values = self._stored(g, source, "value_projection")
        shape = g.concat([g.op("Shape", source.real), g.ints(heads, 1)], axis=0)
        ones = g.op("Expand", g.constant([[[[1]]]], np.int8), shape)
        return [
            MemoryPart(keys, (heads, size, "S"), "i8"),
            MemoryPart(g.transpose(g.concat([values, ones]), 0, 2, 1, 3), (heads, "S", size + 1), "i8"),
            hidden(g, source, 2),
        ]

    def _stored(self, g: Graph, source: Source, layer: str) -> str:
        """Keys or values, [n, S, heads, size]."""
        flat = self.products.ranged(g, f"{self.name}.{layer}", [([source.outputs], self._matrix(layer))]).value
        within = g.op("Clip", flat, g.constant(-1.0), g.constant(1.0))  # 63 levels, where a byte has 127
        levels = g.op("QuantizeLinear", within, g.constant(1 / self.STORED), g.constant(0, np.int8))
        return g.op("Reshape", levels, g.concat([g.op("Shape", source.real), g.ints(self._heads, self._size)], axis=0))

    def read(self, g: Graph, asked: Asked, memory: Sequence[str]) -> tuple[list[Activation], str]:
        """See `AttentionTwin.read`."""
        keys, values, padding = memory
        heads, size = self._heads, self._size
        sums = g.op("MatMulInteger", self._query(g, asked), keys, g.constant(ZERO_POINT, np.uint8))
        scores = g.op("Add", g.op("DequantizeLinear", sums, g.constant(self._scale), axis=1), padding)
        powers = g.op("Exp", g.op("Sub", scores, g.op("ReduceMax", scores, g.ints(-1), keepdims=1)))
        shares = g.op("QuantizeLinear", powers, g.constant(1 / 255), g.constant(0, np.uint8))
        total, count = g.split(g.op("Cast", g.op("MatMulInteger", shares, values), to=1), [size, 1])
        # From the levels of the values to those that products read.
        step, zero = g.constant(self.STORED / LEVELS), g.constant(ZERO_POINT, np.uint8)
        context = g.op("QuantizeLinear", g.op("Div", total, count), step, zero)
        laid = g.reshape(g.transpose(context, 0, 2, 1, 3), -1, heads * size)
        found = Activation(
            heads * size, bounded=True, quantised=g.gather(laid, asked.place), stretch=self._value_stretch
        )
        mean = mean_of_heads(g, g.op("Div", g.op("Cast", shares, to=1), count), heads)
        rows = g.gather(g.op("Flatten", mean, axis=2), asked.place)
        return [self.products.deferred(g, f"{self.name}.output", found, self._matrix("output_projection"))], rows

    def _query(self, g: Graph, asked: Asked) -> str:
        """The queries, [n, heads, w, size]."""
        matrix = stretched(self._matrix("query_projection"), self._query_stretch)
        flat = self.products.affine(g, f"{self.name}.query", [([asked.query], matrix)])
        levels = g.op("QuantizeLinear", flat, g.constant(1 / LEVELS), g.constant(ZERO_POINT, np.uint8))
        return g.transpose(g.gather(g.reshape(levels, -1, self._heads, self._size), asked.grid), 0, 2, 1, 3)


def mean_of_heads(g: Graph, weights: str, heads: int) -> str:
    """Returns the mean [n, w, S] of weights [n, heads, w, S].

    From 8 heads on ONNX Runtime adds them up in an order that depends on the other dimensions: there one by one.
    """
    if heads <= 4:
        return g.op("ReduceMean", weights, g.ints(1), keepdims=0)
    first, *others = g.split(weights, [1] * heads, axis=1)
    for other in others:
        first = g.op("Add", first, other)
    return g.op("Squeeze", g.op("Mul", first, g.constant(1 / heads)), g.ints(1))


def blocks(g: Graph, keys: str, dims: tuple[int | str, ...]) -> list[MemoryPart]:
    """Cuts keys [n, ..., size, S] into parts that one product sums without a break; `dims` are those behind n."""
    sizes = _cut(int(dims[-2]))
    return [
        MemoryPart(part, (*dims[:-2], size, dims[-1]))
        for part, size in zip(g.split(keys, sizes, axis=-2), sizes, strict=True)
    ]


def compared(g: Graph, query: str, keys: Sequence[str], size: int) -> str:
    """Returns the products of queries [n, ..., w, size] and keys as `blocks` has cut them, [n, ..., w, S]."""
    total = ""
    for part, key in zip(g.split(query, _cut(size)), keys, strict=True):
        product = g.op("MatMul", part, key)
        total = g.op("Add", total, product) if total else product
    return total


def _cut(size: int) -> list[int]:
    return [min(UNBROKEN, size - first) for first in range(0, size, UNBROKEN)]


def attend(g: Graph, scores: str, values: str, size: int) -> tuple[str, str]:
    """Returns sum_s softmax_s(scores) values, [..., size], and the softmax; the values' last column is ones."""
    largest = g.op("ReduceMax", scores, g.ints(-1), keepdims=1)
    powers = g.op("Exp", g.op("Sub", scores, largest))
    sums, total = g.split(g.op("MatMul", powers, values), [size, 1])
    return g.op("Div", sums, total), g.op("Div", powers, total)


def hidden(g: Graph, source: Source, axes: int) -> MemoryPart:
    """Returns what is added to scores, [n, S] with `axes` between: 0, or on padding what makes them vanish."""
    added = g.op("Mul", g.op("Sub", source.real, g.constant(1.0)), g.constant(-MASKED))
    return MemoryPart(g.op("Unsqueeze", added, g.ints(*range(1, 1 + axes))), (*([1] * axes), "S"))
