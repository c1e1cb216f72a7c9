"""The cells, as nodes. Each class is the twin of one in `nn/cells`, and the registry names both side by side."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from torch import Tensor, nn

from seq2seq.engines.onnx.graph import Graph
from seq2seq.engines.onnx.products import Activation, Matrix, Numbers, Products, Term


@dataclass(frozen=True)
class Part:
    """One array of a state: its size, and whether it lies between -1 and 1 and is kept in 8 bits where products are."""

    size: int
    bounded: bool = True


@dataclass(frozen=True)
class Reads:
    """What a step reads besides the state.

    Attributes:
        terms: What is multiplied in this step; as many matrices as there are terms.
        known: What was computed before, one row a row; empty: nothing.
        complete: Whether `known` is all of it: what `CellTwin.complete` gave.
    """

    terms: Sequence[Term] = ()
    known: str = ""
    complete: bool = False


class CellTwin(ABC):
    """The twin of a cell.

    Args:
        cell: The cell.
        name: Where it stands in the network.
        products: How products are written.
    """

    def __init__(self, cell: Any, name: str, products: Products) -> None:  # noqa: ANN401 - a member's own class
        self.cell, self.name, self.products = cell, name, products
        self.size: int = cell.hidden_size

    @property
    @abstractmethod
    def parts(self) -> list[Part]:
        """The arrays of the state, in the order of the cell's."""

    @property
    def bounded(self) -> bool:
        """Whether the outputs lie between -1 and 1: what the cell says of itself."""
        return bool(self.cell.bounded)

    @property
    @abstractmethod
    def input_matrix(self) -> Matrix:
        """What multiplies the input."""

    @abstractmethod
    def complete(self, g: Graph, terms: Sequence[Term]) -> str:
        """Returns all that a step needs of its input: for `Reads.known` with `Reads.complete`."""

    @abstractmethod
    def partial(self, g: Graph, terms: Sequence[Term]) -> str:
        """Returns what a step needs of a part of its input: for `Reads.known` without `Reads.complete`."""

    @abstractmethod
    def step(self, g: Graph, reads: Reads, state: Sequence[Activation]) -> tuple[Activation, list[Activation]]:
        """Writes one step. Returns the output and the state after it."""


class GateTwin(CellTwin):
    """The twin of a cell made of gates."""

    sums: ClassVar[bool] = True
    """Whether nothing is done with W x and U h but to add them: then their biases are one, and so are the products."""
    order: ClassVar[Sequence[int]] = ()
    """The gates in the order that takes the fewest nodes; empty: as they are."""

    @property
    def parts(self) -> list[Part]:
        """The state is h."""
        return [Part(self.size, self.bounded)]

    def _ordered(self, array: Numbers) -> Numbers:
        if not self.products.reorders or not self.order:
            return array
        return np.concatenate([np.split(array, len(self.order))[gate] for gate in self.order])

    def _matrix(self, parameter: Tensor, name: str) -> Matrix:
        """A stack of gates."""
        return Matrix(f"{self.name}.kernel.{name}", self._ordered(array_of(parameter)))

    @property
    def input_matrix(self) -> Matrix:
        """W."""
        return self._matrix(self.cell.kernel.weight_ih_l0, "weight_ih_l0")

    @property
    def _state_matrix(self) -> Matrix:
        return self._matrix(self.cell.kernel.weight_hh_l0, "weight_hh_l0")

    @property
    def _biases(self) -> tuple[Numbers, Numbers]:
        kernel = self.cell.kernel
        return self._ordered(array_of(kernel.bias_ih_l0)), self._ordered(array_of(kernel.bias_hh_l0))

    @property
    def _normed(self) -> bool:
        return self.cell.state_norm is not None

    @property
    def _added(self) -> Numbers:
        """What is added to W x."""
        b, d = self._biases
        return b + d if self.sums else b

    def complete(self, g: Graph, terms: Sequence[Term]) -> str:
        """See `CellTwin.complete`."""
        if not self._normed:
            return self.products.affine(g, f"{self.name}.input", terms, self._added)
        return self._norm(g, self.products.affine(g, f"{self.name}.input", terms), self.cell.input_norm, self._added)

    def partial(self, g: Graph, terms: Sequence[Term]) -> str:
        """See `CellTwin.partial`."""
        return self.products.affine(g, f"{self.name}.input", terms, None if self._normed else self._added)

    def _norm(self, g: Graph, value: str, norm: nn.LayerNorm, bias: Numbers) -> str:
        """LN(value) * gain + bias; LN's own gradient at zero is no matter here."""
        gain = self._ordered(array_of(norm.weight))
        return layer_norm(g, value, gain, bias, norm.eps)

    def _from_input(self, g: Graph, reads: Reads) -> str:
        """W x + b; empty where there is nothing to read."""
        if reads.complete:
            return reads.known
        if not reads.terms and not reads.known:  # a cell inside a deep transition
            return ""
        if not self._normed:
            bias = None if reads.known else self._added
            return self.products.affine(g, f"{self.name}.fed", reads.terms, bias, reads.known)
        total = self.products.affine(g, f"{self.name}.fed", reads.terms, None, reads.known)
        return self._norm(g, total, self.cell.input_norm, self._added)

    def _from_state(self, g: Graph, h: Activation) -> str:
        """U h + d, or U h alone where d was added to W x."""
        b, d = self._biases
        alone = self.cell.kernel.weight_ih_l0 is None
        bias = (b + d if alone else np.zeros_like(d)) if self.sums else d
        terms = [([h], self._state_matrix)]
        if not self._normed:
            return self.products.affine(g, f"{self.name}.state", terms, bias if bias.any() else None)
        return self._norm(g, self.products.affine(g, f"{self.name}.state", terms), self.cell.state_norm, bias)

    def _sum(self, g: Graph, reads: Reads, h: Activation) -> str:
        """W x + b + U h + d: one product of all, where nothing comes between."""
        if self._normed or (not reads.terms and not reads.known):
            given = self._from_input(g, reads)
            recurrent = self._from_state(g, h)
            return g.op("Add", given, recurrent) if given else recurrent
        terms = [*(() if reads.complete else reads.terms), ([h], self._state_matrix)]
        bias = None if reads.known else self._added
        return self.products.affine(g, f"{self.name}.gates", terms, bias, reads.known)


