"""The continuations a search may choose from at one step, once prefixes and limits have had their say."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from seq2seq.errors import UserError, WorkError
from seq2seq.search.step_model import BoolArray, DoubleArray, FloatArray, IntArray, Memory, State, StepModel

FREE = -1
"""In the place of an id: none."""


@dataclass(frozen=True, eq=False)
class Candidates:
    """The step's result for the rows; a forced row has one candidate, in column 0, and -inf in the others.

    Attributes:
        ids: [rows, k], best first; wanted ids follow as columns of their own.
        log_probs: [rows, k]. Double, as sums of them decide: adding up float32 would make close hypotheses tie.
        forced: [rows], True where the row has no choice.
        cut: [rows], True where the length limit put EOS and the model's own first choice was another token.
        state: The model's state after the step.
        attention: [rows, source_length], or None.
    """

    ids: IntArray
    log_probs: DoubleArray
    forced: BoolArray
    cut: BoolArray
    state: State
    attention: FloatArray | None


def propose(
    model: StepModel,
    memory: Memory,
    state: State,
    *,
    owner: IntArray,
    last_ids: IntArray,
    k: int,
    forced: IntArray,
    wanted: IntArray | None = None,
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
        wanted: [rows, m], ids that a free row must have among its candidates, negative where there is none.

    Raises:
        UserError: A prefix or a required phrase holds an id that the model gives no probability.
        WorkError: The model gives no usable probability (NaN, or none to EOS at the limit).
    """
    is_forced = forced >= 0
    also = np.where(is_forced, forced, model.eos)[:, None] if is_forced.any() or wanted is not None else None
    if wanted is not None:
        also = np.concatenate([np.asarray(also), np.where(wanted < 0, model.eos, wanted)], axis=1)
    step = model.step(memory, owner, last_ids, state, k, also)
    ids, log_probs = step.ids, step.log_probs.astype(np.float64)
    cut = is_forced & (forced == model.eos) & (ids[:, 0] != model.eos)
    if also is not None:
        assert step.also_log_probs is not None, "the model was asked for `also` and gave no `also_log_probs`"
        ids = np.where(is_forced[:, None], forced[:, None], ids)
        log_probs[is_forced, 1:] = -np.inf
        log_probs[is_forced, 0] = step.also_log_probs[is_forced, 0]
    _check_possible(log_probs[:, 0], ids[:, 0], owner, is_forced & (forced != model.eos))
    if wanted is not None:
        assert step.also_log_probs is not None
        asked = (wanted >= 0) & ~is_forced[:, None]
        ids, log_probs = _joined(ids, log_probs, wanted, step.also_log_probs[:, 1:], asked)
        _check_wanted(log_probs[:, k:], wanted, owner, asked)
    return Candidates(ids, log_probs, is_forced, cut, step.state, step.attention)


def _joined(
    ids: IntArray, log_probs: DoubleArray, wanted: IntArray, wanted_log_probs: FloatArray, asked: BoolArray
) -> tuple[IntArray, DoubleArray]:
    """Puts the wanted ids after the others; where one is among those too, the other copy goes."""
    twice = ((ids[:, :, None] == wanted[:, None, :]) & asked[:, None, :]).any(axis=2)
    log_probs = np.where(twice, -np.inf, log_probs)
    return (
        np.concatenate([ids, np.where(asked, wanted, ids[:, :1])], axis=1),
        np.concatenate([log_probs, np.where(asked, wanted_log_probs, -np.inf)], axis=1, dtype=np.float64),
    )


def _check_wanted(log_probs: DoubleArray, wanted: IntArray, owner: IntArray, asked: BoolArray) -> None:
    """Stops at a wanted id that the model never writes: its phrase could never be met."""
    for row, column in np.argwhere(asked & ~np.isfinite(log_probs)):
        raise UserError(
            f"The required phrases of sentence {owner[row]} must hold only ids that the model can write, not "
            f"{wanted[row, column]}.",
            hint="Leave that phrase out.",
        )


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
