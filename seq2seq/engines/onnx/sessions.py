"""Running a graph: the options that suit small arrays of changing shapes, and the weights given from memory."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from numpy.typing import NDArray

from seq2seq.errors import UserError


class Session:
    """A graph, ready to run on the thread that calls it; threads may share it.

    ONNX Runtime reads the arrays it is given where they lie, and its outputs are views of its own memory: nothing is
    copied on the way. (`run_with_ort_values` promises the same and is slower by 50 microseconds a call, as its result
    is a vector that Python has to go through one by one.)

    Args:
        path: An ONNX file.
        weights: Its external initializers, by name, none more and none less; read where they lie.

    Raises:
        UserError: The file is missing or damaged, or the weights do not fit it.
    """

    def __init__(self, path: Path, weights: Mapping[str, NDArray[Any]]) -> None:
        import onnxruntime as ort

        options = ort.SessionOptions()
        # Batches side by side, in threads of one's own, gain more than threads inside products this small.
        options.intra_op_num_threads = 1
        options.inter_op_num_threads = 1
        # A plan of the memory belongs to its shapes, which change from step to step.
        options.enable_mem_pattern = False
        options.log_severity_level = 3
        self._weights = [ort.OrtValue.ortvalue_from_numpy(weight) for weight in weights.values()]
        if self._weights:
            options.add_external_initializers(list(weights), self._weights)
        try:
            self._session = ort.InferenceSession(
                path.read_bytes(), options, providers=["CPUExecutionProvider"], enable_fallback=0
            )
        except FileNotFoundError:
            raise UserError(f"{path} is missing.", hint="The folder is incomplete; make it again.") from None
        except Exception as error:  # ONNX Runtime's own exceptions share no base
            raise UserError(
                f"{path} cannot be run: {' '.join(str(error).split())}",
                hint="Make it again: seq2seq export MODEL. If that does not help, upgrade onnxruntime.",
            ) from error
        self.inputs = frozenset(given.name for given in self._session.get_inputs())
        self.outputs = frozenset(given.name for given in self._session.get_outputs())

    def run(self, names: Sequence[str], feed: Mapping[str, NDArray[Any]]) -> list[NDArray[Any]]:
        """Returns the outputs called `names`. All others are computed too: ONNX Runtime leaves none out."""
        found: list[NDArray[Any]] = self._session.run(names, feed)
        return found
