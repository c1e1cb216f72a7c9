"""What one rule of the grammar draws its words from: decks over the lexicon, and choices that make sense together."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterable
from functools import cached_property
from typing import TypeVar

from seq2seq.corpus.phrasebook.conjugation import Conjugator
from seq2seq.corpus.phrasebook.deck import Deck
from seq2seq.corpus.phrasebook.entries import Adjective, Expression, Name, Noun, Verb
from seq2seq.corpus.phrasebook.lexicon import Lexicon
from seq2seq.corpus.phrasebook.noun_phrase import NounPhrase, noun_phrase
from seq2seq.corpus.phrasebook.numerals import Numerals
from seq2seq.corpus.phrasebook.phrase import Predicate, Subject

Item = TypeVar("Item")

I, YOU, HE, SHE, WE, THEY = (  # noqa: E741 - the pronoun has no other name
    Subject("I", "je", 0),
    Subject("you", "tu", 1),
    Subject("he", "il", 2),
    Subject("she", "elle", 2, True),
    Subject("we", "nous", 3),
    Subject("they", "ils", 5),
)
PRONOUNS = (I, I, YOU, HE, SHE, SHE, WE, THEY)
POSSESSIVES = ("my", "your", "his", "her", "our", "their")
# One person's husband or wife, so never ours or theirs.
SPOUSES = frozenset({"husband", "wife"})

# What people may call theirs, what only exists once, and what is spoken of in general only.
OWNED = frozenset(
    [
        "object",
        "clothing",
        "jewel",
        "furniture",
        "covering",
        "vehicle",
        "home",
        "pet",
        "machine",
        "family",
        "close",
        "instrument",
        "tool",
        "linen",
        "room",
        "container",
        "dish",
        "recipe",
        "lesson",
        "exercise",
        "trip",
        "party",
        "garden",
    ]
)
GENERAL = frozenset(["notion", "sport", "subject", "language"])


class Index:
    """What goes with what: computed once and shared by all rules."""

    def __init__(self, lexicon: Lexicon) -> None:
        self.lexicon = lexicon
        self.conjugator = Conjugator(lexicon)
        self.numerals = Numerals(lexicon.numbers)
        self.verbs = {verb.english: verb for verb in lexicon.verbs}
        self.nouns = {noun.english: noun for noun in lexicon.nouns}
        self.objects = {
            verb: tuple(n for n in lexicon.nouns if n.kinds & verb.objects or n.english in verb.objects)
            for verb in lexicon.verbs
        }
        self.qualities = {
            noun: tuple(a for a in lexicon.adjectives if noun.kinds & a.kinds or noun.english in a.kinds)
            for noun in lexicon.nouns
        }

    def of_kind(self, *kinds: str) -> tuple[Noun, ...]:
        """Returns the nouns of any of these kinds."""
        return tuple(noun for noun in self.lexicon.nouns if not noun.kinds.isdisjoint(kinds))

    def used(self, use: str) -> tuple[Verb, ...]:
        """Returns the verbs with this use."""
        return tuple(verb for verb in self.lexicon.verbs if use in verb.uses)


class Draw:
    """The choices of one rule. Its own seed makes a rule independent of how much the others draw.

    Args:
        index: The lexicon and what goes with what in it.
        seed: Any text; the same text gives the same choices in every process.
    """

    def __init__(self, index: Index, seed: str) -> None:
        self.index = index
        self.chance = random.Random(seed)
        self._decks: dict[object, Deck[object]] = {}

    def happens(self, probability: float) -> bool:
        """Returns True with this probability."""
        return self.chance.random() < probability

    def one(self, key: object, items: Callable[[], Iterable[Item]]) -> Item:
        """Draws from the deck called `key`, which is made of `items()` the first time."""
        deck = self._decks.get(key)
        if deck is None:
            deck = self._decks[key] = Deck(items(), self.chance)
        return deck.draw()  # type: ignore[return-value]

    def of(self, *items: Item) -> Item:
        """Draws one of these; repeated items come up more often."""
        return self.one(items, lambda: items)

    def actor(self, *kinds: str) -> Noun:
        """Draws a person of any of these kinds who does things: babies only have things done to them."""
        return self.one(("actor", kinds), lambda: [n for n in self.index.of_kind(*kinds) if n.english != "baby"])

    def noun(self, *kinds: str) -> Noun:
        """Draws a noun of any of these kinds."""
        return self.one(kinds, lambda: self.index.of_kind(*kinds))

    def verb(self, use: str) -> Verb:
        """Draws a verb with this use."""
        return self.one(("verb", use), lambda: self.index.used(use))

    def name(self) -> Name:
        """Draws a first name."""
        return self.one("name", lambda: self.index.lexicon.names)

    def time(self, use: str) -> Expression:
        """Draws an expression of time for one use (past, future, habit, now)."""
        return self.one(("time", use), lambda: (t for t in self.index.lexicon.times if use in t.uses))

    def adverb(self, use: str) -> Expression:
        """Draws an adverb with this use."""
        return self.one(("adverb", use), lambda: (a for a in self.index.lexicon.adverbs if use in a.uses))

    def verb_and_object(self, *uses: str) -> tuple[Verb, Noun]:
        """Draws a verb and a noun it may act upon, by turns from the verb's side and from the noun's side."""
        verbs = self._verbs_by_noun(uses)
        if self.happens(0.35):
            verb = self.one(("verb of", uses), lambda: dict.fromkeys(v for found in verbs.values() for v in found))
            return verb, self.one((verb, uses), lambda: self.index.objects[verb])
        noun = self.one(("noun of", uses), lambda: verbs)
        return self.one((noun, uses), lambda: verbs[noun]), noun

    def _verbs_by_noun(self, uses: tuple[str, ...]) -> dict[Noun, list[Verb]]:
        return self.one(("verbs by noun", uses), lambda: [self._matched(uses)])

    def _matched(self, uses: tuple[str, ...]) -> dict[Noun, list[Verb]]:
        verbs: dict[Noun, list[Verb]] = {}
        for verb in self.index.lexicon.verbs:
            if not verb.uses.isdisjoint(uses):
                for noun in self.index.objects[verb]:
                    if not noun.kinds & GENERAL or verb.uses & {"generic", "bare"}:
                        verbs.setdefault(noun, []).append(verb)
        return verbs

    def predicates(self, noun: Noun) -> list[Adjective]:
        """Returns the adjectives that may follow "be" when a noun is spoken of."""
        return [adjective for adjective in self.index.qualities[noun] if adjective.position != "attributive"]

    def quality(self, noun: Noun) -> Adjective | None:
        """Draws an adjective to stand beside a noun, or None where the lexicon has none for it."""
        fitting = [a for a in self.index.qualities[noun] if a.position != "predicate"]
        return self.one(("quality", noun), lambda: fitting) if fitting else None

    def is_plural(self, noun: Noun, probability: float = 0.3) -> bool:
        """Draws a number: the plural always for what comes in pairs, never for what is not counted or is `single`."""
        if not noun.plural or "single" in noun.kinds or ("family" in noun.kinds and "several" not in noun.kinds):
            return False
        return "many" in noun.kinds or self.happens(probability)

    def object_phrase(self, noun: Noun, adjectives: float = 0.2) -> NounPhrase:
        """Draws an article, a number and perhaps an adjective for the object of a verb."""
        plural = self.is_plural(noun)
        adjective = self.quality(noun) if self.happens(adjectives) else None
        return noun_phrase(noun, self.article(noun, plural), plural, adjective)

    def possessive(self, noun: Noun) -> str:
        """Draws whose a thing or a person is."""
        choices: tuple[str, ...] = POSSESSIVES[:4] if noun.english in SPOUSES else POSSESSIVES
        return self.of(*choices)

    def article(self, noun: Noun, plural: bool) -> str:
        """Draws an article that makes sense with a noun."""
        if "family" in noun.kinds:
            return self.possessive(noun)
        if not noun.plural:
            return self.of("bare", "bare", "bare", "some", "the", "this")
        owned = not noun.kinds.isdisjoint(OWNED) or noun.english in OWNED
        if plural:
            choices = ("bare", "some", "the", "this", "own") if owned else ("bare", "some", "the", "this")
        else:
            choices = ("a", "a", "the", "this", "own") if owned else ("a", "a", "the", "the", "this")
        article = self.of(*choices)
        return self.possessive(noun) if article == "own" else article

    def definite(self, noun: Noun, adjective: Adjective | None = None, plural: float = 0.3) -> NounPhrase:
        """Draws a known thing, to speak about it: the, this or a possessive; what is general has no article."""
        if noun.kinds & GENERAL:
            return noun_phrase(noun, "generic", False, adjective)
        many = self.is_plural(noun, plural)
        if "family" in noun.kinds:
            return noun_phrase(noun, self.possessive(noun), many, adjective)
        owned = not noun.kinds.isdisjoint(OWNED) or noun.english in OWNED
        article = self.of("the", "the", "this", "own") if owned else self.of("the", "the", "this")
        return noun_phrase(noun, self.possessive(noun) if article == "own" else article, many, adjective)

    def subject(self, pronouns: float = 0.62) -> Subject:
        """Draws somebody who acts."""
        if self.happens(pronouns):
            return self.of(*PRONOUNS)
        return self.of(*self._people)()

    def other(self) -> Subject:
        """Draws one person, or a group with one article, who does not act: French would repeat "à" and "de" for two."""
        somebody = self.subject(0.0)
        return self._named() if " and " in somebody.english else somebody

    def owner(self) -> Subject:
        """Draws one person to whom something belongs: a name, or a member of somebody's family."""
        if self.happens(0.5):
            return self._named()
        noun = self.noun("family", "close")
        return noun_phrase(noun, self.possessive(noun)).subject()

    @cached_property
    def _people(self) -> tuple[Callable[[], Subject], ...]:
        named, relative, person, professional, couple, friend = (
            self._named, self._relative, self._person, self._professional, self._couple, self._friend,
        )  # fmt: skip
        return (named, named, named, relative, relative, relative, person, person, professional, couple, friend)

    def _named(self) -> Subject:
        name = self.name()
        return Subject(name.english, name.french, 2, name.feminine)

    def _couple(self) -> Subject:
        first, second = self.name(), self.name()
        if first is second:
            return self._named()
        feminine = first.feminine and second.feminine
        return Subject(f"{first.english} and {second.english}", f"{first.french} et {second.french}", 5, feminine)

    def _friend(self) -> Subject:
        name = self.name()
        french = f"mon amie {name.french}" if name.feminine else f"mon ami {name.french}"
        return Subject(f"my friend {name.english}", french, 2, name.feminine, noun="friend")

    def _relative(self) -> Subject:
        return self.definite(self.noun("family", "close")).subject()

    def _person(self) -> Subject:
        return noun_phrase(noun := self.actor("person"), "the", self.is_plural(noun)).subject()

    def _professional(self) -> Subject:
        profession = self.one("profession", lambda: self.index.lexicon.professions)
        if self.happens(0.3):
            return Subject(f"the {profession.plural}", f"les {profession.forms[2]}", 5, noun=profession.english)
        return Subject(f"the {profession.english}", f"le {profession.forms[0]}", 2, noun=profession.english)

    def action(self, verb: Verb, noun: Noun, adjectives: float = 0.2) -> Predicate:
        """Returns a verb with its object, drawn but for the noun."""
        if "bare" in verb.uses:
            phrase = NounPhrase(noun.english, noun.french, False, False, noun.english, noun.french, (), noun.english)
        elif "generic" in verb.uses:
            phrase = noun_phrase(noun, "generic", bool(noun.plural))
        else:
            phrase = self.object_phrase(noun, adjectives)
        return Predicate(verb, phrase.complement())
