"""Greetings, thanks, excuses and polite requests."""

from __future__ import annotations

from seq2seq.corpus.phrasebook.clause import Clause, ask, say
from seq2seq.corpus.phrasebook.draw import WE, YOU, Draw, I
from seq2seq.corpus.phrasebook.grammar.commands import PLEASE, PLEASE_FRENCH
from seq2seq.corpus.phrasebook.grammar.movements import place
from seq2seq.corpus.phrasebook.noun_phrase import noun_phrase
from seq2seq.corpus.phrasebook.phrase import Phrase, Predicate, acts, describes, fixed
from seq2seq.corpus.phrasebook.rule import Drawn, Rule

GREETINGS = (
    ("hello", "bonjour", "!"),
    ("good evening", "bonsoir", "!"),
    ("good night", "bonne nuit", "!"),
    ("goodbye", "au revoir", "!"),
    ("welcome", "bienvenue", "!"),
    ("congratulations", "félicitations", "!"),
    ("happy birthday", "joyeux anniversaire", "!"),
    ("good luck", "bonne chance", "!"),
    ("thank you", "merci", "!"),
    ("thank you very much", "merci beaucoup", "!"),
    ("see you soon", "à bientôt", "!"),
    ("see you tomorrow", "à demain", "!"),
    ("have a good trip", "bon voyage", "!"),
    ("have a good day", "bonne journée", "!"),
    ("enjoy your meal", "bon appétit", "!"),
    ("excuse me", "excuse-moi", "."),
    ("I am sorry", "je suis désolé", "."),
    ("how are you", "comment vas-tu", "?"),
    ("you are welcome", "de rien", "."),
)
# Said with "tu", which nobody says to a sir or a madam.
FAMILIAR = frozenset({"excuse me", "how are you"})
PEOPLE = (("sir", "monsieur"), ("madam", "madame"), ("my friend", "mon ami"))


def greeting(draw: Draw) -> Drawn:
    """Good evening, Marie! Merci beaucoup, Paul !"""
    english, french, mark = draw.of(*GREETINGS)
    name = draw.name()
    who = draw.of((name.english, name.french), (name.english, name.french), (name.english, name.french), *PEOPLE)
    if english in FAMILIAR and who[0] in ("sir", "madam"):
        who = PEOPLE[2]
    used = (acts("have", "trip"), describes("good", "trip")) if "trip" in english else ()
    return Phrase(f"{english}, {who[0]}", f"{french}, {who[1]}", used), mark


def thanks(draw: Draw) -> Drawn:
    """Thank you for the gift, Anna: merci pour le cadeau."""
    noun = draw.noun(
        "object", "jewel", "flower", "dish", "text", "clothing", "song", "event", "lesson", "fruit", "drink"
    )
    plural = draw.is_plural(noun)
    quality = draw.quality(noun) if draw.happens(0.3) else None
    thing = noun_phrase(noun, draw.of("the", "the", "this", "your"), plural, quality)
    much, beaucoup = draw.of(("", ""), ("", ""), (" very much", " beaucoup"))
    words, french = f"thank you{much} for {thing.english}", f"merci{beaucoup} pour {thing.french}"
    if draw.happens(0.4):
        name = draw.name()
        return Phrase(f"{words}, {name.english}", f"{french}, {name.french}", thing.combinations), "."
    return Phrase(words, french, thing.combinations), "."


def request(draw: Draw) -> Drawn:
    """Can you open the window, please? Est-ce que tu peux ouvrir la fenêtre, s'il te plaît ?"""
    verb, noun = draw.verb_and_object("act", "gift")
    clause = Clause(YOU, draw.action(verb, noun, 0.15), "can")
    phrase = ask(clause, draw.index.conjugator)
    return Phrase(f"{phrase.english}, {PLEASE}", f"{phrase.french}, {PLEASE_FRENCH}", phrase.combinations), "?"


def wish(draw: Draw) -> Drawn:
    """I would like to order soup, please. Je voudrais commander de la soupe, s'il te plaît."""
    verb, noun = draw.one("wishes", lambda: [
        (verb, noun) for verb in (draw.index.verbs[w] for w in ("order", "buy", "taste", "rent", "see", "visit")
        if w in draw.index.verbs) for noun in draw.index.objects[verb] if noun.kinds.isdisjoint({"person"})
    ])  # fmt: skip
    subject = draw.of(I, I, WE)
    phrase = say(Clause(subject, draw.action(verb, noun, 0.1), "would like"), draw.index.conjugator)
    return Phrase(f"{phrase.english}, {PLEASE}", f"{phrase.french}, {PLEASE_FRENCH}", phrase.combinations), "."


def excuse(draw: Draw) -> Drawn:
    """Excuse me, where is the station? Excuse-moi, où est la gare ?"""
    noun = draw.noun("building", "town", "machine", "transport", "text", "object", "pet", "clothing")
    thing = draw.definite(noun, plural=0.15)
    verb, french = ("are", "sont") if thing.plural else ("is", "est")
    name = draw.name()
    opening, ouverture = draw.of(("excuse me", "excuse-moi"), ("hello", "bonjour"), (name.english, name.french))
    words = f"{opening}, where {verb} {thing.english}"
    return Phrase(words, f"{ouverture}, où {french} {thing.french}", thing.combinations), "?"


def introduction(draw: Draw) -> Drawn:
    """My name is Paul and I come from Italy. Je m'appelle Paul et je viens d'Italie."""
    name = draw.name()
    opening = Phrase(f"my name is {name.english}", f"je me appelle {name.french}")
    where = place(draw, "country", "town")
    turn = draw.of("from", "live", "alone", "hello")
    match turn:
        case "from":
            words, french = f" and I come {where.origin}", f" et je viens {where.french_from}"
        case "live":
            words, french = f" and I live {where.at}", f" et je habite {where.french_at}"
        case "hello":
            return Phrase(f"hello, {opening.english}", f"bonjour, {opening.french}"), "."
        case _:
            words, french = "", ""
    return Phrase(opening.english + words, opening.french + french), "."


def apology(draw: Draw) -> Drawn:
    """I am sorry, I can't come to the party. Je suis désolé, je ne peux pas ..."""
    if draw.happens(0.5):
        where = place(draw, "spot", "town", "country")
        predicate = Predicate(draw.verb("to"), fixed(where.to, where.french_at))
    else:
        verb, noun = draw.verb_and_object("act")
        predicate = draw.action(verb, noun, 0.1)
    subject = draw.of(I, I, WE)
    clause = Clause(subject, predicate, "can", "not", short=draw.happens(0.75))
    said = say(clause, draw.index.conjugator)
    opening = ("I am sorry", "je suis désolé") if subject is I else ("we are sorry", "nous sommes désolés")
    return Phrase(f"{opening[0]}, {said.english}", f"{opening[1]}, {said.french}", said.combinations), "."


RULES = (
    Rule("greeting", greeting, 340),
    Rule("thanks", thanks, 500),
    Rule("request", request, 550),
    Rule("wish", wish, 500),
    Rule("excuse", excuse, 400),
    Rule("introduction", introduction, 400),
    Rule("apology", apology, 450),
)
