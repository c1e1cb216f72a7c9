"""The memory of a search: what was chosen at each step and from where, read backwards for the few that win.

Nothing is copied while the search runs: a step adds its arrays, and only the hypotheses that are returned are traced.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from seq2seq.search.candidates import Candidates
from seq2seq.search.hypothesis import Hypothesis
from seq2seq.search.step_model import BoolArray, DoubleArray, FloatArray, IntArray


@dataclass(frozen=True, eq=False)
class _Column:
    """One step: [entries] arrays of what was chosen, and the row of the step each entry continues."""

    rows: IntArray
    ids: IntArray
    log_probs: DoubleArray
    from_entries: IntArray  # [rows], the entry of the column before that each row of this step is
    cut: BoolArray  # [rows]
    attention: FloatArray | None  # [rows, source_length]


class Trellis:
    """Steps of a search as columns of entries, linked backwards.

    An entry is a continuation that was chosen at a step. Those that go on become the rows of the next step.

    Args:
        want_attention: Whether to hold on to the attention weights.
    """

    def __init__(self, *, want_attention: bool) -> None:
        self._want_attention = want_attention
        self._columns: list[_Column] = []
        self._rows: IntArray = np.empty(0, dtype=np.int64)

    def __len__(self) -> int:
        return len(self._columns)

    def append(self, candidates: Candidates, rows: IntArray, columns: IntArray) -> None:
        """Adds a step: entry i continues row `rows[i]` with the candidate in `columns[i]`."""
        self._columns.append(
            _Column(
                rows=rows,
                ids=candidates.ids[rows, columns],
                log_probs=candidates.log_probs[rows, columns],
                from_entries=self._rows,
                cut=candidates.cut,
                attention=candidates.attention if self._want_attention else None,
            )
        )

    def keep(self, entries: IntArray) -> None:
        """Says which entries of the last step are the rows of the next one, in that order."""
        self._rows = entries

    def hypothesis(self, step: int, entry: int, *, log_prob: float, score: float, source_length: int) -> Hypothesis:
        """Traces back from the EOS in `entry` of `step` and returns the whole hypothesis."""
        ids: list[int] = []
        log_probs: list[float] = []
        attention: list[FloatArray] = []
        last = self._columns[step]
        finished = not last.cut[last.rows[entry]]
        for column in reversed(self._columns[: step + 1]):
            row = column.rows[entry]
            ids.append(int(column.ids[entry]))
            log_probs.append(float(column.log_probs[entry]))
            if column.attention is not None:
                attention.append(column.attention[row, :source_length])
            entry = int(column.from_entries[row]) if column.from_entries.size else 0
        return Hypothesis(
            ids=tuple(reversed(ids[1:])),
            log_prob=log_prob,
            score=score,
            token_log_probs=tuple(reversed(log_probs)),
            attention=np.stack(attention[::-1]) if attention else None,
            finished=finished,
        )
