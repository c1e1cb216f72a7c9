"""A phrasebook that is real French: an English-French corpus made from the lexicon in `vocab/` and a grammar in code.

Nothing is stored: `generate` writes the same sentences in every process. Translation is a function of the English.
By convention "you" is one friend (tu), whoever says "I" is a man, "they" are men or both (ils; elles only where the
same sentence names women), professions after "the" are masculine, the past of an act is the passé composé, the past of
a state and "used to" are the imperfect, and every question has "est-ce que".
"""

from __future__ import annotations

from seq2seq.corpus.phrasebook.generate import generate
from seq2seq.corpus.phrasebook.split import SPLITS, pairs

__all__ = ["SPLITS", "generate", "pairs"]
