"""French spelling: what happens where two words meet, and the agreement of the small words.

Everywhere in the grammar French is written without its joins ("je ne ai pas de eau", "à le *héros"); `spell` makes the
joins once, over the whole sentence. So no rule of the grammar needs to know what its neighbour will say. An asterisk
before a word, as in French dictionaries, forbids elision and liaison (aspirated h, huit, onze); `spell` removes it.
"""

from __future__ import annotations

import re

from seq2seq.corpus.phrasebook.entries import Adjective, Forms

VOWELS = "aàâeéèêëiîïoôœuùûh"
_CONTRACTIONS = re.compile(rf"\b(de|à) (les|le (?![{VOWELS}]))", re.IGNORECASE)
_CONTRACTED = {"de les": "des", "de le ": "du ", "à les": "aux", "à le ": "au "}
_ELISIONS = re.compile(
    rf"\b(?:(je|me|te|se|le|la|de|ne|que)(?: (?=[{VOWELS}]|y\b))|(si) (?=ils?\b))",
    re.IGNORECASE,
)


def spell(words: str, mark: str) -> str:
    """Returns a sentence as it is written: contracted, elided, with a capital and its closing `mark`.

    French sets a space before "?" and "!". Examples: "je ne ai pas de eau" -> "Je n'ai pas d'eau.";
    "il parle à le *héros" -> "Il parle au héros.".
    """
    text = _CONTRACTIONS.sub(lambda found: _CONTRACTED[found[0].lower()], words)
    text = _ELISIONS.sub(lambda found: (found[1] or found[2])[:-1] + "'", text).replace("*", "")
    return text[0].upper() + text[1:] + (mark if mark == "." else f" {mark}")


def before_vowel(word: str) -> bool:
    """Tells whether `word` lets the word before it elide: it starts with a vowel or a mute h."""
    return word[0].lower() in VOWELS


def chosen(forms: Forms, feminine: bool, plural: bool) -> str:
    """Returns the form that agrees."""
    return forms[2 * plural + feminine]


def adjective_form(adjective: Adjective, feminine: bool, plural: bool, following: str = "") -> str:
    """Returns the form of an adjective, given the word that follows it ("" for none): un bel arbre, un beau lac."""
    if adjective.before_vowel and following and not feminine and not plural and before_vowel(following):
        return adjective.before_vowel
    return chosen(adjective.forms, feminine, plural)


def participle_forms(participle: str) -> Forms:
    """Returns a past participle in its four forms; one in -s keeps its masculine plural (pris)."""
    plural = participle if participle.endswith("s") else participle + "s"
    return participle, participle + "e", plural, participle + "es"


_POSSESSIVES: dict[str, tuple[str, str, str]] = {
    "my": ("mon", "ma", "mes"),
    "your": ("ton", "ta", "tes"),
    "his": ("son", "sa", "ses"),
    "her": ("son", "sa", "ses"),
    "our": ("notre", "notre", "nos"),
    "their": ("leur", "leur", "leurs"),
}


def determiner(  # noqa: PLR0911 - one return an article
    english: str, feminine: bool, plural: bool, following: str, *, preposed: bool = False
) -> str:
    """Returns the French determiner for an English one.

    Args:
        english: "the", "a" (a or, in the plural, nothing or "some"), "some" (of what is not counted), "this",
            "every", "" (no French article) or a possessive.
        feminine: The noun's gender.
        plural: Its number.
        following: The French word that comes next, an adjective or the noun.
        preposed: Whether that word is an adjective: "des" is then "de" (de bons amis).
    """
    match english:
        case "":
            return ""
        case "the":
            return "les" if plural else "la" if feminine else "le"
        case "a":
            return ("de" if preposed else "des") if plural else "une" if feminine else "un"
        case "some":
            return "de la" if feminine else "de le"
        case "this":
            if plural:
                return "ces"
            return "cette" if feminine else "cet" if before_vowel(following) else "ce"
        case "every":
            return "chaque"
    masculine_form, feminine_form, plural_form = _POSSESSIVES[english]
    if plural:
        return plural_form
    return feminine_form if feminine and not before_vowel(following) else masculine_form  # mon amie
