"""What is seen in a corpus before its settings are chosen."""

from __future__ import annotations

import pytest

from seq2seq.corpus.pair import Pair
from seq2seq.pipeline.automatic import FIRST_SAMPLED, choose_for_files, measure


def test_pairs_words_and_scripts_are_those_of_pairs_with_both_sides():
    pairs = [Pair(1, "one", "раз два"), Pair(2, "", "no " * 50), Pair(3, "two", " "), Pair(4, "three", "три")]
    assert measure(iter(pairs)) == (2, 1.5, "Latin", "Cyrillic")
    assert measure(iter([])) == (0, 0.0, "", "")


def test_a_sample_goes_through_the_whole_corpus():
    early, late = Pair(1, "a", "b"), Pair(1, "一" * 1000, "ゆき" * 500)
    measured = measure(iter([early] * FIRST_SAMPLED + [late] * 1000))
    assert (measured.source_script, measured.target_script) == ("Han", "Japanese")


@pytest.mark.parametrize(("reverse", "tokenizer"), [(False, "zh"), (True, "13a")])
def test_files_whose_names_say_nothing_are_chosen_for_by_their_script(tmp_path, reverse, tokenizer):
    (tmp_path / "left").write_text("a dog runs\n" * 30, encoding="utf-8")
    (tmp_path / "right").write_text("一只狗在奔跑\n" * 30, encoding="utf-8")
    found = choose_for_files(tmp_path / "left", tmp_path / "right", name="x", reverse=reverse)
    assert (found.recipe.text.joint, found.recipe.model.tie) == (False, "target")
    assert found.recipe.evaluation.tokenize == tokenizer
    assert reverse or "Han script" in found.reasons["evaluation.tokenize"]
