"""Originals come back where attention says, one to one, and in order where it says nothing."""

from __future__ import annotations

from itertools import permutations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from seq2seq.text.glossary import Glossary
from seq2seq.text.letters import Characters
from seq2seq.text.pairs import TokenizerPair
from seq2seq.text.placeholders import assign, originals
from seq2seq.text.restoring import read_sentence, restored
from seq2seq.text.true_case import Case, TrueCase
from seq2seq.text.words import Words

WORDS = Words([(word, 1) for word in ["we", "have", "dogs", "cats", "and", ",", "\uffed,", "\uffed.", "in"]])
PAIR = TokenizerPair(WORDS, WORDS)


def attending(*columns, width, sharp=0.9):
    """Each row looks at its column; what is left is spread over all others and EOS."""
    rows = np.full((len(columns) + 1, width + 1), (1 - sharp) / width)
    for row, column in zip(rows, columns, strict=False):
        row[column] = sharp
    return rows.astype(np.float32)


def fill(target, source, surfaces, attention, **settings):
    kinds = {"U": "unk", "N": "num", "L": "url", ".": None}
    return originals([kinds[k] for k in target], [kinds[k] for k in source], surfaces.split(), attention, **settings)


@settings(max_examples=60, deadline=None)
@given(st.data(), st.integers(0, 4), st.integers(0, 5))
def test_assignment_is_the_best_of_all(data, num_rows, num_columns):
    weights = data.draw(arrays(np.float64, (num_rows, num_columns), elements=st.integers(0, 9).map(lambda i: i / 10)))
    pairs = assign(weights)
    fewer = min(weights.shape)
    assert len(pairs) == len({r for r, _ in pairs}) == len({c for _, c in pairs}) == fewer
    tall = weights.T if num_rows > num_columns else weights
    best = max((sum(tall[i, c] for i, c in enumerate(p)) for p in permutations(range(tall.shape[1]), fewer)), default=0)
    assert sum(weights[pair] for pair in pairs) == pytest.approx(best)


@pytest.mark.parametrize("shape", [(1, 1), (3, 3), (2, 5), (5, 2), (40, 40)])
def test_equal_weights_keep_the_order(shape):
    for level in (0.0, 1 / 7):
        assert assign(np.full(shape, level)) == [(i, i) for i in range(min(shape))]


def test_numbers_and_addresses_go_where_attention_says_each_to_its_kind():
    attention = attending(3, 0, 1, width=4)
    assert fill("NLN", "NL.N", "7 www.a.b and 12", attention) == {0: "12", 1: "www.a.b", 2: "7"}
    # Two look at the same: the sum decides who has it.
    rows = np.array([[0.6, 0.4, 0.0], [0.55, 0.1, 0.35]])
    assert fill("NN", "NN", "7 12", rows) == {0: "12", 1: "7"}


def test_order_decides_where_attention_says_nothing():
    for attention in (None, np.full((4, 4), 0.25)):
        assert fill("N.N", "N.N", "7 and 12", attention) == {0: "7", 2: "12"}
        assert fill("N", "N.N", "7 and 12", attention) == {0: "7"}
        assert fill("U.U", "U.U", "Zaz and Zoz", attention) == {0: "Zaz", 2: "Zoz"}


def test_an_unknown_word_takes_an_unknown_word_before_a_known_one():
    assert fill("U", "U..", "Zaz has dogs", attending(2, width=3)) == {0: "Zaz"}
    # With two of them attention decides which, and with none left a known word that is looked at is taken.
    assert fill("UU", "U.U", "Zaz has Zoz", attending(2, 0, width=3)) == {0: "Zoz", 1: "Zaz"}
    assert fill("UU", "U..", "Zaz has dogs", attending(2, 0, width=3)) == {0: "dogs", 1: "Zaz"}
    assert fill("UU", "U..", "Zaz has dogs", attending(0, 0, width=3)) == {0: "Zaz", 1: "Zaz"}


def test_an_unknown_word_takes_no_number_and_no_mere_sign():
    assert fill("U", "N.", "7 dogs", attending(0, width=2, sharp=0.6)) == {0: ""}  # the dogs have less than their share
    assert fill("U", "N.", "7 dogs", attending(1, width=2)) == {0: "dogs"}
    assert fill("U", ".", "!", attending(0, width=1)) == {0: ""}
    assert fill("U", "U", "\u2603", attending(0, width=1)) == {0: "\u2603"}  # an unknown sign is as good as a word


def test_what_has_nothing_to_copy_is_empty_and_what_is_left_over_repeats():
    assert fill("NLU", ".", "x", None) == {0: "", 1: "", 2: ""}
    assert fill("N", "U", "Zaz", attending(0, width=1)) == {0: ""}
    assert fill("NN", "N", "7", attending(0, 0, width=1)) == {0: "7", 1: "7"}
    assert sorted(fill("NN", "N", "7", None).values()) == ["", "7"]


