"""What the grammar builds: pieces of a sentence in both languages, with the word combinations they use."""

from __future__ import annotations

from typing import NamedTuple

from seq2seq.corpus.phrasebook.entries import Forms, Verb

Combinations = tuple[str, ...]
"""Names of word combinations: "drink > milk" for a verb and its object, "milk < cold" for a noun and its adjective."""


class Phrase(NamedTuple):
    """Words in both languages, the French without its joins."""

    english: str
    french: str
    combinations: Combinations = ()


class Subject(NamedTuple):
    """Who or what a clause is about; `person` is 0 for I, je to 5 for they, ils; both languages share it."""

    english: str
    french: str
    person: int
    feminine: bool = False
    combinations: Combinations = ()

    @property
    def plural(self) -> bool:
        """Whether verbs and adjectives take the plural."""
        return self.person > 2


class Complement(NamedTuple):
    """What follows a verb, as it is said and as it is denied (I drink milk; I don't drink any milk).

    The English has a singular and a plural and the French its four forms, for a complement may agree with the
    subject (he is a singer, they are singers).
    """

    english: tuple[str, str]
    french: Forms
    any_english: tuple[str, str]
    denied: Forms
    combinations: Combinations = ()


class Predicate(NamedTuple):
    """A verb and what follows it.

    `clitic` is an object pronoun that French sets before the verb (je le vois). `agreement` is the (feminine, plural)
    of an object that comes before the verb: the participle agrees with it (je les ai vus, la lettre que j'ai écrite).
    """

    verb: Verb
    complement: Complement
    clitic: str = ""
    agreement: tuple[bool, bool] | None = None


def fixed(
    english: str, french: str, combinations: Combinations = (), any_english: str = "", denied: str = ""
) -> Complement:
    """Returns a complement that agrees with nothing; by default it is denied in the same words."""
    any_english, denied = any_english or english, denied or french
    return Complement((english, english), (french,) * 4, (any_english,) * 2, (denied,) * 4, combinations)


NOTHING = fixed("", "")


class Sentence(NamedTuple):
    """One pair of the corpus: both texts, the grammar's rule (`kind`) and the combinations it uses."""

    english: str
    french: str
    kind: str
    combinations: Combinations
