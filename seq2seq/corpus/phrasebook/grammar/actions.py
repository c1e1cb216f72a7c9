"""Somebody does something to something: all tenses, denied, asked, with frequency and time."""

from __future__ import annotations

from seq2seq.corpus.phrasebook.clause import Clause, followed, say
from seq2seq.corpus.phrasebook.draw import GENERAL, HE, SHE, THEY, WE, YOU, Draw, I
from seq2seq.corpus.phrasebook.entries import Adjective, Expression, Noun, Verb
from seq2seq.corpus.phrasebook.french import before_vowel
from seq2seq.corpus.phrasebook.noun_phrase import counted, noun_phrase
from seq2seq.corpus.phrasebook.phrase import NOTHING, Phrase, Predicate, Subject, fixed
from seq2seq.corpus.phrasebook.question import put
from seq2seq.corpus.phrasebook.rule import Drawn, Rule

ACT = (
    *("present", "present", "present", "progressive", "progressive", "past", "past", "past", "near", "near"),
    *("future", "future", "used", "can", "must", "want", "would like", "perfect", "perfect", "just"),
)
PERCEIVE = ("present", "present", "past", "past", "past", "perfect", "just", "future")
STATE = ("present", "present", "present", "past", "future")
ALREADY = Expression("already", "déjà")


def tense_for(draw: Draw, verb: Verb) -> str:
    """Draws a tense that makes sense with a verb: what is a state has no progressive."""
    tenses: tuple[str, ...] = STATE if "state" in verb.uses else PERCEIVE if "perceive" in verb.uses else ACT
    return draw.of(*tenses)


def _when(draw: Draw, clause: Clause, phrase: Phrase, noun: Noun) -> Phrase:
    """Adds a time now and then. "I read books" is a present unless a time in the past says otherwise, so it must."""
    verb, tense = clause.predicate.verb, clause.tense
    ambiguous = tense == "past" and verb.past == verb.english and not clause.negation
    if tense == "present":
        habitual = {"drink", "food", "text", "sport", "language", "subject", "heard", "show"}
        if "state" in verb.uses or noun.kinds.isdisjoint(habitual) or clause.negation in ("anymore", "never"):
            return phrase
        return followed(phrase, draw.time("habit")) if draw.happens(0.3) else phrase
    use = {"progressive": "now", "past": "past", "near": "future", "future": "future"}.get(tense)
    if use is None or "state" in verb.uses:
        return phrase
    return followed(phrase, draw.time(use)) if ambiguous or draw.happens(0.35) else phrase


def action(draw: Draw) -> Drawn:
    """I drink milk. She has already read the book. We are going to open the window."""
    verb, noun = draw.verb_and_object("act", "perceive", "state", "gift")
    tense, subject = tense_for(draw, verb), draw.subject()
    # The imperfect of nous and ils is left to states and to "when we were young": its forms would each be rare.
    tense = "past" if tense == "used" and subject.plural else tense
    clause = Clause(subject, draw.action(verb, noun), tense, adverb=ALREADY if tense == "perfect" else None)
    return _when(draw, clause, say(clause, draw.index.conjugator), noun), "."


def denied(draw: Draw) -> Drawn:
    """I don't drink any milk. He never reads the newspaper. They don't eat meat anymore."""
    verb, noun = draw.verb_and_object("act", "perceive", "state", "gift")
    negation = draw.of("not", "not", "not", "never", "anymore")
    negation = "anymore" if negation == "never" and "state" in verb.uses else negation
    if negation == "not":
        tense = tense_for(draw, verb)
        tense = "past" if tense in ("perfect", "just", "used") else tense
    else:
        tense = "perfect" if negation == "never" and draw.happens(0.4) else "present"
    clause = Clause(draw.subject(), draw.action(verb, noun), tense, negation, short=draw.happens(0.75))
    return _when(draw, clause, say(clause, draw.index.conjugator), noun), "."


def question(draw: Draw) -> Drawn:
    """Do you drink milk? Did she buy a car? Have they already seen the movie?"""
    verb, noun = draw.verb_and_object("act", "perceive", "state", "gift")
    tense = tense_for(draw, verb)
    tense = "past" if tense in ("just", "used") else tense
    clause = Clause(
        draw.subject(), draw.action(verb, noun, 0.15), tense, adverb=ALREADY if tense == "perfect" else None
    )
    return _when(draw, clause, put(clause, draw.index.conjugator), noun), "?"


def frequency(draw: Draw) -> Drawn:
    """She often reads novels."""
    verb, noun = draw.verb_and_object("act")
    clause = Clause(draw.subject(), draw.action(verb, noun, 0.1), adverb=draw.adverb("frequency"))
    return say(clause, draw.index.conjugator), "."


