"""Somebody gives something to somebody: give, show, send, lend, offer ... to."""

from __future__ import annotations

from seq2seq.corpus.phrasebook.clause import Clause, say
from seq2seq.corpus.phrasebook.draw import Draw
from seq2seq.corpus.phrasebook.phrase import Predicate, fixed
from seq2seq.corpus.phrasebook.question import put
from seq2seq.corpus.phrasebook.rule import Drawn, Rule

TENSES = (
    "present",
    "present",
    "present",
    "past",
    "past",
    "progressive",
    "near",
    "future",
    "must",
    "can",
    "want",
    "would like",
    "just",
)


def gift(draw: Draw) -> Drawn:
    """She gave a book to her brother. Did you send the letter to the teacher?"""
    verb, noun = draw.verb_and_object("gift")
    thing, receiver = draw.object_phrase(noun, 0.1), draw.other()
    said = fixed(
        f"{thing.english} to {receiver.english}",
        f"{thing.french} à {receiver.french}",
        thing.combinations + receiver.combinations,
        f"{thing.any_english} to {receiver.english}",
        f"{thing.denied} à {receiver.french}",
        noun=noun.english,
    )
    clause = Clause(draw.subject(0.85), Predicate(verb, said), draw.of(*TENSES))
    if draw.happens(0.2):
        return put(
            clause._replace(tense="past" if clause.tense == "just" else clause.tense), draw.index.conjugator
        ), "?"
    if clause.tense != "just" and draw.happens(0.25):
        clause = clause._replace(negation="not", short=draw.happens(0.75))
    return say(clause, draw.index.conjugator), "."


RULES = (Rule("gift", gift, 1800),)
