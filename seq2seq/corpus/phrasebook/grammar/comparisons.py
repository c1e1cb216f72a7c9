"""Bigger, as big, less big; the biggest: plus, aussi, moins; le plus, and meilleur for better and best."""

from __future__ import annotations

from seq2seq.corpus.phrasebook.clause import Clause, ask, say
from seq2seq.corpus.phrasebook.draw import HE, SHE, THEY, WE, Draw, I
from seq2seq.corpus.phrasebook.entries import Adjective, Forms, Noun
from seq2seq.corpus.phrasebook.french import adjective_form, chosen
from seq2seq.corpus.phrasebook.noun_phrase import noun_phrase
from seq2seq.corpus.phrasebook.phrase import Complement, Phrase, Predicate, Subject, describes, fixed
from seq2seq.corpus.phrasebook.rule import Drawn, Rule

LONG = frozenset(["beautiful", "expensive", "difficult", "interesting", "famous", "important", "dangerous", "useful"])
LONG_PEOPLE = frozenset(
    [
        "polite",
        "intelligent",
        "shy",
        "generous",
        "serious",
        "patient",
        "honest",
        "curious",
        "tired",
        "jealous",
        "nervous",
    ]
)
SCOPES = (
    ("in the world", "de le monde"),
    ("in the city", "de la ville"),
    ("in the village", "de le village"),
    ("in France", "de France"),
    ("of the year", "de la année"),
)


def comparative(adjective: Adjective, degree: str) -> tuple[str, Forms, str]:
    """Returns an adjective compared, "more", "as" or "less", and the word that opens the other side in English."""
    plus = {"more": "plus", "as": "aussi", "less": "moins"}[degree]
    masculine, feminine, masculine_plural, feminine_plural = (f"{plus} {form}" for form in adjective.forms)
    forms = (masculine, feminine, masculine_plural, feminine_plural)
    if degree == "as":
        return f"as {adjective.english}", forms, "as"
    if degree == "less":
        return f"less {adjective.english}", forms, "than"
    return adjective.comparative or f"more {adjective.english}", adjective.better or forms, "than"


def _compare(draw: Draw, subject: Subject, adjective: Adjective, other: Subject) -> Drawn:
    words, forms, than = comparative(adjective, draw.of("more", "more", "more", "as", "less"))
    masculine, feminine, masculine_plural, feminine_plural = (f"{form} que {other.french}" for form in forms)
    french = (masculine, feminine, masculine_plural, feminine_plural)
    english = (f"{words} {than} {other.english}",) * 2
    # The other side is said to be big too, or not to be.
    used = (*other.combinations, describes(adjective.english, other.noun)) if other.noun else other.combinations
    complement = Complement(english, french, english, french, used, quality=adjective.english)
    clause = Clause(subject, Predicate(draw.index.verbs["be"], complement))
    turn = draw.chance.random()
    if turn < 0.2:
        return ask(clause, draw.index.conjugator), "?"
    if turn < 0.35:
        clause = clause._replace(negation="not", short=draw.happens(0.75))
    return say(clause, draw.index.conjugator), "."


def people(draw: Draw) -> Drawn:
    """Paul is taller than his brother."""
    adjective = draw.one("of people", lambda: [
        a for a in draw.index.lexicon.adjectives
        if "person" in a.kinds and (a.comparative or a.english in LONG_PEOPLE)
    ])  # fmt: skip
    subject, other = draw.subject(0.3), draw.subject(0.0)
    if subject.english == other.english:
        other = Subject("his brother", "son frère", 2, noun="brother")
    return _compare(draw, subject, adjective, other)


def _gradable(draw: Draw) -> dict[Adjective, list[Noun]]:
    found: dict[Adjective, list[Noun]] = {}
    for noun, adjectives in draw.index.qualities.items():
        if noun.plural and noun.kinds.isdisjoint({"person", "family", "close"}):
            for adjective in adjectives:
                if adjective.comparative or adjective.english in LONG:
                    found.setdefault(adjective, []).append(noun)
    return found


def _fitting(draw: Draw) -> tuple[Adjective, Noun, list[Noun]]:
    found = draw.one("gradable", lambda: [_gradable(draw)])
    # Good, better, best is irregular in both languages: it comes more often than its one adjective would.
    good = draw.one("good", lambda: [adjective for adjective in found if adjective.better])
    adjective = good if draw.happens(0.08) else draw.one("adjective", lambda: found)
    return adjective, draw.one(adjective, lambda: found[adjective]), found[adjective]


def things(draw: Draw) -> Drawn:
    """The lion is bigger than the cat. My house is less modern than your house."""
    adjective, noun, alike = _fitting(draw)
    related = draw.one(("alike", adjective, noun), lambda: [
        n for n in alike if n is not noun and n.kinds & noun.kinds and ("many" in n.kinds) == ("many" in noun.kinds)
    ] or [noun])  # fmt: skip
    if related is noun:
        plural = draw.is_plural(noun, 0.2)
        first, second = noun_phrase(noun, "my", plural), noun_phrase(noun, "your", plural)
    else:
        plural = draw.is_plural(noun, 0.2)
        article = draw.of("the", "the", "this")
        first, second = noun_phrase(noun, article, plural), noun_phrase(related, "the", plural)
    return _compare(draw, first.subject(), adjective, second.subject())


def superlative(draw: Draw) -> Drawn:
    """It is the most beautiful house in the village: c'est la plus belle maison du village."""
    adjective, noun, _ = _fitting(draw)
    plural = draw.is_plural(noun, 0.2)
    scope = draw.of(*SCOPES)
    words = adjective.superlative or f"most {adjective.english}"
    english = f"the {words} {noun.plural if plural else noun.english} {scope[0]}"
    article = "les" if plural else "la" if noun.feminine else "le"
    french_noun = noun.french_plural if plural else noun.french
    if adjective.better:
        most = chosen(adjective.better, noun.feminine, plural)
    else:
        following = french_noun if adjective.position == "before" else ""
        most = f"plus {adjective_form(adjective, noun.feminine, plural, following)}"
    if adjective.position in ("before", "attributive"):
        french = f"{article} {most} {french_noun} {scope[1]}"
    else:
        french = f"{article} {french_noun} {article} {most} {scope[1]}"
    used = (describes(adjective.english, noun.english),)
    if draw.happens(0.3):
        subject, verb, tense = draw.of(*PEOPLE)
        predicate = Predicate(draw.index.verbs[verb], fixed(english, french, used, noun=noun.english))
        return say(Clause(subject, predicate, tense), draw.index.conjugator), "."
    opening = ("these are", "ce sont") if plural else ("this is", "c'est")
    return Phrase(f"{opening[0]} {english}", f"{opening[1]} {french}", used), "."


PEOPLE = (
    (I, "know", "present"),
    (HE, "look for", "progressive"),
    (SHE, "want", "present"),
    (WE, "see", "past"),
    (THEY, "choose", "past"),
)

RULES = (
    Rule("people compared", people, 850),
    Rule("things compared", things, 1400),
    Rule("superlative", superlative, 850),
)
