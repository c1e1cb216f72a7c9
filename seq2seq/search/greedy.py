"""Greedy search: the likeliest token, each time."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from seq2seq.search.beam import Beam
from seq2seq.search.blocking import block, check_blocking
from seq2seq.search.candidates import Candidates
from seq2seq.search.constraints import Constraints
from seq2seq.search.hypothesis import Hypothesis, check_length_penalty
from seq2seq.search.limits import DEFAULT_LIMITS, Limits
from seq2seq.search.required import Required
from seq2seq.search.step_model import AnyFloatArray, IntArray, Memory, State, StepModel
from seq2seq.search.walk import walk


class Greedy:
    """Takes the likeliest token that may be written at each position until that is EOS; ties go to the lower id.

    Where to put a required phrase cannot be seen one token at a time, so with phrases it is a beam search of one
    hypothesis for each number of their tokens; a sentence without any is searched as ever.

    Args:
        length_penalty: Changes the score that is reported, never the translation.
        limits: How long a translation may get.
        min_length: The fewest tokens, without EOS; lifts the limit where that is lower.
        no_repeat_ngram: No so many tokens in a row stand in a translation twice; 0: they may.

    Raises:
        UserError: A setting is out of range.
    """

    def __init__(
        self,
        *,
        length_penalty: float = 1.0,
        limits: Limits = DEFAULT_LIMITS,
        min_length: int = 0,
        no_repeat_ngram: int = 0,
    ) -> None:
        check_length_penalty(length_penalty)
        check_blocking(min_length, no_repeat_ngram)
        self.length_penalty = length_penalty
        self.limits = limits
        self.min_length = min_length
        self.no_repeat_ngram = no_repeat_ngram

    def __call__(
        self,
        model: StepModel,
        memory: Memory,
        state: State,
        source_lengths: IntArray,
        *,
        prefixes: Sequence[Sequence[int]] | None = None,
        required: Required | None = None,
        banned: Sequence[Sequence[int]] | None = None,
        want_attention: bool = False,
        sentence_numbers: IntArray | None = None,
    ) -> list[list[Hypothesis]]:
        """Returns one hypothesis a sentence; see `Search` for the arguments."""
        if required is not None and any(required.phrases):
            search = Beam(
                1,
                length_penalty=self.length_penalty,
                limits=self.limits,
                min_length=self.min_length,
                no_repeat_ngram=self.no_repeat_ngram,
            )
            return search(
                model,
                memory,
                state,
                source_lengths,
                prefixes=prefixes,
                required=required,
                banned=banned,
                want_attention=want_attention,
            )
        num_sentences = len(source_lengths)
        found = walk(
            model,
            memory,
            state,
            sentences=np.arange(num_sentences, dtype=np.int64),
            source_lengths=source_lengths,
            constraints=Constraints(np.maximum(self.limits(source_lengths), self.min_length), prefixes, model),
            blocking=block(
                model,
                num_sentences,
                min_length=self.min_length,
                no_repeat_ngram=self.no_repeat_ngram,
                banned=banned,
            ),
            k=1,
            choose=_first,
            length_penalty=self.length_penalty,
            want_attention=want_attention,
        )
        return [[hypothesis] for hypothesis in found]


def _first(candidates: Candidates, paths: IntArray, position: int) -> tuple[IntArray, AnyFloatArray]:
    """Takes the first column, whatever the path and the position."""
    return candidates.ids[:, 0], candidates.log_probs[:, 0]