class ElmanTwin(GateTwin):
    """The twin of `Elman`."""

    def step(self, g: Graph, reads: Reads, state: Sequence[Activation]) -> tuple[Activation, list[Activation]]:
        """See `CellTwin.step`."""
        z = g.op(ACTIVATIONS[self.cell.activation], self._sum(g, reads, state[0]))
        h = Activation(self.size, z, self.bounded)
        return h, [h]


class JordanTwin(GateTwin):
    """The twin of `Jordan`."""

    def step(self, g: Graph, reads: Reads, state: Sequence[Activation]) -> tuple[Activation, list[Activation]]:
        """See `CellTwin.step`."""
        z = g.op(ACTIVATIONS[self.cell.activation], self._sum(g, reads, state[0]))
        h = Activation(self.size, z, bounded=self.cell.activation == "tanh")
        output, norm = self.cell.output, self.cell.output_norm
        matrix, bias = Matrix(f"{self.name}.output.weight", array_of(output.weight)), array_of(output.bias)
        if norm is None:
            v = self.products.affine(g, f"{self.name}.output", [([h], matrix)], bias)
        else:
            v = self.products.affine(g, f"{self.name}.output", [([h], matrix)])
            v = layer_norm(g, v, array_of(norm.weight), bias, norm.eps)
        y = Activation(self.size, g.op("Tanh", v), bounded=True)
        return y, [y]


class LSTMTwin(GateTwin):
    """The twin of `LSTM`. Where gates may be reordered, those with a sigmoid stand together, and it is taken once."""

    order = (0, 1, 3, 2)

    @property
    def parts(self) -> list[Part]:
        """The state is h and c."""
        return [Part(self.size), Part(self.size, bounded=False)]

    def step(self, g: Graph, reads: Reads, state: Sequence[Activation]) -> tuple[Activation, list[Activation]]:
        """See `CellTwin.step`."""
        h, c = state
        z = self._sum(g, reads, h)
        gates = self._gates if self.cell.peepholes is None else self._peeping
        new, o = gates(g, z, c.value)
        seen = new
        if (norm := self.cell.cell_norm) is not None:
            seen = layer_norm(g, new, array_of(norm.weight), array_of(norm.bias), norm.eps)
        after = Activation(self.size, g.op("Mul", o, g.op("Tanh", seen)), bounded=True)
        return after, [after, Activation(self.size, new)]

    def _gates(self, g: Graph, z: str, c: str) -> tuple[str, str]:
        """Returns c' and o."""
        size = self.size
        if self.products.reorders:
            gates, candidate = g.split(z, [3 * size, size])
            i, f, o = g.split(g.op("Sigmoid", gates), [size] * 3)
        else:
            gates, candidate, last = g.split(z, [2 * size, size, size])
            i, f = g.split(g.op("Sigmoid", gates), [size] * 2)
            o = g.op("Sigmoid", last)
        return self._carried(g, c, i, f, candidate), o

    def _peeping(self, g: Graph, z: str, c: str) -> tuple[str, str]:
        """Returns c' and o, of gates that see the cell."""
        order = self.order if self.products.reorders else range(4)
        found = dict(zip(order, g.split(z, [self.size] * 4), strict=True))
        weights = [g.constant(part) for part in np.split(array_of(self.cell.peepholes), 3)]

        def gate(number: int, weight: str, seen: str) -> str:
            return g.op("Sigmoid", g.op("Add", found[number], g.op("Mul", weight, seen)))

        i, f = gate(0, weights[0], c), gate(1, weights[1], c)
        new = self._carried(g, c, i, f, found[2])
        return new, gate(3, weights[2], new)

    @staticmethod
    def _carried(g: Graph, c: str, i: str, f: str, candidate: str) -> str:
        return g.op("Add", g.op("Mul", f, c), g.op("Mul", i, g.op("Tanh", candidate)))


