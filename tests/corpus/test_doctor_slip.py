"""Alignment that slips, on corpora damaged on purpose: found, placed and told right; and silence where all is well."""

from __future__ import annotations

import itertools
import math
import random

import numpy as np
import pytest
from damaged_corpora import diagnose, kinds, numbered, of_kind, phrases, short_sentences, sides, slipped
from hypothesis import given, settings
from hypothesis import strategies as st

from seq2seq.corpus.doctor.batch import Batch, batches
from seq2seq.corpus.doctor.examination import Brief, Severity
from seq2seq.corpus.doctor.examine import examine
from seq2seq.corpus.doctor.lexicon import choose_words, fit, learn
from seq2seq.corpus.doctor.offset_path import CHANGE_COST, best_course
from seq2seq.corpus.doctor.ragged import Ragged
from seq2seq.corpus.doctor.slip import Slip

KIND = "alignment slip"


def look(source, target, **more):
    return diagnose(source, target, only=(Slip,), **more)


def changes(diagnosis):
    return [(change["line"], change["shift"]) for change in diagnosis.figures[KIND]["changes"]]


def test_a_clean_corpus_gets_no_alarm():
    found = look(*sides(9000))
    assert found.findings == ()
    assert found.figures[KIND]["judged"] == 9000


@pytest.mark.parametrize("shift", [1, -1])
def test_a_slip_from_line_10000_on_is_placed_and_told(shift):
    found = of_kind(look(*slipped(*sides(11_000), 10_000, shift)), KIND)
    line = found.examples[0].line
    assert abs(line - 10_000) <= 5  # the issue allows 50
    assert found.severity is Severity.SERIOUS
    assert found.count == pytest.approx(1000, abs=10)
    assert f"From line {line:,} on each source line belongs to the target one line" in found.message
    assert ("below its own" in found.message) == (shift > 0)
    assert f"the {'target' if shift > 0 else 'source'} has a line too many there" in found.advice
    assert f"fits the target of line {line + shift:,}" in found.examples[0].note


@settings(max_examples=3, deadline=None)
@given(
    start=st.integers(40, 1900),
    shift=st.sampled_from([-10, -3, -2, -1, 1, 2, 3, 10]),
    first=st.integers(0, 60_000),
)
def test_a_small_corpus_and_any_shift_near_any_line(start, shift, first):
    (found,) = changes(look(*slipped(*sides(2000, first), start, shift)))
    # Of lines that were taken out nobody can tell whether the first or the last of them is the last one in step.
    assert abs(found[0] - start) <= 10 + max(0, -shift)
    assert found[1] == shift


def test_a_slip_that_is_repaired_later_ends_there():
    source, target = sides(6000)
    target = [*target[:2000], "Un titre.", *target[2000:3500], *target[3501:]]
    found = look(source, target)
    (first, there), (second, back) = changes(found)
    assert (there, back) == (1, 0)
    assert abs(first - 2001) <= 5
    assert abs(second - 3501) <= 5
    message = of_kind(found, KIND).message
    assert f"From line {first:,} on, up to line {second - 1:,}, each" in message
    assert "changes 2 times" in message
    assert of_kind(found, KIND).count == second - first


def test_several_slips_add_up():
    source, target = sides(6000)
    target = [*target[:1500], "Un.", *target[1500:3000], "Deux.", *target[3000:4500], "Trois.", *target[4500:-3]]
    assert [shift for _, shift in changes(look(source, target))] == [1, 2, 3]


def test_a_file_that_is_shifted_as_a_whole():
    source, target = sides(3000)
    ((line, shift),) = changes(look(source[:-2], target[2:]))
    assert (line <= 10, shift) == (True, -2)


def test_short_sentences_that_share_no_word():
    source, target = (list(side) for side in zip(*short_sentences(3000), strict=True))
    assert look(source, target).findings == ()
    ((line, shift),) = changes(look(*slipped(source, target, 1700, 2)))
    assert (abs(line - 1700) <= 20, shift) == (True, 2)


@pytest.mark.parametrize(("first", "spaces"), [("α", True), ("一", False), ("ก", False)])
def test_scripts_that_share_no_letter_with_spaces_and_without(first, spaces):
    source, target = sides(3000)
    letters = "abcdefghijklmnopqrstuvwxyzàâçéèêëîïôùûœ"
    other = {ord(letter): chr(ord(first) + number) for number, letter in enumerate(letters)}
    target = [text.lower().translate(other) for text in target]
    if not spaces:
        target = [text.replace(" ", "") for text in target]
    assert look(source, target).findings == ()
    ((line, shift),) = changes(look(*slipped(source, target, 2000, 1)))
    assert (abs(line - 2000) <= 30, shift) == (True, 1)


def test_sides_that_have_nothing_to_do_with_each_other():
    source, target = sides(3000)
    random.Random(1).shuffle(target)
    found = of_kind(look(source, target), "unrelated sides")
    assert found.severity is Severity.SERIOUS
    assert found.count == 3000


def test_a_stretch_that_fits_nothing_near():
    source, target = sides(6000)
    middle = target[2000:3000]
    random.Random(1).shuffle(middle)
    found = look(source, [*target[:2000], *middle, *target[3000:]])
    assert kinds(found) == {"unrelated lines"}
    assert of_kind(found, "unrelated lines").count == pytest.approx(1000, abs=100)
    assert abs(of_kind(found, "unrelated lines").examples[0].line - 2001) <= 50


