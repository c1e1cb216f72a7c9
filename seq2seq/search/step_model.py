"""What a search asks of a model: one step for all rows, and reordering of the rows. Nothing else.

A row is one hypothesis. The search handles small NumPy arrays only, so the same search drives a network on a GPU, an
ONNX Runtime session on a CPU and an ensemble of either.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Protocol, TypeAlias

import numpy as np
from numpy.typing import NDArray

IntArray: TypeAlias = NDArray[np.int64]
FloatArray: TypeAlias = NDArray[np.float32]
DoubleArray: TypeAlias = NDArray[np.float64]
BoolArray: TypeAlias = NDArray[np.bool_]
AnyFloatArray: TypeAlias = NDArray[np.floating[Any]]
# Only the model looks inside these two; the search passes them on.
Memory: TypeAlias = Any
State: TypeAlias = Any


@dataclass(frozen=True, eq=False)
class Step:
    """What one step of the model gives.

    Attributes:
        ids: [rows, k], the likeliest continuations of each row, best first, ties broken by the lower id.
        log_probs: [rows, k], their natural log-probabilities, given all that the row holds already.
        state: The state after the step, in the order of the rows.
        also_log_probs: [rows, m], the log-probabilities of the ids asked for by `also`; None where none were asked for.
        attention: [rows, source_length], the weights this step gave to the source tokens, 0 on padding; None where the
            model has no attention.
    """

    ids: IntArray
    log_probs: FloatArray
    state: State
    also_log_probs: FloatArray | None = None
    attention: FloatArray | None = None


class StepModel(Protocol):
    """A model that can be asked for its next token.

    Two duties beyond the signatures. What the model must never write (GO, padding) has the log-probability -inf: the
    search drops such continuations, and so needs no list of them. EOS must always be possible, else no search could
    end at the length limit.
    """

    @property
    def go(self) -> int:
        """The id that stands before the first token; only ever an input."""

    @property
    def eos(self) -> int:
        """The id that ends a sentence."""

    @property
    def vocabulary_size(self) -> int:
        """The number of ids, special ones included."""

    def step(
        self,
        memory: Memory,
        owner: IntArray,
        last_ids: IntArray,
        state: State,
        k: int,
        also: IntArray | None = None,
    ) -> Step:
        """Reads one more id in every row and gives the `k` likeliest next ones.

        Args:
            memory: What the encoder made, one row a sentence; never changed, never reordered.
            owner: [rows], the sentence (row of `memory`) each hypothesis belongs to.
            last_ids: [rows], the id each hypothesis ends with; `go` at the start.
            state: The state that belongs to the rows.
            k: How many continuations of each row; from 1 to `vocabulary_size`.
            also: [rows, m], ids of each row's own whose log-probabilities are wanted, whether or not among the k best.

        Returns:
            The continuations and the state after the step. A row's result must not depend on the other rows.
        """

    def select(self, state: State, rows: IntArray) -> State:
        """Returns the state whose row i is row `rows[i]` of `state`: reorders, repeats and drops hypotheses."""
