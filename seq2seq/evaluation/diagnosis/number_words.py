"""Numbers that are written as words, in English, German and French; of other languages only digits are known.

A word that always says its number may accuse a translation; one that may also say something else ("neuf" is nine and
new, "ein" is one and a) can only excuse it.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import Final

_UNITS: Final = {
    "en": "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen "
    "seventeen eighteen nineteen",
    "de": "null eins zwei drei vier fünf sechs sieben acht neun zehn elf zwölf dreizehn vierzehn fünfzehn sechzehn "
    "siebzehn achtzehn neunzehn",
    "fr": "zéro un deux trois quatre cinq six sept huit neuf dix onze douze treize quatorze quinze seize dix-sept "
    "dix-huit dix-neuf",
}
_TENS: Final = {
    "en": "twenty thirty forty fifty sixty seventy eighty ninety",
    "de": "zwanzig dreißig vierzig fünfzig sechzig siebzig achtzig neunzig",
    "fr": "vingt trente quarante cinquante soixante",
}
_EXCUSES: Final = {
    "en": {
        1: "a an one once single another first",
        2: "both couple pair double twin twins twice second half",
        3: "triple trio third",
        4: "fourth quarter",
        6: "half-dozen",
        10: "tenth",
        12: "dozen",
    },
    "de": {
        0: "null kein keine keinen keinem keiner keines",
        1: "ein eine einen einem einer eines einzige einziger erste ersten erster erstes anderer andere",
        2: "beide beiden beider beides paar zweite zweiten zweiter zweites zweier zu-zweit zweien zweimal doppelt halb",
        3: "dritte dritten dritter drittes dreier dreien dreimal",
        4: "vierte vierten vierter viertel vierer",
        8: "acht",
        12: "dutzend",
    },
    "fr": {
        0: "zéro",
        1: "un une premier première seul seule autre",
        2: "deux paire couple double second seconde deuxième moitié demi demie",
        3: "trio tiers troisième",
        4: "quart quatrième",
        9: "neuf",
        10: "dizaine",
        12: "douzaine",
        20: "vingtaine",
    },
}


@cache
def sure(language: str) -> Mapping[str, str]:
    """Returns the words of a language that always say a number, each with its digits; none where it is not known.

    They are written as `str.casefold` leaves them: "dreissig".
    """
    code = base(language)
    if code not in _UNITS:
        return {}
    found = {word: str(value) for value, word in enumerate(_UNITS[code].split())}
    for ten, word in enumerate(_TENS[code].split(), start=2):
        found |= {form: str(value) for form, value in _compounds(code, 10 * ten, word)}
    if code == "fr":
        found |= dict(_french_from_seventy())
    doubtful = {"one", "eins", "un", "null", "zero", "zéro", "acht", "neuf"}
    return {word.casefold(): value for word, value in found.items() if word not in doubtful}


@cache
def below_twenty(language: str) -> frozenset[str]:
    """Returns the words from zero to nineteen, written as those of `sure`, whatever else they say."""
    code = base(language)
    return frozenset(word.casefold() for word in [*_UNITS.get(code, "").split(), *(["une"] if code == "fr" else [])])


@cache
def tens(language: str) -> frozenset[str]:
    """Returns the words for twenty, thirty and so on, written as those of `sure`."""
    return frozenset(_TENS.get(base(language), "").casefold().split())


@cache
def excusing(language: str) -> Mapping[str, frozenset[str]]:
    """Returns the words that may say a number, the sure ones among them, each with the digits it may stand for.

    They are written as those of `sure`.
    """
    code = base(language)
    found: dict[str, set[str]] = {word: {value} for word, value in sure(code).items()}
    for value, unit in enumerate(_UNITS.get(code, "").split()):
        found.setdefault(unit, set()).add(str(value))
    for number, listed in _EXCUSES.get(code, {}).items():
        for word in listed.split():
            found.setdefault(word, set()).add(str(number))
    for hundred in ("hundred", "hundert", "cent", "cents") if found else ():
        found.setdefault(hundred, set()).add("100")
    return {word.casefold(): frozenset(values) for word, values in found.items()}


def _compounds(code: str, value: int, word: str) -> list[tuple[str, int]]:
    """Returns a ten, and the nine numbers that follow it, as they are written."""
    units = _UNITS[code].split()
    pairs = [(word, value)]
    for unit in range(1, 10):
        if code == "en":
            forms = [f"{word}-{units[unit]}"]
        elif code == "de":
            forms = [f"{'ein' if unit == 1 else units[unit]}und{word}"]
        else:
            forms = [f"{word}-{units[unit]}"] if unit > 1 else [f"{word}-et-un"]
        pairs += [(form, value + unit) for form in forms]
    return pairs


def _french_from_seventy() -> list[tuple[str, str]]:
    units = _UNITS["fr"].split()
    seventies = [(f"soixante-{'et-' if unit == 11 else ''}{units[unit]}", str(60 + unit)) for unit in range(10, 20)]
    eighties = [("quatre-vingts", "80")]
    eighties += [(f"quatre-vingt-{units[unit]}", str(80 + unit)) for unit in range(1, 20)]
    return seventies + eighties


def base(language: str) -> str:
    """Returns the code of a language without its region."""
    return language.lower().replace("_", "-").partition("-")[0]
