"""What a careful reader found in the corpus once and must not find again."""

from __future__ import annotations

import re

import pytest

from seq2seq.corpus.phrasebook import generate
from seq2seq.corpus.phrasebook.lexicon import lexicon

BE = r"(?:is|are|was|were|be)(?:n't| not)?"
WOMEN = "women|girls|ladies|queens|princesses|sisters|daughters|aunts|nieces"


def either(words) -> str:
    return "(?:" + "|".join(sorted(words)) + ")"


def nouns(*kinds: str) -> str:
    return either(n.english for n in lexicon().nouns if n.kinds & set(kinds))


def quality(adjective: str, noun: str) -> str:
    """Matches an adjective beside a noun or said of it."""
    return rf"\b{adjective} {noun}s?\b|\b{noun}s? (?:{BE}|will be) (?:\w+ )?{adjective}\b|\b{noun}s? {adjective}\?"


UNCOUNTED = either(n.english for n in lexicon().nouns if not n.plural)
COVERING = "(?:carpet|curtain)"
COLD = either({n.english for n in lexicon().nouns if "drink" in n.kinds} - {"milk", "water", "coffee", "tea"})
HARD = either({n.english for n in lexicon().nouns if "clothing" in n.kinds} - {"scarf", "sweater"})

ODD = {
    "in what one is on": r"in (?:the|this|my) (?:beach|hill|island|mountain)\b",
    "big, of what is not counted": rf"\b(?:big|bigger|biggest) {UNCOUNTED}\b",
    "big, where French says gros": rf"\bbig(?:ger|gest)? (?:{nouns('fruit', 'vegetable')}|box|suitcase)(?:e?s)?\b",
    "tu to a sir or a madam": r"(?:Excuse me|How are you), (?:sir|madam)",
    "any in a request": r"\bany\b.*, please",
    "any in an offer": r"^(?:Can|Would) .*\bany\b",
    "any after a question word": r"^(?:Why|When|Where|How|Who|What)\b.*\bany\b",
    "a night that may be an evening": r"\blast night\b|\bsle(?:ep|eping|pt)\b.* tonight",
    "vient de venir, vient de rester": r"\bjust (?:come|stayed)\b",
    "glasses, which may be spectacles": r"\bglasses\b",
    "a spouse of several people": r"\b(?:[Oo]ur|[Tt]heir) (?:husband|wife)\b",
    "an order to return, a proposal to come": r"^(?:Please r|R|Don't r|Do not r)eturn\b"
    r"|^Let's (?:not )?(?:return|come)\b",
    "full, of what holds nothing": quality("full", "(?:mirror|window)"),
    "broken, of cloth": quality("broken", COVERING) + rf"|\b(?:breaks?|broke|breaking|broken) (?:\w+ )?{COVERING}s?\b",
    "slow or quick sleep": r"\bsle(?:eps?|eping|pt)\b (?:quickly|slowly)",
    "fresh drinks": quality("fresh", nouns("drink")),
    "sweet wine": quality("sweet(?:er|est)?", "(?:wine|champagne|beer|water|milk|cider)"),
    "hot drinks that nobody heats": quality("hot(?:ter|test)?", COLD),
    "soft clothes": quality("soft(?:er|est)?", HARD),
    "qu'est-ce qu'il parle": r"^What\b.* speak(?:ing)?\b",
    "babies at work": r"^(?:\w+ )?[Tt]he bab(?:y|ies) (?!is|are|was|were|will|not|in|on)|\bbab(?:y|ies) who\b",
    "kind for now": r"^(?:When|If) .* kind,|because .* kind\.",
    "what only the speaker knows": r"\b(?:[Dd]o (?:I|we) (?:want|like|know)|[Ww]ould (?:I|we) like|[Aa](?:m I|re we) "
    r"(?!going|interesting)\w+ing)\b",
}


@pytest.fixture(scope="module")
def english() -> str:
    return "\n".join(sentence.english for sentence in generate())


@pytest.fixture(scope="module")
def french() -> str:
    return "\n".join(sentence.french for sentence in generate())


@pytest.mark.parametrize("oddity", ODD)
def test_no_sentence_says_something_odd(english: str, oddity: str):
    found = re.search(rf"^.*(?:{ODD[oddity]}).*$", english, re.MULTILINE)
    assert found is None, found[0] if found else ""


@pytest.mark.parametrize("words", [r"\bprojets?\b", r"\bmontagnes? hautes?\b", r"dans (?:la plage|la colline|l'île)"])
def test_no_french_sentence_says_something_odd(french: str, words: str):
    assert re.search(words, french) is None


@pytest.mark.parametrize(
    "words", [r"sur (?:la plage|la colline|l'île)", r"\bhautes? (?:montagne|colline)", "hier soir"]
)
def test_french_says_it_right_instead(french: str, words: str):
    assert len(re.findall(words, french)) >= 10


def test_they_are_elles_when_the_same_sentence_named_women_only():
    whose = "the|these|my|your|his|her|our|their"
    named = re.compile(rf"^(?:if |when )?(?:{whose}) (?:{WOMEN})\b.*[ ,]they\b", re.IGNORECASE)
    found = [s for s in generate() if re.search(named, s.english)]
    assert len(found) >= 20
    for sentence in found:
        assert re.search(r"\belles\b", sentence.french), sentence
        assert not re.search(r"\bils\b", sentence.french), sentence
