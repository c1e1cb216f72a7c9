"""A lexicon: against expectation and maximisation written out, on corpora of a known dictionary, at its edges."""

from __future__ import annotations

import math
import tracemalloc
from collections import defaultdict

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from seq2seq.data.lexicon import ADDED, ITERATIONS, LEAST, LINK_BYTES, counted_rows, learn_lexicon
from seq2seq.text.special import EOS

IDS = st.lists(st.integers(4, 9), max_size=4)


def spelled_out(sources, targets) -> dict[tuple[int, int], float]:
    """p(target | source) by the formulas, one link at a time."""
    pairs = [([*s, EOS], [*t, EOS]) for s, t in zip(sources, targets, strict=True)]
    num_targets = max(max(t) for _, t in pairs) + 1
    p: dict[tuple[int, int], float] = defaultdict(lambda: 1.0)
    for _ in range(ITERATIONS):
        counts: dict[tuple[int, int], float] = defaultdict(float)
        for s, t in pairs:
            for row, e in enumerate(t):
                apart = [abs((row + 0.5) / len(t) - (column + 0.5) / len(s)) for column in range(len(s))]
                shares = [math.exp(-4.0 * d) * p[f, e] for d, f in zip(apart, s, strict=True)]
                for f, share in zip(s, shares, strict=True):
                    counts[f, e] += share / sum(shares)
        totals: dict[int, float] = defaultdict(float)
        for (f, _), count in counts.items():
            totals[f] += count
        p = defaultdict(
            float, {(f, e): (c + ADDED) / (totals[f] + ADDED * num_targets) for (f, e), c in counts.items()}
        )
    return p


@given(st.lists(st.tuples(IDS, IDS), min_size=1, max_size=6))
def test_it_is_the_algorithm_written_out(pairs) -> None:
    sources, targets = [s for s, _ in pairs], [t for _, t in pairs]
    found = learn_lexicon(sources, targets)
    forward = spelled_out(sources, targets)
    backward = {(f, e): p for (e, f), p in spelled_out(targets, sources).items()}
    seen = dict(zip(found.keys.tolist(), zip(found.forward, found.backward, strict=True), strict=True))
    for (f, e), p in forward.items():
        if max(p, backward[f, e]) > 1.01 * LEAST:
            assert seen.pop(f * found.num_targets + e) == pytest.approx((p, backward[f, e]), rel=1e-3)
    assert all(max(both) <= 1.01 * LEAST for both in seen.values())
    assert np.all(np.diff(found.keys) > 0)


def dictionary_corpus(num_pairs: int, *, seed: int = 1) -> tuple[list[list[int]], list[list[int]]]:
    """Sentences of source words 4 to 23, whose translation of f is f + 20, in another order."""
    random = np.random.default_rng(seed)
    sources = [random.integers(4, 24, size=random.integers(2, 8)).tolist() for _ in range(num_pairs)]
    return sources, [(random.permutation(source) + 20).tolist() for source in sources]


def best_translations(lexicon) -> dict[int, int]:
    return {
        source: max(
            (p, key % lexicon.num_targets)
            for key, p in zip(lexicon.keys.tolist(), lexicon.forward, strict=True)
            if key // lexicon.num_targets == source
        )[1]
        for source in range(4, 24)
    }


def test_it_finds_a_dictionary_whatever_the_order_of_the_words() -> None:
    sources, targets = dictionary_corpus(200)
    lexicon = learn_lexicon(sources, targets)
    assert best_translations(lexicon) == {word: word + 20 for word in range(4, 24)}
    end = np.searchsorted(lexicon.keys, EOS * lexicon.num_targets + EOS)
    assert lexicon.forward[end] > 0.9
    assert lexicon.backward[end] > 0.9


def test_a_word_seen_once_does_not_take_in_all_that_stands_beside_it() -> None:
    sources, targets = dictionary_corpus(60)
    sources[30], targets[30] = [100, 5, 6, 7], [90, 25, 26, 27]
    lexicon = learn_lexicon(sources, targets)
    rare = {
        key % lexicon.num_targets: p
        for key, p in zip(lexicon.keys.tolist(), lexicon.forward, strict=True)
        if key // lexicon.num_targets == 100
    }
    assert max(rare, key=lambda word: rare[word]) == 90
    assert sum(p for word, p in rare.items() if word != 90) < 0.2 * rare[90]


def lengths_of(side) -> np.ndarray:
    return np.array([len(ids) for ids in side], dtype=np.int32)


def test_of_a_large_corpus_sentences_from_all_over_it_are_counted() -> None:
    sources, targets = dictionary_corpus(400)
    both = lengths_of(sources), lengths_of(targets)
    num_links = sum((len(s) + 1) * (len(t) + 1) for s, t in zip(sources, targets, strict=True))
    assert counted_rows(*both, most_links=num_links // 4 + 1).tolist() == list(range(0, 400, 4))
    assert counted_rows(*both, most_links=num_links // 3).tolist() == [n * 400 // 133 for n in range(133)]
    assert counted_rows(*both, most_links=num_links - 1).tolist() == list(range(399))
    assert counted_rows(*both, most_links=num_links).tolist() == list(range(400))
    assert counted_rows(*both, most_links=1).tolist() == [0]
    assert counted_rows(*both).tolist() == list(range(400))
    found = learn_lexicon(sources[::4], targets[::4])
    assert best_translations(found) == {word: word + 20 for word in range(4, 24)}


def test_the_memory_it_takes_is_that_of_its_links() -> None:
    draw = np.random.default_rng(1)
    sources, targets = ([draw.integers(4, 900, 20).tolist() for _ in range(300)] for _ in range(2))
    tracemalloc.start()
    try:
        learn_lexicon(sources, targets)
        _, most = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    # Arrays alone; the process holds a little more, of what they leave between them.
    assert 0.6 * LINK_BYTES < most / (300 * 21 * 21) < LINK_BYTES


def test_links_of_very_long_sentences_are_counted_without_overflow() -> None:
    lengths = np.full(3, 70_000, np.int32)  # 4.9e9 links each
    assert counted_rows(lengths, lengths).tolist() == [0]
    assert counted_rows(lengths[:0], lengths[:0]).tolist() == []


def test_nothing_teaches_nothing() -> None:
    with pytest.raises(ValueError, match="no pair of sentences"):
        learn_lexicon([], [])
