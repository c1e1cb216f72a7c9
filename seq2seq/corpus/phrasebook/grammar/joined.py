"""Two clauses in one sentence: because, when, if, that, and, but, and the relatives who and that (qui, que)."""

from __future__ import annotations

from seq2seq.corpus.phrasebook.clause import Clause, say
from seq2seq.corpus.phrasebook.draw import HE, PRONOUNS, SHE, THEY, Draw
from seq2seq.corpus.phrasebook.entries import Noun
from seq2seq.corpus.phrasebook.grammar.descriptions import attribute
from seq2seq.corpus.phrasebook.noun_phrase import NounPhrase, noun_phrase
from seq2seq.corpus.phrasebook.phrase import NOTHING, Phrase, Predicate, Subject, fixed
from seq2seq.corpus.phrasebook.rule import Drawn, Rule

THEY_FEMININE = Subject("they", "elles", 5, True)
WEATHER = (Phrase("it is raining", "il pleut"), Phrase("it is snowing", "il neige"))


def pronoun_for(subject: Subject) -> Subject:
    """Returns the pronoun that takes up a subject: he, she, they; French says "elles" of women only."""
    if subject in PRONOUNS:
        return subject
    if subject.person == 2:
        return SHE if subject.feminine else HE
    return THEY_FEMININE if subject.feminine else THEY


def they_again(first: Subject, second: Subject) -> Subject:
    """Returns the second subject of a sentence, where "they" are the women that the first one named (elles)."""
    return THEY_FEMININE if second == THEY and first.person == 5 and first.feminine else second


def feeling(draw: Draw, subject: Subject, tense: str = "present", negation: str = "") -> Phrase:
    """Returns a clause on how somebody is: she is tired, I am hungry."""
    conjugator, verbs = draw.index.conjugator, draw.index.verbs
    if draw.happens(0.4):
        entry = draw.one("state", lambda: draw.index.lexicon.states)
        felt = fixed(entry.english, "", quality=entry.english)
        words = say(Clause(subject, Predicate(verbs["be"], felt), tense, negation), conjugator)
        french = say(Clause(subject, Predicate(verbs["have"], fixed("", entry.french)), tense, negation), conjugator)
        return words._replace(french=french.french)
    adjective = draw.one("feeling", lambda: [a for a in draw.index.lexicon.adjectives if "state" in a.kinds])
    return say(Clause(subject, Predicate(verbs["be"], attribute(adjective)), tense, negation), conjugator)


def doing(draw: Draw, subject: Subject, tense: str, negation: str = "") -> Phrase:
    """Returns a clause on what somebody does."""
    if draw.happens(0.35):
        predicate = Predicate(draw.verb("alone"), NOTHING)
    else:
        verb, noun = draw.verb_and_object("act")
        while tense == "past" and verb.past == verb.english:
            verb, noun = draw.verb_and_object("act")
        predicate = draw.action(verb, noun, 0.05)
    return say(Clause(subject, predicate, tense, negation), draw.index.conjugator)


def joined(first: Phrase, english: str, french: str, second: Phrase) -> Phrase:
    """Returns two clauses with words between them."""
    return Phrase(
        f"{first.english}{english} {second.english}",
        f"{first.french}{french} {second.french}",
        first.combinations + second.combinations,
    )


def opened(english: str, french: str, first: Phrase, second: Phrase) -> Phrase:
    """Returns two clauses, the first opened by a conjunction and closed by a comma."""
    start = Phrase(f"{english} {first.english}", f"{french} {first.french}", first.combinations)
    return joined(start, ",", ",", second)


def because(draw: Draw) -> Drawn:
    """She drinks water because she is thirsty: parce qu'elle a soif."""
    subject = draw.subject(0.7)
    tense = draw.of("present", "progressive", "past", "future")
    negation = draw.of("", "", "not")
    if tense == "past":
        reason = feeling(draw, pronoun_for(subject), "past", draw.of("", "", "", "not"))
    elif draw.happens(0.15):
        reason = draw.of(*WEATHER)
    else:
        reason = feeling(draw, pronoun_for(subject), "present", draw.of("", "", "", "not"))
    return joined(doing(draw, subject, tense, negation), " because", " parce que", reason), "."


def when(draw: Draw) -> Drawn:
    """When I was young, I used to read novels. When she is tired, she drinks tea."""
    subject = draw.subject(0.7)
    if draw.happens(0.35):
        young = attribute(draw.one("young", lambda: [a for a in draw.index.lexicon.adjectives if a.english == "young"]))
        past = say(Clause(subject, Predicate(draw.index.verbs["be"], young), "past"), draw.index.conjugator)
        return opened("when", "quand", past, doing(draw, pronoun_for(subject), "used")), "."
    return opened("when", "quand", feeling(draw, subject), doing(draw, pronoun_for(subject), "present")), "."


def condition(draw: Draw) -> Drawn:
    """If he is hungry, I will prepare soup: s'il a faim. If it rains ..."""
    subject = draw.subject(0.9)
    if draw.happens(0.2):
        first = draw.of(*WEATHER)
    else:
        about = draw.subject(0.8)
        first, subject = feeling(draw, about, negation=draw.of("", "", "not")), they_again(about, subject)
    return opened("if", "si", first, doing(draw, subject, "future", draw.of("", "", "not"))), "."


