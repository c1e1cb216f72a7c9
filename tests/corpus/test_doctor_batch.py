"""What the examinations look through: rows in flat arrays, words as ids, sketches, sightings; against plain Python."""

from __future__ import annotations

import random

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from seq2seq.corpus.doctor.batch import Side, WordIds, batches, word_id
from seq2seq.corpus.doctor.minhash import are_similar, bands, judges
from seq2seq.corpus.doctor.ragged import Ragged, fingerprints
from seq2seq.corpus.doctor.sightings import Frequent, Sightings
from seq2seq.corpus.pair import Pair

lines_of_numbers = st.lists(st.lists(st.integers(0, 2**32 - 1), max_size=6), max_size=8)


def ragged(lines):
    starts = np.concatenate(([0], np.cumsum([len(line) for line in lines]))).astype(np.int64)
    return Ragged(np.array([value for line in lines for value in line], np.uint32), starts)


def as_lists(rows):
    return [rows.values[a:b].tolist() for a, b in zip(rows.starts, rows.starts[1:], strict=False)]


def side(*texts):
    return Side(texts, WordIds())


def words(*texts):
    return as_lists(side(*texts).words)


@settings(max_examples=50, deadline=None)
@given(lines_of_numbers, lines_of_numbers, st.data())
def test_rows_are_what_lists_would_be(lines, others, data):
    rows = ragged(lines)
    assert as_lists(rows) == lines
    assert rows.lengths.tolist() == [len(line) for line in lines]
    odd = rows.values % 2 == 1
    assert rows.count(odd).tolist() == [sum(value % 2 for value in line) for line in lines]
    assert as_lists(rows.only(odd)) == [[value for value in line if value % 2] for line in lines]
    first = data.draw(st.integers(0, len(lines)))
    assert as_lists(rows.part(first, len(lines))) == lines[first:]
    assert as_lists(rows.joined(ragged(others))) == lines + others
    same = [a == b for a in lines for b in lines]
    found = fingerprints(rows)
    assert [bool(a == b) for a in found for b in found] == same


@settings(max_examples=100, deadline=None)
@given(st.lists(st.text(max_size=20), min_size=1, max_size=6))
def test_a_batch_of_any_text_has_a_row_for_each_line(texts):
    some = side(*texts)
    cleaned = [text.replace("\n", " ") for text in texts]
    for rows in (some.words, some.plain, some.codes):
        assert len(rows) == len(texts)
    assert ["".join(map(chr, row)) for row in as_lists(some.codes)] == [text + "\n" for text in cleaned]
    assert some.sketch.shape[0] == some.loose.shape[0] == len(texts)
    # Each line by itself is what it is among others.
    assert as_lists(some.words) == [words(text)[0] for text in texts]


def test_words_are_known_by_their_ids_whatever_their_case_and_place():
    assert words("The dog, the DOG.") == [[word_id(word) for word in ("the", "dog", ",", "the", "dog", ".")]]
    assert words("犬 と猫") == [[word_id(sign) for sign in "犬と猫"]]
    assert len(words("กิน")[0]) == 3  # a letter, its vowel sign, a letter
    assert words("नमस्ते दुनिया") == [[word_id("नमस्ते"), word_id("दुनिया")]]
    assert [number & 1 for number in words("word 7 . ¿")[0]] == [1, 1, 0, 0]


def test_loosely_equal_sentences_share_a_fingerprint_and_no_others():
    one, same, other, swapped, signs, none = side(
        "The dog barks.", "the  dog barks", "The dog bites.", "Dog the barks.", "...", ""
    ).loose.tolist()
    assert one == same
    assert len({one, other, swapped, signs, none}) == 5


def test_pairs_of_two_corpora_are_never_in_one_batch():
    pairs = [Pair(line, "a", "b") for line in range(1, 6)]
    found = [(b.origin, b.first_row, b.lines) for b in batches([("x", pairs), ("y", pairs[:2])], size=3)]
    assert found == [("x", 0, (1, 2, 3)), ("x", 3, (4, 5)), ("y", 5, (1, 2))]


def test_sketches_judge_how_many_words_are_shared():
    draw = random.Random(3)
    vocabulary = [f"w{number}" for number in range(2000)]

    def alike(shared, own):
        """How many of 300 pairs with this Jaccard similarity pass: as candidates, and as judged."""
        first, second = [], []
        for _ in range(300):
            chosen = draw.sample(vocabulary, shared + 2 * own)
            first.append(" ".join(chosen[: shared + own]))
            second.append(" ".join(chosen[:shared] + chosen[shared + own :]))
        one, other = side(*first).sketch, side(*second).sketch
        candidates = (bands(one) == bands(other)).any(axis=1)
        return candidates.mean(), are_similar(judges(one), judges(other)).mean()

    # 18 words and one other word each: 18 of 20, 0.9. Candidates 1 - (1 - 0.9^3)^4 = 0.995, judged 0.98.
    found, judged = alike(18, 1)
    assert found > 0.95
    assert judged > 0.9
    # 10 and 5 each: 0.5. Candidates 0.41, judged 0.04.
    found, judged = alike(10, 5)
    assert found == pytest.approx(0.41, abs=0.12)
    assert judged < 0.12
    assert alike(0, 15) == (0, 0)


@settings(max_examples=30, deadline=None)
@given(st.lists(st.lists(st.integers(0, 30), max_size=40), max_size=8))
def test_sightings_are_those_of_a_dictionary(all_keys):
    sightings, known, place = Sightings(), {}, 0
    for keys in all_keys:
        places = np.arange(place, place + len(keys))
        place += len(keys)
        expected = []
        for key, at in zip(keys, places.tolist(), strict=True):
            expected.append(known[key][0] if key in known else -1)
            known.setdefault(key, [at, 0])[1] += 1
        assert sightings.add(np.array(keys, np.uint64), places).tolist() == expected
    assert sorted(sightings.counts()) == sorted(count for _, count in known.values())
    asked = np.arange(32, dtype=np.uint64)
    assert sightings.counts_of(asked).tolist() == [known.get(key, (0, 0))[1] for key in range(32)]


def test_sightings_stay_small_and_estimate_what_they_no_longer_hold():
    draw = np.random.default_rng(4)
    keys = draw.integers(0, 2**63, 60_000, dtype=np.uint64)
    stream = np.concatenate((keys, keys[:20_000]))
    sightings = Sightings(capacity=5000)
    again = 0
    for part in np.array_split(stream, 20):
        again += int((sightings.add(part, np.arange(len(part))) >= 0).sum())
    assert len(sightings) <= 5000
    assert sightings.scale >= 16
    assert sightings.scale * (sightings.counts() - 1).sum() == pytest.approx(20_000, rel=0.15)
    assert again == (sightings.counts() - 1).sum()  # the repeats came last, when the sample was settled


def test_frequent_keys_survive_any_number_of_rare_ones():
    draw = np.random.default_rng(4)
    frequent = Frequent(capacity=2000)
    often = np.array([7, 8, 9], np.uint64)
    for _ in range(50):
        rare = draw.integers(100, 2**63, 997, dtype=np.uint64)
        keys = draw.permutation(np.concatenate((rare, often)))
        frequent.add(keys, np.zeros(len(keys), np.int64))
    assert len(frequent) <= 2000
    assert frequent.counts_of(often).tolist() == [50, 50, 50]
