"""Sampling of segmentations: exact where nothing is left to chance, and as likely as the papers say where it is."""

from __future__ import annotations

import itertools
import math
import random
from collections import Counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from seq2seq.text import segmentation
from seq2seq.text.segmentation import ALPHA, NUM_DRAWS, Draws, SubwordSampler, drawn_from_lattice, merged
from seq2seq.text.special import NUM_SPECIAL
from seq2seq.text.subwords import MODELS, Subwords
from seq2seq.text.true_case import Case, TrueCase

SENTENCES = [
    *("the miller walks to the windmill", "the wind turns the wheels of the mill", "wheels turn and mills grind"),
    *("Mühlräder drehen sich im Wind", "水車小屋の水車は水で回る", "水車小屋の猫は水車を見る"),
] * 3
TRAINED = {model: Subwords.train(SENTENCES, vocabulary_size=380, model=model) for model in MODELS}
ANY_TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=30)
TEXTS = ANY_TEXT | st.lists(
    st.sampled_from(["the", "wind", "mill", "wheels", "水", "車", "水車小屋", "é", "▁", "\ufdd0"]), max_size=9
).map(" ".join)
SIGMAS = 5.0  # of a binomial count: once in two million


def sampler(model, probability, *, seed=1, tokenizer=None):
    subwords = TRAINED[model]
    return SubwordSampler(tokenizer or subwords, Draws(subwords, model=model, probability=probability, seed=seed))


def close(count, draws, probability):
    """Whether `count` of `draws` is what a chance of `probability` gives."""
    return abs(count - draws * probability) <= SIGMAS * math.sqrt(draws * probability * (1 - probability)) + 1e-9


# The functions that draw, against what can be worked out by hand.


@pytest.mark.parametrize("p", [0.1, 0.5, 0.9])
@pytest.mark.parametrize(
    ("scores", "chances"),
    [
        ({"ab": 0.0}, lambda p: {("ab", "c"): 1 - p, ("a", "b", "c"): p}),
        (  # after the first merge the second one has its own chance
            {"ab": 0.0, "abc": -1.0},
            lambda p: {("abc",): (1 - p) ** 2, ("ab", "c"): (1 - p) * p, ("a", "b", "c"): p},
        ),
        (  # the better one is left out, and the worse one not
            {"ab": 0.0, "bc": -1.0},
            lambda p: {("ab", "c"): 1 - p, ("a", "bc"): p * (1 - p), ("a", "b", "c"): p * p},
        ),
        (  # one left out comes up again as long as there is another step
            {"ab": -1.0, "bc": 0.0, "abc": -2.0},
            lambda p: {
                ("abc",): (1 - p) ** 2 + p * (1 - p) ** 2,
                ("a", "bc"): (1 - p) * p,
                ("ab", "c"): p * (1 - p) * p,
                ("a", "b", "c"): p * p,
            },
        ),
    ],
)
def test_merges_are_left_out_with_their_probability(p, scores, chances):
    generator, draws = random.Random(1), 4000
    found = Counter(tuple(merged("abc", scores, probability=p, generator=generator)) for _ in range(draws))
    wanted = chances(p)
    assert math.isclose(sum(wanted.values()), 1.0)
    assert set(found) <= set(wanted)
    assert all(close(found[pieces], draws, chance) for pieces, chance in wanted.items())


def test_all_merges_or_none():
    scores = {"aa": -1.0, "ab": 0.0, "aab": -2.0}
    assert merged("aaab", scores, probability=0.0, generator=random.Random(1)) == ["aa", "ab"]
    assert merged("aaa", scores, probability=0.0, generator=random.Random(1)) == ["aa", "a"]  # of equals, the left one
    assert merged("aaab", scores, probability=1.0, generator=random.Random(1)) == list("aaab")
    assert merged("x", {}, probability=0.5, generator=random.Random(1)) == ["x"]


def ways(word, scores):
    """All segmentations with their scores, one by one."""
    for cuts in itertools.product([False, True], repeat=len(word) - 1):
        ends = [i + 1 for i, cut in enumerate(cuts) if cut] + [len(word)]
        pieces = tuple(word[b:e] for b, e in zip([0, *ends[:-1]], ends, strict=True))
        if all(piece in scores or len(piece) == 1 for piece in pieces):
            yield pieces, sum(scores.get(piece, 0.0) for piece in pieces)


