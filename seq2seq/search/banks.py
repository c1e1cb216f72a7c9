"""Dynamic beam allocation (Post & Vilar 2018): a beam shared out by how much of the required phrases is written.

"Fast Lexically Constrained Decoding with Dynamic Beam Allocation for Neural Machine Translation". A hypothesis that has
just begun a phrase is nearly always less likely than one that has not; in one common ranking it would be dropped at
once. So hypotheses compete in banks, one for each number of required tokens that are written.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from seq2seq.search.blocking import Forbidden
from seq2seq.search.candidates import Candidates
from seq2seq.search.constraints import FREE
from seq2seq.search.order import sentence_starts
from seq2seq.search.ranking import Opened, Taken
from seq2seq.search.required import Required
from seq2seq.search.step_model import BoolArray, DoubleArray, IntArray

WIDEST = 40
"""A sentence's beam grows to one place a bank, but not beyond this: time grows with it."""
GUIDANCE = 1.0
"""How much attention counts beside probability."""
_LEAST = 1e-3
"""Attention below this counts as this: no attention is so sure that it may forbid anything."""


class Banks:
    """Takes the likeliest continuations of each bank; a `Ranking`.

    The candidates of a hypothesis are its likeliest continuations and, whatever the model thinks of them, the ids that
    begin a missing phrase or go on with one. EOS is one only where no phrase is missing; any other id only where the
    phrases still fit below the limit after it, so that near the limit their tokens are all that is left. Thus every
    hypothesis that ends holds every phrase, and a beam wide enough to drop nothing is exhaustive search among those.
    What is required comes before what is forbidden: an id after which less is missing may always be written, even if it
    makes an n-gram stand there twice or ends a banned sequence.

    A bank may take size / (number of banks) continuations, the fullest banks one more where that leaves a rest. Places
    that a bank cannot fill go to the likeliest continuations left over, of whatever bank (Post & Vilar give them to
    neighbouring banks). A sentence without phrases has one bank, which is plain beam search.

    What is best. A phrase that the model would not write costs much wherever it stands, so the mean log-probability of
    a token, which is what a length penalty near 1 ranks by, would be mended by any number of likely tokens after it:
    the model's own translation, and then the phrase at the end of a long repetition. So sentences with phrases are
    ranked by the log-probability itself, without a length penalty. And the likeliest place of a word that the model
    would not write is hardly ever the right one. So where attention is known, a token of a phrase adds GUIDANCE *
    log(attention to what the phrase translates), and any other token GUIDANCE * log(1 - attention to what phrases
    translate): the phrase is put where the model would translate its source, and that is not translated twice. Both
    only rank: the log-probabilities and scores that are reported are the model's own.

    Args:
        required: The phrases of each sentence.
        prefixes: For each sentence, the ids that its output is made to begin with.
        size: Hypotheses a sentence; at least one a bank up to `WIDEST`.
        limits: [sentences], the most tokens of each, without EOS.
        eos: The id of EOS.
        vocabulary_size: The model's.
    """

    def __init__(
        self,
        required: Required,
        prefixes: Sequence[Sequence[int]],
        *,
        size: int,
        limits: IntArray,
        eos: int,
        vocabulary_size: int,
    ) -> None:
        progress = required.progress()
        self._progress = progress
        self._spans = required.spans
        self._eos = eos
        self._num_banks = np.array([1 + one.needed[one.start] for one in progress], dtype=np.int64)
        self._sizes: IntArray = np.maximum(size, np.minimum(self._num_banks, WIDEST))
        # One candidate more than can be taken: EOS may be among them and not allowed.
        self._widths: IntArray = self._sizes + (self._num_banks > 1)
        self.k = min(int(self._widths.max()), vocabulary_size)
        self.only_by_merit = False
        needed = [one.needed[one.after_all(ids)] for one, ids in zip(progress, prefixes, strict=True)]
        lengths = [len(ids) for ids in prefixes]
        self.limits: IntArray = np.maximum(limits, np.add(lengths, needed))
        """The limits, lifted to what a prefix and the phrases after it take."""
        self._states: IntArray = np.array([one.start for one in progress], dtype=np.int64)
        self._guides: DoubleArray = np.zeros(len(progress))  # what attention has added to each row
        self._taken_states: IntArray = self._states
        self._taken_guides: DoubleArray = self._guides

    def wanted(self, beam: Opened, forbidden: Forbidden | None) -> IntArray | None:
        """Returns the ids that lead each row on; of the forbidden ones only those after which less is missing."""
        each = [self._progress[o].followers[s] for o, s in zip(beam.owner, self._states, strict=True)]
        if forbidden is not None:
            each = [self._allowed_followers(row, beam, forbidden) for row in range(len(each))]
        ids = np.full((len(each), max(map(len, each), default=0)), FREE, dtype=np.int64)
        for row, followers in zip(ids, each, strict=True):
            row[: len(followers)] = followers
        return ids if ids.size else None

    def take(self, beam: Opened, candidates: Candidates, position: int) -> Taken:
        """Shares out each sentence's places among its banks."""
        states, needed = self._followed(beam, candidates)
        totals = beam.totals[:, None] + candidates.log_probs
        guides = self._guides[:, None] + self._guided(beam, candidates, states, needed)
        merits = np.where(self._allowed(beam, candidates, needed, position), totals + guides, -np.inf)
        groups = np.split(np.arange(len(beam.owner)), sentence_starts(beam.owner)[1:])
        found = [self._share(rows, merits, needed, int(beam.owner[rows[0]])) for rows in groups]
        rows, columns = (np.concatenate(part) for part in zip(*found, strict=True))
        self._taken_states, self._taken_guides = states[rows, columns], guides[rows, columns]
        ids, log_probs = candidates.ids[rows, columns], candidates.log_probs[rows, columns]
        return Taken(beam.owner[rows], rows, ids, log_probs, totals[rows, columns], merits[rows, columns])

    def worth(self, owner: IntArray, merits: DoubleArray, divisors: DoubleArray | float) -> DoubleArray:
        """Returns the merits where there are phrases, and scores where there are none."""
        return np.where(self._num_banks[owner] > 1, merits, merits / divisors)

    def keep(self, entries: IntArray) -> None:
        """Carries the states on to the next step."""
        self._states, self._guides = self._taken_states[entries], self._taken_guides[entries]

    def _allowed_followers(self, row: int, beam: Opened, forbidden: Forbidden) -> tuple[int, ...]:
        """Returns the ids that lead this row on and that it may write."""
        progress, state = self._progress[beam.owner[row]], int(self._states[row])
        blocked = {*forbidden.own[row].tolist()}
        return tuple(
            i
            for i in progress.followers[state]
            if progress.needed[progress.after(state, i)] < progress.needed[state]
            or not (forbidden.everywhere[i] or i in blocked)
        )

    def _followed(self, beam: Opened, candidates: Candidates) -> tuple[IntArray, IntArray]:
        """Returns the state after each candidate and how many ids it still needs; EOS stays where it is."""
        states: IntArray = np.repeat(self._states[:, None], candidates.ids.shape[1], axis=1)
        needed = np.zeros_like(states)
        for row in np.flatnonzero(self._num_banks[beam.owner] > 1):
            progress, state = self._progress[beam.owner[row]], int(self._states[row])
            for column in np.flatnonzero(candidates.log_probs[row] > -np.inf):
                token = int(candidates.ids[row, column])
                after = state if token == self._eos else progress.after(state, token)
                states[row, column] = after
                needed[row, column] = progress.needed[after]
        return states, needed

    def _guided(self, beam: Opened, candidates: Candidates, states: IntArray, needed: IntArray) -> DoubleArray:
        """Returns what attention says of each candidate, [rows, candidates], at most 0; 0 for EOS."""
        guides = np.zeros(needed.shape)
        if self._spans is None or candidates.attention is None:
            return guides
        for row in np.flatnonzero(self._num_banks[beam.owner] > 1):
            progress, spans = self._progress[beam.owner[row]], self._spans[beam.owner[row]]
            attention = candidates.attention[row].astype(np.float64)
            own = [min(1.0, float(attention[list(span)].sum())) for span in spans]
            elsewhere = np.log(max(_LEAST, 1 - float(attention[list({i for span in spans for i in span})].sum())))
            before = progress.needed[self._states[row]]
            guides[row] = np.where(candidates.ids[row] == self._eos, 0.0, elsewhere)
            nearer = (needed[row] < before) & (candidates.log_probs[row] > -np.inf)
            for column in np.flatnonzero(nearer & (candidates.ids[row] != self._eos)):
                under_way = progress.under_way[states[row, column]]
                guides[row, column] = np.log(max(_LEAST, *(own[number] for number in under_way)))
        return GUIDANCE * guides

    def _allowed(self, beam: Opened, candidates: Candidates, needed: IntArray, position: int) -> BoolArray:
        """Tells which candidates leave room for what they need, [rows, candidates]."""
        room = np.where(candidates.ids == self._eos, 0, (self.limits - (position + 1))[beam.owner][:, None])
        columns = np.arange(candidates.ids.shape[1])
        narrow = (columns < self._widths[beam.owner][:, None]) | (columns >= self.k)
        fits = needed <= room
        return np.asarray((fits if candidates.forced is None else fits | candidates.forced[:, None]) & narrow)

    def _share(self, rows: IntArray, merits: DoubleArray, needed: IntArray, sentence: int) -> tuple[IntArray, IntArray]:
        """Returns the rows and columns of what one sentence takes, best first."""
        flat = merits[rows].reshape(-1)
        order = np.argsort(-flat, kind="stable")[: int((flat > -np.inf).sum())]
        num_banks, size = int(self._num_banks[sentence]), int(self._sizes[sentence])
        banks = np.clip(num_banks - 1 - needed[rows].reshape(-1)[order], 0, num_banks - 1)
        chosen = order[_first_of_banks(banks, num_banks, size)]
        return rows[chosen // merits.shape[1]], chosen % merits.shape[1]


def _first_of_banks(banks: IntArray, num_banks: int, size: int) -> IntArray:
    """Returns up to `size` places of `banks`, in order: each bank's first, and then the first of those left over."""
    quotas = size // num_banks + (np.arange(num_banks) >= num_banks - size % num_banks)
    places = np.empty(len(banks), dtype=np.int64)
    for bank in np.unique(banks):
        own = np.flatnonzero(banks == bank)
        places[own] = np.arange(len(own))
    taken = places < quotas[banks]
    taken[np.flatnonzero(~taken)[: size - int(taken.sum())]] = True
    return np.flatnonzero(taken)
