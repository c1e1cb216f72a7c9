"""A bilingual lexicon learned on the spot from lines that may or may not belong together, and how well two lines fit.

Words that come in the same pairs more often than chance lets them are taken to translate each other (the idea of
IBM model 1 and of association measures, Brown et al. 1993, Dunning 1993), and a word that both languages write alike
(a name, a number, a question mark) is taken to translate itself. That is far too coarse to translate with, and plenty
to tell the right line from its neighbours, for all words of a line, and many lines in a row, speak together.
"""

from __future__ import annotations

from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from seq2seq.corpus.doctor.ragged import Ragged

Matrix = NDArray[np.float32]

_MOST_TYPES: Final = 4096  # words a side that are looked at: bounds every table below
_FEWEST_LINES: Final = 3  # a word in fewer lines tells nothing, unless it is written alike on both sides
_LARGEST_SHARE: Final = 0.2  # a word in more of the lines than this is in the neighbours' lines as well
_WORDS_LEARNED: Final = 8  # the rarest words of a line that are learned from and asked about: they say most,
_WORDS_KEPT: Final = 16  # and those among which their translations are looked for
_TRANSLATIONS: Final = 3  # of a word
_FEWEST_TOGETHER: Final = 2  # pairs of lines that have a word and its translation: one is chance
_SMOOTHING: Final = 1.0  # lines' worth of belief that a word goes with another no more often than chance
_LEAST_WEIGHT: Final = 0.7  # a pair of words seen together less than twice as often as by chance is left out
_MOST_HITS: Final = 0.95  # no word is translated in the same way always, however few lines we saw it in
_CHUNK: Final = 2048  # lines scored at a time: a table of 8 MB, which fits into a cache


class Words(NamedTuple):
    """The words of many lines that are worth looking at.

    Attributes:
        types: Their ids, the rarest first; shape [types].
        lines: The places in `types` of some words of each line, the rarest first, and -1 where there are fewer;
            shape [lines, words].
    """

    types: NDArray[np.uint32]
    lines: NDArray[np.int64]


def choose_words(rows: Ragged, also: NDArray[np.uint32]) -> Words:
    """Returns the words of each line that are neither too rare nor too frequent.

    Args:
        rows: Words' ids, line by line.
        also: Ids that are kept however rare they are.
    """
    line, word = _once_a_line(rows)
    types, which, counts = np.unique(word, return_inverse=True, return_counts=True)
    kept = (counts >= _FEWEST_LINES) | np.isin(types, also)
    kept &= counts <= max(_FEWEST_LINES, _LARGEST_SHARE * len(rows))
    chosen = np.flatnonzero(kept)
    chosen = chosen[np.argsort(counts[chosen], kind="stable")][-_MOST_TYPES:]  # the more frequent speak more often
    number = np.full(len(types), -1)
    number[chosen] = np.arange(len(chosen))
    return Words(types[chosen], _table(line, number[which], len(rows), len(chosen)))


def find_words(rows: Ragged, types: NDArray[np.uint32]) -> Words:
    """Returns the words of each line that are among `types`, which stand in the order of `choose_words`."""
    order = np.argsort(types)
    at = np.minimum(np.searchsorted(types, rows.values, sorter=order), max(0, len(types) - 1))
    number = np.where(types[order[at]] == rows.values, order[at], -1) if len(types) else np.full(len(rows.values), -1)
    return Words(types, _table(rows.rows, number, len(rows), len(types)))


def _once_a_line(rows: Ragged) -> tuple[NDArray[np.int64], NDArray[np.uint32]]:
    """Returns the lines and ids of all words, a word that a line repeats only once."""
    places = np.sort(rows.rows.astype(np.uint64) << np.uint64(32) | rows.values)
    places = places[np.diff(places, prepend=places[:1] ^ np.uint64(1)) != 0]
    return (places >> np.uint64(32)).astype(np.int64), places.astype(np.uint32)