def what(draw: Draw) -> Drawn:
    """What are you drinking? What did she buy?"""
    # "Parler" has no direct object but a language's bare name.
    verb = draw.one("of things", lambda: [
        v for v in draw.index.used("act") if "family" not in v.objects and "bare" not in v.uses
    ])  # fmt: skip
    tense = draw.of("present", "progressive", "past", "past", "near", "future", "want", "can", "must")
    asked = put(Clause(draw.subject(0.7), Predicate(verb, NOTHING), tense), draw.index.conjugator, ("what", ""))
    # "qu'est-ce que" is "que est-ce que" with its elision.
    phrase = Phrase(asked.english, "que " + asked.french, asked.combinations)
    use = {"past": "past", "near": "future", "future": "future"}.get(tense)
    return (followed(phrase, draw.time(use)) if use and draw.happens(0.3) else phrase), "?"


def who(draw: Draw) -> Drawn:
    """Who drinks coffee? Who will open the door?"""
    verb, noun = draw.verb_and_object("act")
    tense = draw.of("present", "past", "progressive", "near", "future", "can", "want")
    clause = Clause(Subject("who", "qui", 2), draw.action(verb, noun, 0.1), tense)
    return _when(draw, clause, say(clause, draw.index.conjugator), noun), "?"


def why(draw: Draw) -> Drawn:
    """Why do you sell your car? Where did they buy bread?"""
    opening = draw.of(("why", "pourquoi"), ("why", "pourquoi"), ("when", "quand"), ("where", "où"))
    verb, noun = draw.verb_and_object("act")
    tense = draw.of("present", "progressive", "past", "past", "near", "future", "want")
    clause = Clause(draw.subject(0.7), draw.action(verb, noun, 0.1), tense)
    return put(clause, draw.index.conjugator, opening), "?"


def _uncounted(verb: Verb, noun: Noun) -> bool:
    """Tells whether "how many" makes no sense: of history, of mothers, or of what is only spoken of in the singular."""
    return bool(noun.kinds & {*GENERAL, "family", "single"}) or "generic" in verb.uses


def quantity(draw: Draw) -> Drawn:
    """He buys a lot of apples. Do we have enough milk? Beaucoup de, assez de."""
    verb, noun = draw.verb_and_object("act", "state")
    if _uncounted(verb, noun):
        verb, noun = draw.index.verbs["buy"], draw.noun("food", "drink", "grocery", "clothing")
    amount = draw.adverb("quantity")
    phrase = counted(noun, amount.english, amount.french, bool(noun.plural))
    predicate = Predicate(verb, phrase.complement())
    tense = draw.of("present", "present", "past", "near", "future")
    plain = verb.past == verb.english or ("state" in verb.uses and tense == "near")
    clause = Clause(draw.subject(), predicate, "present" if plain else tense)
    if draw.happens(0.25):
        return put(clause, draw.index.conjugator), "?"
    return say(clause, draw.index.conjugator), "."


def how_many(draw: Draw) -> Drawn:
    """How many books do you read? Combien de livres est-ce que tu lis ?"""
    verb, noun = draw.verb_and_object("act", "state")
    if _uncounted(verb, noun):
        verb, noun = draw.index.verbs["buy"], draw.noun("fruit")
    plural = bool(noun.plural)
    opening = ("how many", "combien de") if plural else ("how much", "combien de")
    words = (
        f"{opening[0]} {noun.plural or noun.english}",
        f"{opening[1]} {noun.french_plural if plural else noun.french}",
    )
    tense = draw.of("present", "near", "future", "want", "can", "past")
    tense = "present" if "state" in verb.uses and tense not in ("past", "future") else tense
    # The object comes before the verb, so a past participle agrees with it.
    predicate = Predicate(verb, NOTHING._replace(noun=noun.english), agreement=(noun.feminine, plural))
    return put(Clause(draw.subject(0.75), predicate, tense), draw.index.conjugator, words), "?"


def taste(draw: Draw) -> Drawn:
    """I like milk. She hates war. Do you prefer tennis? The French has its definite article."""
    verb = draw.of(*(draw.index.verbs[word] for word in ("like", "like", "hate", "prefer")))
    noun = draw.one(verb, lambda: draw.index.objects[verb])
    if draw.happens(0.6):
        # No other rule has much to say about love or peace.
        noun = draw.noun("notion") if draw.happens(0.7) else draw.noun("sport", "subject")
    negation = "not" if verb.english != "prefer" and draw.happens(0.3) else ""
    clause = Clause(
        draw.subject(), draw.action(verb, noun), draw.of("present", "present", "present", "past"), negation,
        short=draw.happens(0.75),
    )  # fmt: skip
    if not negation and draw.happens(0.3):
        return put(clause, draw.index.conjugator), "?"
    return say(clause, draw.index.conjugator), "."


