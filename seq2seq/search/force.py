"""Force-decoding: what the model thinks of a translation that is given to it."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from seq2seq.search.constraints import check_ids
from seq2seq.search.step_model import FloatArray, IntArray, Memory, State, StepModel
from seq2seq.search.walk import reorder


def force_decode(model: StepModel, memory: Memory, state: State, targets: Sequence[Sequence[int]]) -> list[FloatArray]:
    """Returns the log-probability of every token of given translations.

    Args:
        model: Whom to ask.
        memory: The encoder's.
        state: One row a sentence.
        targets: Each sentence's ids, without GO and EOS; may be empty.

    Returns:
        One array a sentence: an entry an id, and then EOS's. -inf where the model can never write the token.

    Raises:
        SentenceError: A target holds GO, EOS or an id outside the vocabulary.
    """
    check_ids("target", targets, model)
    lengths = np.array([len(target) + 1 for target in targets], dtype=np.int64)
    ids = _padded(targets, model.eos)
    log_probs = np.zeros(ids.shape, dtype=np.float32)
    owner: IntArray = np.arange(len(targets), dtype=np.int64)
    for position in range(ids.shape[1]):
        last_ids = ids[owner, position - 1] if position else np.full(len(owner), model.go, dtype=np.int64)
        step = model.step(memory, owner, last_ids, state, 1, ids[owner, position, None])
        assert step.also_log_probs is not None, "the model was asked for `also` and gave no `also_log_probs`"
        log_probs[owner, position] = step.also_log_probs[:, 0]
        kept = np.flatnonzero(lengths[owner] > position + 1)
        state = reorder(model, step.state, kept, len(owner))
        owner = owner[kept]
    return [row[:length] for row, length in zip(log_probs, lengths, strict=True)]


def sum_log_probs(log_probs: FloatArray) -> float:
    """Returns the log-probability of the whole, added up in the order of the searches: equal to theirs in each bit."""
    return float(np.cumsum(log_probs, dtype=np.float64)[-1])


def _padded(targets: Sequence[Sequence[int]], eos: int) -> IntArray:
    """Returns [sentences, longest + 1]: each target, filled up with EOS; no columns where there are no targets."""
    width = max((len(target) + 1 for target in targets), default=0)
    ids = np.full((len(targets), width), eos, dtype=np.int64)
    for row, target in zip(ids, targets, strict=True):
        row[: len(target)] = target
    return ids
