"""Generates the whole corpus: each rule of the grammar gives its share of distinct sentences."""

from __future__ import annotations

from functools import cache
from importlib import import_module

from seq2seq.corpus.phrasebook import english, french
from seq2seq.corpus.phrasebook.draw import Draw, Index
from seq2seq.corpus.phrasebook.lexicon import Lexicon, lexicon
from seq2seq.corpus.phrasebook.phrase import Sentence
from seq2seq.corpus.phrasebook.rule import Rule
from seq2seq.errors import WorkError

SEED = "phrasebook 1"
FAMILIES = (
    *("actions", "gifts", "movements", "descriptions", "comparisons", "existence", "joined", "quantities"),
    *("calendar", "commands", "courtesy"),
)


def rules() -> list[Rule]:
    """Returns every rule of the grammar, in a fixed order."""
    package = f"{__package__}.grammar"
    return [rule for family in FAMILIES for rule in import_module(f"{package}.{family}").RULES]


@cache
def generate() -> tuple[Sentence, ...]:
    """Returns every sentence of the corpus, rule by rule; no English comes twice.

    Raises:
        WorkError: Two rules translate the same English differently, so translation would not be a function.
    """
    return tuple(write(rules(), lexicon()))


def write(grammar: list[Rule], words: Lexicon) -> list[Sentence]:
    """Returns the sentences that some rules make of a lexicon. See `generate`."""
    index = Index(words)
    written: dict[str, Sentence] = {}
    for rule in grammar:
        draw = Draw(index, f"{SEED} {rule.kind}")
        made, tries = 0, 3 * rule.share
        while made < rule.share and tries > 0:
            tries -= 1
            phrase, mark = rule.draw(draw)
            source = english.spell(phrase.english, mark)
            target = french.spell(phrase.french, mark)
            known = written.get(source)
            if known is None:
                written[source] = Sentence(source, target, rule.kind, phrase.combinations)
                made += 1
            elif known.french != target:
                raise WorkError(
                    f"The phrasebook translates {source!r} in two ways: {known.french!r} ({known.kind}) and "
                    f"{target!r} ({rule.kind}).",
                    hint="Make one of the rules say something else.",
                )
    return list(written.values())