def studies(draw: Draw) -> Drawn:
    """She speaks French. We are learning history."""
    verb = draw.of(*(draw.index.verbs[word] for word in ("speak", "learn", "study", "teach")))
    noun = draw.one(verb, lambda: draw.index.objects[verb])
    clause = Clause(draw.subject(), draw.action(verb, noun), draw.of(*ACT[:-3]))
    if draw.happens(0.3):
        return _when(draw, clause, put(clause, draw.index.conjugator), noun), "?"
    if clause.tense != "used" and draw.happens(0.25):
        clause = clause._replace(negation="not", short=draw.happens(0.75))
    return _when(draw, clause, say(clause, draw.index.conjugator), noun), "."


def _vowels(draw: Draw) -> list[tuple[Adjective, Noun]]:
    index = draw.index
    return [
        (adjective, noun)
        for noun, adjectives in index.qualities.items()
        if noun.plural and not noun.feminine and before_vowel(noun.french) and "person" not in noun.kinds
        for adjective in adjectives
        if adjective.before_vowel
    ]


def elegant(draw: Draw) -> Drawn:
    """She sees a beautiful tree: un bel arbre, un nouvel hôtel, un vieil ami."""
    adjective, noun = draw.one("pair", lambda: _vowels(draw))
    verb = draw.one(noun, lambda: [
        v for v in draw.index.lexicon.verbs if v.uses & {"act", "perceive"} and noun in draw.index.objects[v]
    ])  # fmt: skip
    article = draw.of("a", "a", "a", "the", "this", "bare")
    thing = noun_phrase(noun, article, article == "bare", adjective)
    predicate = Predicate(verb, thing.complement())
    return say(Clause(draw.subject(), predicate, draw.of("past", "near", "future", "can")), draw.index.conjugator), "."


OBJECTS = (
    (Subject("me", "me", 0), (False, False)),
    (Subject("you", "te", 1), (False, False)),
    (Subject("him", "le", 2), (False, False)),
    (Subject("her", "la", 2), (True, False)),
    (Subject("us", "nous", 3), (False, True)),
    (Subject("them", "les", 5), (False, True)),
)
SUBJECTS = {0: (YOU, HE, SHE, THEY), 1: (I, HE, SHE, WE, THEY), 3: (YOU, HE, SHE, THEY), 5: (I, YOU, WE, SHE)}


def pronoun(draw: Draw) -> Drawn:
    """I see him. She helped us. The French pronoun comes first and the participle agrees with it."""
    target, agreement = draw.of(*OBJECTS)
    subject = draw.of(*SUBJECTS.get(target.person, (I, YOU, WE, THEY)))
    if target.person in (2, 5) and draw.happens(0.2):
        subject = draw.subject(0.0)
    verb = draw.of(*(draw.index.verbs[word] for word in PRONOUN_VERBS))
    tense = draw.of("present", "past", "past", "near", "future", "can")
    tense = "present" if "state" in verb.uses and tense in ("near", "can") else tense
    predicate = Predicate(verb, fixed(target.english, ""), target.french, agreement)
    clause = Clause(subject, predicate, tense, draw.of("", "", "", "not"))
    return say(clause, draw.index.conjugator), "."


PRONOUN_VERBS = ("see", "help", "wait for", "call", "invite", "thank", "follow", "find", "hear", "know", "admire")


def shown(draw: Draw) -> Drawn:
    """I drink milk: the first example of the README, always in the corpus."""
    milk = noun_phrase(draw.index.nouns["milk"], "bare").complement()
    return say(Clause(I, Predicate(draw.index.verbs["drink"], milk)), draw.index.conjugator), "."


RULES = (
    Rule("shown", shown, 1),
    Rule("action", action, 8850),
    Rule("denied", denied, 4000),
    Rule("question", question, 3150),
    Rule("frequency", frequency, 850),
    Rule("what", what, 700),
    Rule("who", who, 700),
    Rule("why", why, 850),
    Rule("quantity", quantity, 700),
    Rule("how many", how_many, 600),
    Rule("taste", taste, 1800),
    Rule("studies", studies, 850),
    Rule("pronoun", pronoun, 1200),
    Rule("before a vowel", elegant, 500),
)