@pytest.mark.parametrize("count", [1, 2, 10, 50])
def test_a_tiny_corpus_is_not_accused(count):
    for source, target in (sides(count), (sides(count)[0], sides(count)[1][::-1])):
        found = look(source, target)
        assert found.findings == ()
        if count < 50:
            assert found.figures[KIND]["judged"] == 0


def test_lines_without_any_word_to_judge_by_are_not_accused():
    assert look(["Yes."] * 5000, ["Oui."] * 5000).findings == ()
    assert look([""] * 5000, [""] * 5000).findings == ()


def test_each_corpus_has_its_own_shift():
    good, bad = numbered(*sides(2000)), numbered(*slipped(*sides(3000, 5000), 1000, 1))
    found = examine(batches([("one", good), ("two", bad), ("three", good)]), Brief(), examinations=(Slip,))
    ((where, line),) = ((c["origin"], c["line"]) for c in found.figures[KIND]["changes"])
    assert where == "two"
    assert abs(line - 1000) <= 5
    assert found.figures[KIND]["judged"] == 7000


def test_a_slip_between_two_blocks_of_a_sample_is_told_as_such():
    pairs = numbered(*slipped(*sides(12_000), 5000, 1))
    blocks = [Batch(pairs[row : row + 3000], first_row=row) for row in (0, 9000)]
    found = of_kind(examine(blocks, Brief(), examinations=(Slip,)), KIND)
    assert found.message.startswith("From somewhere between lines 3,000 and 9,00")


@settings(max_examples=40, deadline=None)
@given(st.integers(1, 6), st.integers(0, 2), st.integers(0, 2**32 - 1))
def test_the_best_course_is_the_best_of_all(num_lines, start, seed):
    gains = np.random.default_rng(seed).normal(0, CHANGE_COST, (num_lines, 3)).astype(np.float32)

    def worth(course):
        steps = zip((start, *course), course, strict=False)
        return sum(gains[line, column] for line, column in enumerate(course)) - CHANGE_COST * sum(
            a != b for a, b in steps
        )

    best = max(map(worth, itertools.product(range(3), repeat=num_lines)))
    assert math.isclose(worth(best_course(gains, start).tolist()), best, rel_tol=1e-5, abs_tol=1e-3)


def ragged(lines):
    starts = np.concatenate(([0], np.cumsum([len(line) for line in lines]))).astype(np.int64)
    return Ragged(np.array([word for line in lines for word in line], np.uint32), starts)


def test_the_lexicon_gives_the_weights_of_its_formula():
    # Word 10 is in lines 0 to 3 of 20, word 51 in lines 1 to 4: together three times.
    source = [[10] if line < 4 else [11] if line < 8 else [] for line in range(20)]
    target = [[51] if 1 <= line < 5 else [53] if 5 <= line < 9 else [] for line in range(20)]
    none = np.empty(0, np.uint32)
    words, others = choose_words(ragged(source), none), choose_words(ragged(target), none)
    every = np.arange(20)
    lexicon = learn(words, others, every, every)
    here, there = words.types.tolist().index(10), others.types.tolist().index(51)
    rank = lexicon.translations[here].tolist().index(there)
    chance = 4 / 20
    assert lexicon.hit[here, rank] == pytest.approx(math.log((3 + chance) / (4 + 1) / chance), rel=1e-5)
    chance = 3 / 19  # without the line itself
    assert lexicon.hit_but_one[here, rank] == pytest.approx(math.log((2 + chance) / (3 + 1) / chance), rel=1e-5)
    assert lexicon.miss[here] == pytest.approx(math.log(1 - 2 / 4), rel=1e-5)
    fits = fit(lexicon, words, others, every, np.array([0, 1]))
    assert fits[1, 0] == pytest.approx(lexicon.hit[here, rank])
    assert fits[0, 0] == pytest.approx(lexicon.miss[here])
    assert fits[0, 1] == pytest.approx(lexicon.hit[here, rank])
    assert fits[15, 0] == 0  # says nothing
    assert fit(lexicon, words, others, every, np.array([0]), learned=every * 0)[1, 0] == pytest.approx(
        lexicon.hit_but_one[here, rank]
    )


def test_shuffled_pairs_teach_nothing_that_they_are_asked_themselves():
    """A lexicon of chance meetings must not fit its own lines better than others: else nothing would ever be found."""
    source, target = sides(3000)
    random.Random(5).shuffle(target)
    (batch,) = batches([("", numbered(source, target))])
    none = np.empty(0, np.uint32)
    words, others = choose_words(batch.source.words, none), choose_words(batch.target.words, none)
    every = np.arange(3000)
    lexicon = learn(words, others, every, every)
    fits = fit(lexicon, words, others, every, np.array([0, 1, 2, 3]), learned=np.zeros(3000, np.int64))
    difference = fits[:, 0] - fits[:, 1:].mean(axis=1)
    assert abs(difference.mean()) < 4 * difference.std() / 3000**0.5
    assert fit(lexicon, words, others, every, np.array([0]))[:, 0].mean() > fits[:, 0].mean() + 0.5


def test_phrases_are_what_the_tests_take_them_for():
    assert len({source for source, _ in phrases(12_000)}) == 12_000
