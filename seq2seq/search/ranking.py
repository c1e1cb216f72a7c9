"""How beam search picks, at each step, the continuations that stay: the plain way, and the protocol of all ways."""

from __future__ import annotations

from typing import NamedTuple, Protocol

import numpy as np

from seq2seq.search.blocking import Forbidden
from seq2seq.search.candidates import Candidates
from seq2seq.search.order import sentence_starts
from seq2seq.search.pruning import Pruning
from seq2seq.search.step_model import AnyFloatArray, DoubleArray, IntArray


class Opened(NamedTuple):
    """The open hypotheses of all sentences, [rows] each: sentence by sentence, and in each the highest first."""

    owner: IntArray
    last_ids: IntArray
    totals: DoubleArray


class Taken(NamedTuple):
    """The continuations that a step takes, [taken] each: sentence by sentence, and in each the best merit first."""

    owner: IntArray
    rows: IntArray
    ids: IntArray
    log_probs: AnyFloatArray
    totals: DoubleArray  # log-probabilities of the whole
    merits: DoubleArray  # what they are ranked by at one step: these, or less


class Ranking(Protocol):
    """Ranks the continuations of each sentence and takes the first. It lives for one call of the search."""

    @property
    def k(self) -> int:
        """How many continuations of each row it asks the model for."""

    @property
    def only_by_merit(self) -> bool:
        """Whether a continuation is kept out only by those of its sentence that have no less merit."""

    def wanted(self, beam: Opened, forbidden: Forbidden | None) -> IntArray | None:
        """Returns ids of each row's own that must be among the candidates, [rows, m], negative where there is none."""

    def take(self, beam: Opened, candidates: Candidates, position: int) -> Taken:
        """Takes the continuations that stay at `position` (from 0), those that end included."""

    def worth(self, owner: IntArray, merits: DoubleArray, divisors: DoubleArray | float) -> DoubleArray:
        """Returns what ended hypotheses are ranked by.

        Args:
            owner: [n], their sentences.
            merits: [n].
            divisors: length ** length_penalty of each. The worth never falls with these and always with the merit, so
                that an open hypothesis, whose merit can only fall, is bounded by its worth at the greatest length.
        """

    def keep(self, entries: IntArray) -> None:
        """Hears which of the continuations taken last are the rows of the next step."""


class Likeliest:
    """The plain way: the `size` likeliest continuations of each sentence, but for those that fall too far behind.

    Args:
        size: Hypotheses a sentence.
        vocabulary_size: The model's.
        pruning: How far below the likeliest of the sentence that ended or is taken now a continuation may be; None:
            as far as it likes.
    """

    def __init__(self, size: int, vocabulary_size: int, pruning: Pruning | None = None) -> None:
        self._size = size
        self._pruning = pruning
        self.k = min(size, vocabulary_size)
        self.only_by_merit = True

    def wanted(self, beam: Opened, forbidden: Forbidden | None) -> IntArray | None:
        """Wants nothing in particular."""
        return None

    def take(self, beam: Opened, candidates: Candidates, position: int) -> Taken:
        """Ranks each sentence's continuations and takes its first `size`.

        They are laid out as [sentences, row, candidate], so that a stable sort breaks ties by the higher hypothesis and
        then by the model's own order, in which equals stand by id.
        """
        merits = beam.totals[:, None] + candidates.log_probs
        num_rows, k = merits.shape
        num_sentences, height, places = _layout(beam.owner)
        if places is None:
            grid = merits.reshape(num_sentences, height * k)
        else:
            spread = np.full((num_sentences * height, k), -np.inf)
            spread[places] = merits
            grid = spread.reshape(num_sentences, height * k)
        chosen = (-grid).argsort(axis=1, kind="stable")[:, : self._size]
        if num_sentences > 1:
            chosen += np.arange(0, grid.size, height * k)[:, None]
        totals = grid.take(chosen)
        if self._pruning is not None:
            self._pruning(totals, beam.owner)
        if totals[:, -1].min() == -np.inf:  # the last are the worst
            possible = totals > -np.inf  # empty places and impossible continuations fall away
            chosen, totals = chosen[possible], totals[possible]
        else:
            chosen, totals = chosen.reshape(-1), totals.reshape(-1)
        rows = chosen // k
        if places is not None:
            row_at = np.empty(num_sentences * height, dtype=np.int64)
            row_at[places] = np.arange(num_rows)
            chosen -= rows * k
            rows = row_at[rows]
            chosen += rows * k
        ids, log_probs = candidates.ids.take(chosen), candidates.log_probs.take(chosen)
        owner = beam.owner[rows]
        if self._pruning is not None:
            self._pruning.hear(owner, ids, totals)
        return Taken(owner, rows, ids, log_probs, totals, totals)

    def worth(self, owner: IntArray, merits: DoubleArray, divisors: DoubleArray | float) -> DoubleArray:
        """Returns the scores."""
        return np.asarray(merits / divisors)

    def keep(self, entries: IntArray) -> None:
        """Remembers nothing."""


def _layout(owner: IntArray) -> tuple[int, int, IntArray | None]:
    """Returns how many sentences there are, how many rows the highest beam has, and each row's place in such a grid.

    No places where the rows fill the grid as they are.
    """
    num_rows, starts = len(owner), sentence_starts(owner)
    num_sentences = len(starts)
    if num_sentences == 1:
        return 1, num_rows, None
    counts = np.concatenate([starts[1:], [num_rows]]) - starts
    height = int(counts.max())
    if num_sentences * height == num_rows:
        return num_sentences, height, None
    shifts = np.arange(num_sentences) * height - starts
    return num_sentences, height, np.arange(num_rows) + np.repeat(shifts, counts)
