"""Sampling of segmentations: a word is cut into subwords in a different way now and then, so that none is relied upon.

Byte-pair encoding after Provilkov, Emelianenko & Voita 2020, "BPE-Dropout": in each step of the encoding, each merge
that is possible is left out with probability p, and the best of the others is done; without any left, the word is
ready. The unigram model after Kudo 2018, "Subword Regularization": with probability p, a word's segmentation x is drawn
from all of them by P(x)^alpha / Z, alpha = 0.2, exactly (by the sums from each position to the word's end, and not from
the n best); else it is the plain one. p = 0 is the plain segmentation.

Which segmentation a word gets is a function of the seed and of where it stands, and of nothing else, so that a training
can go on from any update. SentencePiece has a sampler that cannot be seeded again. So each word has a table of 64
segmentations, drawn by the word's own seed when they are needed first, and a place in the corpus chooses one of them.

A word is what stands between spaces. Where that is long, as a whole sentence of Chinese is, byte-pair encoding takes
its parts between two characters that stand side by side in no piece: no merge joins them, and short parts come again.
"""

from __future__ import annotations

import math
import random
from collections.abc import Mapping, Sequence
from hashlib import blake2b, shake_128
from itertools import pairwise
from typing import Final, Protocol, runtime_checkable

from seq2seq.text.pairs import plain
from seq2seq.text.subwords import Subwords
from seq2seq.text.tagged import tags_of, untagged
from seq2seq.text.tokenizer import Tokenizer
from seq2seq.text.true_case import TrueCase

NUM_DRAWS: Final = 64  # segmentations a word; a byte of a hash chooses one, so a power of 2
ALPHA: Final = 0.2  # the smoothing of the unigram model's probabilities

_LONG: Final = 24  # characters of a word that is worth taking in parts
_TOO_LONG: Final = 1000  # a longer one stays as it is: merging takes time that grows with the square of the length

# When either is reached, the table is emptied: drawing again gives the same. About 100 MB when full.
_CACHED_WORDS: Final = 1 << 16
_CACHED_SEGMENTATIONS: Final = 1 << 19

Segmentation = tuple[int, ...]


@runtime_checkable
class Sampler(Protocol):
    """Gives a text's ids, in one of several ways."""

    def __call__(self, text: str, *, key: tuple[int, ...]) -> list[int]:
        """Returns the ids of `text`, without GO and EOS: a function of the text, the sampler's seed and `key`."""
        ...


class Draws:
    """The segmentations drawn of each word of a vocabulary; both languages of a joint one share them.

    Args:
        subwords: The vocabulary.
        model: "bpe" or "unigram", as it was learned.
        probability: Of a merge to be left out, or of a word to be cut anew.
        seed: The run's seed.
    """

    def __init__(self, subwords: Subwords, *, model: str, probability: float, seed: int) -> None:
        self.subwords = subwords
        self.seed = seed
        self._model, self._probability = model, probability
        self._lexicon = subwords.lexicon()
        self._scores = {piece: score for piece, (_, score) in self._lexicon.items()}
        self._longest = max(map(len, self._scores))
        self._neighbours = {a + b for piece in self._scores for a, b in pairwise(piece)}
        self._table: dict[str, list[Segmentation | None]] = {}
        self._same: dict[Segmentation, Segmentation] = {}  # equal segmentations are kept once

    def words(self, text: str) -> list[str]:
        """Returns the parts of `text` that have segmentations of their own; together they are the text."""
        words: list[str] = []
        for chunk in self.subwords.chunks(text):
            if self._model == "bpe" and _LONG < len(chunk) <= _TOO_LONG:
                words += self._parts(chunk)
            else:
                words.append(chunk)
        return words

    def __call__(self, words: Sequence[str], choices: Sequence[int]) -> list[int]:
        """Returns the ids of the words, each in the way that its number of `choices` (0 to 63) says."""
        ids: list[int] = []
        table = self._table
        for word, choice in zip(words, choices, strict=True):
            drawn = table.get(word)
            ids += (drawn and drawn[choice]) or self._drawn(word, choice)
        return ids

    def _parts(self, chunk: str) -> list[str]:
        parts, begin = [], 0
        for end in range(1, len(chunk)):
            if chunk[end - 1 : end + 1] not in self._neighbours:
                parts.append(chunk[begin:end])
                begin = end
        return [*parts, chunk[begin:]]

    def _drawn(self, word: str, choice: int) -> Segmentation:
        if len(self._table) >= _CACHED_WORDS or len(self._same) >= _CACHED_SEGMENTATIONS:
            self._table.clear()
            self._same.clear()
        ids = self._draw(word, choice)
        ids = self._same.setdefault(ids, ids)
        self._table.setdefault(word, [None] * NUM_DRAWS)[choice] = ids
        return ids

    def _draw(self, word: str, choice: int) -> Segmentation:
        """Returns segmentation number `choice` of a word."""
        named = blake2b(f"{self.seed}/{choice}/{word}".encode("utf-8", "surrogatepass"), digest_size=8)
        generator = random.Random(int.from_bytes(named.digest(), "little"))
        if len(word) > _TOO_LONG:
            return self.subwords.chunk_ids(word)
        if self._model == "bpe":
            return self._ids(merged(word, self._scores, probability=self._probability, generator=generator))
        if generator.random() >= self._probability:
            return self.subwords.chunk_ids(word)
        return self._ids(
            drawn_from_lattice(word, self._scores, alpha=ALPHA, longest=self._longest, generator=generator)
        )

    def _ids(self, pieces: Sequence[str]) -> Segmentation:
        ids: list[int] = []
        for piece in pieces:
            known = self._lexicon.get(piece)
            ids += self.subwords.byte_ids(piece) if known is None else (known[0],)
        return tuple(ids)


