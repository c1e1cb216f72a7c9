"""The memory of a search: what was chosen at each step and from where, read backwards for the few that win.

Nothing is copied while the search runs: a step adds its arrays, and only the hypotheses that are returned are traced,
all of them together.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from seq2seq.search.candidates import Candidates
from seq2seq.search.hypothesis import Hypothesis, divisor
from seq2seq.search.step_model import AnyFloatArray, BoolArray, DoubleArray, FloatArray, IntArray


class _Column(NamedTuple):
    """One step: [entries] arrays of what was chosen, and where it comes from. None: entry or row i comes from i."""

    ids: IntArray
    log_probs: AnyFloatArray
    rows: IntArray | None  # [entries], the row of this step that each entry continues
    from_entries: IntArray | None  # [rows], the entry of the column before that each row of this step is
    cut: BoolArray | None  # [rows]; None: nowhere
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
        self._rows: IntArray | None = None

    def __len__(self) -> int:
        return len(self._columns)

    def append(self, candidates: Candidates, ids: IntArray, log_probs: AnyFloatArray, rows: IntArray | None) -> None:
        """Adds a step: entry i continues row `rows[i]` (None: row i) with `ids[i]`, at the price `log_probs[i]`."""
        attention = candidates.attention if self._want_attention else None
        self._columns.append(_Column(ids, log_probs, rows, self._rows, candidates.cut, attention))

    def keep(self, entries: IntArray | None) -> None:
        """Says which entries of the last step are the rows of the next one, in that order; None: all of them."""
        self._rows = entries

    def hypotheses(
        self,
        steps: IntArray,
        entries: IntArray,
        *,
        source_lengths: IntArray,
        length_penalty: float,
        bonuses: Sequence[float] | None = None,
    ) -> list[Hypothesis]:
        """Returns the hypotheses that ended with EOS in `entries` of `steps`, in that order; all arrays [ended].

        Args:
            steps: The step of each EOS.
            entries: Its entry there.
            source_lengths: Source tokens of each.
            length_penalty: For the scores.
            bonuses: What is added to the scores; None: nothing.
        """
        ids, log_probs, attention, finished = self._trace(steps, entries)
        # One after the other, in double precision: the very sums that the search has ranked by.
        sums = np.cumsum(log_probs, axis=1)
        found = []
        for place, step in enumerate(steps.tolist()):
            log_prob = float(sums[place, step])
            score = log_prob / divisor(step + 1, length_penalty) + (0.0 if bonuses is None else bonuses[place])
            found.append(
                Hypothesis(
                    ids=tuple(ids[place, :step].tolist()),
                    log_prob=log_prob,
                    score=score,
                    token_log_probs=tuple(log_probs[place, : step + 1].tolist()),
                    attention=None
                    if attention is None
                    else attention[place, : step + 1, : source_lengths[place]].copy(),
                    finished=bool(finished[place]),
                )
            )
        return found

    def _trace(self, steps: IntArray, entries: IntArray) -> tuple[IntArray, DoubleArray, FloatArray | None, BoolArray]:
        """Goes back from all these ends at once.

        Returns:
            ids and log-probabilities, [ended, longest], 0 behind each one's end; attention, [ended, longest,
            source_length], or None; and whether the model ended it, [ended].
        """
        # The longest first: so those under way at any step are the first few.
        order = np.argsort(-steps, kind="stable")
        num_steps = int(steps.max(initial=-1)) + 1
        under_way = np.searchsorted(-steps[order], -np.arange(num_steps), side="right").tolist()
        ids = np.zeros((len(steps), num_steps), dtype=np.int64)
        log_probs = np.zeros((len(steps), num_steps))
        finished = np.ones(len(steps), dtype=np.bool_)
        attention: FloatArray | None = None
        if num_steps and (weights := self._columns[0].attention) is not None:
            attention = np.zeros((*ids.shape, weights.shape[1]), dtype=weights.dtype)
        at = entries[order]
        num_before = 0
        for step in range(num_steps - 1, -1, -1):
            column, count = self._columns[step], under_way[step]
            here = at[:count]
            rows = here if column.rows is None else column.rows[here]
            if column.cut is not None:
                finished[num_before:count] = ~column.cut[rows[num_before:]]
            ids[:count, step] = column.ids[here]
            log_probs[:count, step] = column.log_probs[here]
            if attention is not None:
                assert column.attention is not None, "the model gave attention at the first step and none at another"
                attention[:count, step] = column.attention[rows]
            at[:count] = rows if column.from_entries is None else column.from_entries[rows]
            num_before = count
        back = np.empty_like(order)
        back[order] = np.arange(len(order))
        return ids[back], log_probs[back], None if attention is None else attention[back], finished[back]
