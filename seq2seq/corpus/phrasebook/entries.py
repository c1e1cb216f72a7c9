"""The entries of the lexicon, as the grammar sees them. A French word with an aspirated h starts with an asterisk."""

from __future__ import annotations

from dataclasses import dataclass

Forms = tuple[str, str, str, str]
"""A French word in the masculine, the feminine, the masculine plural and the feminine plural."""


@dataclass(frozen=True, slots=True, eq=False)
class Noun:
    """A thing, a person or a matter. `plural` is "" for what is not counted (milk); `kinds` says what it may do."""

    english: str
    plural: str
    french: str
    french_plural: str
    feminine: bool
    kinds: frozenset[str]


@dataclass(frozen=True, slots=True, eq=False)
class Adjective:
    """A quality. `comparative` and `superlative` are "" where English says "more" and "most".

    `position` is where French puts it beside a noun: "before", "after", "predicate" (never beside one: the man is
    tall) or "attributive" (before, and never after "be": a new car is "nouvelle" but the car is not).
    `before_vowel` is the masculine singular before a vowel (bel) or ""; `better` holds the forms that replace
    "plus" and the adjective (meilleur) or is None; `kinds` are the nouns it goes with.
    """

    english: str
    comparative: str
    superlative: str
    forms: Forms
    before_vowel: str
    position: str
    better: Forms | None
    kinds: frozenset[str]


@dataclass(frozen=True, slots=True, eq=False)
class Verb:
    """An action or a state in both languages.

    `present` has the six persons of the French present; `future` and `imperfect` are stems; `reflexive` says that
    the French needs me, te, se, nous (the forms here lack it); `objects` are the kinds of noun it may act upon.
    """

    english: str
    third: str
    past: str
    participle: str
    ing: str
    french: str
    present: tuple[str, str, str, str, str, str]
    french_participle: str
    with_etre: bool
    future: str
    imperfect: str
    uses: frozenset[str]
    objects: frozenset[str]
    reflexive: bool


@dataclass(frozen=True, slots=True, eq=False)
class Profession:
    """What a person does for a living."""

    english: str
    plural: str
    forms: Forms


@dataclass(frozen=True, slots=True, eq=False)
class Place:
    """Somewhere to be (`at`), to go (`to`) and to come from (`origin`), with the prepositions of both languages."""

    at: str
    to: str
    origin: str
    french_at: str
    french_from: str
    kind: str


@dataclass(frozen=True, slots=True, eq=False)
class Expression:
    """A time, an adverb, a preposition or a state: the same words whatever stands beside them."""

    english: str
    french: str
    uses: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True, eq=False)
class Name:
    """A person's first name."""

    english: str
    french: str
    feminine: bool


@dataclass(frozen=True, slots=True, eq=False)
class Number:
    """One of the words that numbers are made of; `ordinal` is "" where no date needs it."""

    value: int
    english: str
    ordinal: str
    french: str
