"""The continuations a search may choose from at one step, once prefixes, limits and blocking have had their say."""

from __future__ import annotations

from math import isfinite
from typing import NamedTuple

import numpy as np

from seq2seq.errors import SentenceError, SentenceWorkError
from seq2seq.search.blocking import Forbidden
from seq2seq.search.step_model import AnyFloatArray, BoolArray, FloatArray, IntArray, Memory, State, StepModel


class Candidates(NamedTuple):
    """The step's result for the rows; a forced row has one candidate, in column 0, and -inf in the others.

    Attributes:
        ids: [rows, k], best first; what may not be written is not among them, or has -inf. Wanted ids follow as columns
            of their own.
        log_probs: [rows, k]. They are to be added up in double precision: in single, close hypotheses would tie.
        forced: [rows], True where the row has no choice; None: nowhere.
        cut: [rows], True where the length limit put EOS and the model's own first choice, of what may be written, was
            another token; None: nowhere.
        state: The model's state after the step.
        attention: [rows, source_length], or None.
    """

    ids: IntArray
    log_probs: AnyFloatArray
    forced: BoolArray | None
    cut: BoolArray | None
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
    forced: IntArray | None = None,
    wanted: IntArray | None = None,
    forbidden: Forbidden | None = None,
) -> Candidates:
    """Takes one step of the model, drops what is forbidden and puts the forced ids in place.

    Args:
        model: Whom to ask.
        memory: The encoder's, untouched.
        state: The rows' state.
        owner: [rows], each row's sentence.
        last_ids: [rows], each row's last id.
        k: Candidates a row.
        forced: [rows], the id a row must take, negative where it is free; None: all are.
        wanted: [rows, m], ids that a free row must have among its candidates, forbidden or not, negative where there is
            none.
        forbidden: What free rows may not take.

    Raises:
        SentenceError: A prefix or a required phrase holds an id that the model gives no probability.
        SentenceWorkError: The model gives no usable probability (NaN, or none to EOS at the limit).
    """
    num_asked = k if forbidden is None else min(k + forbidden.most, model.vocabulary_size)
    also = _also(forced, wanted, model.eos)
    step = model.step(memory, owner, last_ids, state, num_asked, also)
    ids: IntArray = step.ids
    log_probs: AnyFloatArray = step.log_probs
    _check_best(log_probs[:, 0], ids[:, 0], owner)
    if forbidden is not None:
        ids, log_probs = _allowed(ids, log_probs, forbidden, k)
    if also is None:
        return Candidates(ids, log_probs, None, None, step.state, step.attention)
    assert step.also_log_probs is not None, "the model was asked for `also` and gave no `also_log_probs`"
    is_forced, cut = None, None
    free = np.ones(len(owner), dtype=np.bool_)
    if forced is not None:
        is_forced = forced >= 0
        free = ~is_forced
        cut = is_forced & (forced == model.eos) & (ids[:, 0] != model.eos)
        ids, log_probs = _put(ids, log_probs, forced, step.also_log_probs[:, 0])
        _check_forced(log_probs[:, 0], forced, owner, model.eos)
    if wanted is not None:
        asked = (wanted >= 0) & free[:, None]
        width = wanted.shape[1]
        ids, log_probs = _joined(ids, log_probs, wanted, step.also_log_probs[:, -width:], asked)
        _check_wanted(log_probs[:, -width:], wanted, owner, asked)
    return Candidates(ids, log_probs, is_forced, cut, step.state, step.attention)


def _also(forced: IntArray | None, wanted: IntArray | None, eos: int) -> IntArray | None:
    """Returns the ids whose log-probabilities are needed in any case: the forced ones, then the wanted ones."""
    parts = [] if forced is None else [forced[:, None]]
    parts += [] if wanted is None else [wanted]
    if not parts:
        return None
    ids = np.concatenate(parts, axis=1)
    return np.where(ids < 0, eos, ids)


def _allowed(ids: IntArray, log_probs: AnyFloatArray, forbidden: Forbidden, k: int) -> tuple[IntArray, AnyFloatArray]:
    """Returns each row's first `k` of what may be written; where there are fewer, forbidden ones at -inf follow."""
    blocked = forbidden.among(ids)
    if not blocked.any():
        return ids[:, :k], log_probs[:, :k]
    order = np.argsort(blocked, axis=1, kind="stable")[:, :k]
    log_probs = np.where(blocked, -np.inf, log_probs)
    return np.take_along_axis(ids, order, axis=1), np.take_along_axis(log_probs, order, axis=1)


def _put(
    ids: IntArray, log_probs: AnyFloatArray, forced: IntArray, forced_log_probs: FloatArray
) -> tuple[IntArray, AnyFloatArray]:
    """Gives each forced row one candidate, in column 0."""
    is_forced = forced >= 0
    log_probs = np.where(is_forced[:, None], -np.inf, log_probs)
    log_probs[is_forced, 0] = forced_log_probs[is_forced]
    return np.where(is_forced[:, None], forced[:, None], ids), log_probs


def _joined(
    ids: IntArray, log_probs: AnyFloatArray, wanted: IntArray, wanted_log_probs: FloatArray, asked: BoolArray
) -> tuple[IntArray, AnyFloatArray]:
    """Puts the wanted ids after the others; where one is among those too, the other copy goes."""
    twice = ((ids[:, :, None] == wanted[:, None, :]) & asked[:, None, :]).any(axis=2)
    log_probs = np.where(twice, -np.inf, log_probs)
    return (
        np.concatenate([ids, np.where(asked, wanted, ids[:, :1])], axis=1),
        np.concatenate([log_probs, np.where(asked, wanted_log_probs, -np.inf)], axis=1),
    )


def _check_wanted(log_probs: AnyFloatArray, wanted: IntArray, owner: IntArray, asked: BoolArray) -> None:
    """Stops at a wanted id that the model never writes: its phrase could never be met."""
    for row, column in np.argwhere(asked & ~np.isfinite(log_probs)):
        raise SentenceError(
            f"The required phrases of {{sentence}} must hold only ids that the model can write, not "
            f"{wanted[row, column]}.",
            sentence=int(owner[row]),
            hint="Leave that phrase out.",
        )


def _check_best(log_probs: AnyFloatArray, ids: IntArray, owner: IntArray) -> None:
    """Stops at a row whose best log-probability is not finite: nothing sensible can follow it."""
    if isfinite(np.add.reduce(log_probs)):  # one number is quicker to look at than all
        return
    for row in np.flatnonzero(~np.isfinite(log_probs)):
        raise _unusable(owner[row], log_probs[row], ids[row])


def _check_forced(log_probs: AnyFloatArray, forced: IntArray, owner: IntArray, eos: int) -> None:
    """Stops at a forced id that the model never writes."""
    for row in np.flatnonzero((forced >= 0) & ~np.isfinite(log_probs)):
        if forced[row] == eos or np.isnan(log_probs[row]):
            raise _unusable(owner[row], log_probs[row], forced[row])
        raise SentenceError(
            f"The prefix of {{sentence}} must hold only ids that the model can write, not {forced[row]}.",
            sentence=int(owner[row]),
            hint="Leave that token out of the prefix.",
        )


def _unusable(sentence: int, log_prob: float, token: int) -> SentenceWorkError:
    return SentenceWorkError(
        f"The model's best log-probability for {{sentence}} must be finite, not {log_prob} (id {token}).",
        sentence=int(sentence),
        hint="Its weights may hold NaN: look at the training log.",
    )
