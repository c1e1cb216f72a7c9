"""What the engines are called. It imports nothing: the command line reads it before anything else."""

from __future__ import annotations

from enum import StrEnum


class EngineName(StrEnum):
    """What computes; "auto" is the fastest there is."""

    AUTO = "auto"
    ONNX = "onnx"
    ONNX_FP32 = "onnx-fp32"
    TORCH = "torch"
