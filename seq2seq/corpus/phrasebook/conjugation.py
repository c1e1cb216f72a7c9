"""French conjugation: the finite form and what follows it, for each tense of the grammar."""

from __future__ import annotations

from dataclasses import dataclass

from seq2seq.corpus.phrasebook.entries import Verb
from seq2seq.corpus.phrasebook.lexicon import Lexicon

FUTURE = ("ai", "as", "a", "ons", "ez", "ont")
IMPERFECT = ("ais", "ais", "ait", "ions", "iez", "aient")
REFLEXIVE = ("me", "te", "se", "nous", "vous", "se")
WOULD_LIKE = ("voudrais", "voudrais", "voudrait", "voudrions", "voudriez", "voudraient")

# English tense -> the French verb that carries the person before an infinitive.
MODALS = {"can": "pouvoir", "must": "devoir", "want": "vouloir", "near": "aller", "just": "venir"}


def future(verb: Verb, person: int) -> str:
    """Returns the simple future; `person` is 0 for je to 5 for ils."""
    return verb.future + FUTURE[person]


def imperfect(verb: Verb, person: int) -> str:
    """Returns the imperfect: je mangeais, nous mangions (the softening e and cedilla go before i)."""
    stem, ending = verb.imperfect, IMPERFECT[person]
    if ending[0] == "i" and stem.endswith("ge"):
        stem = stem[:-1]
    return stem + ending


def imperative(verb: Verb, person: int) -> str:
    """Returns the order given to tu (1) or nous (3): verbs in -er, and those like ouvrir, drop the s of tu."""
    form = verb.present[person]
    if person == 1 and (form.endswith("es") or form == "vas"):
        return form[:-1]
    return form


@dataclass(frozen=True, slots=True)
class VerbGroup:
    """A conjugated verb in its parts: [clitic] finite ... [clitic] infinitive-or-participle.

    `clitic_first` says whether a pronoun goes before the finite form (je me lève) or before what follows (je vais me
    lever); `agrees` says that `rest` is a participle, which may have to agree.
    """

    finite: str
    rest: str
    clitic_first: bool
    agrees: bool


class Conjugator:
    """Conjugates with the auxiliaries that the lexicon holds."""

    def __init__(self, lexicon: Lexicon) -> None:
        verbs = {verb.french: verb for verb in lexicon.verbs}
        self.avoir, self.etre = verbs["avoir"], verbs["être"]
        self._modals = {tense: verbs[french] for tense, french in MODALS.items()}

    def group(self, verb: Verb, tense: str, person: int) -> VerbGroup:  # noqa: PLR0911 - one return a tense
        """Returns `verb` in a tense of the grammar, for the person 0 (je) to 5 (ils)."""
        match tense:
            case "present" | "progressive":
                return VerbGroup(verb.present[person], "", True, False)
            case "past" | "perfect":
                if tense == "past" and ("state" in verb.uses or verb is self.etre):
                    return VerbGroup(imperfect(verb, person), "", True, False)
                auxiliary = self.etre if verb.with_etre else self.avoir
                return VerbGroup(auxiliary.present[person], verb.french_participle, True, True)
            case "future":
                return VerbGroup(future(verb, person), "", True, False)
            case "used":
                return VerbGroup(imperfect(verb, person), "", True, False)
            case "would like":
                return VerbGroup(WOULD_LIKE[person], verb.french, False, False)
        infinitive = f"de {verb.french}" if tense == "just" else verb.french
        return VerbGroup(self._modals[tense].present[person], infinitive, False, False)
