"""English spelling and verb groups: a or an, the third person's s, do, and the short forms of "not"."""

from __future__ import annotations

import re

from seq2seq.corpus.phrasebook.entries import Verb

_ARTICLE = re.compile(r"\b([Aa]) (?=[aeiou]|hon)(?!u(?:ni|se)|one|honey)", re.IGNORECASE)
_SHORT = {
    "am": "am not",
    "will": "won't",
    "can": "can't",
    "must": "mustn't",
    "would": "wouldn't",
}


def spell(words: str, mark: str) -> str:
    """Returns a sentence as it is written: "a" is "an" before a vowel's sound; a capital; the closing `mark`."""
    text = _ARTICLE.sub(r"\1n ", words)
    return text[0].upper() + text[1:] + mark


def negated(auxiliary: str, short: bool) -> str:
    """Returns an auxiliary with its "not": don't, isn't, won't, or the long forms."""
    if short:
        return _SHORT.get(auxiliary, auxiliary + "n't")
    return "cannot" if auxiliary == "can" else f"{auxiliary} not"


def be(person: int) -> str:
    """Returns the present of "be"; persons count as in French, 0 for I to 5 for they."""
    return "am" if person == 0 else "is" if person == 2 else "are"


def verb_group(verb: Verb, tense: str, person: int, support: bool) -> tuple[str, str]:  # noqa: PLR0911
    """Returns the auxiliary ("" for none) and the rest of a verb group.

    Args:
        verb: The verb; "be" needs no other auxiliary.
        tense: A tense of the grammar.
        person: 0 for I to 5 for they.
        support: Whether a question or a negation needs an auxiliary: then "do" is called where there is no other.
    """
    third = person == 2
    match tense:
        case "present":
            if verb.english == "be":
                return be(person), ""
            return ("does" if third else "do", verb.english) if support else ("", verb.third if third else verb.english)
        case "past":
            if verb.english == "be":
                return ("was" if person in (0, 2) else "were"), ""
            return ("did", verb.english) if support else ("", verb.past)
        case "progressive":
            return be(person), verb.ing
        case "near":
            return be(person), f"going to {verb.english}"
        case "used":
            return ("did", f"use to {verb.english}") if support else ("", f"used to {verb.english}")
        case "want":
            infinitive = f"to {verb.english}"
            if support:
                return ("does" if third else "do"), f"want {infinitive}"
            return "", ("wants " if third else "want ") + infinitive
        case "would like":
            return "would", f"like to {verb.english}"
        case "perfect" | "just":
            return ("has" if third else "have"), verb.participle
    return {"future": "will"}.get(tense, tense), verb.english
