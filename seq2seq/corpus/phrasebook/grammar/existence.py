"""What there is and where it is; what this is and whose: il y a, c'est, ce sont, sur la table, le livre de Marie."""

from __future__ import annotations

from seq2seq.corpus.phrasebook.clause import Clause, ask, say
from seq2seq.corpus.phrasebook.draw import Draw
from seq2seq.corpus.phrasebook.noun_phrase import NounPhrase, noun_phrase
from seq2seq.corpus.phrasebook.phrase import Phrase, Predicate, fixed
from seq2seq.corpus.phrasebook.rule import Drawn, Rule

SURFACES = frozenset({"table", "chair", "bed", "desk", "shelf", "sofa", "carpet", "stool"})
COVERS = frozenset({"table", "chair", "bed", "desk", "sofa", "armchair"})
# One is on these and in other parts of nature (sur la plage, dans la forêt); "in the mountains" is à la montagne.
OPEN = frozenset({"beach", "hill", "island"})
MOUNTAIN = "mountain"


def landmark(draw: Draw, kind: str) -> Phrase:
    """Draws a place made of a preposition and a thing: on the table, in the box, behind the church."""
    word = draw.one(("preposition", kind), lambda: [
        p for p in draw.index.lexicon.prepositions if p.uses & {"on", "in", "under", "around"}
    ])  # fmt: skip
    index = draw.index
    if "on" in word.uses:
        surfaces = SURFACES if kind == "object" else (SURFACES - {"shelf"}) | OPEN
        noun = draw.one(("on", kind), lambda: [n for n in index.lexicon.nouns if n.english in surfaces])
    elif "under" in word.uses:
        noun = draw.one("under", lambda: [n for n in index.lexicon.nouns if n.english in COVERS])
    elif "in" in word.uses:
        kinds = ("container", "room") if kind == "object" else ("room", "home", "nature")
        noun = draw.one(("in", kind), lambda: [n for n in index.of_kind(*kinds) if n.english not in {*OPEN, MOUNTAIN}])
    else:
        noun = draw.noun("furniture") if kind == "object" else draw.noun("building", "vehicle", "town")
    phrase = noun_phrase(noun, draw.of("the", "the", "the", "my", "this") if kind == "object" else "the")
    return Phrase(f"{word.english} {phrase.english}", f"{word.french} {phrase.french}")


def there_is(draw: Draw) -> Drawn:
    """There is a cat under the table. There isn't any milk in the fridge: il n'y a pas de lait."""
    kind = draw.of("object", "object", "animal")
    noun = (
        draw.noun("object", "food", "drink", "grocery", "text") if kind == "object" else draw.noun("animal", "person")
    )
    plural = draw.is_plural(noun)
    where = landmark(draw, kind)
    article = "some" if plural or not noun.plural else "a"
    thing = noun_phrase(noun, article, plural)
    verb = "are" if plural else "is"
    turn = draw.chance.random()
    if turn < 0.25:
        words = f"{verb} there {thing.any_english} {where.english}"
        return Phrase(words, f"est-ce que il y a {thing.french} {where.french}"), "?"
    if turn < 0.5:
        denial = f"{verb}n't" if draw.happens(0.75) else f"{verb} not"
        words = f"there {denial} {thing.any_english} {where.english}"
        return Phrase(words, f"il ne y a pas {thing.denied} {where.french}"), "."
    return Phrase(f"there {verb} {thing.english} {where.english}", f"il y a {thing.french} {where.french}"), "."


def location(draw: Draw) -> Drawn:
    """The keys are on the table. Is the cat in the garden?"""
    kind = draw.of("object", "object", "animal")
    noun = (
        draw.noun("object", "clothing", "text", "tool") if kind == "object" else draw.noun("animal", "person", "close")
    )
    subject, where = draw.definite(noun).subject(), landmark(draw, kind)
    complement = fixed(where.english, where.french)
    clause = Clause(subject, Predicate(draw.index.verbs["be"], complement), draw.of("present", "present", "past"))
    turn = draw.chance.random()
    if turn < 0.2:
        return ask(clause, draw.index.conjugator), "?"
    if turn < 0.4:
        clause = clause._replace(negation="not", short=draw.happens(0.75))
    return say(clause, draw.index.conjugator), "."


