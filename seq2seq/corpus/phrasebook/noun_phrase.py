"""Noun phrases: a determiner, a noun and perhaps an adjective, with everything agreeing."""

from __future__ import annotations

from typing import NamedTuple

from seq2seq.corpus.phrasebook.entries import Adjective, Noun
from seq2seq.corpus.phrasebook.french import adjective_form, determiner
from seq2seq.corpus.phrasebook.phrase import Combinations, Complement, Subject, describes, fixed


class NounPhrase(NamedTuple):
    """A noun phrase, as it is said, and as it is denied after "not" (any milk; de lait)."""

    english: str
    french: str
    feminine: bool
    plural: bool
    any_english: str
    denied: str
    combinations: Combinations
    noun: str

    def complement(self) -> Complement:
        """Returns the phrase as the object of a verb."""
        return fixed(self.english, self.french, self.combinations, self.any_english, self.denied, noun=self.noun)

    def subject(self) -> Subject:
        """Returns the phrase as the subject of a clause."""
        return Subject(self.english, self.french, 5 if self.plural else 2, self.feminine, self.combinations, self.noun)


def bare(noun: Noun, adjective: Adjective | None, plural: bool) -> tuple[str, str, str, bool]:
    """Returns English words, French words, the first of the French ones, and whether that is an adjective."""
    english = noun.plural if plural else noun.english
    french = noun.french_plural if plural else noun.french
    if adjective is None:
        return english, french, french, False
    english = f"{adjective.english} {english}"
    if adjective.position in ("before", "attributive"):
        form = adjective_form(adjective, noun.feminine, plural, french)
        return english, f"{form} {french}", form, True
    return english, f"{french} {adjective_form(adjective, noun.feminine, plural)}", french, False


def noun_phrase(noun: Noun, article: str, plural: bool = False, adjective: Adjective | None = None) -> NounPhrase:
    """Returns a noun with an article.

    Args:
        noun: The noun.
        article: "the", "this", "every", a possessive, or one of those that French denies with "de": "a", "some"
            (some milk, some apples) and "bare" (milk, apples); or "generic": bare in English, definite in French.
        plural: Whether the noun is in the plural.
        adjective: What the noun is said to be.
    """
    english, french, first, preposed = bare(noun, adjective, plural)
    used = () if adjective is None else (describes(adjective.english, noun.english),)
    if article == "generic":
        said = f"{determiner('the', noun.feminine, plural, first)} {french}"
        return NounPhrase(english, said, noun.feminine, plural, english, said, used, noun.english)
    if article in ("a", "some", "bare"):
        french_article = determiner("a" if noun.plural else "some", noun.feminine, plural, first, preposed=preposed)
        said = english if article == "bare" else f"{article} {english}"
        asked = f"any {english}" if article == "some" else said
        given = f"{french_article} {french}"
        return NounPhrase(said, given, noun.feminine, plural, asked, f"de {french}", used, noun.english)
    word = "these" if article == "this" and plural else article
    said = f"{determiner(article, noun.feminine, plural, first)} {french}"
    english = f"{word} {english}"
    return NounPhrase(english, said, noun.feminine, plural, english, said, used, noun.english)


def counted(noun: Noun, english: str, french: str, plural: bool = True) -> NounPhrase:
    """Returns a noun after a number or a quantity (three cats, a lot of milk), in words of both languages."""
    said = f"{english} {noun.plural if plural else noun.english}"
    french_said = f"{french} {noun.french_plural if plural else noun.french}"
    return NounPhrase(said, french_said, noun.feminine, plural, said, french_said, (), noun.english)
