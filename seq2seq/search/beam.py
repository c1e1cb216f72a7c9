"""Beam search: the likeliest few hypotheses of every sentence, side by side, with an exact stop."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import islice

import numpy as np

from seq2seq.errors import UserError
from seq2seq.search.banks import Banks
from seq2seq.search.blocking import block, check_blocking, no_way_on
from seq2seq.search.candidates import propose
from seq2seq.search.constraints import Constraints
from seq2seq.search.coverage import Coverage, check_coverage_penalty
from seq2seq.search.hypothesis import Hypothesis, check_length_penalty, divisor
from seq2seq.search.limits import DEFAULT_LIMITS, Limits
from seq2seq.search.pool import Pool
from seq2seq.search.pruning import Pruning, check_prune
from seq2seq.search.ranking import Likeliest, Opened, Ranking, Taken
from seq2seq.search.required import Required
from seq2seq.search.step_model import BoolArray, DoubleArray, IntArray, Memory, State, StepModel
from seq2seq.search.trellis import Trellis
from seq2seq.search.walk import reorder


class Beam:
    """Keeps `size` hypotheses of each sentence at each position and returns the `nbest` best that ended.

    One step. All continuations of a sentence's open hypotheses, EOS among them, are ranked together by log-probability,
    and the first `size` are taken. Those that are EOS have ended and go to the sentence's pool; the others are open.
    So an ended hypothesis uses its place at the step at which it ends and at no later one: the next step again takes
    `size`. Equal log-probabilities: the hypothesis that stood higher comes first, then the lower id.

    What follows from this meaning:

    * `size` 1 is greedy search: the one continuation taken is the likeliest, and the search is over when that is EOS.
    * A beam at least as wide as the number of sequences drops nothing: it is exhaustive search.
    * A hypothesis can supply at most `size` of the `size` that are taken, so its `size` best continuations suffice.
    * A step takes at most one EOS a hypothesis, so ended and open ones together never fall below `size` once that many
      exist, and `nbest` <= `size` results can be given, save where the limit leaves room for fewer sequences.

    The stop is exact: the result is that of a search that runs every hypothesis to its limit. An open hypothesis leaves
    as soon as it cannot enter its sentence's `nbest` best any more, and a sentence is done when none is left. What an
    open hypothesis of log-probability p can reach is bounded: p can only fall, and as p <= 0, the score p / length **
    length_penalty is highest at the greatest length, limit + 1 (with EOS). So it leaves when p / (limit + 1) **
    length_penalty is at most the worst of the kept. Its place then goes to a continuation that it would have kept out,
    which has no higher p, and so cannot enter either: nothing else changes. With a large penalty or a far limit the
    bound is loose and costs steps; it never costs a better translation.

    With `prune`, what has fallen far behind is not taken, and the first three points hold among what remains. It is the
    one setting that trades certainty for time, and it trades well: see `Pruning`.

    With a coverage penalty, what ended is ranked by score + cp (see `Coverage`); open hypotheses still compete by
    log-probability, as none of them has had the time to look at everything. As cp is at most 0, and comes to 0 for a
    hypothesis that goes on to look at all the rest, the bound above holds as it stands. It is looser by as much as
    the kept ones are penalised, and so the search goes on for longer.

    What may not be written (min_length, no_repeat_ngram, banned ids) is no continuation at all: neither a place in the
    beam nor a comparison is spent on it, and the points above hold among the sequences that remain. A hypothesis after
    which nothing may be written is dropped.

    With required phrases, `Banks` shares out the beam, which it may widen, and says what the best is; the second point
    and the exact stop hold among the sequences that have the phrases. There an unlikely hypothesis may keep out a
    likelier one of another bank, so all of a sentence's go on until none of them can enter.

    Args:
        size: Hypotheses a sentence.
        length_penalty: The exponent in the score; 0 or more.
        nbest: Results a sentence; at most `size`. No two are the same: each sequence has one place in the search tree.
        limits: How long a translation may get.
        min_length: The fewest tokens, without EOS; lifts the limit where that is lower.
        no_repeat_ngram: No so many tokens in a row stand in a translation twice; 0: they may.
        coverage_penalty: Its weight; 0: none, and no attention is asked for.
        prune: How far a hypothesis may fall behind the likeliest of its sentence, in log-probability; see `Pruning`.
            0: as far as it likes. Not with required phrases.

    Raises:
        UserError: A setting is out of range.
    """

    def __init__(
        self,
        size: int = 5,
        *,
        length_penalty: float = 1.0,
        nbest: int = 1,
        limits: Limits = DEFAULT_LIMITS,
        min_length: int = 0,
        no_repeat_ngram: int = 0,
        coverage_penalty: float = 0.0,
        prune: float = 0.0,
    ) -> None:
        if size < 1:
            raise UserError(f"The beam's size must be at least 1, not {size}.", hint="5 is a good start.")
        if not 1 <= nbest <= size:
            raise UserError(
                f"nbest must be from 1 to the beam's size, {size}, not {nbest}.",
                hint="Widen the beam or ask for fewer translations.",
            )
        check_length_penalty(length_penalty)
        check_blocking(min_length, no_repeat_ngram)
        check_coverage_penalty(coverage_penalty)
        check_prune(prune)
        self.size = size
        self.length_penalty = length_penalty
        self.nbest = nbest
        self.limits = limits
        self.min_length = min_length
        self.no_repeat_ngram = no_repeat_ngram
        self.coverage_penalty = coverage_penalty
        self.prune = prune

    def __call__(
        self,
        model: StepModel,
        memory: Memory,
        state: State,
        source_lengths: IntArray,
        *,
        prefixes: Sequence[Sequence[int]] | None = None,
        required: Required | None = None,
        banned: Sequence[Sequence[int]] | None = None,
        want_attention: bool = False,
        sentence_numbers: IntArray | None = None,
    ) -> list[list[Hypothesis]]:
        """Returns up to `nbest` hypotheses a sentence; see `Search` for the arguments."""
        num_sentences, eos = len(source_lengths), model.eos
        ranking, limits = self._ranking(
            model, np.maximum(self.limits(source_lengths), self.min_length), prefixes, required
        )
        constraints = Constraints(limits, prefixes, model)
        blocking = block(
            model, num_sentences, min_length=self.min_length, no_repeat_ngram=self.no_repeat_ngram, banned=banned
        )
        coverage = Coverage(self.coverage_penalty, source_lengths) if self.coverage_penalty else None
        horizon = np.array([divisor(limit + 1, self.length_penalty) for limit in constraints.limits.tolist()])
        trellis = Trellis(want_attention=want_attention)
        pool = Pool(num_sentences, self.nbest)
        beam = _start(num_sentences, model.go)
        while beam.owner.size:
            position = len(trellis)
            forbidden = None if blocking is None else blocking.forbidden()
            candidates = propose(
                model,
                memory,
                state,
                owner=beam.owner,
                last_ids=beam.last_ids,
                k=ranking.k,
                forced=constraints.forced(beam.owner, position),
                wanted=ranking.wanted(beam, forbidden),
                forbidden=forbidden,
            )
            taken = ranking.take(beam, candidates, position)
            trellis.append(candidates, taken.ids, taken.log_probs, taken.rows)
            if coverage is not None:
                coverage.read(candidates.attention)
            ended = taken.ids == eos
            if ended.any():
                self._collect(pool, ranking, coverage, taken, ended, position)
            entries = _open_entries(pool, ranking, taken, ended, horizon)
            trellis.keep(entries)
            ranking.keep(entries)
            rows, last_ids = taken.rows[entries], taken.ids[entries]
            if blocking is not None:
                blocking.keep(rows, last_ids)
            if coverage is not None:
                coverage.keep(rows)
            state = reorder(model, candidates.state, rows, len(beam.owner))
            beam = Opened(taken.owner[entries], last_ids, taken.totals[entries])
        return self._read(trellis, pool, source_lengths)

    def _ranking(
        self, model: StepModel, limits: IntArray, prefixes: Sequence[Sequence[int]] | None, required: Required | None
    ) -> tuple[Ranking, IntArray]:
        """Returns the ranking, which holds hypotheses to the required phrases, and the limits that these lift."""
        if required is None or not any(required.phrases):
            pruning = Pruning(self.prune, len(limits), model.eos) if self.prune else None
            return Likeliest(self.size, model.vocabulary_size, pruning), limits
        required.check(len(limits), model)
        banks = Banks(
            required,
            [()] * len(limits) if prefixes is None else prefixes,
            size=self.size,
            limits=limits,
            eos=model.eos,
            vocabulary_size=model.vocabulary_size,
        )
        return banks, banks.limits

    def _collect(
        self,
        pool: Pool,
        ranking: Ranking,
        coverage: Coverage | None,
        taken: Taken,
        ended: BoolArray,
        position: int,
    ) -> None:
        """Moves the hypotheses whose EOS stands at `position` to the pool."""
        entries = ended.nonzero()[0]
        owner = taken.owner[entries]
        worths = ranking.worth(owner, taken.merits[entries], divisor(position + 1, self.length_penalty))
        penalties = None
        if coverage is not None:
            hopeful = worths > pool.bar[owner]  # what cannot enter without a penalty cannot with one
            owner, worths, entries = owner[hopeful], worths[hopeful], entries[hopeful]
            penalties = coverage.penalties(taken.rows[entries], owner)
            worths = worths + penalties
        pool.add(owner, worths, entries, position, penalties)

    def _read(self, trellis: Trellis, pool: Pool, source_lengths: IntArray) -> list[list[Hypothesis]]:
        """Returns each sentence's hypotheses, best first."""
        for sentence, best in enumerate(pool.best):
            if not best:
                raise no_way_on(sentence)
        won = [one for best in pool.best for one in best]
        counts = [len(best) for best in pool.best]
        found = iter(
            trellis.hypotheses(
                np.array([one.step for one in won], dtype=np.int64),
                np.array([one.entry for one in won], dtype=np.int64),
                source_lengths=np.repeat(source_lengths, counts),
                length_penalty=self.length_penalty,
                bonuses=[one.coverage for one in won],
            )
        )
        return [list(islice(found, count)) for count in counts]


def _open_entries(pool: Pool, ranking: Ranking, taken: Taken, ended: BoolArray, horizon: DoubleArray) -> IntArray:
    """Returns the entries that go on: those open that could still enter the pool.

    `horizon` is length ** length_penalty at the greatest length of each sentence.
    """
    goes_on = ~ended
    if pool.any_full:
        owner = taken.owner
        goes_on &= ranking.worth(owner, taken.merits, horizon[owner]) > pool.bar[owner]
        if not ranking.only_by_merit:
            undecided = np.zeros(len(horizon), dtype=np.bool_)
            undecided[owner[goes_on]] = True
            goes_on = ~ended & undecided[owner]
    return goes_on.nonzero()[0]


def _start(num_sentences: int, go: int) -> Opened:
    """Returns the beam before the first step: one empty hypothesis a sentence."""
    owner = np.arange(num_sentences, dtype=np.int64)
    return Opened(owner, np.full(num_sentences, go, dtype=np.int64), np.zeros(num_sentences))