@pytest.mark.parametrize("alpha", [0.0, 0.2, 1.0])
def test_segmentations_are_as_likely_as_the_unigram_model_says(alpha):
    scores = {"a": -1.0, "b": -2.5, "c": -2.0, "ab": -2.0, "bc": -3.0, "abc": -6.0, "ca": -1.5}
    word, generator, draws = "abcaxb", random.Random(1), 4000
    weights = {pieces: math.exp(alpha * score) for pieces, score in ways(word, scores)}
    assert len(weights) == 6
    found = Counter(
        tuple(drawn_from_lattice(word, scores, alpha=alpha, longest=3, generator=generator)) for _ in range(draws)
    )
    assert set(found) <= set(weights)
    assert all(close(found[p], draws, weight / sum(weights.values())) for p, weight in weights.items())


def test_a_very_long_word_has_a_segmentation():
    """The probability of any one is far below the smallest number there is."""
    pieces = drawn_from_lattice(
        "ab" * 4000, {"a": -9.0, "b": -9.0, "ab": -9.0}, alpha=1.0, longest=2, generator=random.Random(1)
    )
    assert "".join(pieces) == "ab" * 4000
    assert pieces.count("ab") > 0.9 * 4000


# The samplers on real vocabularies.


@pytest.mark.parametrize("model", MODELS)
@settings(max_examples=100, deadline=None)
@given(text=TEXTS)
def test_with_probability_0_it_is_the_tokenizer(model, text):
    assert sampler(model, 0.0)(text, key=(0, 0, 0)) == TRAINED[model].encode(text)
    assert sampler(model, 0.0)(text * 9, key=(0, 0, 0)) == TRAINED[model].encode(text * 9)


@pytest.mark.parametrize("model", MODELS)
@settings(max_examples=100, deadline=None)
@given(text=TEXTS, probability=st.floats(0.0, 1.0), key=st.tuples(st.integers(0, 99), st.integers(0, 99)))
def test_the_text_is_always_the_same(model, text, probability, key):
    ids = sampler(model, probability)(text, key=key)
    assert TRAINED[model].decode(ids) == text
    assert all(i >= NUM_SPECIAL for i in ids)


@pytest.mark.parametrize("model", MODELS)
def test_a_sampler_has_no_state(model):
    first, second = sampler(model, 0.3), sampler(model, 0.3)
    keys = list(itertools.product(range(3), range(4), range(2)))
    forward = {key: first(SENTENCES[0], key=key) for key in keys}
    assert {key: second(SENTENCES[0], key=key) for key in reversed(keys)} == forward
    assert len({tuple(ids) for ids in forward.values()}) > 5  # the epoch, the row and the side all make a difference
    for axis in range(3):
        assert any(forward[key] != forward[(*key[:axis], 0, *key[axis + 1 :])] for key in keys)
    other_seed = sampler(model, 0.3, seed=2)
    assert {key: other_seed(SENTENCES[0], key=key) for key in keys} != forward


@pytest.mark.parametrize("model", MODELS)
def test_emptying_the_table_changes_nothing(model, monkeypatch):
    def drawn():
        cut = sampler(model, 0.3)
        return [cut(text, key=(epoch, row)) for epoch in range(3) for row, text in enumerate(SENTENCES)]

    whole = drawn()
    monkeypatch.setattr(segmentation, "_CACHED_WORDS", 3)
    assert drawn() == whole
    monkeypatch.setattr(segmentation, "_CACHED_SEGMENTATIONS", 2)
    cut = sampler(model, 0.3)
    assert [cut(text, key=(epoch, row)) for epoch in range(3) for row, text in enumerate(SENTENCES)] == whole
    assert len(cut._draws._table) <= 3 and len(cut._draws._same) <= 2


