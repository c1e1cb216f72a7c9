"""What every engine is: a `StepModel` that can also encode, and show whole distributions."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from seq2seq.search import FloatArray, IntArray, StepModel


class Start(NamedTuple):
    """What a search starts from: the memory, the first state, and the real source tokens of each sentence."""

    memory: Any
    state: Any
    source_lengths: NDArray[np.int64]


class Distribution(NamedTuple):
    """What one step says of every symbol.

    Attributes:
        log_probs: [rows, symbols], natural logarithms; -inf for what is never written. Read, never written to.
        state: The state after the step, in the order of the rows.
        attention: [rows, source_length], or None where the model has none.
    """

    log_probs: FloatArray
    state: Any
    attention: FloatArray | None


class Engine(StepModel, Protocol):
    """Encodes a batch of sources and then answers the search's steps.

    An engine that can be shared by threads says in `parallel` how many it is worth to start. What was computed is known
    by the engine too, as engines round differently: scores by `precision`, unfinished translations by `name`.
    """

    @property
    def parallel(self) -> int:
        """How many batches a caller with threads of its own may well have computed at a time; 1: one after another."""

    @property
    def precision(self) -> str:
        """What the record of a score says of it: "torch", or of graphs what they multiply with, "int8" or "fp32"."""

    @property
    def name(self) -> str:
        """Which engine it is, how precise, and on what kind of device; which of several GPUs is no matter."""

    def start(self, sources: Sequence[Sequence[int]]) -> Start:
        """Encodes the sources, id lists without EOS."""

    def distribution(self, memory: Any, owner: IntArray, last_ids: IntArray, state: Any) -> Distribution:  # noqa: ANN401
        """Takes the step that `StepModel.step` takes, and gives the log-probabilities of all symbols.

        For an ensemble, which must add up before it can pick; a search asks `step`, which moves far less memory.
        """
