"""Reads the bilingual lexicon in `vocab/`, one file a part of speech, and refuses a row that the grammar cannot use."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from pathlib import Path

from seq2seq.corpus.phrasebook.entries import Adjective, Expression, Name, Noun, Number, Place, Profession, Verb
from seq2seq.corpus.phrasebook.table import Row, rows
from seq2seq.resources import shipped

NOUN = ("english", "plural", "french", "french_plural", "gender", "kinds")
FORMS = ("masculine", "feminine", "masculine_plural", "feminine_plural")
ADJECTIVE = ("english", "comparative", "superlative", *FORMS, "before_vowel", "position", "better", "kinds")
PERSONS = ("je", "tu", "il", "nous", "vous", "ils")
VERB = (
    *("english", "third", "past", "participle", "ing", "french", *PERSONS),
    *("french_participle", "auxiliary", "future", "imperfect", "uses", "objects"),
)
PROFESSION = ("english", "plural", *FORMS)
PLACE = ("at", "to", "from", "french_at", "french_from", "kinds")
EXPRESSION = ("english", "french", "uses")
PLAIN = ("english", "french")
NAME = ("english", "french", "gender")
NUMBER = ("value", "english", "ordinal", "french")

VERB_USES = frozenset(
    [
        "helper",
        "state",
        "act",
        "generic",
        "bare",
        "perceive",
        "gift",
        "alone",
        "manner",
        "at",
        "home",
        "to",
        "from",
        "self",
        "mishap",
        "that",
        "price",
    ]
)
ADJECTIVE_MARKS = frozenset({"state", "nationality"})
TIME_USES = frozenset({"present", "now", "habit", "past", "future"})
ADVERB_USES = frozenset({"perfect", "frequency", "manner", "well", "company", "degree", "quantity"})
PREPOSITION_USES = frozenset({"on", "in", "under", "around", "company", "aim"})


@dataclass(frozen=True, slots=True, eq=False)
class Lexicon:
    """Everything the grammar can say. `len()` is the number of entries."""

    nouns: tuple[Noun, ...]
    adjectives: tuple[Adjective, ...]
    verbs: tuple[Verb, ...]
    professions: tuple[Profession, ...]
    places: tuple[Place, ...]
    times: tuple[Expression, ...]
    adverbs: tuple[Expression, ...]
    prepositions: tuple[Expression, ...]
    states: tuple[Expression, ...]
    names: tuple[Name, ...]
    months: tuple[Expression, ...]
    numbers: tuple[Number, ...]

    def __len__(self) -> int:
        return sum(len(getattr(self, part)) for part in self.__slots__)


def read_lexicon(folder: Path) -> Lexicon:
    """Reads and checks every file of the lexicon.

    Raises:
        UserError: A file is missing or a row is wrong; the message names file, line, column, value and what to put.
    """
    nouns = tuple(_noun(row) for row in rows(folder / "nouns.tsv", NOUN))
    known = frozenset(kind for noun in nouns for kind in noun.kinds) | {noun.english for noun in nouns}
    return Lexicon(
        nouns=nouns,
        adjectives=tuple(_adjective(row, known) for row in rows(folder / "adjectives.tsv", ADJECTIVE)),
        verbs=tuple(_verb(row, known) for row in rows(folder / "verbs.tsv", VERB)),
        professions=tuple(_profession(row) for row in rows(folder / "professions.tsv", PROFESSION)),
        places=tuple(_place(row) for row in rows(folder / "places.tsv", PLACE, key="at")),
        times=_expressions(folder / "times.tsv", TIME_USES),
        adverbs=_expressions(folder / "adverbs.tsv", ADVERB_USES),
        prepositions=_expressions(folder / "prepositions.tsv", PREPOSITION_USES),
        states=_plain(folder / "states.tsv"),
        names=tuple(_name(row) for row in rows(folder / "names.tsv", NAME)),
        months=_plain(folder / "months.tsv"),
        numbers=tuple(_number(row) for row in rows(folder / "numbers.tsv", NUMBER, key="value")),
    )


@cache
def lexicon() -> Lexicon:
    """Returns the lexicon that ships with the package."""
    return read_lexicon(shipped("vocab"))


def _noun(row: Row) -> Noun:
    if bool(row.optional("plural")) != bool(row.optional("french_plural")):
        row.refuse("french_plural", "a plural in both languages or in neither (-)")
    kinds = row.listed("kinds")
    if not kinds:
        row.refuse("kinds", "at least one kind")
    return Noun(
        english=row.text("english"),
        plural=row.optional("plural"),
        french=row.text("french"),
        french_plural=row.optional("french_plural"),
        feminine=row.choice("gender", ("m", "f")) == "f",
        kinds=frozenset(kinds),
    )


def _adjective(row: Row, known: frozenset[str]) -> Adjective:
    if bool(row.optional("comparative")) != bool(row.optional("superlative")):
        row.refuse("superlative", "a form for both comparative and superlative, or for neither (-)")
    better = row.listed("better")
    if better and len(better) != 4:
        row.refuse("better", "four forms separated by commas, or -")
    return Adjective(
        english=row.text("english"),
        comparative=row.optional("comparative"),
        superlative=row.optional("superlative"),
        forms=_forms(row),
        before_vowel=row.optional("before_vowel"),
        position=row.choice("position", ("before", "after", "predicate", "attributive")),
        better=(better[0], better[1], better[2], better[3]) if len(better) == 4 else None,
        kinds=frozenset(row.listed("kinds", known | ADJECTIVE_MARKS)),
    )


def _verb(row: Row, known: frozenset[str]) -> Verb:
    french = row.text("french")
    reflexive = french.startswith("se ")
    uses = frozenset(row.listed("uses", VERB_USES))
    if "helper" not in uses:
        for column in ("participle", "ing"):
            row.text(column)
    auxiliary = row.choice("auxiliary", ("avoir", "être"))
    if reflexive and auxiliary != "être":
        row.refuse("auxiliary", "être, as the verb is reflexive")
    if not row.text("future").endswith("r"):
        row.refuse("future", "a stem that ends in r")
    imperfect = row.optional("imperfect")
    if not imperfect and not row.text("nous").endswith("ons"):
        row.refuse("imperfect", "a stem, as the form with nous does not end in -ons")
    je, tu, il, nous, vous, ils = (row.text(person) for person in PERSONS)
    return Verb(
        english=row.text("english"),
        third=row.text("third"),
        past=row.optional("past"),
        participle=row.optional("participle"),
        ing=row.optional("ing"),
        french=french.removeprefix("se "),
        present=(je, tu, il, nous, vous, ils),
        french_participle=row.text("french_participle"),
        with_etre=auxiliary == "être",
        future=row.text("future"),
        imperfect=imperfect or nous.removesuffix("ons"),
        uses=uses,
        objects=frozenset(row.listed("objects", known)),
        reflexive=reflexive,
    )


def _forms(row: Row) -> tuple[str, str, str, str]:
    masculine, feminine, masculine_plural, feminine_plural = (row.text(column) for column in FORMS)
    return masculine, feminine, masculine_plural, feminine_plural


def _profession(row: Row) -> Profession:
    return Profession(row.text("english"), row.text("plural"), _forms(row))


def _place(row: Row) -> Place:
    kind = row.choice("kinds", ("country", "town", "spot", "inside"))
    at, to, origin, french_at, french_from = (row.text(c) for c in ("at", "to", "from", "french_at", "french_from"))
    return Place(at, to, origin, french_at, french_from, kind)


def _expressions(path: Path, uses: frozenset[str]) -> tuple[Expression, ...]:
    return tuple(
        Expression(row.text("english"), row.text("french"), frozenset(row.listed("uses", uses)))
        for row in rows(path, EXPRESSION)
    )


def _plain(path: Path) -> tuple[Expression, ...]:
    return tuple(Expression(row.text("english"), row.text("french")) for row in rows(path, PLAIN))


def _name(row: Row) -> Name:
    return Name(row.text("english"), row.text("french"), row.choice("gender", ("m", "f")) == "f")


def _number(row: Row) -> Number:
    if not row.text("value").isdigit():
        row.refuse("value", "a whole number in digits")
    return Number(int(row.text("value")), row.text("english"), row.optional("ordinal"), row.text("french"))
