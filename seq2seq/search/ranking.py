"""How beam search picks, at each step, the continuations that stay: the plain way, and the protocol of all ways."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np

from seq2seq.search.candidates import Candidates
from seq2seq.search.hypothesis import scores
from seq2seq.search.step_model import DoubleArray, IntArray


@dataclass(frozen=True, eq=False)
class Opened:
    """The open hypotheses of all sentences, [rows] each, in the order of (owner, rank)."""

    owner: IntArray
    ranks: IntArray  # the place in the sentence's beam, from 0; places may be empty
    last_ids: IntArray
    totals: DoubleArray


@dataclass(frozen=True, eq=False)
class Taken:
    """The continuations that a step takes, [taken] each, in the order of (owner, rank)."""

    owner: IntArray
    ranks: IntArray
    ids: IntArray
    totals: DoubleArray  # log-probabilities
    merits: DoubleArray  # what they are ranked by at one step: these, or less
    rows: IntArray
    columns: IntArray


class Ranking(Protocol):
    """Ranks the continuations of each sentence and takes the first. It lives for one call of the search."""

    @property
    def k(self) -> int:
        """How many continuations of each row it asks the model for."""

    def wanted(self, beam: Opened) -> IntArray | None:
        """Returns ids of each row's own that must be among the candidates, [rows, m], negative where there is none."""

    def take(self, beam: Opened, candidates: Candidates, position: int) -> Taken:
        """Takes the continuations that stay at `position` (from 0), those that end included."""

    def worth(self, owner: IntArray, merits: DoubleArray, lengths: IntArray | int) -> DoubleArray:
        """Returns what ended hypotheses of any length are ranked by.

        It never falls with the length and always with the merit, so that an open hypothesis, whose merit can only fall,
        is bounded by its worth at the greatest length.
        """

    def keep(self, entries: IntArray) -> None:
        """Hears which of the continuations taken last are the rows of the next step."""


class Likeliest:
    """The plain way: the `size` likeliest continuations of each sentence.

    Args:
        size: Hypotheses a sentence.
        vocabulary_size: The model's.
        length_penalty: Ended hypotheses are ranked by their scores with it.
    """

    def __init__(self, size: int, vocabulary_size: int, length_penalty: float) -> None:
        self._size = size
        self._length_penalty = length_penalty
        self.k = min(size, vocabulary_size)

    def wanted(self, beam: Opened) -> IntArray | None:
        """Wants nothing in particular."""
        return None

    def take(self, beam: Opened, candidates: Candidates, position: int) -> Taken:
        """Ranks each sentence's continuations and takes its first `size`.

        They are laid out as [sentences, place in the beam, candidate], so that a stable sort breaks ties by the higher
        hypothesis and then by the model's own order, in which equals stand by id.
        """
        size = self._size
        num_rows, k = candidates.ids.shape
        sentences, inverse = np.unique(beam.owner, return_inverse=True)
        grid = np.full((len(sentences), size, k), -np.inf)
        grid[inverse, beam.ranks] = beam.totals[:, None] + candidates.log_probs
        row_at = np.zeros((len(sentences), size), dtype=np.int64)
        row_at[inverse, beam.ranks] = np.arange(num_rows)
        flat = grid.reshape(len(sentences), size * k)
        order = np.argsort(-flat, axis=1, kind="stable")[:, :size]
        totals = np.take_along_axis(flat, order, axis=1)
        at, ranks = np.nonzero(totals > -np.inf)  # empty places and impossible continuations fall away
        chosen = order[at, ranks]
        rows, columns = row_at[at, chosen // k], chosen % k
        taken = totals[at, ranks]
        return Taken(sentences[at], ranks, candidates.ids[rows, columns], taken, taken, rows, columns)

    def worth(self, owner: IntArray, merits: DoubleArray, lengths: IntArray | int) -> DoubleArray:
        """Returns the scores."""
        return scores(merits, lengths, self._length_penalty)

    def keep(self, entries: IntArray) -> None:
        """Remembers nothing."""
