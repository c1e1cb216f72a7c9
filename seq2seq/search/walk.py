"""The loop of the searches that follow each hypothesis alone: no two of them ever compete.

Greedy and sampling differ only in how a row picks one of its own candidates.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from seq2seq.search.candidates import Candidates, propose
from seq2seq.search.constraints import Constraints
from seq2seq.search.hypothesis import Hypothesis, scores
from seq2seq.search.step_model import IntArray, Memory, State, StepModel
from seq2seq.search.trellis import Trellis

Choose = Callable[[Candidates, IntArray, int], IntArray]
"""(candidates, the path of each row, position from 0) -> the column each row takes, [rows]."""


def walk(
    model: StepModel,
    memory: Memory,
    state: State,
    *,
    sentences: IntArray,
    source_lengths: IntArray,
    constraints: Constraints,
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
        k: Candidates a row.
        choose: Picks a column of the candidates for each row.
        length_penalty: For the scores.
        want_attention: Whether to return the attention weights.
    """
    trellis = Trellis(want_attention=want_attention)
    num_paths = len(sentences)
    paths = np.arange(num_paths, dtype=np.int64)  # of the rows still open
    last_ids = np.full(num_paths, model.go, dtype=np.int64)
    totals = np.zeros(num_paths)
    end_step, end_entry = np.zeros((2, num_paths), dtype=np.int64)
    while paths.size:
        position = len(trellis)
        owner = sentences[paths]
        candidates = propose(
            model, memory, state, owner=owner, last_ids=last_ids, k=k, forced=constraints.forced(owner, position)
        )
        rows = np.arange(len(paths), dtype=np.int64)
        columns = choose(candidates, paths, position)
        trellis.append(candidates, rows, columns)
        ids = candidates.ids[rows, columns]
        totals[paths] += candidates.log_probs[rows, columns]
        ended = ids == model.eos
        end_step[paths[ended]] = position
        end_entry[paths[ended]] = rows[ended]
        kept = rows[~ended]
        trellis.keep(kept)
        state = reorder(model, candidates.state, kept, len(rows))
        paths, last_ids = paths[kept], ids[kept]
    ranked = scores(totals, end_step + 1, length_penalty)
    return [
        trellis.hypothesis(
            int(end_step[path]),
            int(end_entry[path]),
            log_prob=float(totals[path]),
            score=float(ranked[path]),
            source_length=int(source_lengths[sentences[path]]),
        )
        for path in range(num_paths)
    ]


def reorder(model: StepModel, state: State, rows: IntArray, num_rows: int) -> State:
    """Returns the rows of the state; does not trouble the model where all stay in place or none is left."""
    if not rows.size or (len(rows) == num_rows and bool((rows == np.arange(num_rows)).all())):
        return state
    return model.select(state, rows)