class SubwordSampler:
    """Cuts texts into subwords, differently from place to place; `decode` gives the same text for each of the ways.

    Args:
        tokenizer: The language's tokenizer: the draws' subwords, in true case or not, with tags or without.
        draws: The words' segmentations.

    Attributes:
        tags: The tokenizer's tags, as ids: no text has them, so who knows of one puts it before what this gives.
    """

    def __init__(self, tokenizer: Tokenizer, draws: Draws) -> None:
        assert plain(tokenizer) is draws.subwords
        cased = untagged(tokenizer)
        self._true_case = cased if isinstance(cased, TrueCase) else None
        self.tags = frozenset(tags_of(tokenizer).values())
        self._draws = draws

    def __call__(self, text: str, *, key: tuple[int, ...]) -> list[int]:
        """See `Sampler`."""
        before: list[int] = []
        if self._true_case is not None:
            before, text = self._true_case.prepared(text)
        words = self._draws.words(text)
        # A byte a word, from one hash a text: a hash a word would take longer than all the rest.
        named = shake_128("/".join(map(str, (self._draws.seed, *key))).encode())
        return before + self._draws(words, [byte % NUM_DRAWS for byte in named.digest(len(words))])


def merged(word: str, scores: Mapping[str, float], *, probability: float, generator: random.Random) -> list[str]:
    """Returns the pieces of a word after the merges of byte-pair encoding, each left out with `probability` a step.

    Args:
        word: The word; its characters are the first pieces.
        scores: What two pieces may be merged to; of several, the one with the highest score, the leftmost of equals.
        probability: Of leaving a possible merge out of a step.
        generator: Decides.
    """
    pieces = list(word)
    possible = [scores.get(left + right) for left, right in pairwise(pieces)]
    while True:
        best, at = -math.inf, -1
        for left, score in enumerate(possible):
            # Whether a merge that another one beats is left out makes no difference, so chance is not asked.
            if score is not None and score > best and generator.random() >= probability:
                best, at = score, left
        if at < 0:
            return pieces
        pieces[at : at + 2] = [pieces[at] + pieces[at + 1]]
        del possible[at]
        if at > 0:
            possible[at - 1] = scores.get(pieces[at - 1] + pieces[at])
        if at < len(possible):
            possible[at] = scores.get(pieces[at] + pieces[at + 1])


def drawn_from_lattice(
    word: str, scores: Mapping[str, float], *, alpha: float, longest: int, generator: random.Random
) -> list[str]:
    """Returns a segmentation of a word, drawn with a probability proportional to exp(alpha * its pieces' scores).

    The sum over all ways from position i to the end is S(i) = sum over pieces [i, j) of exp(alpha * score) * S(j), and
    S(end) = 1; from i, the next piece ends at j with probability exp(alpha * score) * S(j) / S(i).

    Args:
        word: The word. A character that no piece has is a piece of its own.
        scores: The pieces with their log-probabilities.
        alpha: Below 1, unlikely ways get likelier.
        longest: Characters of the longest piece.
        generator: Decides.
    """
    length = len(word)
    log_sums = [0.0] * (length + 1)  # ln S: of a long word, S itself would vanish
    ends: list[list[int]] = [[] for _ in word]
    weights: list[list[float]] = [[] for _ in word]
    for begin in range(length - 1, -1, -1):
        logs = []
        for end in range(begin + 1, min(length, begin + longest) + 1):
            score = scores.get(word[begin:end], 0.0 if end == begin + 1 else None)
            if score is not None:
                ends[begin].append(end)
                logs.append(alpha * score + log_sums[end])
        most = max(logs)
        weights[begin] = [math.exp(log - most) for log in logs]
        log_sums[begin] = most + math.log(sum(weights[begin]))
    pieces, begin = [], 0
    while begin < length:
        end = generator.choices(ends[begin], weights[begin])[0]
        pieces.append(word[begin:end])
        begin = end
    return pieces
