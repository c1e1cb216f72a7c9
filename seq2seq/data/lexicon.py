"""Which token translates which, learned by counting: what a network would need many passes to find out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray

from seq2seq.text.special import EOS

TENSION: Final = 4.0
"""How strongly a token is expected at the same share of its sentence as its translation."""
ITERATIONS: Final = 8
ADDED: Final = 1e-3
"""Counted for every translation, seen or not: without it a rare word takes in whatever stands beside it."""
MOST_LINKS: Final = 8_000_000
"""Pairs of tokens counted at most: those of 25,000 captions, or of 5,000 sentences of talks."""
LINK_BYTES: Final = 90
"""Memory that a pair of tokens takes while it is counted, about."""
FEW: Final = 2_000
"""Sentences of a larger corpus that are too few to have met most of its words: those of so few are very long."""
LEAST: Final = 1e-3
"""A pair of tokens that is less likely both ways is forgotten."""


Ids: TypeAlias = Sequence[int] | NDArray[np.int32]


@dataclass(frozen=True)
class Lexicon:
    """Translations of tokens.

    Attributes:
        keys: source * num_targets + target of each pair of tokens, ascending.
        forward: p(target | source) of each.
        backward: p(source | target).
        num_targets: Target ids are below it.
    """

    keys: NDArray[np.int64]
    forward: NDArray[np.float32]
    backward: NDArray[np.float32]
    num_targets: int


def counted_rows(
    source_lengths: NDArray[np.int32], target_lengths: NDArray[np.int32], *, most_links: int = MOST_LINKS
) -> NDArray[np.int64]:
    """Returns which pairs of sentences of a corpus to learn from: all, or so many, evenly spread, as stand for all.

    Time and memory of `learn_lexicon` grow with the pairs of tokens that stand in one pair of sentences.

    Args:
        source_lengths: Tokens of each source, EOS not counted.
        target_lengths: Tokens of each target.
        most_links: Pairs of tokens to count, about.
    """
    num_links = int(((source_lengths + np.int64(1)) * (target_lengths + np.int64(1))).sum())
    num_pairs = len(source_lengths)
    counted = min(num_pairs, max(1, int(num_pairs * most_links / max(1, num_links))))
    rows: NDArray[np.int64] = np.arange(counted, dtype=np.int64) * num_pairs // max(1, counted)
    return rows


def learn_lexicon(sources: Sequence[Ids], targets: Sequence[Ids]) -> Lexicon:
    """Learns p(target | source) and p(source | target), each by the EM algorithm of IBM's Model 1.

    Every target token comes from one source token of its sentence, s with probability d(s, t) p(target | source):

    E: w_st = d(s, t) p(e_t | f_s) / sum_s' d(s', t) p(e_t | f_s')    M: p(e | f) = (sum w + k) / (sum_e' sum w + k V)

    (Brown et al. 1993), with d(s, t) = exp(-4 |s - t|), s and t the shares of their sentences at which the two stand
    (Dyer et al. 2013, without their empty word), and k added to every count (Moore 2004). EOS translates EOS.

    Of a large corpus, give it the sentences that `counted_rows` names.

    Args:
        sources: Source ids of each sentence, without GO and EOS.
        targets: Target ids.
    """
    links = _links(sources, targets)
    num_sources, num_targets = (int(ids.max(initial=EOS)) + 1 for ids in (links.source, links.target))
    keys, entry = np.unique(links.source.astype(np.int64) * num_targets + links.target, return_inverse=True)
    source, target = keys // num_targets, keys % num_targets
    forward = _translations(links.prior, links.target_place, entry, source, num_targets)
    backward = _translations(links.prior, links.source_place, entry, target, num_sources)
    kept = np.maximum(forward, backward) >= LEAST
    return Lexicon(
        keys[kept], forward[kept].astype(np.float32), backward[kept].astype(np.float32), num_targets=num_targets
    )


class _Links(NamedTuple):
    """Each source token beside each target token of its sentence.

    The places number the tokens of the whole corpus: links of one target token have the same `target_place`.
    """

    source: NDArray[np.int32]
    target: NDArray[np.int32]
    source_place: NDArray[np.int32]
    target_place: NDArray[np.int32]
    prior: NDArray[np.float32]


def _links(sources: Sequence[Ids], targets: Sequence[Ids]) -> _Links:
    parts, num_sources, num_targets = [], 0, 0
    for pair in zip(sources, targets, strict=True):
        source, target = (np.array([*ids, EOS], dtype=np.int32) for ids in pair)
        column, row = np.arange(len(source), dtype=np.int32), np.arange(len(target), dtype=np.int32)[:, None]
        prior = diagonal(row, len(target), column, len(source)).astype(np.float32)
        sides = source, target[:, None], column + np.int32(num_sources), row + np.int32(num_targets), prior
        parts.append([np.broadcast_to(side, prior.shape).ravel() for side in sides])
        num_sources, num_targets = num_sources + len(source), num_targets + len(target)
    if not parts:
        raise ValueError("there is no pair of sentences to learn a lexicon from")
    return _Links(*(np.concatenate(side) for side in zip(*parts, strict=True)))


def diagonal(row: NDArray[np.int32], num_rows: int, column: NDArray[np.int32], num_columns: int) -> NDArray[np.float64]:
    """Returns d, how likely two places of a pair of sentences belong together by their shares of the way alone."""
    prior: NDArray[np.float64] = np.exp(-TENSION * np.abs((row + 0.5) / num_rows - (column + 0.5) / num_columns))
    return prior


def _translations(
    prior: NDArray[np.float32],
    place: NDArray[np.int32],
    entry: NDArray[np.int64],
    given: NDArray[np.int64],
    num_symbols: int,
) -> NDArray[np.float64]:
    """Returns p(token | given token) of each entry.

    Args:
        prior: d of each link.
        place: The token that each link explains: the weights of its links add up to 1.
        entry: Which pair of tokens each link is.
        given: The token that translates, of each entry.
        num_symbols: V, of the other side.
    """
    p = np.full(len(given), 1.0 / num_symbols)
    for _ in range(ITERATIONS):
        weight = prior * p[entry]
        weight /= np.bincount(place, weight)[place]
        counts = np.bincount(entry, weight, len(given))
        p = (counts + ADDED) / (np.bincount(given, counts)[given] + ADDED * num_symbols)
    return p
