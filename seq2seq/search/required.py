"""Phrases that an output must hold: how far a hypothesis has come with them, token by token."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from seq2seq.errors import UserError
from seq2seq.search.constraints import check_ids
from seq2seq.search.step_model import StepModel


@dataclass(frozen=True)
class Required:
    """What the outputs of a batch must hold.

    Attributes:
        phrases: For each sentence, its phrases; each must occur in the output, its ids in a row. A phrase that is there
            twice must occur twice. Occurrences inside other phrases do not count as one's own: ("York", "New York")
            asks for two "York", one of them after "New".
        continuing: Ids that go on with the word before them. An occurrence counts only if none of these follows it:
            "cat" is not in "cat" + "alogue".
        spans: For each phrase of each sentence, the places of the source tokens that it translates; None: not known.
            With them, and a model that has attention, phrases are put where the model translates these tokens.
        before: Ids that count as written before each output: where a phrase is a space and a word, the word alone may
            begin an output.
    """

    phrases: Sequence[Sequence[Sequence[int]]]
    continuing: frozenset[int] = frozenset()
    spans: Sequence[Sequence[Sequence[int]]] | None = None
    before: tuple[int, ...] = ()

    def progress(self) -> list[Progress]:
        """Returns each sentence's automaton."""
        return [Progress(phrases, self.continuing, self.before) for phrases in self.phrases]

    def check(self, num_sentences: int, model: StepModel) -> None:
        """Refuses what cannot be written.

        Raises:
            ValueError: There are not as many lists of phrases as sentences.
            SentenceError: A phrase holds GO, EOS or an id outside the vocabulary.
        """
        if len(self.phrases) != num_sentences:
            raise ValueError(
                f"There must be one list of phrases for each of the {num_sentences} sentences, not {len(self.phrases)}."
            )
        check_ids("required phrases", [[i for phrase in own for i in phrase] for own in self.phrases], model)


def refuse_required(required: Required | None, search: str) -> None:
    """Stops a search that cannot be held to phrases.

    Raises:
        UserError: There are some.
    """
    if required is not None and any(required.phrases):
        raise UserError(
            f"{search} cannot promise that required phrases, as those of a glossary, appear.",
            hint="Use the beam search or the greedy search with them.",
        )


@dataclass(frozen=True)
class _State:
    """Where a hypothesis stands.

    Args:
        end: Its last ids, as many as begin some phrase.
        missing: How often each phrase must still occur, `end` not yet counted: its next id may go on with the word.
    """

    end: tuple[int, ...]
    missing: tuple[int, ...]


class Progress:
    """One sentence's phrases as an automaton over ids, after Aho & Corasick 1975, with a counter for each phrase.

    A state is a function of the ids written so far and of nothing else, so that equal outputs are never counted as
    different hypotheses. States are numbered as they are met.

    `needed` is an upper bound, and there is always an id in `followers` after which it is lower by 1 at least: so a
    hypothesis that has `needed` ids left can meet all phrases whatever the model thinks. It is exact but where one
    phrase ends as another begins or where one holds another.

    Args:
        phrases: The sentence's.
        continuing: See `Required`. An id that itself begins a phrase never counts as such.
        before: See `Required`.
    """

    def __init__(
        self,
        phrases: Sequence[Sequence[int]],
        continuing: frozenset[int] = frozenset(),
        before: Sequence[int] = (),
    ) -> None:
        wanted = [tuple(phrase) for phrase in phrases if len(phrase)]
        self._phrases = list(dict.fromkeys(wanted))
        self._prefixes = {(), *(phrase[:n] for phrase in wanted for n in range(1, len(phrase) + 1))}
        self._alphabet = {i for phrase in wanted for i in phrase}
        self._continuing = continuing - {phrase[0] for phrase in wanted}
        self._states: list[_State] = []
        self._numbers: dict[_State, int] = {}
        self._moves: dict[tuple[int, int], int] = {}
        self.needed: list[int] = []
        """For each state, how many more ids are enough to meet all phrases; 0 where they are met if it ends here."""
        self.followers: list[tuple[int, ...]] = []
        """For each state, the ids that begin a missing phrase or go on with one."""
        self.under_way: list[tuple[int, ...]] = []
        """For each state, which of `phrases` its last ids begin, or are."""
        self._wanted = [tuple(phrase) for phrase in phrases]
        missing = tuple(sum(self._occurrences(phrase, other) for other in wanted) for phrase in self._phrases)
        self.start = self._number(_State((), missing))
        """The state before the first id."""
        self.start = self.after_all(before)

    def after(self, state: int, token: int) -> int:
        """Returns the state after one more id."""
        known = token if token in self._alphabet else -1 if token in self._continuing else -2
        move = (state, known)
        if move not in self._moves:
            before = self._states[state]
            missing = self._missing_before(before, token)
            self._moves[move] = self._number(_State(self._longest((*before.end, token)), missing))
        return self._moves[move]

    def after_all(self, tokens: Sequence[int]) -> int:
        """Returns the state after these first ids."""
        state = self.start
        for token in tokens:
            state = self.after(state, token)
        return state

    def _number(self, state: _State) -> int:
        """Returns the state's number; a new one is measured first."""
        if state not in self._numbers:
            self._numbers[state] = len(self._states)
            self._states.append(state)
            needed, followers = self._measure(state)
            self.needed.append(needed)
            size = len(state.end)
            self.under_way.append(tuple(n for n, p in enumerate(self._wanted) if size and p[:size] == state.end))
            self.followers.append(followers)
        return self._numbers[state]

    def _measure(self, state: _State) -> tuple[int, tuple[int, ...]]:
        """Returns how many ids are enough from here on, and those that lead on.

        Either a phrase is begun afresh, or one that is under way is gone on with, which saves what it has.
        """
        closed = self._counted(state)
        needed = self._length(closed)
        followers = [phrase[0] for phrase, count in zip(self._phrases, closed, strict=True) if count]
        for place, phrase in enumerate(self._phrases):
            begun = max((n for n in range(1, len(phrase)) if state.end[-n:] == phrase[:n]), default=0)
            if not begun:
                continue
            missing = self._missing_before(state, phrase[begun])
            if missing[place]:
                needed = min(needed, self._length(missing) - begun)
                followers.append(phrase[begun])
        return needed, tuple(dict.fromkeys(followers))

    def _length(self, missing: tuple[int, ...]) -> int:
        return sum(count * len(phrase) for count, phrase in zip(missing, self._phrases, strict=True))

    def _missing_before(self, state: _State, token: int) -> tuple[int, ...]:
        """Returns what is missing once `token` has shown whether it goes on with the last word."""
        return state.missing if token in self._continuing else self._counted(state)

    def _counted(self, state: _State) -> tuple[int, ...]:
        """Returns what is missing with the phrases that `end` ends with counted."""
        return tuple(
            count - (count > 0 and state.end[-len(phrase) :] == phrase)
            for count, phrase in zip(state.missing, self._phrases, strict=True)
        )

    def _longest(self, ids: tuple[int, ...]) -> tuple[int, ...]:
        """Returns the longest end of `ids` that begins a phrase."""
        while ids not in self._prefixes:
            ids = ids[1:]
        return ids

    def _occurrences(self, phrase: tuple[int, ...], other: tuple[int, ...]) -> int:
        """Counts where `phrase` stands in `other`, ends of it included."""
        size = len(phrase)
        return sum(
            other[end - size : end] == phrase and not (end < len(other) and other[end] in self._continuing)
            for end in range(size, len(other) + 1)
        )
