"""Words that no translation may hold: found in its text, and forbidden as ids.

A word has many spellings in ids: its subwords, other subwords, single letters, bytes. To forbid them all would forbid
half the language with them, as the first subwords of a word begin many others. So a translation is looked for freely;
where its text holds a banned word, that sentence alone is searched again without the ids that wrote it there and
without the word's usual spellings, until no word is left. Sentences that no banned word comes near are translated as if
there were no ban, and what a sentence gets depends on nothing but itself.

Two limits. In a sentence that is searched again, the ids that wrote the word are kept out of longer words too: without
"cat" it may also lose "cats", if that begins with the same piece. And the parts of a long text are looked at one by
one, so a banned phrase may still come about where two of them meet.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from typing import Final, NamedTuple

from seq2seq.errors import UserError, WorkError
from seq2seq.text.glossary import word_goes_on
from seq2seq.text.terms import phrase
from seq2seq.text.tokenizer import Tokenizer

Sequences = frozenset[tuple[int, ...]]
"""Rows of ids that an output may not hold."""

_PATIENT_ROUNDS: Final = 6
"""After so many searches that each found one more spelling, the ids that take part in it are forbidden altogether."""
_MOST_ROUNDS: Final = 40


class Ban(NamedTuple):
    """A word or a phrase, and how it is found in a text.

    Attributes:
        text: It, normalised.
        pattern: Finds it, inside of longer words too.
        usual: The ids that write it within a sentence.
    """

    text: str
    pattern: re.Pattern[str]
    usual: Sequences


class Banned:
    """The words and phrases that no translation may hold.

    A word counts where it stands as a whole word, as a term of a `Glossary` does: "cat" is in "cat-like" and not in
    "catalogue"; in scripts that put no space between words it counts wherever its characters stand. What is given in
    small letters counts in capitals too; what has a capital counts as it is.

    Args:
        words: The words and phrases.
        tokenizer: The target's.
        normalise: What the target text has gone through.

    Raises:
        UserError: Nothing can be seen of a word.
    """

    def __init__(self, words: Iterable[str], tokenizer: Tokenizer, normalise: Callable[[str], str] = str) -> None:
        self._tokenizer = tokenizer
        texts = dict.fromkeys(" ".join(normalise(_checked(word)).split()) for word in words)
        if "" in texts:
            raise UserError("Nothing can be seen of a banned word.", hint="Leave it out.")
        self._bans = [self._ban(text) for text in texts]

    def _ban(self, text: str) -> Ban:
        spellings = (phrase(self._tokenizer, form).ids for form in _forms(text))
        usual = frozenset(ids for ids in spellings if ids and self._tokenizer.placeholders.keys().isdisjoint(ids))
        return Ban(text, _pattern(text), usual)

    def in_text(self, text: str) -> list[str]:
        """Returns those that `text` holds."""
        return [ban.text for ban in self._bans if _places(ban, text)]

    def spelled(
        self, text: str, ids: Sequence[int], written: Callable[[Sequence[int]], str], *, rounds: int
    ) -> Sequences:
        """Returns the ids that must not be written, so that `text` is not what comes out; none where it may.

        Args:
            text: A translation.
            ids: Its ids, without EOS.
            written: From the first few of them, any number, to the text they stand for.
            rounds: How often the sentence was searched before.

        Raises:
            WorkError: It was often enough.
        """
        held = [ban for ban in self._bans if _places(ban, text)]
        if not held:
            return frozenset()
        if rounds > _MOST_ROUNDS:
            raise WorkError(
                f"No translation without {held[0].text!r} was found.",
                hint="Ban fewer words at a time, or widen the beam.",
            )
        ends = [len(written(ids[:count])) for count in range(len(ids) + 1)]
        whole = written(ids)
        found: set[tuple[int, ...]] = set()
        for ban in held:
            rows = [_row(ids, ends, begin, end) for begin, end in _places(ban, whole)] or [tuple(ids)]
            found.update(rows if rounds <= _PATIENT_ROUNDS else [(one,) for row in rows for one in row])
            found |= ban.usual
        return frozenset(found)


def _row(ids: Sequence[int], ends: Sequence[int], begin: int, end: int) -> tuple[int, ...]:
    """Returns the ids that write the characters from `begin` to before `end`.

    Where the first of them is glued to the id before it, that one goes with it: "door" is banned behind "(", and
    allowed in "outdoor".

    Args:
        ids: The output's.
        ends: How long the text of the first 0, 1, 2, ... ids is.
        begin: The first character.
        end: The one after the last.
    """
    first = max(i for i in range(len(ids)) if ends[i] <= begin)
    last = next((i for i in range(first, len(ids)) if ends[i + 1] >= end), len(ids) - 1)
    while last + 1 < len(ids) and ends[last + 1] == ends[last + 2]:  # the last bytes of a character
        last += 1
    return tuple(ids[max(0, first - (ends[first] == begin)) : last + 1])


def _forms(text: str) -> list[str]:
    """Returns a word as it stands, and where it is given in small letters as it begins a sentence and in capitals."""
    if text != text.lower():
        return [text]
    return list(dict.fromkeys([text, text[0].upper() + text[1:], text.upper()]))


def _pattern(text: str) -> re.Pattern[str]:
    """Returns what finds a word; of one given in small letters, any letters may be capitals."""
    own, *others = (r"\s+".join(map(re.escape, form.split())) for form in _forms(text))
    if not others:
        return re.compile(own)
    # Case is ignored letter by letter, and a few letters become two: the capitals of "straße" are "STRASSE".
    return re.compile("|".join([f"(?i:{own})", *others]))


def _places(ban: Ban, text: str) -> list[tuple[int, int]]:
    """Returns where a banned word stands in a text as a whole word."""
    found, place = [], 0
    while match := ban.pattern.search(text, place):
        is_whole = not word_goes_on(text, match.start()) and not word_goes_on(text, match.end())
        if is_whole:
            found.append(match.span())
        # What begins inside a longer word may overlap the phrase that is meant: "ha ha" in "haha ha ha".
        place = match.end() if is_whole else match.start() + 1
    return found


def _checked(word: object) -> str:
    if not isinstance(word, str):
        raise TypeError(f"A banned word must be a str, not {type(word).__name__}.")
    return word
