"""From what a search found to what a person reads: the texts of hypotheses, and those of parts put together again."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from seq2seq.text.pairs import TokenizerPair
from seq2seq.text.pieces import Pieces
from seq2seq.text.restoring import restored
from seq2seq.translating.jobs import Job
from seq2seq.translating.request import Request
from seq2seq.translating.translation import Piece, Translation, joined, one_line

if TYPE_CHECKING:
    from seq2seq.search import Hypothesis


class Writer:
    """Writes translations.

    Args:
        tokenizers: Ids to text.

    Attributes:
        target_pieces: The pieces of the target's ids.
    """

    def __init__(self, tokenizers: TokenizerPair) -> None:
        self._tokenizers = tokenizers
        self._source_pieces = Pieces(tokenizers.source)
        self.target_pieces = Pieces(tokenizers.target)

    def text(self, job: Job, hypothesis: Hypothesis) -> str:
        """Returns the text of a hypothesis, on one line."""
        return one_line(restored(job.sentence, self._tokenizers, hypothesis.ids, hypothesis.attention))

    def translation(self, job: Job, hypotheses: Sequence[Hypothesis], request: Request) -> Translation:
        """Returns the translation of a sentence or a part, with its alternatives if they are wanted.

        Args:
            job: The sentence.
            hypotheses: What was found for it, best first.
            request: What is wanted.
        """
        source_tokens = self._source_pieces.of(job.sentence.ids)
        ranked = [self._one(job, hypothesis, source_tokens, request.attention) for hypothesis in hypotheses]
        return replace(ranked[0], nbest=ranked) if request.nbest > 1 else ranked[0]

    def _one(self, job: Job, hypothesis: Hypothesis, source_tokens: list[str], attention: bool) -> Translation:
        return Translation(
            source=job.source,
            text=self.text(job, hypothesis),
            score=hypothesis.score,
            log_prob=hypothesis.log_prob,
            source_tokens=source_tokens,
            tokens=self.target_pieces.of(hypothesis.ids),
            token_log_probs=list(hypothesis.token_log_probs),
            attention=hypothesis.attention if attention else None,
            terms=job.sentence.terms,
            ids=list(hypothesis.ids),
            utility=getattr(hypothesis, "utility", None),
        )


def together(line: str, jobs: Sequence[Job], done: Mapping[int, Translation], nbest: int) -> Translation:
    """Returns the translation of a line.

    Args:
        line: It, as it was given.
        jobs: Its jobs, none where it is blank.
        done: The translation of each, by its number.
        nbest: How many alternatives are wanted.
    """
    pieces = [Piece(done[job.number], job.part.before, job.part.torn) for job in jobs]
    if len(pieces) > 1:
        return joined(line, pieces, nbest)
    return pieces[0].translation if pieces else Translation(line, "", 0.0, 0.0, [], [], [])
