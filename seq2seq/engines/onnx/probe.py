"""A graph of one product that shows whether this processor's u8 x s8 instruction saturates.

Processors without VNNI add two products of a byte by a byte in 16 signed bits, and cut off what does not fit. The graph
is shipped as `probe.onnx`, as running it must not need the package `onnx`; making it does (`python -m
seq2seq.engines.onnx.probe` writes it anew, and a test holds the two together).
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    import onnx

PATH = Path(__file__).with_name("probe.onnx")
ROWS, DEPTH, COLUMNS = 2, 64, 16
ZERO_POINT = 128


def left() -> NDArray[np.uint8]:
    """Returns the activations: the largest there are, and a row of the smallest."""
    values = np.full((ROWS, DEPTH), 255, np.uint8)
    values[1] = 0
    return values


def right() -> NDArray[np.int8]:
    """Returns the weights: the largest, the smallest, and pairs that cancel out, column by column."""
    values = np.full((DEPTH, COLUMNS), 127, np.int8)
    values[:, 1::3] = -128
    values[1::2, 2::3] = -127
    return values


def exact() -> NDArray[np.int32]:
    """Returns what the product must be."""
    return (left().astype(np.int32) - ZERO_POINT) @ right().astype(np.int32)


def graph() -> onnx.ModelProto:
    """Returns y = (x - 128) w with the weights as a constant, as the engine's graphs have theirs."""
    from onnx import TensorProto, helper, numpy_helper

    constants = {"w": right(), "x_zero": np.array(ZERO_POINT, np.uint8), "w_zero": np.array(0, np.int8)}
    made = helper.make_graph(
        [helper.make_node("MatMulInteger", ["x", "w", "x_zero", "w_zero"], ["y"])],
        "probe",
        [helper.make_tensor_value_info("x", TensorProto.UINT8, ["rows", DEPTH])],
        [helper.make_tensor_value_info("y", TensorProto.INT32, ["rows", COLUMNS])],
        [numpy_helper.from_array(value, name) for name, value in constants.items()],
    )
    return helper.make_model(made, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)


if __name__ == "__main__":
    PATH.write_bytes(graph().SerializeToString(deterministic=True))
