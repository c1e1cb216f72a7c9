"""Assignments of the command line."""

from __future__ import annotations

import pytest

from seq2seq.errors import UserError
from seq2seq.recipe.decode import complete
from seq2seq.recipe.overrides import apply_overrides
from seq2seq.recipe.schema import Choice, Recipe


def test_nothing_assigned_only_completes_the_recipe():
    assert apply_overrides(Recipe(), []) == complete(Recipe())


@pytest.mark.parametrize(
    ("assignment", "read", "expected"),
    [
        ("training.minutes=40", lambda r: r.training.minutes, 40.0),
        (" training.minutes = 40 ", lambda r: r.training.minutes, 40.0),
        ("model.attention.heads=8", lambda r: r.model.attention, Choice("multi-head", {"heads": 8})),
        ("model.attention=dot", lambda r: r.model.attention, Choice("dot")),
        ('model.attention="dot"', lambda r: r.model.attention, Choice("dot")),
        ("model.attention.name=dot", lambda r: r.model.attention, Choice("dot")),
        ('data.train=["a","b"]', lambda r: r.data.train, ("a", "b")),
        ("training.schedule.warmup_updates=7", lambda r: r.training.schedule.warmup_updates, 7),
        ("model.bidirectional=false", lambda r: r.model.bidirectional, False),
        ("name=2024", lambda r: r.name, "2024"),
        ("text.case=true", lambda r: r.text.case, "true"),
        ("description=", lambda r: r.description, ""),
        ("name=a=b", lambda r: r.name, "a=b"),
        ("description=1\nname = 2", lambda r: (r.name, r.description), ("run", "1\nname = 2")),
        ("data.hub=owner/set", lambda r: r.data.hub, "owner/set"),
        (
            'data.corpora=[{reader="tsv", train=["a"], columns=[2, 3]}]',
            lambda r: r.data.corpora[0].columns,
            (2, 3),
        ),
        (
            'data.corpora=[{train=["a", "b"]}, {reader="tmx", train=["c"], weight=2}]',
            lambda r: [(corpus.reader.name, corpus.train, corpus.weight) for corpus in r.data.corpora],
            [("aligned", ("a", "b"), 1.0), ("tmx", ("c",), 2.0)],
        ),
        ("data.test_lines=none", lambda r: r.data.test_lines, None),
    ],
)
def test_values_are_toml_or_plain_text(assignment, read, expected):
    assert read(apply_overrides(Recipe(), [assignment])) == expected


def test_a_member_keeps_its_other_settings_and_later_assignments_win():
    recipe = apply_overrides(
        Recipe(),
        ["training.schedule.shape=plateau", "training.schedule.shape.patience=5", "training.schedule.shape.patience=6"],
    )
    assert recipe.training.schedule.shape == Choice("plateau", {"factor": 0.5, "patience": 6})


def test_rules_are_checked_when_all_is_assigned():
    both = ["model.wiring=fixed-vector", "model.attention=none"]
    assert apply_overrides(Recipe(), both).model.wiring.name == "fixed-vector"
    with pytest.raises(UserError, match=r"--set model\.wiring=fixed-vector: .*no place for an attention"):
        apply_overrides(Recipe(), both[:1])


@pytest.mark.parametrize(
    ("assignment", "message", "hint"),
    [
        ("minutes", "is not an assignment", "section.key=value"),
        ("=3", "is not an assignment", "section.key=value"),
        ("modl.dropout=0.1", "no setting 'modl'", "Did you mean 'model'?"),
        ("model.dropuot=0.1", "[model] has no setting 'dropuot'", "Did you mean 'dropout'?"),
        ("dropout=0.1", "no setting 'dropout'", "belongs to [model]"),
        ("model.dropout=2", "dropout must be a number (at least 0 and below 1), not 2", ""),
        ("model.attention=dott", "no attention of that name", "Did you mean 'dot'?"),
        ("model.attention.heds=2", "no setting 'heds'", "Did you mean 'heads'?"),
        ("model.attention.heads.x=2", "model.attention.heads is a single value", "model.attention.heads=value"),
        ("model.dropout.x=1", "model.dropout is a single value", "model.dropout=value"),
        ("data.filters.length=3", "data.filters is a single value", "whole list"),
        ("data.corpora.weight=2", "data.corpora is a list of sections", "one [[data.corpora]] for each"),
        ("data.corpora[1].weight=2", "data.corpora is a list of sections", "in the recipe's file"),
        ("data.corpora[1]=2", "data.corpora is a list of sections", "in the recipe's file"),
        ("data.corpora=2", "data.corpora must be a list of sections, not 2", "one [[data.corpora]] for each"),
        ("training.schedule=cosine", "training.schedule is a section", "shape"),
        ("data.filters=length", 'a list, each entry the name of a filter, or { name = ... }, not "length"', ""),
        ("model.encoder_cells=gru", 'a list, each entry the name of a cell, or { name = ... }, not "gru"', ""),
        ("evaluation.metrics=bleu", 'a list, each entry the name of a metric, not "bleu"', ""),
        ("data.temperature=1e-308", "temperature must be a number (at least 0.01), not 1e-308", ""),
        ("training.seed=18446744073709551616", "at most 9223372036854775807), not 18446744073709551616", ""),
        ("search.seed=-9223372036854775809", "(at least -9223372036854775808 and at most", ""),
        ("data.seed=" + "1" * 70, "seed must be a whole number (at least", ""),
        ("name=", 'name = "" is no name of a folder', "Choose"),
        ("name=../../esc", 'name = "../../esc" is no name of a folder', "Choose"),
    ],
)
def test_a_wrong_assignment_is_named_whole(assignment, message, hint):
    with pytest.raises(UserError) as caught:
        apply_overrides(Recipe(), [assignment])
    assert caught.value.message.startswith(f"--set {assignment}: ")
    assert message in caught.value.message
    assert hint in caught.value.hint


def test_thousands_of_brackets_are_a_text_and_no_crash():
    with pytest.raises(UserError, match="must be a number"):
        apply_overrides(Recipe(), ["model.dropout=" + "[" * 5000])
