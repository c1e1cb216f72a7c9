"""Questions that somebody would ask: nobody asks others what they themselves want, own or do."""

from __future__ import annotations

from seq2seq.corpus.phrasebook.clause import Clause, ask
from seq2seq.corpus.phrasebook.conjugation import Conjugator
from seq2seq.corpus.phrasebook.draw import THEY, WE, YOU, I
from seq2seq.corpus.phrasebook.phrase import Phrase

OWN = frozenset({"present", "progressive", "want", "would like"})


def put(clause: Clause, conjugator: Conjugator, opening: tuple[str, str] = ("", "")) -> Phrase:
    """Returns a clause as a question (see `ask`), about somebody else where the speaker would know the answer."""
    other = {I: YOU, WE: THEY}.get(clause.subject)
    if other and (clause.tense in OWN or "state" in clause.predicate.verb.uses):
        clause = clause._replace(subject=other)
    return ask(clause, conjugator, opening)
