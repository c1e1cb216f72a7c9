"""The compact set against Python's own, and fingerprints against what should be equal."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from seq2seq.corpus import fingerprints
from seq2seq.corpus.hash_set import HashSet
from seq2seq.corpus.pair import Pair

MEMBERS = st.integers(0, 40) | st.sampled_from([0, 1, 2**63, 2**64 - 1])
BATCHES = st.lists(st.lists(MEMBERS, max_size=20), max_size=15)


@settings(max_examples=150, deadline=None)
@given(batches=BATCHES)
def test_equals_a_python_set(batches):
    ours, reference = HashSet(), set()
    for batch in batches:
        members = np.array(batch, dtype=np.uint64)
        assert ours.contains(members).tolist() == [m in reference for m in batch]
        expected = []
        for m in batch:
            expected.append(m not in reference)
            reference.add(m)
        assert ours.add(members).tolist() == expected
        assert len(ours) == len(reference)
        assert ours.contains(members).all()


def test_takes_eight_bytes_a_member_in_few_arrays():
    ours = HashSet()
    draw = np.random.default_rng(3)
    for _ in range(100):
        ours.add(draw.integers(0, 2**64, 1000, dtype=np.uint64))
    assert sum(run.nbytes for run in ours._runs) == 8 * len(ours) == 800_000
    assert len(ours._runs) <= 8


def test_loose_form_ignores_case_punctuation_and_spaces_only():
    for same in ("Die Mühle, dreht sich!", "die mühle dreht sich", "DIE MÜHLE — dreht-sich…", "diemühledrehtsich"):
        assert fingerprints.loose_form(same) == "diemühledrehtsich"
    assert fingerprints.loose_form("Straße") == fingerprints.loose_form("STRASSE")
    assert fingerprints.loose_form("a_b") == "ab"
    assert fingerprints.loose_form("कि") != fingerprints.loose_form("की")  # vowel signs make words
    assert fingerprints.loose_form("?!") == "?!" != fingerprints.loose_form("...")  # nothing else to tell them by


def test_pairs_differ_when_either_side_does_or_the_border_moves():
    pairs = [Pair(1, "a b", "c"), Pair(2, "a", "b c"), Pair(3, "a b", "C"), Pair(4, "", "a bc"), Pair(5, "a b", "c")]
    found = fingerprints.of_pairs(pairs)
    assert found.dtype == np.uint64 and found.shape == (5,)
    assert len(set(found.tolist())) == 4 and found[0] == found[4]
    assert fingerprints.of_pairs([]).shape == (0,)


def test_seed_changes_every_fingerprint():
    sentences = ["one", "two", "three"]
    by_seed = [fingerprints.of_sentences(sentences, seed=seed).tolist() for seed in (None, 0, 1)]
    assert len({value for row in by_seed for value in row}) == 9
    assert fingerprints.of_sentences(sentences, seed=1).tolist() == by_seed[2]


@pytest.mark.parametrize("text", ["\ud83d", "", "漢" * 1000])
def test_any_string_has_a_fingerprint(text):
    assert fingerprints.of_sentences([text]).shape == (1,)
