"""Each rule between settings: a recipe that breaks it, and that its own hint mends it."""

from __future__ import annotations

import pytest

from seq2seq.errors import UserError
from seq2seq.recipe.decode import recipe_from_table
from seq2seq.recipe.rules import RULES

# what breaks the rule, a word of the message, and what the hint says to do
BROKEN = [
    (
        {"model": {"attention": "dot", "encoder_size": 256}},
        "compares vectors of one size",
        {"model": {"attention": "dot", "encoder_size": 256, "decoder_size": 256}},
    ),
    ({"model": {"encoder_size": 511}}, "is odd", {"model": {"encoder_size": 511, "bidirectional": False}}),
    ({"text": {"joint": False}}, "own ids", {"text": {"joint": False}, "model": {"tie": "target"}}),
    (
        {"model": {"wiring": "fixed-vector"}},
        "no place for an attention",
        {"model": {"wiring": "fixed-vector", "attention": "none"}},
    ),
    (
        {"model": {"attention": "none", "wiring": "input-feeding"}},
        "without a context",
        {"model": {"attention": "dot", "wiring": "input-feeding"}},
    ),
    (
        {"model": {"attention": "none", "wiring": "fixed-vector", "bridge": "zero"}},
        "nothing about the source",
        {"model": {"attention": "none", "wiring": "fixed-vector", "bridge": "last"}},
    ),
    ({"model": {"decoder_layers": 1}}, "at least 2", {"model": {"decoder_layers": 1, "wiring": "input-feeding"}}),
    (
        {"model": {"attention": {"name": "multi-head", "heads": 3}}},
        "does not divide",
        {"model": {"attention": {"name": "multi-head", "heads": 8}}},
    ),
    ({"model": {"attention": {"name": "multi-head", "heads": 0}}}, "does not divide", {}),
    ({"data": {"development_lines": [3, 2]}}, "not a range", {"data": {"development_lines": [2, 2]}}),
    ({"data": {"test_lines": [0, 2]}}, "data.test_lines = [0, 2]", {"data": {"test_lines": [1, 2]}}),
    (
        {"data": {"development": ["v", "w"], "test": ["v", "w"], "development_lines": [1, 5], "test_lines": [5, 9]}},
        "overlap",
        {"data": {"development": ["v", "w"], "test": ["v", "w"], "development_lines": [1, 5], "test_lines": [6, 9]}},
    ),
    (  # without a range it is the whole file
        {"data": {"development": ["v", "w"], "test": ["v", "w"], "development_lines": [1, 5]}},
        "overlap",
        {"data": {"development": ["v", "w"], "test": ["x", "y"], "development_lines": [1, 5]}},
    ),
    (
        {"data": {"development": ["v", "w"], "test": ["v", "w"]}},
        "overlap",
        {"data": {"development": ["v", "w"], "test": ["x", "y"]}},
    ),
    ({"data": {"development": ["v", "w"], "test": ["v", "x"], "test_lines": [1, 5]}}, "overlap", {}),
    ({"data": {"columns": [1, 1]}}, "two columns", {"data": {"columns": [1, 0]}}),
    ({"data": {"columns": [-1, 1]}}, "two columns", {}),
    ({"data": {"train": ["a"]}}, "takes two files", {"data": {"train": ["a", "b"]}}),
    ({"data": {"reader": "tsv", "test": ["a", "b"]}}, "takes one file", {"data": {"reader": "tsv", "test": ["a"]}}),
    ({"data": {"reader": "phrasebook", "train": ["a"]}}, "embedded", {"data": {"reader": "phrasebook"}}),
    ({"data": {"reader": "hub"}}, "name of a dataset", {"data": {"reader": "hub", "hub": "a/b"}}),
    ({"training": {"max_epochs": 0}}, "nothing ends", {"training": {"max_epochs": 0, "minutes": 1}}),
    (
        {"training": {"max_updates": 200}},
        "leaves nothing",
        {"training": {"max_updates": 200, "schedule": {"warmup_updates": 20}}},
    ),
    ({"text": {"tokenizer": {"name": "sentencepiece", "model": "char"}}}, "not a kind", {}),
    ({"text": {"tokenizer": {"name": "words", "minimum_count": 0}}}, "at least 1", {}),
    ({"training": {"schedule": {"shape": {"name": "plateau", "factor": 1.0}}}}, "would not lower", {}),
    ({"training": {"schedule": {"shape": {"name": "plateau", "patience": -1}}}}, "at least 0", {}),
    ({"data": {"filters": [{"name": "length", "maximum": 0}]}}, "at least 1", {}),
]


@pytest.mark.parametrize(("table", "words", "mended"), BROKEN)
def test_a_broken_rule_says_what_to_do(table, words, mended):
    with pytest.raises(UserError) as caught:
        recipe_from_table(table, where="mine.toml")
    assert caught.value.message.startswith("mine.toml: ")
    assert words in str(caught.value)
    assert caught.value.hint
    recipe_from_table(mended, where="mine.toml")


def test_every_rule_is_broken_by_some_case():
    recipes = [recipe_from_table(table, where="x", rules=False) for table, _, _ in BROKEN]
    for rule in RULES:
        assert any(rule(recipe) for recipe in recipes), rule.__name__


def test_a_unidirectional_encoder_may_be_odd_and_separate_files_may_share_line_numbers():
    recipe_from_table({"model": {"encoder_size": 3, "bidirectional": False}}, where="x")
    recipe_from_table(
        {"data": {"development": ["a", "b"], "test": ["c", "d"], "development_lines": [1, 5], "test_lines": [1, 5]}},
        where="x",
    )