@pytest.mark.parametrize("probability", [0.1, 0.5])
def test_each_place_of_a_word_draws_for_itself(probability):
    """Words that are one merge from two characters, each at many places: the share left out is the probability.

    The table has 64 draws of a word, so many words say more of the probability than many places.
    """
    letters = "abcdefghijklmnopqrstuvwxyz"
    words = list(letters) * 2
    subwords = Subwords.train([" ".join(words)] * 5, vocabulary_size=400)
    assert all(len(subwords.encode(word)) == 1 for word in letters)  # U+2581 and the letter
    cut = SubwordSampler(subwords, Draws(subwords, model="bpe", probability=probability, seed=1))
    left_out = [sum(len(cut(letter, key=(epoch, 0))) == 2 for epoch in range(200)) for letter in letters]
    draws = len(letters) * NUM_DRAWS
    in_table = sum(
        len(ids) == 2 for row in cut._draws._table.values() for ids in (row[i] or (0,) for i in range(NUM_DRAWS))
    )
    drawn = sum(ids is not None for row in cut._draws._table.values() for ids in row)
    assert draws * 0.9 < drawn <= draws
    assert close(in_table, drawn, probability)
    # Each of the 64 is chosen about as often: the places' share is the table's, within what the choosing adds.
    assert abs(sum(left_out) / (200 * len(letters)) - in_table / drawn) < 0.05
    same_line = cut(" ".join(["a"] * 300), key=(0, 0))
    assert 0 < same_line.count(subwords.encode("a")[0]) < 300  # and the places of one line differ


def test_unigram_cuts_a_word_anew_with_the_probability():
    """Seen in a word whose plain segmentation is unlikely to be drawn: what is drawn is almost always another."""
    subwords = TRAINED["unigram"]
    words = sorted({word for sentence in SENTENCES for word in sentence.split()})
    plain_chance = {word: chance_of_plain(subwords, word) for word in words}
    for probability in (0.2, 1.0):
        draws = Draws(subwords, model="unigram", probability=probability, seed=1)
        other, wanted, variance = 0, 0.0, 0.0
        for word in words:
            plain = subwords.encode(word)
            chance = probability * (1 - plain_chance[word])
            other += sum(draws(["\u2581" + word], [choice]) != plain for choice in range(NUM_DRAWS))
            wanted += NUM_DRAWS * chance
            variance += NUM_DRAWS * chance * (1 - chance)
        assert wanted > 20
        assert abs(other - wanted) <= SIGMAS * math.sqrt(variance)


def chance_of_plain(subwords, word):
    scores = {piece: score for piece, (_, score) in subwords.lexicon().items()}
    weights = {pieces: math.exp(ALPHA * score) for pieces, score in ways("\u2581" + word, scores)}
    return weights[tuple(subwords.pieces(subwords.encode(word)))] / sum(weights.values())


def test_a_long_run_is_taken_in_parts_that_no_merge_joins():
    subwords = TRAINED["bpe"]
    draws = Draws(subwords, model="bpe", probability=0.1, seed=1)
    text = "水車小屋の水車は水で回る水車小屋の猫は水車を見る水車小屋"
    parts = draws.words(text)
    assert "".join(parts) == "\u2581" + text and len(parts) == 3
    pieces = set(subwords.lexicon())
    for left, right in itertools.pairwise(parts):
        assert not any(left[-1] + right[0] in piece for piece in pieces)
    assert draws.words("水車小屋 wind") == ["\u2581水車小屋", "\u2581wind"]
    assert Draws(subwords, model="unigram", probability=0.1, seed=1).words(text) == ["\u2581" + text]


@pytest.mark.parametrize("model", MODELS)
def test_what_is_too_long_stays_as_it_is(model):
    text = "windmill" * 200
    assert sampler(model, 0.9)(text, key=(0,)) == TRAINED[model].encode(text)


@pytest.mark.parametrize("model", MODELS)
def test_in_true_case_the_mark_stays_and_the_rest_is_cut(model):
    tokenizer = TrueCase(TRAINED[model], Case(["the"]))
    plain, drawn = sampler(model, 0.5), sampler(model, 0.5, tokenizer=tokenizer)
    assert drawn("The mill", key=(0, 7)) == plain("the mill", key=(0, 7))
    mark = tokenizer.vocabulary_size - 1
    assert drawn("the mill", key=(0, 7)) == [mark, *plain("the mill", key=(0, 7))]
    assert tokenizer.decode(drawn("the wind", key=(1, 2))) == "the wind"
