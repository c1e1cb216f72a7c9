"""The large weights of the graphs: read with NumPy alone, and narrowed where the processor could not multiply them.

The product of unsigned by signed bytes is exact where the processor adds four products at once in 32 bits (VNNI, and
ARM's). Older ones add two in 16 signed bits and cut off what does not fit: 2 * 255 * 127 is far beyond 32,767. There
the weights are halved to 7 bits, whose pairs fit: 2 * 255 * 64 = 32,640. It costs one bit of the weights, and nothing
of the exactness on which a row's independence of its batch rests.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from seq2seq.engines.onnx import probe
from seq2seq.engines.onnx.sessions import Session
from seq2seq.errors import UserError

Weights = dict[str, NDArray[Any]]
NARROWEST = 64
"""The largest magnitude that cannot saturate: 2 * 255 * 64 < 2 ** 15."""


def read_weights(path: Path) -> Weights:
    """Returns the tensors of a safetensors file.

    Raises:
        UserError: The file is missing or damaged.
    """
    from safetensors import SafetensorError
    from safetensors.numpy import load_file

    try:
        return load_file(path)
    except FileNotFoundError:
        raise UserError(f"{path} is missing.", hint="The folder is incomplete; make it again.") from None
    except (SafetensorError, OSError) as error:
        raise UserError(f"{path} is damaged: {error}.", hint="Copy it again from where it was whole.") from None


@cache
def saturates() -> bool:
    """Whether a product of bytes comes out wrong here, as tried on the worst there is; no processor's name is asked."""
    (found,) = Session(probe.PATH, {}).run(["y"], {"x": probe.left()})
    return not np.array_equal(found, probe.exact())


def narrowed(weights: Mapping[str, NDArray[Any]], scale_of: Mapping[str, str]) -> Weights:
    """Returns the weights with those of 8 bits halved and their scales doubled.

    Args:
        weights: All tensors.
        scale_of: The name of the scale of each int8 tensor. Several may share one.
    """
    halved = {name: halve(weights[name]) for name in scale_of}
    doubled = {name: weights[name] * weights[name].dtype.type(2) for name in set(scale_of.values())}
    return {**weights, **halved, **doubled}


def halve(weight: NDArray[np.int8]) -> NDArray[np.int8]:
    """Returns weight / 2, rounded, equals to the even: from -64 to 64."""
    return np.rint(weight.astype(np.float32) / 2).astype(np.int8)
