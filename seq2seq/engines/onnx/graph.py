"""Building a graph node by node."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, TypeAlias

import numpy as np
import onnx
from numpy.typing import ArrayLike, DTypeLike, NDArray
from onnx import TensorProto, helper, numpy_helper

OPSET = 20
"""The newest set of operators that ONNX Runtime 1.19 knows well."""
CONTRIBUTED = "com.microsoft"
"""The domain of ONNX Runtime's own operators."""
IR_VERSION = 10

Dims: TypeAlias = Sequence[int | str]
Attribute: TypeAlias = Any  # whatever ONNX knows as an attribute of a node
KINDS = {
    "f32": TensorProto.FLOAT,
    "i64": TensorProto.INT64,
    "u8": TensorProto.UINT8,
    "i8": TensorProto.INT8,
}


@dataclass
class Weights:
    """The tensors that graphs read from outside, by name: where they lie, and, where they are made here, themselves.

    Attributes:
        location: The file that holds them, as a graph names it.
        arrays: The tensors.
        scales: The name of the scale of each tensor of 8 bits.
    """

    location: str
    arrays: dict[str, NDArray[Any]] = field(default_factory=dict)
    scales: dict[str, str] = field(default_factory=dict)


class Graph:
    """A graph under construction. A value is its name.

    Args:
        name: What the graph is called.
        weights: Where the large tensors are; several graphs may share them.
        parent: The graph around a loop's body, whose values the body may read.
    """

    def __init__(self, name: str, weights: Weights, parent: Graph | None = None) -> None:
        self.name = name
        self.weights = weights
        self.nodes: list[onnx.NodeProto] = []
        self._root: Graph = self if parent is None else parent._root
        self._inputs: list[onnx.ValueInfoProto] = []
        self._outputs: list[onnx.ValueInfoProto] = []
        self._constants: dict[tuple[str, tuple[int, ...], bytes], str] = {}
        self._initialisers: dict[str, onnx.TensorProto] = {}
        self._renamed: dict[str, str] = {}
        self._count = 0

    def input(self, name: str, kind: str, dims: Dims) -> str:
        """Adds an input; a dimension is a number, or the name of one that is not known yet."""
        self._inputs.append(helper.make_tensor_value_info(name, KINDS[kind], list(dims)))
        return name

    def output(self, value: str, name: str, kind: str, dims: Dims) -> None:
        """Makes `value` an output called `name`."""
        made = any(value in node.output for node in self.nodes)
        if made and value not in self._renamed:
            self._renamed[value] = name
        else:
            self.nodes.append(helper.make_node("Identity", [value], [name]))
        self._outputs.append(helper.make_tensor_value_info(name, KINDS[kind], list(dims)))

    def fresh(self, hint: str) -> str:
        """Returns a name that nothing has yet."""
        self._root._count += 1
        return f"{hint}_{self._root._count}"

    def op(self, kind: str, *inputs: str, domain: str = "", **attributes: Attribute) -> str:
        """Adds a node with one output, which is returned. An input "" is one left out."""
        return self.ops(kind, inputs, 1, domain=domain, **attributes)[0]

    def ops(
        self, kind: str, inputs: Sequence[str], count: int, *, domain: str = "", **attributes: Attribute
    ) -> list[str]:
        """Adds a node with `count` outputs."""
        names = [self.fresh(kind) for _ in range(count)]
        self.nodes.append(helper.make_node(kind, list(inputs), names, name=names[0], domain=domain, **attributes))
        return names

    def constant(self, value: ArrayLike, kind: DTypeLike = np.float32) -> str:
        """Returns a small tensor written into the graph, the same one for the same numbers."""
        array = np.ascontiguousarray(np.asarray(value, dtype=kind)).reshape(np.shape(value))
        root = self._root
        key = (array.dtype.str, array.shape, array.tobytes())
        if key not in root._constants:
            root._constants[key] = root.fresh("constant")
            root._initialisers[root._constants[key]] = numpy_helper.from_array(array, root._constants[key])
        return root._constants[key]

    def ints(self, *values: int) -> str:
        """Returns a vector of whole numbers."""
        return self.constant(list(values), np.int64)

    def weight(self, name: str, array: NDArray[Any]) -> str:
        """Returns the tensor `name` that lies outside of the graph, and is given to the session in memory."""
        known = self.weights.arrays.setdefault(name, array)
        if known is not array and not np.array_equal(known, array):
            raise ValueError(f"two tensors are called {name!r}")
        self._root._initialisers.setdefault(name, external(name, known, self.weights.location))
        return name

    def split(self, value: str, sizes: Sequence[int], axis: int = -1) -> list[str]:
        """Cuts `value` along `axis` into parts of the given sizes."""
        if len(sizes) == 1:
            return [value]
        return self.ops("Split", [value, self.ints(*sizes)], len(sizes), axis=axis)

    def concat(self, values: Sequence[str], axis: int = -1) -> str:
        """Joins values along `axis`."""
        return values[0] if len(values) == 1 else self.op("Concat", *values, axis=axis)

    def reshape(self, value: str, *dims: int) -> str:
        """Gives `value` another shape: 0 keeps a dimension, -1 is what is left."""
        return self.op("Reshape", value, self.ints(*dims))

    def transpose(self, value: str, *order: int) -> str:
        """Returns `value` with its axes in another order."""
        return self.op("Transpose", value, perm=list(order))

    def gather(self, value: str, indices: str, axis: int = 0) -> str:
        """Returns the parts of `value` that `indices` names along `axis`."""
        return self.op("Gather", value, indices, axis=axis)

    def dim(self, value: str, axis: int) -> str:
        """Returns one dimension of `value`, as a vector of one number."""
        return self.op("Shape", value, start=axis, end=axis + 1)

    def body(self) -> onnx.GraphProto:
        """Returns what was built, as the body of a loop."""
        for node in self.nodes:
            node.input[:] = [self._renamed.get(name, name) for name in node.input]
            node.output[:] = [self._renamed.get(name, name) for name in node.output]
        return helper.make_graph(
            self.nodes, self.name, self._inputs, self._outputs, initializer=list(self._initialisers.values())
        )

    def model(self) -> onnx.ModelProto:
        """Returns what was built, as a model."""
        opsets = [helper.make_opsetid("", OPSET), helper.make_opsetid(CONTRIBUTED, 1)]
        return helper.make_model(self.body(), opset_imports=opsets, ir_version=IR_VERSION, producer_name="seq2seq")


def external(name: str, array: NDArray[Any], location: str) -> onnx.TensorProto:
    """Returns the declaration of a tensor that lies in the file `location`."""
    tensor = TensorProto(name=name, dims=array.shape, data_location=TensorProto.EXTERNAL)
    tensor.data_type = helper.np_dtype_to_tensor_dtype(array.dtype)
    tensor.external_data.add(key="location", value=location)
    return tensor