def _table(line: NDArray[np.int64], number: NDArray[np.int64], num_lines: int, num_types: int) -> NDArray[np.int64]:
    """Returns the first few numbers of each line, ascending, without -1; filled up with -1."""
    known = number >= 0
    keys = np.sort(line[known] * num_types + number[known])
    keys = keys[np.diff(keys, prepend=-1) != 0]
    line, number = np.divmod(keys, max(1, num_types))
    rank = np.arange(len(line)) - np.searchsorted(line, line)
    first = rank < _WORDS_KEPT
    table = np.full((num_lines, _WORDS_KEPT), -1, np.int64)
    table[line[first], rank[first]] = number[first]
    return table


def shared_types(source: Ragged, target: Ragged) -> NDArray[np.uint32]:
    """Returns the ids of words that occur on both sides."""
    return np.intersect1d(source.values, target.values)


class Lexicon(NamedTuple):
    """Translations of each source word that was chosen.

    Attributes:
        source_types: The source's words, as in `Words`.
        target_types: The target's.
        translations: Places in the target's types, -1 where there are fewer; shape [source types, translations].
        hit: What it says for two lines that one has the word and the other its translation, in nats; likewise.
        hit_but_one: The same, learned from all pairs of lines but one that has both: no pair is its own witness.
        miss: What it says against them that the other line has none of its translations; shape [source types].
    """

    source_types: NDArray[np.uint32]
    target_types: NDArray[np.uint32]
    translations: NDArray[np.int64]
    hit: Matrix
    hit_but_one: Matrix
    miss: Matrix


def learn(source: Words, target: Words, rows: NDArray[np.int64], partners: NDArray[np.int64]) -> Lexicon:
    """Learns from the pairs (rows[n], partners[n]) of lines.

    A word s that is in n(s) of N source lines, with n(s, t) of which t is paired, gets the weight

        log P(t | s) / P(t),    P(t | s) = (n(s, t) + a P(t)) / (n(s) + a),    P(t) = n(t) / N

    and keeps the translations of the largest weight x n(s, t). In `_but_one` all of that is said of what the other
    pairs of lines teach: the counts are one less, and a translation that would not have been kept then weighs nothing.
    Without the latter, chance meetings would pass for translations in the very lines where they met.
    """
    at, to = source.lines[rows, :_WORDS_LEARNED], target.lines[partners, :_WORDS_LEARNED]
    sources = np.bincount(at[at >= 0], minlength=len(source.types))
    targets = np.bincount(to[to >= 0], minlength=len(target.types))
    word, other, together = _together(at, to, len(target.types))
    apart = source.types[word] != target.types[other]
    word, other, together = word[apart], other[apart], together[apart]
    weight = _weights(together, sources[word], targets[other], len(rows))
    but_one = _weights(together - 1, sources[word] - 1, targets[other] - 1, len(rows) - 1)

    order = np.lexsort((-weight * together, word))
    order = order[weight[order] > 0]
    word, other, together = word[order], other[order], together[order]
    weight, but_one = weight[order], but_one[order]
    rank = np.arange(len(word)) - np.searchsorted(word, word) + 1  # 0 is for the word itself
    bar = np.zeros(len(source.types))  # what a translation must reach to be kept
    next_best = rank == _TRANSLATIONS
    bar[word[next_best]] = (weight * together)[next_best]
    kept = rank < _TRANSLATIONS

    shape = (len(source.types), _TRANSLATIONS)
    translations, hit, hit_but_one = np.full(shape, -1), np.zeros(shape, np.float32), np.zeros(shape, np.float32)
    place = word[kept], rank[kept]
    translations[place] = other[kept]
    hit[place] = _counting(weight, together, bar[word])[kept]
    hit_but_one[place] = _counting(but_one, together - 1, bar[word])[kept]
    # Words that both sides write alike translate each other before anything was seen together.
    _, here, there = np.intersect1d(source.types, target.types, return_indices=True)
    translations[here, 0] = there
    hit[here, 0] = hit_but_one[here, 0] = np.log(len(rows) / np.maximum(1, targets[there])) / 2
    best = np.zeros(len(source.types))
    np.maximum.at(best, word[kept], (together - 1)[kept] / np.maximum(1, sources[word[kept]]))
    miss = np.log(1 - np.minimum(_MOST_HITS, best)).astype(np.float32)
    return Lexicon(source.types, target.types, translations, hit, hit_but_one, miss)