def test_what_is_used_is_not_copied():
    assert fill("U", "UU", "Zaz Zoz", attending(0, width=2), used={0}) == {0: "Zoz"}
    assert fill("N", "N", "7", attending(0, width=1), used={0}) == {0: ""}


def test_ordinary_tokens_are_left_alone():
    assert fill("..", "N", "7", None) == {}


def outcome(text, target, attention=None, *, pair=PAIR, glossary=None, beginning=""):
    """The text that an output of the tokens of `target` becomes, where it was told to begin with `beginning`."""
    terms = Glossary(glossary) if glossary else None
    begins = pair.target.surfaces(beginning)
    sentence = read_sentence(text, pair.source.encode(text), pair, terms, longest=99, beginning=begins)
    return restored(sentence, pair, pair.target.encode(target), attention)


def test_the_whole_way_from_text_to_text():
    text = "we have 7 dogs, 12,5 cats and www.a.b in Zaz."
    assert WORDS.pieces(WORDS.encode(text)).count("[NUM]") == 2
    order = [0, 1, 5, 6, 4, 2, 3, 7, 8, 9, 10, 11]
    # The sentence in another order: the two numbers swapped, with marks where they are.
    target = "we have 0 cats, 0 dogs and www.x.y in Xxx."
    assert outcome(text, target, attending(*order, width=12)) == "we have 12,5 cats, 7 dogs and www.a.b in Zaz."
    assert outcome(text, target) == "we have 7 cats, 12,5 dogs and www.a.b in Zaz."


def test_what_goes_takes_its_space_along():
    assert outcome("we have dogs", "we have 0 dogs") == "we have dogs"
    assert outcome("we have dogs", "0 dogs") == "dogs"
    assert outcome("we have dogs", "0") == ""


def test_a_glued_placeholder_stays_glued():
    words = Words([(w, 1) for w in ["(", "\uffed)"]])
    pair = TokenizerPair(words, words)
    assert outcome("( 7 (12)", "(0) ( 0", pair=pair) == "(7) ( 12"
    assert outcome("( Zaz (Zoz)", "(Xxx) ( Yyy", pair=pair) == "(Zaz) ( Zoz"


def test_true_case_and_characters_fill_in_too():
    true_case = TrueCase(WORDS, Case({"we", "have", "dogs"}))
    pair = TokenizerPair(true_case, true_case)
    assert outcome("We have zaz", "Xxx have 0", pair=pair) == "Zaz have"
    assert outcome("We have zaz", "Have we xxx", pair=pair) == "Have we zaz"
    letters = Characters([(c, 1) for c in "abc "])
    # A character is copied, not the word around it.
    assert outcome("ab \u2603c", "ca\u2604", pair=TokenizerPair(letters, letters)) == "ca\u2603"


def test_a_term_goes_before_attention_and_its_source_is_copied_nowhere():
    text = "we have Zaz and Zoz"
    swapped = attending(0, 1, 4, 3, 2, width=5)
    assert outcome(text, "we have Xxx and Yyy", swapped) == "we have Zoz and Zaz"
    # The model wrote an unknown word where it looked at Zoz, and Zoz has a translation.
    assert outcome(text, "we have Xxx and Yyy", swapped, glossary={"Zoz": "Tot"}) == "we have Tot and Zaz"
    both = {"Zoz": "Tot", "Zaz": "Tat"}
    assert outcome(text, "we have Xxx and Yyy", swapped, glossary=both) == "we have Tot and Tat"
    assert outcome(text, "we have Xxx and Yyy", glossary=both) == "we have Tat and Tot"
    # A number in a term is the term's.
    assert outcome("we have 7 dogs", "we have 0 cats", glossary={"7 dogs": "8 cats"}) == "we have 8 cats"


def test_what_the_output_was_told_to_begin_with_is_what_it_begins_with():
    assert outcome("we have 7 Zaz", "Xxx 0 dogs", beginning="Frob 42") == "Frob 42 dogs"
    # What the source has is still there for what follows.
    assert outcome("we have 7 Zaz", "Xxx 0 dogs, 0 Yyy", beginning="Frob 42") == "Frob 42 dogs, 7 Zaz"
    assert outcome("we have dogs", "0 dogs", beginning="42") == "42 dogs"
    assert outcome("we have Zaz", "Xxx have", glossary={"Zaz": "Tat"}, beginning="Frob") == "Frob have"
    letters = Characters([(c, 1) for c in "abc "])
    assert outcome("ab", "\u2604c", pair=TokenizerPair(letters, letters), beginning="\u2605") == "\u2605c"


def test_a_term_in_small_letters_that_begins_the_text_has_a_capital_where_the_source_has_one():
    glossary = {"cats": "dogs"}
    assert outcome("Cats have dogs", "dogs have cats", glossary=glossary) == "Dogs have cats"
    assert outcome("cats have dogs", "dogs have cats", glossary=glossary) == "dogs have cats"
    assert outcome("Cats have dogs", "we have dogs", glossary=glossary) == "we have dogs"
    assert outcome("We have iPads", "iPads have we", glossary={"iPads": "iPads"}) == "iPads have we"
