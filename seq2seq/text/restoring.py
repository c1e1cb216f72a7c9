"""From the ids of an output to its text: originals in the place of placeholders, terms as the glossary has them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from seq2seq.text.glossary import Glossary, Match
from seq2seq.text.pairs import TokenizerPair
from seq2seq.text.placeholders import originals
from seq2seq.text.terms import Phrase, phrase, placed, positions


@dataclass(frozen=True)
class Sentence:
    """A source sentence, with what must come out again.

    Attributes:
        text: It, normalised.
        ids: Its ids, as many as are translated.
        surfaces: The text of each id; empty where nothing will be looked up in it.
        matches: The terms of a glossary in it.
        phrases: The target terms of `matches`, as ids.
        beginning: The text of each id that the output must begin with.
    """

    text: str
    ids: list[int]
    surfaces: list[str]
    matches: list[Match]
    phrases: list[Phrase]
    beginning: Sequence[str] = ()

    @property
    def terms(self) -> list[tuple[str, str]]:
        """The terms in it, source and target."""
        return [(match.term.source, match.term.target) for match in self.matches]

    @property
    def spans(self) -> list[list[int]]:
        """The places of each term's tokens."""
        return [positions(self.text, self.surfaces, match.start, match.end) for match in self.matches]


def read_sentence(
    text: str,
    ids: list[int],
    tokenizers: TokenizerPair,
    glossary: Glossary | None,
    *,
    longest: int,
    beginning: Sequence[str] = (),
) -> Sentence:
    """Returns a sentence, cut to its `longest` first ids, and looks for terms in what is left of it.

    Args:
        text: It, normalised.
        ids: All its ids.
        tokenizers: Of both languages.
        glossary: The terms to look for.
        longest: The most ids.
        beginning: The text of each id that the output must begin with.
    """
    matches = glossary.matches(text) if glossary else []
    looked_up = matches or tokenizers.target.placeholders
    surfaces = tokenizers.source.surfaces(text)[:longest] if looked_up else []
    if len(ids) > longest:
        matches = [match for match in matches if positions(text, surfaces, match.start, match.end)]
    phrases = [phrase(tokenizers.target, match.term.target) for match in matches]
    return Sentence(text, ids[:longest], surfaces, matches, phrases, beginning)


def restored(
    sentence: Sentence, tokenizers: TokenizerPair, ids: Sequence[int], attention: NDArray[np.floating[Any]] | None
) -> str:
    """Returns the text of an output.

    Args:
        sentence: What it translates.
        tokenizers: Of both languages.
        ids: The output, without EOS.
        attention: [output tokens or more, source tokens or more], what each output token attends to; None: unknown.
    """
    filled = fill(sentence, tokenizers, ids, attention)
    # What has nothing to stand in for it goes, and the space before it.
    kept = [place for place in range(len(ids)) if filled.get(place) != ""]
    new = {now: filled[before] for now, before in enumerate(kept) if before in filled}
    text = tokenizers.target.decode([ids[place] for place in kept], new)
    return _with_capital(text.strip(), sentence) if sentence.matches else text


def fill(
    sentence: Sentence, tokenizers: TokenizerPair, ids: Sequence[int], attention: NDArray[np.floating[Any]] | None
) -> dict[int, str]:
    """Returns the text for each placeholder of an output by its position, empty where there is nothing to copy.

    A term's own text goes before anything that attention points to, and the wanted beginning's before that; the source
    tokens of a term are copied nowhere.
    """
    known = tokenizers.target.placeholders
    kinds = [known.get(i) for i in ids]
    if not any(kinds):
        return {}
    sources = sentence.spans
    own = placed(sentence.phrases, sources, ids, attention)
    own |= {place: text.strip() for place, text in enumerate(sentence.beginning[: len(ids)])}
    copied = originals(
        [None if place in own else kind for place, kind in enumerate(kinds)],
        [tokenizers.source.placeholders.get(i) for i in sentence.ids],
        sentence.surfaces,
        attention,
        used={place for one in sources for place in one},
    )
    return copied | {place: text for place, text in own.items() if kinds[place]}


def _with_capital(text: str, sentence: Sentence) -> str:
    """Returns `text` with a capital where a term in small letters begins it and the source begins with a capital.

    The model had to write the term as the glossary has it, which is the form within a sentence.
    """
    begins = any(
        m.term.source[0].islower() and m.term.target.split()[0].islower() and text.startswith(m.term.target)
        for m in sentence.matches
    )
    first = next((c for c in sentence.text if c.isalpha()), "")
    return text[0].upper() + text[1:] if begins and first.isupper() else text
