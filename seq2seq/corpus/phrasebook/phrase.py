"""What the grammar builds: pieces of a sentence in both languages, with the word combinations they use."""

from __future__ import annotations

from typing import NamedTuple

from seq2seq.corpus.phrasebook.entries import Forms, Verb

Combinations = tuple[str, ...]
"""Names of word combinations: "drink > milk" for a verb and its object, "milk < cold" for a noun and its adjective."""


def acts(verb: str, noun: str) -> str:
    """Returns the name of the combination of a verb with its object."""
    return f"{verb} > {noun}"


def describes(adjective: str, noun: str) -> str:
    """Returns the name of the combination of an adjective with its noun."""
    return f"{noun} < {adjective}"


class Phrase(NamedTuple):
    """Words in both languages, the French without its joins."""

    english: str
    french: str
    combinations: Combinations = ()


class Subject(NamedTuple):
    """Who or what a clause is about; `person` is 0 for I, je to 5 for they, ils; both languages share it.

    `noun` is the lexicon's word for what it names ("" for a pronoun or a first name): a clause that says what the
    subject is like makes a combination of it. `combinations` are those within the subject's own words.
    """

    english: str
    french: str
    person: int
    feminine: bool = False
    combinations: Combinations = ()
    noun: str = ""

    @property
    def plural(self) -> bool:
        """Whether verbs and adjectives take the plural."""
        return self.person > 2


class Complement(NamedTuple):
    """What follows a verb, as it is said and as it is denied (I drink milk; I don't drink any milk).

    The English has a singular and a plural and the French its four forms, for a complement may agree with the
    subject (he is a singer, they are singers). `noun` is the object that the verb acts upon and `quality` what the
    subject is said to be, in the lexicon's words or "": a clause makes combinations of them. `combinations` are those
    within the complement's own words.
    """

    english: tuple[str, str]
    french: Forms
    any_english: tuple[str, str]
    denied: Forms
    combinations: Combinations = ()
    noun: str = ""
    quality: str = ""


class Predicate(NamedTuple):
    """A verb and what follows it.

    `clitic` is an object pronoun that French sets before the verb (je le vois). `agreement` is the (feminine, plural)
    of an object that comes before the verb: the participle agrees with it (je les ai vus, la lettre que j'ai écrite).
    """

    verb: Verb
    complement: Complement
    clitic: str = ""
    agreement: tuple[bool, bool] | None = None

    @property
    def combinations(self) -> Combinations:
        """The combinations within the complement, and the one of the verb with its object."""
        noun = self.complement.noun
        return self.complement.combinations + ((acts(self.verb.english, noun),) if noun else ())


def fixed(
    english: str,
    french: str,
    combinations: Combinations = (),
    any_english: str = "",
    denied: str = "",
    *,
    noun: str = "",
    quality: str = "",
) -> Complement:
    """Returns a complement that agrees with nothing; by default it is denied in the same words."""
    any_english, denied = any_english or english, denied or french
    return Complement((english, english), (french,) * 4, (any_english,) * 2, (denied,) * 4, combinations, noun, quality)


NOTHING = fixed("", "")


class Sentence(NamedTuple):
    """One pair of the corpus: both texts, the grammar's rule (`kind`) and the combinations it uses."""

    english: str
    french: str
    kind: str
    combinations: Combinations
