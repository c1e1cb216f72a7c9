"""Clauses: a subject and a predicate in a tense, said, denied or asked."""

from __future__ import annotations

from typing import NamedTuple

from seq2seq.corpus.phrasebook import english
from seq2seq.corpus.phrasebook.conjugation import REFLEXIVE, Conjugator
from seq2seq.corpus.phrasebook.entries import Expression
from seq2seq.corpus.phrasebook.french import chosen, participle_forms
from seq2seq.corpus.phrasebook.phrase import Combinations, Phrase, Predicate, Subject, describes

NEGATIONS = {"not": "pas", "anymore": "plus", "never": "jamais"}


class Clause(NamedTuple):
    """What is said of whom, when and how.

    `negation` is "" or one of `NEGATIONS`; `adverb` goes in the middle (always, already); `short` chooses don't over
    do not.
    """

    subject: Subject
    predicate: Predicate
    tense: str = "present"
    negation: str = ""
    adverb: Expression | None = None
    short: bool = True

    @property
    def combinations(self) -> Combinations:
        """All the combinations of the clause: the one place that says which words stand together in it."""
        noun, quality = self.subject.noun, self.predicate.complement.quality
        between = (describes(quality, noun),) if noun and quality else ()
        return self.subject.combinations + self.predicate.combinations + between


def say(clause: Clause, conjugator: Conjugator) -> Phrase:
    """Returns the clause as a statement."""
    subject, predicate = clause.subject, clause.predicate
    supported = clause.negation in ("not", "anymore")
    auxiliary, rest = english.verb_group(predicate.verb, clause.tense, subject.person, supported)
    if supported:
        auxiliary = english.negated(auxiliary, clause.short)
    middle = _english_middle(clause)
    object_words = (predicate.complement.any_english if clause.negation else predicate.complement.english)[
        subject.plural
    ]
    last = "anymore" if clause.negation == "anymore" else ""
    words = _joined(subject.english, auxiliary, middle, rest, object_words, last)
    return Phrase(words, _french(clause, conjugator), clause.combinations)


OFFERS = frozenset({"can", "would like"})


def ask(clause: Clause, conjugator: Conjugator, opening: tuple[str, str] = ("", "")) -> Phrase:
    """Returns the clause as a question: inverted in English, with "est-ce que" in French.

    `opening` is the question word in both languages (why, pourquoi), if any. Only a question whether something is so
    says "any" (do you drink any milk); why, when and where keep "some", and so do offers and requests.
    """
    subject, predicate = clause.subject, clause.predicate
    auxiliary, rest = english.verb_group(predicate.verb, clause.tense, subject.person, True)
    some = bool(opening[0]) or clause.tense in OFFERS
    object_words = (predicate.complement.english if some else predicate.complement.any_english)[subject.plural]
    words = _joined(opening[0], auxiliary, subject.english, _english_middle(clause), rest, object_words)
    french = _joined(opening[1], "est-ce que", _french(clause, conjugator))
    return Phrase(words, french, clause.combinations)


def _english_middle(clause: Clause) -> str:
    if clause.tense == "just":
        return "just"
    if clause.negation == "never":
        return "never"
    return clause.adverb.english if clause.adverb else ""


def _french(clause: Clause, conjugator: Conjugator) -> str:
    """Returns the French statement: subject (ne) (clitic) finite (pas) (clitic) rest complement."""
    subject, predicate = clause.subject, clause.predicate
    verb = predicate.verb
    group = conjugator.group(verb, clause.tense, subject.person)
    clitic = REFLEXIVE[subject.person] if verb.reflexive else predicate.clitic
    rest = group.rest
    if group.agrees:
        agreement = (subject.feminine, subject.plural) if verb.with_etre else predicate.agreement
        if agreement:
            rest = chosen(participle_forms(rest), *agreement)
    if not group.clitic_first and clitic:
        # "venir de" keeps its preposition before the pronoun: je viens de me lever.
        rest = f"de {clitic} {verb.french}" if clause.tense == "just" else f"{clitic} {rest}"
    complement = predicate.complement
    forms = complement.denied if clause.negation else complement.french
    middle = NEGATIONS[clause.negation] if clause.negation else clause.adverb.french if clause.adverb else ""
    return _joined(
        subject.french,
        "ne" if clause.negation else "",
        clitic if group.clitic_first else "",
        group.finite,
        middle,
        rest,
        chosen(forms, subject.feminine, subject.plural),
    )


def _joined(*words: str) -> str:
    return " ".join(filter(None, words))


def followed(phrase: Phrase, *more: Phrase | Expression) -> Phrase:
    """Returns a phrase with others after it in both languages."""
    words, french, used = phrase
    for piece in more:
        words, french = f"{words} {piece.english}", f"{french} {piece.french}"
        if isinstance(piece, Phrase):
            used += piece.combinations
    return Phrase(words, french, used)