def where_is(draw: Draw) -> Drawn:
    """Where are my keys? Où sont mes clés ?"""
    noun = draw.noun("object", "clothing", "text", "pet", "family", "close", "jewel")
    thing = draw.definite(noun)
    verb, french = ("are", "sont") if thing.plural else ("is", "est")
    return Phrase(f"where {verb} {thing.english}", f"où {french} {thing.french}", thing.combinations), "?"


def identity(draw: Draw) -> Drawn:
    """This is my book. Are these apples? It isn't milk: ce n'est pas du lait (no "de" after être)."""
    noun = draw.noun(
        *(
            "object",
            "food",
            "drink",
            "grocery",
            "text",
            "clothing",
            "animal",
            "vehicle",
            "furniture",
            "covering",
            "jewel",
            "family",
        ),
        *("building", "instrument", "machine", "linen", "plant", "fruit", "vegetable", "close"),
    )
    plural = draw.is_plural(noun)
    thing = _named(draw, noun.english, plural)
    turn = draw.chance.random()
    verb, this = ("are", "these") if plural else ("is", "this")
    if turn < 0.25:
        french = f"est-ce que {'ce sont' if plural else 'c est'} {thing.french}".replace("c est", "c'est")
        return Phrase(f"{verb} {this} {thing.english}", french, thing.combinations), "?"
    if turn < 0.5:
        denial = f"{verb}n't" if plural or draw.happens(0.75) else f"{verb} not"
        french = f"ce ne {'sont' if plural else 'est'} pas {thing.french}"
        return Phrase(f"{this} {denial} {thing.english}", french, thing.combinations), "."
    opening = "ce sont" if plural else "c'est"
    return Phrase(f"{this} {verb} {thing.english}", f"{opening} {thing.french}", thing.combinations), "."


def _named(draw: Draw, english: str, plural: bool) -> NounPhrase:
    noun = draw.index.nouns[english]
    adjective = draw.quality(noun) if draw.happens(0.3) else None
    if "family" in noun.kinds or (draw.happens(0.35) and noun.kinds & {"object", "clothing", "pet", "vehicle"}):
        return noun_phrase(noun, draw.possessive(noun), plural, adjective)
    if draw.happens(0.2):
        return noun_phrase(noun, "the", plural, adjective)
    return noun_phrase(noun, "a" if noun.plural and not plural else "bare", plural, adjective)


def belonging(draw: Draw) -> Drawn:
    """Marie's book is on the table. I like my brother's car: le livre de Marie."""
    noun = draw.noun("object", "clothing", "pet", "vehicle", "jewel", "machine", "instrument", "home")
    owner = draw.owner()
    plural = draw.is_plural(noun, 0.2)
    thing = noun_phrase(noun, "the", plural)
    words = f"{owner.english}'s {noun.plural if plural else noun.english}"
    french = f"{thing.french} de {owner.french}"
    if draw.happens(0.5):
        opening = ("these are", "ce sont") if plural else ("this is", "c'est")
        return Phrase(f"{opening[0]} {words}", f"{opening[1]} {french}", owner.combinations), "."
    verb = draw.one(noun, lambda: [v for v in draw.index.used("act") if noun in draw.index.objects[v]])
    tense = draw.of("present", "past", "near", "future", "progressive")
    owned = fixed(words, french, owner.combinations, noun=noun.english)
    clause = Clause(draw.subject(0.8), Predicate(verb, owned), tense)
    return say(clause, draw.index.conjugator), "."


RULES = (
    Rule("there is", there_is, 1400),
    Rule("location", location, 1400),
    Rule("where is", where_is, 600),
    Rule("identity", identity, 1400),
    Rule("belonging", belonging, 1050),
)
