"""Clock times, weekdays, dates and the weather."""

from __future__ import annotations

from seq2seq.corpus.phrasebook.clause import Clause, ask, followed, say
from seq2seq.corpus.phrasebook.draw import Draw
from seq2seq.corpus.phrasebook.entries import Expression
from seq2seq.corpus.phrasebook.grammar.movements import place
from seq2seq.corpus.phrasebook.phrase import NOTHING, Phrase, Predicate, fixed
from seq2seq.corpus.phrasebook.question import put
from seq2seq.corpus.phrasebook.rule import Drawn, Rule

MINUTES = (5, 10, 20, 25)
DAYS = dict(
    zip(
        ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"),
        ("lundi", "mardi", "mercredi", "jeudi", "vendredi", "samedi", "dimanche"),
        strict=True,
    )
)
SKIES = (
    ("raining", "pleut", "pleuvait"),
    ("snowing", "neige", "neigeait"),
)
WEATHERS = (("cold", "froid"), ("hot", "chaud"), ("sunny", "de le soleil"), ("windy", "de le vent"))


def clock(draw: Draw) -> Phrase:  # noqa: PLR0911 - one return a way to tell the time
    """Draws a time of day: three o'clock, half past one, a quarter to noon (midi moins le quart)."""
    value = draw.one("hour", lambda: [*range(1, 12), 12, 24])
    numerals = draw.index.numerals
    named = {12: ("noon", "midi"), 24: ("midnight", "minuit")}.get(value)
    words = named[0] if named else numerals.english(value)
    hour = named[1] if named else f"{numerals.french(value, True)} heure{'s' if value > 1 else ''}"
    kind = draw.of("sharp", "sharp", "half", "quarter", "to quarter", "past", "to")
    minutes = draw.one("minutes", lambda: MINUTES)
    minute, minute_french = numerals.english(minutes), numerals.french(minutes)
    match kind:
        case "half":
            return Phrase(f"half past {words}", f"{hour} et demi{'' if named else 'e'}")
        case "quarter":
            return Phrase(f"a quarter past {words}", f"{hour} et quart")
        case "to quarter":
            return Phrase(f"a quarter to {words}", f"{hour} moins le quart")
        case "past":
            return Phrase(f"{minute} past {words}", f"{hour} {minute_french}")
        case "to":
            return Phrase(f"{minute} to {words}", f"{hour} moins {minute_french}")
    part = draw.one("part", lambda: (("in the morning", "du matin"), ("in the evening", "du soir"), ("", "")))
    if named:
        return Phrase(*named)
    at = (value <= 5 and part[0] == "in the evening") or not part[0]
    if at:
        return Phrase(f"{words} o'clock", hour)
    return Phrase(f"{words} o'clock {part[0]}", f"{hour} {part[1]}")


def time_now(draw: Draw) -> Drawn:
    """It is half past three: il est trois heures et demie."""
    told = clock(draw)
    if draw.happens(0.2):
        return Phrase(f"is it already {told.english}", f"est-ce que il est déjà {told.french}"), "?"
    if draw.happens(0.4):
        return Phrase(f"it is already {told.english}", f"il est déjà {told.french}"), "."
    return Phrase(f"it is {told.english}", f"il est {told.french}"), "."


def at_time(draw: Draw) -> Drawn:
    """She gets up at seven o'clock. Did they leave at noon?"""
    # Whoever sleeps does it for hours.
    verb = draw.one("at a time", lambda: [v for v in draw.index.used("alone") if v.english != "sleep"])
    if draw.happens(0.4):
        where = place(draw, "spot")
        going = Predicate(draw.verb("to"), fixed(where.to, where.french_at))
    else:
        going = Predicate(verb, NOTHING)
    tense = draw.of("present", "present", "past", "near", "future", "must", "can")
    clause = Clause(draw.subject(), going, tense)
    make, mark = (ask, "?") if draw.happens(0.2) else (say, ".")
    told = clock(draw)
    return followed(make(clause, draw.index.conjugator), Phrase(f"at {told.english}", f"à {told.french}")), mark


