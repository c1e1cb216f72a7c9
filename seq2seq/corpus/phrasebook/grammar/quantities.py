"""Numbers: how many, how old, how much, how warm, and a little arithmetic."""

from __future__ import annotations

from seq2seq.corpus.phrasebook.clause import Clause, ask, say
from seq2seq.corpus.phrasebook.draw import HE, SHE, WE, Draw
from seq2seq.corpus.phrasebook.noun_phrase import counted
from seq2seq.corpus.phrasebook.phrase import NOTHING, Phrase, Predicate, fixed
from seq2seq.corpus.phrasebook.question import put
from seq2seq.corpus.phrasebook.rule import Drawn, Rule


def count(draw: Draw) -> Drawn:
    """I have twenty-one chairs: j'ai vingt et une chaises."""
    value = draw.one("count", lambda: range(2, 101))
    verb = draw.of(*(draw.index.verbs[word] for word in ("have", "buy", "sell", "see", "want")))
    noun = draw.one(verb, lambda: [n for n in draw.index.objects[verb] if n.plural and "single" not in n.kinds])
    numerals = draw.index.numerals
    phrase = counted(noun, numerals.english(value), numerals.french(value, noun.feminine))
    predicate = Predicate(verb, phrase.complement())
    tenses = ("present", "past") if verb.english in ("have", "want") else ("present", "past", "past", "near", "future")
    clause = Clause(draw.subject(0.8), predicate, draw.of(*tenses))
    if draw.happens(0.15):
        return put(clause, draw.index.conjugator), "?"
    return say(clause, draw.index.conjugator), "."


def age(draw: Draw) -> Drawn:
    """My grandmother is ninety-one years old: ma grand-mère a quatre-vingt-onze ans."""
    value = draw.one("age", lambda: range(1, 101))
    words, french = draw.index.numerals.english(value), draw.index.numerals.french(value)
    year, an = ("year", "an") if value == 1 else ("years", "ans")
    verbs, subject = draw.index.verbs, draw.subject(0.4)
    tense = draw.of("present", "present", "present", "past", "future")
    make, mark = (ask, "?") if draw.happens(0.15) else (say, ".")
    english = Clause(subject, Predicate(verbs["be"], fixed(f"{words} {year} old", "")), tense)
    have = Clause(subject, Predicate(verbs["have"], fixed("", f"{french} {an}")), tense)
    conjugator = draw.index.conjugator
    return make(english, conjugator)._replace(french=make(have, conjugator).french), mark


def price(draw: Draw) -> Drawn:
    """This coat costs ninety euros. How much does this book cost?"""
    noun = draw.noun("clothing", "object", "jewel", "furniture", "covering", "machine", "instrument", "text", "vehicle")
    subject, verb = draw.definite(noun).subject(), draw.index.verbs["cost"]
    if draw.happens(0.2):
        return ask(Clause(subject, Predicate(verb, NOTHING)), draw.index.conjugator, ("how much", "combien")), "?"
    value = draw.one("price", lambda: range(2, 101))
    numerals = draw.index.numerals
    cost = fixed(f"{numerals.english(value)} euros", f"{numerals.french(value)} euros")
    return say(Clause(subject, Predicate(verb, cost)), draw.index.conjugator), "."


def sum_of(draw: Draw) -> Drawn:
    """Two and three make five: deux et trois font cinq."""
    first = draw.one("first", lambda: range(1, 60))
    second = draw.chance.randint(1, 40)
    words = [draw.index.numerals.english(value) for value in (first, second, first + second)]
    french = [draw.index.numerals.french(value) for value in (first, second, first + second)]
    said = Phrase(f"{words[0]} and {words[1]} make {words[2]}", f"{french[0]} et {french[1]} font {french[2]}")
    return said, "."


def temperature(draw: Draw) -> Drawn:
    """It is twenty degrees in Paris today: il fait vingt degrés."""
    value = draw.one("degrees", lambda: [0, 0, *range(0, 41)])
    place = draw.one("town", lambda: [p for p in draw.index.lexicon.places if p.kind in ("town", "country", "inside")])
    degree, degres = ("degree", "degré") if value == 1 else ("degrees", "degrés")
    if value == 0:
        degres = "degré"
    words = f"{draw.index.numerals.english(value)} {degree} {place.at}"
    french = f"{draw.index.numerals.french(value)} {degres} {place.french_at}"
    return Phrase(f"it is {words}", f"il fait {french}"), "."


def family(draw: Draw) -> Drawn:
    """How many brothers does she have? She has two brothers."""
    noun = draw.one("several", lambda: [n for n in draw.index.lexicon.nouns if "several" in n.kinds])
    verb = draw.index.verbs["have"]
    if draw.happens(0.5):
        opening = (f"how many {noun.plural}", f"combien de {noun.french_plural}")
        lacking = Predicate(verb, NOTHING._replace(noun=noun.english))
        return put(Clause(draw.subject(), lacking), draw.index.conjugator, opening), "?"
    value = draw.one("value", lambda: range(2, 12))
    numerals = draw.index.numerals
    phrase = counted(noun, numerals.english(value), numerals.french(value))
    return say(Clause(draw.of(HE, SHE, WE, draw.subject(0.0)), Predicate(verb, phrase.complement())),
               draw.index.conjugator), "."  # fmt: skip


RULES = (
    Rule("count", count, 1600),
    Rule("age", age, 900),
    Rule("price", price, 850),
    Rule("sum", sum_of, 500),
    Rule("temperature", temperature, 500),
    Rule("family", family, 400),
)
