"""Glossaries: which words of a text have a translation that is laid down, and which."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from seq2seq.errors import UserError
from seq2seq.text.characters import IDEOGRAPHS, JOINERS, UNSPACED_LETTERS, marks

_HOW = "Each line is a source term, a tab, and the target term; lines that begin with # are comments."


@dataclass(frozen=True)
class Term:
    """A source term and the target term that is to stand for it."""

    source: str
    target: str


@dataclass(frozen=True)
class Match:
    """A term and where it stands in a text: the characters from `start` to before `end`."""

    term: Term
    start: int
    end: int


def parse_glossary(lines: Iterable[str], path: Path) -> dict[str, str]:
    """Returns the terms of a glossary file: "source term<TAB>target term" a line.

    Blank lines and lines that begin with "#" are skipped; spaces around a term go. The same line twice is no mistake.

    Args:
        lines: Its lines.
        path: Its name, for errors.

    Raises:
        UserError: A line has no tab or more than one, a side is empty, or a source term has two different targets; it
            names the file and the line, or both lines.
    """
    terms: dict[str, str] = {}
    places: dict[str, int] = {}
    for number, line in enumerate(lines, start=1):
        if not line.strip() or line.lstrip().startswith("#"):
            continue
        columns = [" ".join(column.split()) for column in line.split("\t")]
        if len(columns) != 2:
            found = "no tab" if len(columns) == 1 else f"{len(columns) - 1} tabs"
            raise UserError(f"{path}, line {number}: a glossary's line must have one tab, and has {found}.", hint=_HOW)
        source, target = columns
        if not (source and target):
            raise UserError(
                f"{path}, line {number}: the {'target' if source else 'source'} term is empty.",
                hint="Fill it in, or remove the line.",
            )
        if terms.setdefault(source, target) != target:
            raise UserError(
                f"{path}, lines {places[source]} and {number}: {source!r} is to be {terms[source]!r} and {target!r}.",
                hint="Keep one of the two lines.",
            )
        places.setdefault(source, number)
    if not terms:
        raise UserError(f"{path} holds no terms.", hint=_HOW)
    return terms


class Glossary:
    """Finds terms in normalised text.

    A term is found where its words stand in the text as whole words: "cat" is not in "catalogue", but it is in
    "cat-like". Soft hyphens and zero width joiners do not end a word. In scripts that put no space between words it is
    found wherever its characters stand. Of terms that overlap the longest is taken, of equally long ones the first.
    Case counts, but for one thing: at the start of the text, a term whose first letter is small is also found with a
    capital.

    Args:
        terms: Source terms and their target terms.
        normalise: What the text goes through before it is searched; the terms go through it too.

    Raises:
        UserError: Nothing is left of a term, or two that have become the same have different targets.
    """

    def __init__(self, terms: Mapping[str, str], normalise: Callable[[str], str] = str) -> None:
        self._terms: dict[tuple[str, ...], Term] = {}
        lengths: dict[str, set[int]] = {}
        for given_source, given_target in terms.items():
            term = Term(normalise(given_source).strip(), normalise(given_target).strip())
            if not (term.source and term.target):
                raise UserError(f"Nothing can be seen of the glossary's term {given_source!r} = {given_target!r}.")
            words = tuple(word for _, word in _words(term.source))
            if self._terms.setdefault(words, term).target != term.target:
                raise UserError(
                    f"The glossary wants {term.source!r} to be {self._terms[words].target!r} and {term.target!r}.",
                    hint="Keep one of the two.",
                )
            lengths.setdefault(words[0], set()).add(len(words))
        self._lengths = {first: sorted(found, reverse=True) for first, found in lengths.items()}

    def matches(self, text: str) -> list[Match]:
        """Returns the terms in `text`, in the order of their places; no two overlap."""
        starts, words = zip(*_words(text), strict=True) if text else ((), ())
        first = next((i for i, word in enumerate(words) if any(c.isalnum() for c in word)), -1)
        found = []
        for place, word in enumerate(words):
            for begin in dict.fromkeys((word, _small(word) if place == first else word)):
                for length in self._lengths.get(begin, ()):
                    last = place + length - 1
                    term = self._terms.get((begin, *words[place + 1 : last + 1]))
                    if term and last < len(words):
                        found.append(Match(term, starts[place], starts[last] + len(words[last])))
        return _without_overlaps(found)


def _without_overlaps(matches: list[Match]) -> list[Match]:
    taken: list[Match] = []
    for match in sorted(matches, key=lambda m: m.start - m.end):  # the sort is stable: equally long ones in order
        if all(match.end <= other.start or other.end <= match.start for other in taken):
            taken.append(match)
    return sorted(taken, key=lambda m: m.start)


def _small(word: str) -> str:
    return word[:1].lower() + word[1:]


def joins_words(character: str) -> bool:
    """Tells whether a character goes on with the word before it.

    That is a letter, digit or mark of a script with spaces, or what joins two of them, such as a soft hyphen.
    """
    return character in JOINERS or bool(_letter().fullmatch(character))


def word_goes_on(text: str, place: int) -> bool:
    """Tells whether a word of the text goes on across `place`, be it over what joins its letters."""
    before, after = text[:place].rstrip(JOINERS), text[place:].lstrip(JOINERS)
    return bool(_letter().fullmatch(before[-1:]) and _letter().fullmatch(after[:1]))


def _words(text: str) -> Iterator[tuple[int, str]]:
    """Yields the places and texts of what a term is made of: whole words, and single characters of all other kinds.

    Put together they are the text; a run of spaces is one.
    """
    for match in _pattern().finditer(text):
        yield match.start(), " " if match.group().isspace() else match.group()


@lru_cache(maxsize=1)
def _letter() -> re.Pattern[str]:
    return re.compile(f"(?![{IDEOGRAPHS}{UNSPACED_LETTERS}])[\\w{marks()}]")


@lru_cache(maxsize=1)
def _pattern() -> re.Pattern[str]:
    letters = f"(?:{_letter().pattern})+"
    return re.compile(f"{letters}(?:[{JOINERS}]+{letters})*|\\s+|.", re.DOTALL)