def date(draw: Draw) -> Phrase:
    """Draws a date: the third of May, le trois mai; the first of May, le premier mai."""
    month = draw.one("month", lambda: draw.index.lexicon.months)
    days = {"February": 29, "April": 30, "June": 30, "September": 30, "November": 30}.get(month.english, 31)
    day = draw.one("day", lambda: range(1, 32))
    day = min(day, days)
    french = "premier" if day == 1 else draw.index.numerals.french(day)
    return Phrase(f"the {draw.index.numerals.ordinal(day)} of {month.english}", f"le {french} {month.french}")


def on_date(draw: Draw) -> Drawn:
    """We will leave on the third of May: nous partirons le trois mai."""
    told = date(draw)
    if draw.happens(0.3):
        owner = draw.of(("my", "mon"), ("your", "ton"), ("his", "son"), ("her", "son"))
        words = f"{owner[0]} birthday is on {told.english}"
        return Phrase(words, f"{owner[1]} anniversaire est {told.french}"), "."
    tense = draw.of("past", "near", "future")
    if draw.happens(0.5):
        where = place(draw, "town", "country")
        going = Predicate(draw.verb("to"), fixed(where.to, where.french_at))
    else:
        movers = ("leave", "arrive", "travel", "work", "rest", "go out", "dance")
        going = Predicate(draw.of(*(draw.index.verbs[word] for word in movers)), NOTHING)
    said = say(Clause(draw.subject(), going, tense), draw.index.conjugator)
    return followed(said, Phrase(f"on {told.english}", told.french)), "."


def today(draw: Draw) -> Drawn:
    """Today is Monday. Today is the eighth of June: aujourd'hui, c'est le huit juin."""
    if draw.happens(0.08):
        english, french = draw.of(*DAYS.items())
        if draw.happens(0.5):
            return Phrase(f"tomorrow is {english}", f"demain, c'est {french}"), "."
        return Phrase(f"today is {english}", f"aujourd'hui, c'est {french}"), "."
    told = date(draw)
    if draw.happens(0.4):
        return Phrase(f"tomorrow is {told.english}", f"demain, c'est {told.french}"), "."
    return Phrase(f"today is {told.english}", f"aujourd'hui, c'est {told.french}"), "."


def in_month(draw: Draw) -> Drawn:
    """She will go to Japan in April: en avril."""
    month = draw.one("month", lambda: draw.index.lexicon.months)
    where = place(draw, "town", "country")
    tense = draw.of("present", "past", "near", "future", "want", "would like")
    clause = Clause(draw.subject(), Predicate(draw.verb("to"), fixed(where.to, where.french_at)), tense)
    make, mark = (put, "?") if draw.happens(0.25) else (say, ".")
    told = Expression(f"in {month.english}", f"en {month.french}")
    return followed(make(clause, draw.index.conjugator), told), mark


def weather(draw: Draw) -> Drawn:
    """It is cold in Paris. It is raining. It will be hot tomorrow. Il fait froid, il pleut."""
    where = place(draw, "town", "country")
    month = draw.one("month", lambda: draw.index.lexicon.months)
    dated = (f"{where.at} in {month.english}", f"{where.french_at} en {month.french}")
    added = dated if draw.happens(0.5) else (where.at, where.french_at)
    if draw.happens(0.35):
        english, present, past = draw.of(*SKIES)
        if draw.happens(0.5):
            now = draw.time("now")
            return Phrase(
                f"it is {english} {where.at} {now.english}", f"il {present} {where.french_at} {now.french}"
            ), "."
        said = (f"it was {english}", f"il {past}")
    else:
        english, french = draw.of(*WEATHERS)
        verbs = (
            ("il y a", "il y avait", "il y aura") if french.startswith("de ") else ("il fait", "il faisait", "il fera")
        )
        was, verb = draw.one("tense", lambda: tuple(zip(("it is", "it was", "it will be"), (0, 1, 2), strict=True)))
        said = (f"{was} {english}", f"{verbs[verb]} {french}")
    return Phrase(f"{said[0]} {added[0]}", f"{said[1]} {added[1]}"), "."


RULES = (
    Rule("time now", time_now, 250),
    Rule("at time", at_time, 1150),
    Rule("on date", on_date, 1050),
    Rule("today", today, 400),
    Rule("in month", in_month, 700),
    Rule("weather", weather, 700),
)
