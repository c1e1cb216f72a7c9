"""Jobs in batches through the search, as many at a time as the engine wants, until none has a banned word."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import cached_property, lru_cache
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from seq2seq import build
from seq2seq.errors import OfSentenceError, UserError
from seq2seq.recipe.schema import Search as SearchSettings
from seq2seq.text.pairs import TokenizerPair
from seq2seq.text.restoring import fill
from seq2seq.text.terms import continuing_ids, opening_ids
from seq2seq.translating.banning import Sequences
from seq2seq.translating.batching import each, engine_batches
from seq2seq.translating.jobs import Job
from seq2seq.translating.request import Request
from seq2seq.translating.writing import Writer

if TYPE_CHECKING:
    from seq2seq.engines.engine import Engine
    from seq2seq.search import Hypothesis, Required, Search

Found = dict[int, tuple[Job, "list[Hypothesis]"]]
"""Each job as it was searched last, and what was found for it, best first; by its number."""

_USUAL_BEAM: Final = 8
_WITHOUT_BEAM: Final = {"greedy", "sampling"}  # searches that have no use for its setting


class Searcher:
    """Searches for translations.

    Args:
        tokenizers: Of both languages.
        writer: Writes the texts in which banned words are looked for, and which are compared.
    """

    def __init__(self, tokenizers: TokenizerPair, writer: Writer) -> None:
        self._tokenizers = tokenizers
        self._writer = writer

    def __call__(self, jobs: list[Job], request: Request, engine: Engine) -> Found:
        """Returns what the search finds for each job, by number; those with banned words are searched again.

        Args:
            jobs: The sentences.
            request: What is wanted of them.
            engine: Computes the steps.

        Raises:
            OfSentenceError: There is no translation of a sentence; its number is that of its line.
        """
        found: Found = {}
        settings = _with_fewer_sentences(request)
        waiting = {frozenset[tuple[int, ...]](): jobs}
        while waiting:
            work = [
                [alike[i] for i in batch]
                for alike in waiting.values()
                for batch in engine_batches([len(job.sentence.ids) + 1 for job in alike], settings, engine)
            ]
            waiting = {}

            def search(engine: Engine, batch: list[Job]) -> list[list[Hypothesis]]:
                return self._search(engine, batch, request)

            for batch, results in zip(work, each(search, work, engine), strict=True):
                for job, candidates in zip(batch, results, strict=True):
                    hypotheses = self._ranked(job, candidates, request)
                    found[job.number] = job, hypotheses
                    if more := self._forbidden(job, hypotheses, request):
                        again = replace(job, forbidden=job.forbidden | more, rounds=job.rounds + 1)
                        waiting.setdefault(again.forbidden, []).append(again)
        return found

    def _search(self, engine: Engine, batch: Sequence[Job], request: Request) -> list[list[Hypothesis]]:
        """Returns the candidates of each sentence of a batch, all of which are forbidden the same."""
        start = engine.start([job.sentence.ids for job in batch])
        more: dict[str, Any] = {"banned": sorted(batch[0].forbidden)} if batch[0].forbidden else {}
        try:
            return _search_of(request.settings, request.num_candidates)(
                engine,
                start.memory,
                start.state,
                start.source_lengths,
                prefixes=[job.forced for job in batch] if request.forced else None,
                required=self._required(batch),
                # Placeholders are filled in by attention, whether or not anyone wants to see it.
                want_attention=request.attention or bool(self._tokenizers.target.placeholders),
                sentence_numbers=np.array([job.number for job in batch], np.int64),
                **more,
            )
        except OfSentenceError as error:
            raise error.of(batch[error.sentence].line) from None

    def _required(self, batch: Sequence[Job]) -> Required | None:
        """Returns what the search must write: the terms of each sentence."""
        from seq2seq.search import Required

        phrases = [[one.ids for one in job.sentence.phrases] for job in batch]
        if not any(phrases):
            return None
        for job in batch:
            for match, one in zip(job.sentence.matches, job.sentence.phrases, strict=True):
                if not one.ids:
                    raise UserError(f"This model cannot write the glossary's term {match.term.target!r}.")
        spans = [job.sentence.spans for job in batch]
        return Required(phrases, self._continuing, spans, opening_ids(self._tokenizers.target))

    @cached_property
    def _continuing(self) -> frozenset[int]:
        return continuing_ids(self._tokenizers.target)

    def _ranked(self, job: Job, candidates: list[Hypothesis], request: Request) -> list[Hypothesis]:
        """Returns as many of the candidates as are wanted, best first."""
        if request.minimum_bayes is None:
            return candidates
        judged = request.minimum_bayes(candidates, [self._writer.text(job, one) for one in candidates])
        return list(judged[: request.nbest])

    def _forbidden(self, job: Job, hypotheses: list[Hypothesis], request: Request) -> Sequences:
        """Returns the ids that wrote banned words into the hypotheses; none where there are no such words."""
        if request.banned is None:
            return frozenset()
        target, more = self._tokenizers.target, set[tuple[int, ...]]()
        for one in hypotheses:
            filled = fill(job.sentence, self._tokenizers, one.ids, one.attention)
            more |= request.banned.spelled(
                self._writer.text(job, one),
                one.ids,
                lambda ids, filled=filled: target.decode(ids, filled),  # type: ignore[misc]
                rounds=job.rounds + 1,
            )
        return frozenset(more)


@lru_cache(maxsize=16)
def _search_of(settings: SearchSettings, nbest: int) -> Search:
    """Returns the search that the settings name. It keeps nothing between calls, so all may share it."""
    return build.search(settings, nbest=nbest)


def _with_fewer_sentences(request: Request) -> SearchSettings:
    """Returns settings whose batches have as many hypotheses as those of a usual beam, where sentences have more."""
    settings = request.settings
    beam = 1 if settings.name in _WITHOUT_BEAM else settings.beam
    rows = max(beam, request.num_candidates)
    if rows <= _USUAL_BEAM:
        return settings
    from msgspec.structs import replace as changed

    return changed(settings, batch_sentences=max(1, settings.batch_sentences * _USUAL_BEAM // rows))
