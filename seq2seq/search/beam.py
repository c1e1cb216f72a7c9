"""Beam search: the likeliest few hypotheses of every sentence, side by side, with an exact stop."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from seq2seq.errors import UserError
from seq2seq.search.banks import Banks
from seq2seq.search.candidates import propose
from seq2seq.search.constraints import Constraints
from seq2seq.search.hypothesis import Hypothesis, check_length_penalty, scores
from seq2seq.search.limits import DEFAULT_LIMITS, Limits
from seq2seq.search.pool import NONE, Pool
from seq2seq.search.ranking import Likeliest, Opened, Ranking, Taken
from seq2seq.search.required import Required
from seq2seq.search.step_model import BoolArray, IntArray, Memory, State, StepModel
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

    The stop is exact: the result is that of a search that runs every hypothesis to its limit. A sentence is done when
    no open hypothesis can still enter its `nbest` best. What an open hypothesis of log-probability p can reach is
    bounded: p can only fall, and as p <= 0, the score p / length ** length_penalty is highest at the greatest length,
    limit + 1 (with EOS). So it is enough that max p / (limit + 1) ** length_penalty is at most the worst of the kept.
    With a large penalty or a far limit the bound is loose and costs steps; it never costs a better translation.

    With required phrases, `Banks` shares out the beam, which it may widen, and says what the best is; the second point
    and the exact stop hold among the sequences that have the phrases.

    Args:
        size: Hypotheses a sentence.
        length_penalty: The exponent in the score; 0 or more.
        nbest: Results a sentence; at most `size`. No two are the same: each sequence has one place in the search tree.
        limits: How long a translation may get.

    Raises:
        UserError: A setting is out of range.
    """

    def __init__(
        self, size: int = 5, *, length_penalty: float = 1.0, nbest: int = 1, limits: Limits = DEFAULT_LIMITS
    ) -> None:
        if size < 1:
            raise UserError(f"The beam's size must be at least 1, not {size}.", hint="5 is a good start.")
        if not 1 <= nbest <= size:
            raise UserError(
                f"nbest must be from 1 to the beam's size, {size}, not {nbest}.",
                hint="Widen the beam or ask for fewer translations.",
            )
        check_length_penalty(length_penalty)
        self.size = size
        self.length_penalty = length_penalty
        self.nbest = nbest
        self.limits = limits

    def __call__(
        self,
        model: StepModel,
        memory: Memory,
        state: State,
        source_lengths: IntArray,
        *,
        prefixes: Sequence[Sequence[int]] | None = None,
        required: Required | None = None,
        want_attention: bool = False,
        sentence_numbers: IntArray | None = None,
    ) -> list[list[Hypothesis]]:
        """Returns up to `nbest` hypotheses a sentence; see `Search` for the arguments."""
        num_sentences = len(source_lengths)
        limits = self.limits(source_lengths)
        ranking: Ranking = Likeliest(self.size, model.vocabulary_size, self.length_penalty)
        if required is not None and any(required.phrases):
            ranking = banks = self._banks(model, limits, prefixes, required)
            limits = banks.limits
        constraints = Constraints(limits, prefixes, model)
        trellis = Trellis(want_attention=want_attention)
        pool = Pool(num_sentences, self.nbest)
        beam = _start(num_sentences, model.go)
        while beam.owner.size:
            position = len(trellis)
            candidates = propose(
                model,
                memory,
                state,
                owner=beam.owner,
                last_ids=beam.last_ids,
                k=ranking.k,
                forced=constraints.forced(beam.owner, position),
                wanted=ranking.wanted(beam),
            )
            taken = ranking.take(beam, candidates, position)
            trellis.append(candidates, taken.rows, taken.columns)
            ended = taken.ids == model.eos
            _collect(pool, ranking, taken, ended, len(trellis))
            entries = np.flatnonzero(~ended & _undecided(pool, ranking, taken, ended, constraints.limits)[taken.owner])
            trellis.keep(entries)
            ranking.keep(entries)
            state = reorder(model, candidates.state, taken.rows[entries], len(beam.owner))
            beam = Opened(taken.owner[entries], taken.ranks[entries], taken.ids[entries], taken.totals[entries])
        return [self._read(trellis, pool, i, int(length)) for i, length in enumerate(source_lengths)]

    def _banks(
        self, model: StepModel, limits: IntArray, prefixes: Sequence[Sequence[int]] | None, required: Required
    ) -> Banks:
        """Returns the ranking that holds hypotheses to the required phrases."""
        required.check(len(limits), model)
        prefixes = [()] * len(limits) if prefixes is None else prefixes
        return Banks(
            required,
            prefixes,
            size=self.size,
            length_penalty=self.length_penalty,
            limits=limits,
            eos=model.eos,
            vocabulary_size=model.vocabulary_size,
        )

    def _read(self, trellis: Trellis, pool: Pool, sentence: int, source_length: int) -> list[Hypothesis]:
        """Returns a sentence's hypotheses, best first."""
        return [
            trellis.hypothesis(
                int(step),
                int(pool.entries[sentence, place]),
                log_prob=float(pool.log_probs[sentence, place]),
                score=float(scores(pool.log_probs[sentence, place], int(step) + 1, self.length_penalty)),
                source_length=source_length,
            )
            for place, step in enumerate(pool.steps[sentence])
            if step != NONE
        ]


def _collect(pool: Pool, ranking: Ranking, taken: Taken, ended: BoolArray, length: int) -> None:
    """Moves the ended hypotheses, `length` tokens long with EOS, to the pool."""
    pool.add(
        taken.owner[ended],
        taken.ranks[ended],
        scores=ranking.worth(taken.owner[ended], taken.merits[ended], length),
        log_probs=taken.totals[ended],
        step=length - 1,
        entries=np.flatnonzero(ended),
    )


def _undecided(pool: Pool, ranking: Ranking, taken: Taken, ended: BoolArray, limits: IntArray) -> BoolArray:
    """Tells for which sentences an open hypothesis could still enter the pool; [sentences]."""
    best_open = np.full(len(limits), -np.inf)
    np.maximum.at(best_open, taken.owner[~ended], taken.merits[~ended])
    return pool.could_change(ranking.worth(np.arange(len(limits)), best_open, limits + 1))


def _start(num_sentences: int, go: int) -> Opened:
    """Returns the beam before the first step: one empty hypothesis a sentence."""
    zeros = np.zeros(num_sentences, dtype=np.int64)
    return Opened(np.arange(num_sentences, dtype=np.int64), zeros, np.full_like(zeros, go), np.zeros(num_sentences))
