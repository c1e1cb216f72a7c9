"""What no hypothesis may write next: EOS below the minimum length, an n-gram once more, whatever is banned."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple, Protocol

import numpy as np

from seq2seq.errors import SentenceError, UserError
from seq2seq.search.banned import Banned, banned_alone, check_banned
from seq2seq.search.ngrams import RepeatedNgrams
from seq2seq.search.step_model import BoolArray, IntArray, StepModel


class Forbidden(NamedTuple):
    """The ids that may not be written at one step.

    Attributes:
        everywhere: [vocabulary], True for those that no row may write.
        own: [rows, m], those of each row's own, negative where there is none.
        most: No row has more of either kind together.
    """

    everywhere: BoolArray
    own: IntArray
    most: int

    def among(self, ids: IntArray) -> BoolArray:
        """Tells which of each row's `ids` are forbidden; both [rows, n]."""
        found: BoolArray = self.everywhere[ids]
        if self.own.shape[1]:
            found |= (ids[:, :, None] == self.own[:, None, :]).any(axis=2)
        return found


class Rule(Protocol):
    """Forbids ids by what a row has written."""

    def __call__(self, written: IntArray) -> IntArray:
        """Returns [rows, m] ids, negative where there is none, for `written`, [rows, position]."""


class Blocking:
    """Follows what the rows of one search have written, and says what they may not write next.

    The model is asked for as many more continuations as are forbidden, and these are dropped: so a row still has its k
    best of what it may write. What is forced is never forbidden: a prefix, EOS at the limit, and an id that leads on
    with a required phrase.

    Args:
        model: Whose ids they are.
        num_rows: Rows of the search at its start.
        min_length: The fewest tokens, without EOS.
        no_repeat_ngram: How long a row of ids is that may stand in an output once; 0: no such rule.
        banned: The ids in a row that no output may hold.
    """

    def __init__(
        self,
        model: StepModel,
        num_rows: int,
        *,
        min_length: int,
        no_repeat_ngram: int,
        banned: Sequence[Sequence[int]],
    ) -> None:
        self._eos = model.eos
        self._min_length = min_length
        self._position = 0
        self._written: IntArray = np.empty((num_rows, 0), dtype=np.int64)  # stays so where no rule asks for it
        self._everywhere = banned_alone(banned, model.vocabulary_size)
        self._num_banned = int(self._everywhere.sum())
        self._rules: list[Rule] = [RepeatedNgrams(no_repeat_ngram)] if no_repeat_ngram else []
        if any(len(ids) > 1 for ids in banned):
            self._rules.append(Banned(banned, model.vocabulary_size))

    def forbidden(self) -> Forbidden | None:
        """Returns what each row may not write next; None where nothing is forbidden."""
        early = self._position < self._min_length
        self._everywhere[self._eos] = early
        own = [ids for ids in (rule(self._written) for rule in self._rules) if ids.shape[1]]
        num_everywhere = self._num_banned + early
        if not num_everywhere and not own:
            return None
        joined = np.concatenate([self._written[:, :0], *own], axis=1)
        return Forbidden(self._everywhere, joined, num_everywhere + joined.shape[1])

    def keep(self, rows: IntArray, ids: IntArray) -> None:
        """Hears which row each row of the next step continues, and with which id."""
        self._position += 1
        self._written = self._written[rows]
        if self._rules:
            self._written = np.concatenate([self._written, ids[:, None]], axis=1)


def block(
    model: StepModel,
    num_rows: int,
    *,
    min_length: int,
    no_repeat_ngram: int,
    banned: Sequence[Sequence[int]] | None,
) -> Blocking | None:
    """Returns the blocking of one search; None where there is nothing to block, which then costs nothing.

    Raises:
        UserError: A banned sequence is empty, or holds GO, EOS or an id outside the vocabulary.
    """
    if banned:
        check_banned(banned, model)
    elif not min_length and not no_repeat_ngram:
        return None
    return Blocking(
        model, num_rows, min_length=min_length, no_repeat_ngram=no_repeat_ngram, banned=[] if banned is None else banned
    )


def check_blocking(min_length: int, no_repeat_ngram: int) -> None:
    """Refuses settings that are out of range.

    Raises:
        UserError: One is negative.
    """
    if min_length < 0:
        raise UserError(f"The minimum length must be at least 0, not {min_length}.", hint="0 means no minimum.")
    if no_repeat_ngram < 0:
        raise UserError(
            f"no_repeat_ngram must be at least 0, not {no_repeat_ngram}.", hint="3 is usual; 0 forbids no repetition."
        )


def no_way_on(sentence: int) -> SentenceError:
    """Returns the error of a sentence whose every hypothesis came to where nothing may follow."""
    return SentenceError(
        "No translation of {sentence} was found: what is banned, the minimum length and no_repeat_ngram together leave "
        "no token that may come next.",
        sentence=sentence,
        hint="Ban less, lower the minimum length, or widen the beam.",
    )
