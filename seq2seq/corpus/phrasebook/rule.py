"""A rule of the grammar: draws one sentence in both languages each time it is asked."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from seq2seq.corpus.phrasebook.draw import Draw
from seq2seq.corpus.phrasebook.phrase import Phrase

Drawn = tuple[Phrase, str]
"""A sentence before its spelling, and its closing mark: one of . ? !"""


class Rule(NamedTuple):
    """`share` is how many distinct sentences the rule gives to the corpus (fewer if it has fewer)."""

    kind: str
    draw: Callable[[Draw], Drawn]
    share: int
