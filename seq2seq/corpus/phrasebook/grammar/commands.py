"""Orders and proposals: open the door, don't eat the cake, let's go; with please, s'il te plaît."""

from __future__ import annotations

from seq2seq.corpus.phrasebook.conjugation import imperative
from seq2seq.corpus.phrasebook.draw import Draw
from seq2seq.corpus.phrasebook.grammar.movements import place
from seq2seq.corpus.phrasebook.phrase import Phrase, Predicate, fixed
from seq2seq.corpus.phrasebook.rule import Drawn, Rule

PLEASE, PLEASE_FRENCH = "please", "s'il te plaît"


def _order(draw: Draw, *movements: str) -> Predicate:
    """Draws what to do; "don't open a box" is no order anybody gives, so nothing here has the article "a".

    `movements` are the verbs that may be said with a place: "return to Paris" and "let's come" are no orders either.
    """
    if draw.happens(0.2):
        where = place(draw, "spot", "town", "country")
        return Predicate(draw.index.verbs[draw.of(*movements)], fixed(where.to, where.french_at))
    verb, noun = draw.verb_and_object("act", "gift")
    ordered = draw.action(verb, noun, 0.15)
    while ordered.complement.english[0].startswith("a "):
        ordered = draw.action(verb, noun, 0.15)
    return ordered


def order(draw: Draw) -> Drawn:
    """Open the door! Don't drink this water! Please close the window. The last has a full stop."""
    ordered = _order(draw, "go", "come")
    verb, complement, used = ordered.verb, ordered.complement, ordered.combinations
    finite = imperative(verb, 1)
    turn = draw.chance.random()
    if turn < 0.3:
        denial = "don't" if draw.happens(0.75) else "do not"
        words = f"{denial} {verb.english} {complement.any_english[0]}"
        return Phrase(words, f"ne {finite} pas {complement.denied[0]}", used), "!"
    words, french = f"{verb.english} {complement.english[0]}", f"{finite} {complement.french[0]}"
    if turn < 0.6:
        return Phrase(f"{PLEASE} {words}", f"{french}, {PLEASE_FRENCH}", used), "."
    return Phrase(words, french, used), "!"


def proposal(draw: Draw) -> Drawn:
    """Let's eat the pie! Mangeons la tarte !"""
    ordered = _order(draw, "go")
    verb, complement, used = ordered.verb, ordered.complement, ordered.combinations
    finite = imperative(verb, 3)
    if draw.happens(0.2):
        words = f"let's not {verb.english} {complement.any_english[0]}"
        return Phrase(words, f"ne {finite} pas {complement.denied[0]}", used), "!"
    words = f"let's {verb.english} {complement.english[0]}"
    return Phrase(words, f"{finite} {complement.french[0]}", used), "!"


def self_order(draw: Draw) -> Drawn:
    """Get up, Paul! Lève-toi, Paul ! Don't hurry, Marie!"""
    verb, name = draw.verb("self"), draw.name()
    called, called_french = f", {name.english}", f", {name.french}"
    turn = draw.chance.random()
    if turn < 0.3:
        denial = "don't" if draw.happens(0.75) else "do not"
        return Phrase(f"{denial} {verb.english}{called}", f"ne te {imperative(verb, 1)} pas{called_french}"), "!"
    if turn < 0.5:
        return Phrase(f"let's {verb.english}{called}", f"{imperative(verb, 3)}-nous{called_french}"), "!"
    return Phrase(f"{verb.english}{called}", f"{imperative(verb, 1)}-toi{called_french}"), "!"


RULES = (
    Rule("order", order, 1400),
    Rule("proposal", proposal, 550),
    Rule("self order", self_order, 200),
)