class GRUTwin(GateTwin):
    """The twin of `GRU`. Its h is carried on in 32 bits: what is kept of it is never rounded."""

    sums = False

    @property
    def parts(self) -> list[Part]:
        """h, which is bounded but is carried on as it is."""
        return [Part(self.size, bounded=False)]

    def step(self, g: Graph, reads: Reads, state: Sequence[Activation]) -> tuple[Activation, list[Activation]]:
        """See `CellTwin.step`."""
        h, size = Activation(self.size, state[0].value, bounded=True), self.size
        given = self._from_input(g, reads) or g.constant(self._biases[0][None])
        gates, candidate = g.split(given, [2 * size, size])
        from_state, reset = g.split(self._from_state(g, h), [2 * size, size])
        r, z = g.split(g.op("Sigmoid", g.op("Add", gates, from_state)), [size] * 2)
        n = g.op("Tanh", g.op("Add", candidate, g.op("Mul", r, reset)))
        # n + z (h - n): the same as (1 - z) n + z h, and one node less.
        new = g.op("Add", n, g.op("Mul", z, g.op("Sub", h.value, n)))
        return Activation(size, new, bounded=True), [Activation(size, new)]


class DeepTransitionTwin(CellTwin):
    """The twin of `DeepTransition`: those of its cells, one after another."""

    def __init__(self, cell: Any, name: str, products: Products) -> None:  # noqa: ANN401 - see `CellTwin`
        super().__init__(cell, name, products)
        self._cells = [twin(inner, f"{name}.cells.{number}", products) for number, inner in enumerate(cell.cells)]

    @property
    def parts(self) -> list[Part]:
        """Those of one cell."""
        return self._cells[0].parts

    @property
    def input_matrix(self) -> Matrix:
        """The first cell's."""
        return self._cells[0].input_matrix

    def complete(self, g: Graph, terms: Sequence[Term]) -> str:
        """See `CellTwin.complete`."""
        return self._cells[0].complete(g, terms)

    def partial(self, g: Graph, terms: Sequence[Term]) -> str:
        """See `CellTwin.partial`."""
        return self._cells[0].partial(g, terms)

    def step(self, g: Graph, reads: Reads, state: Sequence[Activation]) -> tuple[Activation, list[Activation]]:
        """See `CellTwin.step`."""
        first, *later = self._cells
        output, after = first.step(g, reads, state)
        for cell in later:
            output, after = cell.step(g, Reads(), after)
        return output, after


ACTIVATIONS = {"tanh": "Tanh", "relu": "Relu"}


def layer_norm(g: Graph, value: str, gain: Numbers, bias: Numbers, epsilon: float) -> str:
    """LN over the last axis, times `gain`, plus `bias`."""
    return g.op("LayerNormalization", value, g.constant(gain), g.constant(bias), axis=-1, epsilon=epsilon)


def array_of(tensor: Tensor) -> Numbers:
    """Returns the numbers of `tensor`."""
    return np.ascontiguousarray(tensor.detach().float().cpu().numpy())


def twin(cell: Any, name: str, products: Products) -> CellTwin:  # noqa: ANN401 - a member's own class
    """Returns the twin of `cell`.

    Raises:
        NoTwinError: Nobody has written one.
    """
    from seq2seq.engines.onnx.twins import find_cell

    return find_cell(cell)(cell, name, products)
