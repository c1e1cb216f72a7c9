"""The continuations a search may choose from at one step, once prefixes and limits have had their say."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from seq2seq.errors import UserError, WorkError
from seq2seq.search.step_model import BoolArray, DoubleArray, FloatArray, IntArray, Memory, State, StepModel


@dataclass(frozen=True, eq=False)
class Candidates:
    """The step's result for the rows; a forced row has one candidate, in column 0, and -inf in the others.

    Attributes:
        ids: [rows, k], best first.
        log_probs: [rows, k]. Double, as sums of them decide: adding up float32 would make close hypotheses tie.
        cut: [rows], True where the length limit put EOS and the model's own first choice was another token.
        state: The model's state after the step.
        attention: [rows, source_length], or None.
    """

    ids: IntArray
    log_probs: DoubleArray
    cut: BoolArray
    state: State
    attention: FloatArray | None


def propose(
    model: StepModel, memory: Memory, state: State, *, owner: IntArray, last_ids: IntArray, k: int, forced: IntArray
) -> Candidates:
    """Takes one step of the model and puts the forced ids in place.

    Args:
        model: Whom to ask.
        memory: The encoder's, untouched.
        state: The rows' state.
        owner: [rows], each row's sentence.
        last_ids: [rows], each row's last id.
        k: Candidates a row.
        forced: [rows], the id a row must take, negative where it is free.

    Raises:
        UserError: A prefix holds an id that the model gives no probability.
        WorkError: The model gives no usable probability (NaN, or none to EOS at the limit).
    """
    is_forced = forced >= 0
    also = np.where(is_forced, forced, model.eos)[:, None] if is_forced.any() else None
    step = model.step(memory, owner, last_ids, state, k, also)
    ids, log_probs = step.ids, step.log_probs.astype(np.float64)
    cut = is_forced & (forced == model.eos) & (ids[:, 0] != model.eos)
    if also is not None:
        assert step.also_log_probs is not None, "the model was asked for `also` and gave no `also_log_probs`"
        ids = np.where(is_forced[:, None], forced[:, None], ids)
        log_probs[is_forced, 1:] = -np.inf
        log_probs[is_forced, 0] = step.also_log_probs[is_forced, 0]
    _check_possible(log_probs[:, 0], ids[:, 0], owner, is_forced & (forced != model.eos))
    return Candidates(ids, log_probs, cut, step.state, step.attention)


def _check_possible(log_probs: DoubleArray, ids: IntArray, owner: IntArray, in_prefix: BoolArray) -> None:
    """Stops at a first candidate without a finite log-probability: nothing sensible can follow it."""
    wrong = np.flatnonzero(~np.isfinite(log_probs))
    if not wrong.size:
        return
    row = wrong[0]
    if in_prefix[row] and not np.isnan(log_probs[row]):
        raise UserError(
            f"The prefix of sentence {owner[row]} must hold only ids that the model can write, not {ids[row]}.",
            hint="Leave that token out of the prefix.",
        )
    raise WorkError(
        f"The model's best log-probability for sentence {owner[row]} must be finite, not {log_probs[row]} "
        f"(id {ids[row]}).",
        hint="Its weights may hold NaN: look at the training log.",
    )
