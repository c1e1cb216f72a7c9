"""The loop of the searches that follow each hypothesis alone: no two of them ever compete.

Greedy and sampling differ only in how a row picks one of its own candidates.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from seq2seq.search.blocking import Blocking, no_way_on
from seq2seq.search.candidates import Candidates, propose
from seq2seq.search.constraints import Constraints
from seq2seq.search.hypothesis import Hypothesis
from seq2seq.search.step_model import AnyFloatArray, IntArray, Memory, State, StepModel
from seq2seq.search.trellis import Trellis

Choose = Callable[[Candidates, IntArray, int], tuple[IntArray, AnyFloatArray]]
"""(candidates, the path of each row, position from 0) -> the id that each row takes and its log-probability, [rows]."""


def walk(
    model: StepModel,
    memory: Memory,
    state: State,
    *,
    sentences: IntArray,
    source_lengths: IntArray,
    constraints: Constraints,
    blocking: Blocking | None,
    k: int,
    choose: Choose,
    length_penalty: float,
    want_attention: bool,
) -> list[Hypothesis]:
    """Follows each path to its EOS and returns one hypothesis a path, in the order of the paths.

    Args:
        model: Whom to ask.
        memory: The encoder's.
        state: One row a path.
        sentences: [paths], the sentence each path translates.
        source_lengths: [sentences].
        constraints: Prefixes and limits.
        blocking: What may not be written; None: nothing is forbidden.
        k: Candidates a row.
        choose: Picks one of the candidates for each row.
        length_penalty: For the scores.
        want_attention: Whether to return the attention weights.

    Raises:
        SentenceError: Some path came to where nothing may follow.
    """
    trellis = Trellis(want_attention=want_attention)
    eos, num_paths = model.eos, len(sentences)
    paths = np.arange(num_paths, dtype=np.int64)  # of the rows still open
    owner = sentences
    last_ids = np.full(num_paths, model.go, dtype=np.int64)
    end_step, end_entry = np.zeros((2, num_paths), dtype=np.int64)
    while paths.size:
        position = len(trellis)
        candidates = propose(
            model,
            memory,
            state,
            owner=owner,
            last_ids=last_ids,
            k=k,
            forced=constraints.forced(owner, position),
            forbidden=None if blocking is None else blocking.forbidden(),
        )
        if blocking is not None:
            _check_way_on(candidates, owner)
        last_ids, log_probs = choose(candidates, paths, position)
        trellis.append(candidates, last_ids, log_probs, None)
        ended = last_ids == eos
        kept = None
        state = candidates.state
        if ended.any():
            entries = np.flatnonzero(ended)
            end_step[paths[entries]] = position
            end_entry[paths[entries]] = entries
            kept = np.flatnonzero(~ended)
            state = reorder(model, state, kept, len(paths))
            paths, owner, last_ids = paths[kept], owner[kept], last_ids[kept]
        trellis.keep(kept)
        if blocking is not None:
            blocking.keep(np.arange(len(ended)) if kept is None else kept, last_ids)
    return trellis.hypotheses(
        end_step, end_entry, source_lengths=source_lengths[sentences], length_penalty=length_penalty
    )


def reorder(model: StepModel, state: State, rows: IntArray, num_rows: int) -> State:
    """Returns the rows of the state; does not trouble the model where all stay in place or none is left."""
    if not rows.size or (len(rows) == num_rows and bool((rows == np.arange(num_rows)).all())):
        return state
    return model.select(state, rows)


def _check_way_on(candidates: Candidates, owner: IntArray) -> None:
    """Stops at a row that may write nothing at all."""
    for row in np.flatnonzero(candidates.log_probs[:, 0] == -np.inf):
        raise no_way_on(int(owner[row]))
