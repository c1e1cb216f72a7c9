"""Greedy search: the likeliest token, each time."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from seq2seq.search.beam import Beam
from seq2seq.search.candidates import Candidates
from seq2seq.search.constraints import Constraints
from seq2seq.search.hypothesis import Hypothesis, check_length_penalty
from seq2seq.search.limits import DEFAULT_LIMITS, Limits
from seq2seq.search.required import Required
from seq2seq.search.step_model import IntArray, Memory, State, StepModel
from seq2seq.search.walk import walk


class Greedy:
    """Takes the likeliest token at each position until that is EOS; ties go to the lower id.

    Where to put a required phrase cannot be seen one token at a time, so with phrases it is a beam search of one
    hypothesis for each number of their tokens; a sentence without any is searched as ever.

    Args:
        length_penalty: Changes the score that is reported, never the translation.
        limits: How long a translation may get.

    Raises:
        UserError: The length penalty is negative or not finite.
    """

    def __init__(self, *, length_penalty: float = 1.0, limits: Limits = DEFAULT_LIMITS) -> None:
        check_length_penalty(length_penalty)
        self.length_penalty = length_penalty
        self.limits = limits

    def __call__(
        self,
        model: StepModel,
        memory: Memory,
        state: State,
        source_lengths: IntArray,
        *,
        prefixes: Sequence[Sequence[int]] | None = None,
        required: Required | None = None,
        want_attention: bool = False,
        sentence_numbers: IntArray | None = None,
    ) -> list[list[Hypothesis]]:
        """Returns one hypothesis a sentence; see `Search` for the arguments."""
        if required is not None and any(required.phrases):
            return Beam(1, length_penalty=self.length_penalty, limits=self.limits)(
                model,
                memory,
                state,
                source_lengths,
                prefixes=prefixes,
                required=required,
                want_attention=want_attention,
            )
        found = walk(
            model,
            memory,
            state,
            sentences=np.arange(len(source_lengths), dtype=np.int64),
            source_lengths=source_lengths,
            constraints=Constraints(self.limits(source_lengths), prefixes, model),
            k=1,
            choose=_first,
            length_penalty=self.length_penalty,
            want_attention=want_attention,
        )
        return [[hypothesis] for hypothesis in found]


def _first(candidates: Candidates, paths: IntArray, position: int) -> IntArray:
    """Takes the first column, whatever the path and the position."""
    return np.zeros(len(paths), dtype=np.int64)
