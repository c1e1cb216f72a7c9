"""Verbs without an object: sleeping, going, coming back, getting up, living somewhere, playing."""

from __future__ import annotations

from seq2seq.corpus.phrasebook.clause import Clause, followed, say
from seq2seq.corpus.phrasebook.draw import Draw
from seq2seq.corpus.phrasebook.entries import Place
from seq2seq.corpus.phrasebook.phrase import NOTHING, Complement, Predicate, fixed
from seq2seq.corpus.phrasebook.question import put
from seq2seq.corpus.phrasebook.rule import Drawn, Rule

TENSES = (
    *("present", "present", "progressive", "past", "past", "past", "near", "future", "used"),
    *("can", "must", "want", "would like", "just"),
)
# French would say "vient de venir" and "vient de rester".
NOT_JUST = frozenset({"come", "stay"})
TIMES = {"present": "habit", "progressive": "now", "past": "past", "near": "future", "future": "future"}


def finished(draw: Draw, clause: Clause, times: float = 0.4) -> Drawn:
    """Says, denies or asks a clause, and adds a time to some."""
    turn = draw.chance.random()
    just = clause.tense == "just" and clause.predicate.verb.english in NOT_JUST
    if just or (clause.tense == "used" and clause.subject.plural):
        clause = clause._replace(tense="past")
    if turn < 0.2:
        clause = clause._replace(tense="past" if clause.tense in ("just", "used") else clause.tense)
        phrase, mark = put(clause, draw.index.conjugator), "?"
    else:
        if turn < 0.4 and clause.tense not in ("just", "used"):
            clause = clause._replace(negation="not", short=draw.happens(0.75))
        phrase, mark = say(clause, draw.index.conjugator), "."
    use = TIMES.get(clause.tense)
    if not use or not draw.happens(times):
        return phrase, mark
    told = draw.time(use)
    while told.english == "tonight" and clause.predicate.verb.english == "sleep":
        # "Ce soir" is the evening; whoever sleeps does it "cette nuit".
        told = draw.time(use)
    return followed(phrase, told), mark


def alone(draw: Draw) -> Drawn:
    """He is sleeping. They left yesterday. She has gone out: elle est sortie, as être asks for agreement."""
    if draw.happens(0.06):
        fall = Predicate(draw.index.verbs["fall"], NOTHING)
        return finished(draw, Clause(draw.subject(0.5), fall, draw.of("past", "past", "near", "just")), 0.3)
    return finished(draw, Clause(draw.subject(0.5), Predicate(draw.verb("alone"), NOTHING), draw.of(*TENSES)))


def reflexive(draw: Draw) -> Drawn:
    """I get up early. They went to bed: ils se sont couchés."""
    return finished(draw, Clause(draw.subject(0.6), Predicate(draw.verb("self"), NOTHING), draw.of(*TENSES)))


def manner(draw: Draw) -> Drawn:
    """She runs quickly. They will sing well."""
    verb = draw.verb("manner")
    adverb = draw.adverb("well" if verb.english == "sleep" else "manner")
    tense = draw.of("present", "present", "future", "used")
    return finished(draw, Clause(draw.subject(), Predicate(verb, fixed(adverb.english, adverb.french)), tense), 0.0)


def company(draw: Draw) -> Drawn:
    """He travels with his sister. We used to work together."""
    verb = draw.one("company", lambda: [v for v in draw.index.used("alone") if not v.reflexive])
    subject, other = draw.subject(0.85), draw.other()
    if subject.plural and draw.happens(0.3):
        adverb = draw.adverb("company")
        added = fixed(adverb.english, adverb.french)
    else:
        word = draw.one("with", lambda: [p for p in draw.index.lexicon.prepositions if "company" in p.uses])
        added = fixed(f"{word.english} {other.english}", f"{word.french} {other.french}", other.combinations)
    return finished(draw, Clause(subject, Predicate(verb, added), draw.of(*TENSES)), 0.2)


def place(draw: Draw, *kinds: str) -> Place:
    """Draws a place of any of these kinds."""
    return draw.one(kinds, lambda: [p for p in draw.index.lexicon.places if p.kind in kinds])


def toward(draw: Draw) -> Drawn:
    """I am going to the station. They came to Paris: ils sont venus à Paris."""
    where = place(draw, "country", "town", "spot")
    verb = draw.verb("to")
    return finished(draw, Clause(draw.subject(), Predicate(verb, fixed(where.to, where.french_at)), draw.of(*TENSES)))


def origin(draw: Draw) -> Drawn:
    """She comes from Japan: elle vient du Japon."""
    where, verb = place(draw, "country", "town", "spot", "inside"), draw.verb("from")
    tense = draw.of("present", "present", "past", "near", "future")
    return finished(draw, Clause(draw.subject(), Predicate(verb, fixed(where.origin, where.french_from)), tense), 0.2)


def staying(draw: Draw) -> Drawn:
    """He works in Paris. We stayed at the hotel."""
    where, verb = place(draw, "country", "town", "spot", "inside"), draw.verb("at")
    return finished(draw, Clause(draw.subject(), Predicate(verb, fixed(where.at, where.french_at)), draw.of(*TENSES)))


def living(draw: Draw) -> Drawn:
    """They live in Belgium."""
    where = place(draw, "country", "town")
    tense = draw.of("present", "present", "used", "future", "want", "would like")
    verb = draw.index.verbs["live"]
    return finished(draw, Clause(draw.subject(), Predicate(verb, fixed(where.at, where.french_at)), tense), 0.0)


def playing(draw: Draw) -> Drawn:
    """She plays the piano (jouer de) and soccer (jouer à)."""
    noun = draw.noun("instrument", "sport")
    said: Complement
    if noun.plural:
        said = fixed(f"the {noun.english}", f"de {'la' if noun.feminine else 'le'} {noun.french}", noun=noun.english)
    else:
        said = fixed(noun.english, f"à {'la' if noun.feminine else 'le'} {noun.french}", noun=noun.english)
    return finished(draw, Clause(draw.subject(), Predicate(draw.index.verbs["play"], said), draw.of(*TENSES)))


def where(draw: Draw) -> Drawn:
    """Where does she live? When are you leaving?"""
    verb = draw.one("where", lambda: [*draw.index.used("alone"), draw.index.verbs["live"], draw.index.verbs["go"]])
    openings = (("where", "où"),) if verb.english in ("live", "go") else (("when", "quand"), ("why", "pourquoi"))
    tense = draw.of("present", "progressive", "past", "near", "future", "want")
    tense = "present" if verb.english == "live" and tense == "progressive" else tense
    clause = Clause(draw.subject(0.5), Predicate(verb, NOTHING), tense)
    return put(clause, draw.index.conjugator, draw.of(*openings)), "?"


RULES = (
    Rule("alone", alone, 1700),
    Rule("reflexive", reflexive, 850),
    Rule("manner", manner, 700),
    Rule("company", company, 850),
    Rule("toward", toward, 1400),
    Rule("origin", origin, 850),
    Rule("staying", staying, 1150),
    Rule("living", living, 700),
    Rule("playing", playing, 1050),
    Rule("where", where, 700),
)
