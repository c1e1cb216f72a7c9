"""Splitting off development and test: no sentence on two sides, no dependence on order, sizes as asked."""

from __future__ import annotations

import random
from collections import Counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from seq2seq.corpus.fingerprints import loose_form
from seq2seq.corpus.pair import Pair
from seq2seq.corpus.split import Split, Splitter
from seq2seq.errors import UserError

PARTS = ("train", "development", "test")
CORPORA = st.lists(st.sampled_from([f"sentence {n}" for n in range(30)] + ["Sentence 3!", "SENTENCE 4"]), min_size=1)


def made(sources):
    return [Pair(n, source, f"t{n}") for n, source in enumerate(sources, start=1)]


def parted(pairs, **settings):
    parts = Splitter(**settings).fit(iter(pairs)).parts_of(pair.source for pair in pairs)
    return {part: [pair for pair, found in zip(pairs, parts, strict=True) if found == part] for part in PARTS}


@settings(max_examples=150, deadline=None)
@given(sources=CORPORA, development=st.integers(0, 8), test=st.integers(0, 8), seed=st.integers(0, 3))
def test_parts_are_apart_complete_in_order_and_as_large_as_asked(sources, development, test, seed):
    pairs = made(sources)
    try:
        parts = parted(pairs, development_size=development, test_size=test, seed=seed)
    except UserError:
        groups = Counter(map(loose_form, sources))
        assert development + test + 2 * max(groups.values()) > len(pairs)  # refused only where too little is left
        return
    assert sorted(pair for part in parts.values() for pair in part) == pairs
    assert all(part == sorted(part) for part in parts.values())
    loose = {name: {loose_form(pair.source) for pair in part} for name, part in parts.items()}
    assert not loose["train"] & loose["development"]
    assert not loose["train"] & loose["test"]
    assert not loose["development"] & loose["test"]
    assert parts["train"]
    largest = max(Counter(map(loose_form, sources)).values())
    for name, size in (("development", development), ("test", test)):
        assert size <= len(parts[name]) <= max(size + largest - 1, 0) or size == len(parts[name]) == 0


@settings(max_examples=50, deadline=None)
@given(sources=CORPORA, order=st.randoms(use_true_random=False))
def test_order_makes_no_difference(sources, order):
    pairs = [*made(sources), *made([f"more {n}" for n in range(60)])]
    shuffled = pairs.copy()
    order.shuffle(shuffled)
    one, other = (parted(p, development_size=4, test_size=5, seed=1) for p in (pairs, shuffled))
    assert {name: sorted(part) for name, part in one.items()} == {name: sorted(part) for name, part in other.items()}


def test_a_large_corpus_of_single_sentences_is_split_exactly_and_at_random():
    pairs = made([f"sentence {n}" for n in range(20_000)])
    random.Random(1).shuffle(pairs)
    parts = parted(pairs, development_size=700, test_size=300, seed=1)
    assert {name: len(part) for name, part in parts.items()} == {"train": 19_000, "development": 700, "test": 300}
    first_half = sum(pair.line <= 10_000 for pair in parts["development"] + parts["test"])
    assert 400 < first_half < 600  # 500 expected, standard deviation 15.4
    others = parted(pairs, development_size=700, test_size=300, seed=2)
    assert len({p.line for p in others["development"]} & {p.line for p in parts["development"]}) < 60  # 24.5 expected


def test_a_growing_corpus_keeps_its_lowest_sentences():
    """Counts stay complete although far more sentences pass than are remembered."""
    sources = [f"sentence {n}" for n in range(3000)] * 4
    parts = parted(made(sources), development_size=40, test_size=0, seed=1)
    assert len(parts["development"]) == 40
    assert set(Counter(pair.source for pair in parts["development"]).values()) == {4}


def test_nothing_asked_for_leaves_all_to_train():
    pairs = made(["a", "b"])
    assert parted(pairs) == {"train": pairs, "development": [], "test": []}


def test_the_parts_of_a_batch_are_those_of_its_sentences():
    sources = [pair.source for pair in made([f"sentence {n}" for n in range(50)])]
    split = Splitter(development_size=5, test_size=5).fit(made(sources))
    whole = split.parts_of(sources)
    assert set(whole) == set(PARTS)
    assert [split.parts_of([source])[0] for source in sources] == whole
    assert split.parts_of([]) == []


@settings(max_examples=60, deadline=None)
@given(sources=CORPORA, development=st.integers(0, 8), test=st.integers(0, 8), cut=st.integers(0, 30))
def test_places_are_enough_to_split_by(sources, development, test, cut):
    sources = [*sources, *(f"more {n}" for n in range(20))]
    sizes = {"development_size": development, "test_size": test}
    splitter, wanted = Splitter(**sizes), Splitter(**sizes).fit(made(sources))
    places = splitter.places_of(sources)
    splitter.add(places[:cut])
    splitter.add(places[cut:])
    split = splitter.split()
    for part in PARTS:
        assert split.belong(places, part).tolist() == [found == part for found in wanted.parts_of(sources)]


def test_a_bound_above_the_largest_fingerprint():
    places = Splitter().places_of(["any"])
    assert Split(1 << 64, 1 << 64, seed=1).belong(places, "development").all()
    assert Split(0, 1 << 64, seed=1).belong(places, "test").all()
    assert Split(0, 0, seed=1).belong(places, "train").all()
    assert Split(1 << 64, 1 << 64, seed=1).parts_of(["any"]) == ["development"]
    assert Split(0, 1 << 64, seed=1).parts_of(["any"]) == ["test"]


@pytest.mark.parametrize(("sizes", "num_pairs"), [((5, 5), 10), ((20, 0), 10), ((1, 1), 2), ((1, 0), 1)])
def test_asking_for_everything_is_refused(sizes, num_pairs):
    with pytest.raises(UserError, match=f"has {num_pairs} pairs, and none would be left"):
        parted(made([f"s{n}" for n in range(num_pairs)]), development_size=sizes[0], test_size=sizes[1])


def test_negative_size_is_refused():
    with pytest.raises(UserError, match="-1 pairs"):
        Splitter(test_size=-1)
