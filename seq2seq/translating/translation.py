"""What a translator gives back: translations, and what it thinks of translations that others made."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Final, NamedTuple
from unicodedata import category

import numpy as np
from numpy.typing import NDArray

from seq2seq.text.characters import IDEOGRAPHS, UNSPACED_LETTERS


@dataclass(frozen=True)
class Translation:
    """One translation.

    A source that is too long for one piece is translated in parts. Then the lists of tokens are those of the parts, one
    after the other, each part's EOS among them, and what is said below of their lengths and sums stays true.

    Attributes:
        source: The input as it was given; of a part, the part as it was translated.
        text: The translation, with the originals of the source where `tokens` has placeholders such as [NUM]. That of
            the parts, joined as they were in the source: by its white space, but with none in a target script that has
            none between sentences, and a space where only the target's script wants one. So it may hold a tab or a
            line's end where the source has one between two parts: see `one_line`.
        score: log_prob / length ** length_penalty: what the search ranks by, but where there are `terms` or a coverage
            penalty, or `utility` is not None. Of a translation in parts, the mean of the parts' scores.
        log_prob: Natural logarithm of its probability; of a translation in parts, the sum of theirs.
        source_tokens: The input's pieces, EOS included.
        tokens: The translation's pieces, EOS included.
        token_log_probs: The log-probability of each of `tokens`; they add up to `log_prob`.
        attention: [tokens, source_tokens] or None where it was not asked for. Rows add up to 1. None for a translation
            in parts, each of which has its own: the whole would be mostly zeros, and grow with the square of the input.
        nbest: The alternatives, best first, this one among them; empty where one was asked for. Of a translation in
            parts, those of the parts in all combinations, by the sum of their scores, or of the utilities that they
            have.
        terms: The glossary's terms that were found in the input, source and target, in order; each target is in `text`
            as often as its source is here.
        ids: The ids of `tokens`, without the last EOS.
        parts: The translations of the parts, in order; empty where the input was translated in one piece.
        utility: How much it is like all candidates, from 0 to 1, which is what they were ranked by; None where they
            were ranked by score. Of a translation in parts, the mean of theirs. See
            `seq2seq.translating.minimum_bayes`.
    """

    source: str
    text: str
    score: float
    log_prob: float
    source_tokens: list[str]
    tokens: list[str]
    token_log_probs: list[float]
    attention: NDArray[np.float32] | None = None
    nbest: list[Translation] = field(default_factory=list)
    terms: list[tuple[str, str]] = field(default_factory=list)
    ids: list[int] = field(default_factory=list)
    parts: list[Translation] = field(default_factory=list)
    utility: float | None = None

    def __str__(self) -> str:
        """The translation alone: what one wants to see of it."""
        return self.text

    @property
    def alignment(self) -> list[tuple[int, int]]:
        """For each token, the source token that it looked at most: (source, target), from 0, by target.

        EOS is on no side. Empty where attention was not asked for.
        """
        if not self.parts:
            if self.attention is None:
                return []
            return [(int(row[:-1].argmax()), place) for place, row in enumerate(self.attention[:-1])]
        pairs, source, target = [], 0, 0
        for part in self.parts:
            pairs += [(source + i, target + j) for i, j in part.alignment]
            source, target = source + len(part.source_tokens), target + len(part.tokens)
        return pairs


@dataclass(frozen=True)
class Scored:
    """A given translation, and what the model thinks of it.

    Attributes:
        source: The source as it was given.
        target: The translation, as text.
        tokens: The translation's pieces, EOS included.
        token_log_probs: The natural logarithm of the probability of each of `tokens`, given the source and those before
            it; -inf where the model can never write it.
        log_prob: Their sum.
    """

    source: str
    target: str
    tokens: list[str]
    token_log_probs: list[float]
    log_prob: float

    @property
    def mean(self) -> float:
        """The mean log-probability of a token, EOS counted: the score of a search whose length penalty is 1."""
        return self.log_prob / max(1, len(self.tokens))

    @property
    def perplexity(self) -> float:
        """exp(-mean): 1 at best; inf where the model can never write it."""
        return math.exp(-self.mean) if self.mean > -700 else math.inf


class Piece(NamedTuple):
    """A part's translation, and what joins it to the one before it.

    Attributes:
        translation: It, with its alternatives if they are wanted.
        before: The white space before the part in the source.
        torn: Whether the part goes on with a word that was cut in two.
    """

    translation: Translation
    before: str
    torn: bool


def joined(source: str, pieces: Sequence[Piece], nbest: int) -> Translation:
    """Returns the translation of a source that was translated in parts; see `Translation`.

    Args:
        source: The whole.
        pieces: Its parts, at least one.
        nbest: How many alternatives are wanted.
    """
    if nbest == 1:
        return _whole(source, pieces)
    ranked = [_whole(source, chosen) for chosen in _combinations(pieces, nbest)]
    return replace(ranked[0], nbest=ranked)


def _whole(source: str, pieces: Sequence[Piece]) -> Translation:
    parts = [piece.translation for piece in pieces]
    ids = [i for part in parts for i in (*part.ids, _EOS)]
    return Translation(
        source=source,
        text=_text(pieces),
        score=sum(part.score for part in parts) / len(parts),
        log_prob=sum(part.log_prob for part in parts),
        source_tokens=[token for part in parts for token in part.source_tokens],
        tokens=[token for part in parts for token in part.tokens],
        token_log_probs=[p for part in parts for p in part.token_log_probs],
        terms=[term for part in parts for term in part.terms],
        ids=ids[:-1],
        parts=parts,
        utility=None if parts[0].utility is None else sum(part.utility or 0.0 for part in parts) / len(parts),
    )


class _Chain(NamedTuple):
    """One alternative for each of the first parts: that of the last of them, and the chain before it."""

    merit: float
    last: Piece
    before: _Chain | None


def _combinations(pieces: Sequence[Piece], count: int) -> list[list[Piece]]:
    """Returns the `count` best choices of one alternative a part, best first; the first has each part's best.

    By the sum of the scores. Where a part's alternatives are not ranked by score alone, none counts for more than those
    before it. Equal sums: the earlier alternatives of the earlier parts first.
    """
    chains: Sequence[_Chain | None] = [None]
    for piece in pieces:
        lowest, options = math.inf, []
        for alternative in piece.translation.nbest:
            lowest = min(lowest, alternative.score if alternative.utility is None else alternative.utility)
            options.append((lowest, piece._replace(translation=alternative)))
        longer = [
            _Chain((chain.merit if chain else 0.0) + merit, option, chain)
            for chain in chains
            for merit, option in options
        ]
        chains = sorted(longer, key=lambda chain: -chain.merit)[:count]
    return [_links(chain) for chain in chains]


def _links(chain: _Chain | None) -> list[Piece]:
    found = []
    while chain is not None:
        found.append(chain.last)
        chain = chain.before
    return found[::-1]


def _text(pieces: Sequence[Piece]) -> str:
    """Returns the texts of the parts with what joins them."""
    written: list[str] = []
    for piece in pieces:
        text = piece.translation.text
        if text:
            if written:
                written.append(_joint(piece, written[-1][-1], text[0]))
            written.append(text)
    return "".join(filter(None, written))


def _joint(piece: Piece, left: str, right: str) -> str:
    """Returns what stands between two parts in the target, whose script may put spaces where the source's does not."""
    if piece.torn:
        return ""
    if piece.before.isspace() and piece.before != " ":
        return piece.before
    unspaced = [bool(_UNSPACED.match(character)) for character in (left, right)]
    return "" if all(unspaced) or (any(unspaced) and not piece.before) else " "


def one_line(text: str) -> str:
    """Returns `text` with a space for every control character and line's end, to stand in a column of a line."""
    if text.isprintable():
        return text
    return "".join(" " if category(c) in _CONTROL else c for c in text)


_CONTROL: Final = frozenset({"Cc", "Zl", "Zp"})
_EOS: Final = 3
_UNSPACED: Final = re.compile(f"[{IDEOGRAPHS}{UNSPACED_LETTERS}\u3000-\u303f\uff00-\uffef]")
