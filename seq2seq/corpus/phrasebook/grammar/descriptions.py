"""What people and things are like: adjectives, professions, nationalities, and having hunger, thirst or reason."""

from __future__ import annotations

from seq2seq.corpus.phrasebook.clause import Clause, ask, say
from seq2seq.corpus.phrasebook.draw import Draw
from seq2seq.corpus.phrasebook.entries import Adjective, Expression, Noun
from seq2seq.corpus.phrasebook.phrase import Complement, Predicate, Subject, fixed
from seq2seq.corpus.phrasebook.rule import Drawn, Rule

TENSES = ("present", "present", "present", "present", "past", "past", "future")


def attribute(adjective: Adjective, degree: Expression | None = None) -> Complement:
    """Returns an adjective after "be", in the four forms that agree with any subject."""
    before = f"{degree.english} " if degree else ""
    before_french = f"{degree.french} " if degree else ""
    masculine, feminine, masculine_plural, feminine_plural = (before_french + form for form in adjective.forms)
    words = (before + adjective.english,) * 2
    forms = (masculine, feminine, masculine_plural, feminine_plural)
    return Complement(words, forms, words, forms, quality=adjective.english)


def described(draw: Draw, subject: Subject, complement: Complement, tenses: tuple[str, ...], changing: bool) -> Drawn:
    """Says, denies or asks what somebody is; what is `changing` may also be so always, often, never or no longer."""
    clause = Clause(subject, Predicate(draw.index.verbs["be"], complement), draw.of(*tenses))
    turn = draw.chance.random()
    if turn < 0.2:
        return ask(clause, draw.index.conjugator), "?"
    if turn < 0.4:
        clause = clause._replace(negation="not", short=draw.happens(0.75))
    elif turn < 0.5 and changing and clause.tense == "present":
        clause = clause._replace(negation=draw.of("never", "anymore"))
    elif turn < 0.6 and changing and clause.tense == "present":
        clause = clause._replace(adverb=draw.adverb("frequency"))
    return say(clause, draw.index.conjugator), "."


def person(draw: Draw) -> Drawn:
    """I am tired. Her sisters were very happy: ses sœurs étaient très heureuses."""
    adjective = draw.one("of people", lambda: [
        a for a in draw.index.lexicon.adjectives if "person" in a.kinds and "nationality" not in a.kinds
    ])  # fmt: skip
    degree = draw.adverb("degree") if draw.happens(0.3) and adjective.english not in ("married", "late") else None
    return described(draw, draw.subject(0.5), attribute(adjective, degree), TENSES, "state" in adjective.kinds)


def thing(draw: Draw) -> Drawn:
    """The car is red. My shoes weren't very expensive."""
    adjective, noun = _fitting(draw)
    subject = draw.definite(noun).subject()
    gradable = adjective.comparative or adjective.english in ("beautiful", "expensive", "interesting", "important")
    degree = draw.adverb("degree") if gradable and draw.happens(0.25) else None
    clause = Clause(subject, Predicate(draw.index.verbs["be"], attribute(adjective, degree)), draw.of(*TENSES))
    turn = draw.chance.random()
    if turn < 0.2:
        return ask(clause, draw.index.conjugator), "?"
    if turn < 0.4:
        clause = clause._replace(negation="not", short=draw.happens(0.75))
    return say(clause, draw.index.conjugator), "."


def _fitting(draw: Draw) -> tuple[Adjective, Noun]:
    fitting = draw.one("fitting", lambda: [_things(draw)])
    adjective = draw.one("adjective", lambda: fitting)
    return adjective, draw.one(adjective, lambda: fitting[adjective])


def _things(draw: Draw) -> dict[Adjective, list[Noun]]:
    found: dict[Adjective, list[Noun]] = {}
    for noun in draw.index.lexicon.nouns:
        if noun.kinds.isdisjoint({"person", "family", "close"}):
            for adjective in draw.predicates(noun):
                found.setdefault(adjective, []).append(noun)
    return found


def profession(draw: Draw) -> Drawn:
    """My sister is a teacher: French has no article and a feminine (professeure)."""
    entry = draw.one("profession", lambda: draw.index.lexicon.professions)
    subject = draw.subject(0.55)
    words = (f"a {entry.english}", entry.plural)
    return described(draw, subject, Complement(words, entry.forms, words, entry.forms), TENSES, False)


def nationality(draw: Draw) -> Drawn:
    """Are you Italian? His wife is Spanish."""
    adjective = draw.one("nationality", lambda: [a for a in draw.index.lexicon.adjectives if "nationality" in a.kinds])
    return described(draw, draw.subject(0.5), attribute(adjective), ("present", "present", "past"), False)


def state(draw: Draw) -> Drawn:
    """I am hungry: j'ai faim."""
    entry = draw.one("state", lambda: draw.index.lexicon.states)
    subject = draw.subject(0.5)
    # English "be" and French "avoir": the clause is built in both and each gives its half.
    feeling = fixed(entry.english, "", quality=entry.english)
    english = Clause(subject, Predicate(draw.index.verbs["be"], feeling), draw.of(*TENSES))
    return both(draw, english, entry)


def both(draw: Draw, clause: Clause, entry: Expression) -> Drawn:
    """Says a clause with "be" in English and with "avoir" in French."""
    french = clause._replace(predicate=Predicate(draw.index.verbs["have"], fixed("", entry.french)))
    make, mark, conjugator = say, ".", draw.index.conjugator
    turn = draw.chance.random()
    if turn < 0.2:
        make, mark = ask, "?"
    elif turn < 0.4:
        clause, french = (c._replace(negation="not", short=draw.happens(0.75)) for c in (clause, french))
    return make(clause, conjugator)._replace(french=make(french, conjugator).french), mark


RULES = (
    Rule("person", person, 2000),
    Rule("thing", thing, 2550),
    Rule("profession", profession, 1250),
    Rule("nationality", nationality, 700),
    Rule("state", state, 700),
)
