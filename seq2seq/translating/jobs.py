"""From lines to what is searched for: each line a sentence, or the parts of one that is too long."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from seq2seq.text.blank import is_blank
from seq2seq.text.normaliser import Normaliser
from seq2seq.text.pairs import TokenizerPair
from seq2seq.text.restoring import Sentence, read_sentence
from seq2seq.translating.banning import Sequences
from seq2seq.translating.request import Request
from seq2seq.translating.splitting import CHARACTERS_A_TOKEN, MayCut, Part, split

_PARTS_APART: Final = 1 << 40
"""What the numbers of two parts of one line differ by: more than there are lines."""


@dataclass(frozen=True)
class Job:
    """A sentence on its way through a batch: a line, or a part of one.

    Attributes:
        source: What it is a translation of, as the `Translation` shows it.
        number: What random draws know it by: its line, and above that its part.
        part: Where it stands in its line.
        sentence: It, as ids.
        forced: The ids that its translation begins with.
        forbidden: Ids in a row that its translation may not hold.
        rounds: How often it was searched, and a banned word found.
    """

    source: str
    number: int
    part: Part
    sentence: Sentence
    forced: list[int]
    forbidden: Sequences = frozenset()
    rounds: int = 0

    @property
    def line(self) -> int:
        """Which line of the whole text it is, or is a part of, counted from 1."""
        return self.number % _PARTS_APART + 1


class Cutter:
    """Cuts lines into jobs: none of a blank line, and one of most others.

    Args:
        tokenizers: Text to ids.
        normaliser: What the training text went through.
    """

    def __init__(self, tokenizers: TokenizerPair, normaliser: Normaliser) -> None:
        self._tokenizers = tokenizers
        self._normaliser = normaliser

    def __call__(self, lines: Sequence[str], first: int, request: Request) -> list[list[Job]]:
        """Returns the jobs of each line.

        Args:
            lines: The lines, as they were given.
            first: How many lines stand before these in the whole text.
            request: What is wanted of their translations.
        """
        return [
            [
                Job(
                    source=line if len(parts) == 1 else part.text,
                    number=first + number + place * _PARTS_APART,
                    part=part,
                    sentence=self._sentence(part, request, request.beginning if place == 0 else []),
                    forced=request.forced if place == 0 else [],
                )
                for place, part in enumerate(parts)
            ]
            for number, (line, parts) in enumerate(zip(lines, self._split(lines, request), strict=True))
        ]

    def _sentence(self, part: Part, request: Request, beginning: list[str]) -> Sentence:
        longest = len(part.ids)
        return read_sentence(
            part.text, part.ids, self._tokenizers, request.glossary, longest=longest, beginning=beginning
        )

    def _split(self, lines: Sequence[str], request: Request) -> list[list[Part]]:
        """Returns the parts of each line: none of a blank one, and one of most others."""
        longest, encode = request.settings.split_tokens, self._tokenizers.source.encode_batch
        texts = [self._normaliser(line) for line in lines]
        seen = {number: text for number, text in enumerate(texts) if not is_blank(text)}
        short = self._encoded({n: text for n, text in seen.items() if len(text) <= longest * CHARACTERS_A_TOKEN})
        may_cut = _outside_terms(request)
        found = []
        for number, text in enumerate(texts):
            own = short.get(number, [])
            if number in short and len(own) <= longest:
                found.append([Part(text, own, "", torn=False)] if own else [])
            else:
                parts = split(text, longest, encode, may_cut) if number in seen else []
                found.append([part for part in parts if part.ids])
        return found

    def _encoded(self, texts: dict[int, str]) -> dict[int, list[int]]:
        """Returns the ids of texts by their numbers."""
        source = self._tokenizers.source
        if len(texts) == 1:  # a batch costs a thread
            return {number: source.encode(text) for number, text in texts.items()}
        return dict(zip(texts, source.encode_batch(list(texts.values())), strict=True))


def _outside_terms(request: Request) -> MayCut | None:
    """Returns what forbids a cut inside a term of the glossary; None where there is none."""
    glossary, reach = request.glossary, request.term_characters
    if not glossary:
        return None

    def may_cut(text: str, place: int) -> bool:
        begin = max(0, place - reach)
        near = glossary.matches(text[begin : place + reach])
        return not any(begin + match.start < place < begin + match.end for match in near)

    return may_cut