def opinion(draw: Draw) -> Drawn:
    """I think that she is tired. They say that he sold the car. We hope that you will come."""
    verb = draw.verb("that")
    subject, about = draw.subject(0.8), draw.subject(0.7)
    about = they_again(subject, about)
    opening = say(Clause(subject, Predicate(verb, NOTHING)), draw.index.conjugator)
    if verb.english != "hope" and draw.happens(0.45):
        said = feeling(draw, about, draw.of("present", "past"), draw.of("", "", "not"))
    else:
        tenses = ("future",) if verb.english == "hope" else ("present", "progressive", "past", "future", "near")
        said = doing(draw, about, draw.of(*tenses), draw.of("", "", "not"))
    return joined(opening, " that", " que", said), "."


def contrast(draw: Draw) -> Drawn:
    """I eat bread, but she drinks tea. He sings and we dance."""
    word = draw.of((" and", " et"), (",but", ",mais"))
    english, french = (text.replace(",", ", ") for text in word)
    first, second = draw.of(*PRONOUNS), draw.of(*PRONOUNS)
    while second == first:
        second = draw.of(*PRONOUNS)
    tense = draw.of("present", "past", "progressive", "future", "near")
    negation = draw.of("", "not") if english == ", but" else ""
    return joined(doing(draw, first, tense, negation), english, french, doing(draw, second, tense)), "."


def _head(draw: Draw, noun: Noun, article: str) -> NounPhrase:
    plural = draw.is_plural(noun, 0.25)
    return noun_phrase(noun, "some" if plural and article == "a" else article, plural)


def _who(head: NounPhrase) -> Subject:
    """Returns somebody as the subject of the clause that says who they are."""
    return head.subject()._replace(english=f"{head.english} who", french=f"{head.french} qui")


def who_does(draw: Draw) -> Drawn:
    """The man who is singing is my uncle. I know a woman who speaks Russian (qui)."""
    noun = draw.actor("person", "close")
    conjugator, verbs = draw.index.conjugator, draw.index.verbs
    if draw.happens(0.5):
        head = _head(draw, noun, draw.of("a", "the", "this"))
        relative = _who(head)
        clause = doing(draw, relative, draw.of("present", "past", "progressive", "future"))
        verb = draw.of(*(verbs[word] for word in ("know", "see", "help", "invite", "wait for")))
        complement = fixed(clause.english, clause.french, clause.combinations, noun=noun.english)
        return say(Clause(draw.subject(0.9), Predicate(verb, complement)), conjugator), "."
    head = _head(draw, noun, "the")
    relative = _who(head)
    clause = doing(draw, relative, draw.of("present", "past", "progressive"))
    subject = relative._replace(english=clause.english, french=clause.french, combinations=clause.combinations)
    quality = draw.one("of people", lambda: [a for a in draw.index.lexicon.adjectives if "person" in a.kinds])
    return say(Clause(subject, Predicate(verbs["be"], attribute(quality))), conjugator), "."


def that_is_done(draw: Draw) -> Drawn:
    """The letter that she wrote is long: la lettre qu'elle a écrite (the participle agrees with the letter)."""
    verb, noun = draw.verb_and_object("act", "perceive")
    while noun.kinds & {"person", "family", "close", "language", "subject"} or verb.past == verb.english:
        verb, noun = draw.verb_and_object("act", "perceive")
    plural = draw.is_plural(noun, 0.25)
    head = noun_phrase(noun, "the", plural)
    tense = draw.of("past", "past", "past", "present", "near", "future")
    lacking = Predicate(verb, NOTHING._replace(noun=noun.english), agreement=(noun.feminine, plural))
    inner = say(Clause(draw.subject(0.8), lacking, tense), draw.index.conjugator)
    whole = joined(Phrase(head.english, head.french), " that", " que", inner)
    quality = draw.one(noun, lambda: [None, *draw.predicates(noun)])
    if quality is None:
        opening = ("these are", "ce sont") if plural else ("this is", "c'est")
        return Phrase(f"{opening[0]} {whole.english}", f"{opening[1]} {whole.french}", whole.combinations), "."
    subject = Subject(*whole[:2], 5 if plural else 2, noun.feminine, whole.combinations, noun.english)
    return say(Clause(subject, Predicate(draw.index.verbs["be"], attribute(quality))), draw.index.conjugator), "."


def you_and(draw: Draw) -> Drawn:
    """You and your sister are tired: toi et ta sœur, vous êtes fatigués."""
    noun = draw.noun("family", "close")
    whose = "your" if draw.happens(0.4) else draw.possessive(noun)
    other = noun_phrase(noun, whose, draw.is_plural(noun, 0.2))
    subject = Subject(f"you and {other.english}", f"toi et {other.french}, vous", 4, noun=noun.english)
    if draw.happens(0.4):
        return feeling(draw, subject, draw.of("present", "past")), "."
    return doing(draw, subject, draw.of("present", "progressive", "past", "near", "can", "must")), "."


RULES = (
    Rule("because", because, 1400),
    Rule("when", when, 1150),
    Rule("if", condition, 1050),
    Rule("that", opinion, 1250),
    Rule("and, but", contrast, 850),
    Rule("who does", who_does, 1150),
    Rule("that is done", that_is_done, 1400),
    Rule("you and", you_and, 550),
)