def _counting(weight: NDArray[np.float64], together: NDArray[np.int64], bar: NDArray[np.float64]) -> Matrix:
    """Returns the weights, and 0 for those of what is too weak, too rare or below the bar to be a translation."""
    counts = (weight > _LEAST_WEIGHT) & (together >= _FEWEST_TOGETHER) & (weight * together >= bar)
    return np.where(counts, weight, 0).astype(np.float32)


def _together(
    source: NDArray[np.int64], target: NDArray[np.int64], num_targets: int
) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]:
    """Returns which words are in paired lines, and in how many."""
    found = []
    for start in range(0, len(source), _CHUNK):
        left, right = source[start : start + _CHUNK, :, None], target[start : start + _CHUNK, None, :]
        found.append((left * num_targets + right)[(left >= 0) & (right >= 0)])
    keys, counts = np.unique(np.concatenate(found), return_counts=True) if found else (np.empty(0, np.int64),) * 2
    return keys // max(1, num_targets), keys % max(1, num_targets), counts


def _weights(
    together: NDArray[np.int64], sources: NDArray[np.int64], targets: NDArray[np.int64], num_lines: int
) -> NDArray[np.float64]:
    chance = np.maximum(targets, 1) / max(1, num_lines)
    return np.log((together + _SMOOTHING * chance) / (sources + _SMOOTHING) / chance + 1e-9)


def fit(
    lexicon: Lexicon,
    source: Words,
    target: Words,
    rows: NDArray[np.int64],
    offsets: NDArray[np.int64],
    *,
    before: int = 0,
    learned: NDArray[np.int64] | None = None,
    cautious: bool = False,
) -> Matrix:
    """Returns how well source lines fit the target lines around them, in nats; shape [rows, offsets].

    Each of the source line's words gives the weight of its best translation in the target line, or its `miss`.
    Beyond either end of the target every word is missed.

    Args:
        lexicon: As learned.
        source: The source's words.
        target: The target's words, of `before` more lines at the beginning, and perhaps of more at the end.
        rows: The source lines, ascending.
        offsets: Source line i is compared with target line i + offset, for each of these.
        before: See `target`.
        learned: The offset at which each line was learned from, where it must not be its own witness; shape [lines].
        cautious: Whether it must not be one at any offset. In sorted texts a line is much like the next one, which then
            would be helped by what the line itself taught.
    """
    fits = np.zeros((len(rows), len(offsets)), np.float32)
    if not len(lexicon.source_types) or not len(lexicon.target_types):
        return fits
    reach = int(np.abs(offsets).max(initial=0))
    for start in range(0, len(rows), _CHUNK):
        numbers = rows[start : start + _CHUNK]
        lines = source.lines[numbers, :_WORDS_LEARNED]
        low = max(0, int(numbers[0]) + before - reach)
        high = max(low, min(len(target.lines), int(numbers[-1]) + 1 + before + reach))
        present = np.zeros((high - low + 1, len(target.types) + 1), np.bool_)  # a last line and type for "none"
        present[np.arange(high - low)[:, None], target.lines[low:high]] = True
        present[:, -1] = False
        known = lines >= 0
        words, hit, hit_but_one = lexicon.translations[lines], lexicon.hit[lines], lexicon.hit_but_one[lines]
        miss = np.where(known, lexicon.miss[lines], 0)
        for column, offset in enumerate(offsets.tolist()):
            at = numbers + before + offset
            here = np.where((at >= low) & (at < high), at - low, high - low)
            weights = hit_but_one if cautious else hit
            if learned is not None and not cautious and (own := learned[numbers] == offset).any():
                weights = np.where(own[:, None, None], hit_but_one, hit)
            best = np.where(known, (present[here[:, None, None], words] * weights).max(axis=2), 0)
            fits[start : start + len(numbers), column] = np.where(best > 0, best, miss).sum(axis=1)
    return fits
