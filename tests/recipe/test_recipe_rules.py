"""Each rule between settings: a recipe that breaks it, and that its own hint mends it."""

from __future__ import annotations

import pytest

from seq2seq.errors import UserError
from seq2seq.recipe.decode import recipe_from_table
from seq2seq.recipe.rules.check import RULES

# what breaks the rule, a word of the message, and what the hint says to do
OWN_SETS = {"development": ["v", "w"], "test": ["x", "y"]}
BROKEN = [
    (
        {"model": {"attention": "dot", "encoder_size": 256}},
        "compares vectors of one size",
        {"model": {"attention": "dot", "encoder_size": 256, "decoder_size": 256}},
    ),
    (
        {"model": {"freeze_vectors": True}},
        "no vectors to freeze",
        {"model": {"freeze_vectors": True, "target_vectors": "my.vec"}},
    ),
    (
        {"training": {"hold": 600.0, "learning_rate": 0.002}},
        "is not below 1",
        {"training": {"hold": 10.0, "learning_rate": 0.002}},
    ),
    (
        {"training": {"hold": 400.0, "learning_rate": 0.002, "risk": {"minutes": 1.0, "learning_rate": 0.003}}},
        "times training.risk.learning_rate = 0.003 is the share",
        {"training": {"hold": 400.0, "learning_rate": 0.002, "risk": {"minutes": 0.0, "learning_rate": 0.003}}},
    ),
    ({"model": {"encoder_size": 511}}, "is odd", {"model": {"encoder_size": 511, "bidirectional": False}}),
    (
        {"model": {"reverse_source": True}},
        "model.reverse_source = true changes nothing where model.bidirectional = true",
        {"model": {"reverse_source": True, "bidirectional": False}},
    ),
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
    (
        {"model": {"attention": "none", "wiring": "fixed-vector"}, "search": {"coverage_penalty": 0.2}},
        "search.coverage_penalty = 0.2 counts what attention looks at",
        {"search": {"coverage_penalty": 0.2}},
    ),
    (
        {"model": {"attention": "none", "wiring": "fixed-vector", "lexical": True}},
        "vote for their translations",
        {"model": {"lexical": True}},
    ),
    ({"search": {"mbr": 1}}, "one candidate", {"search": {"mbr": 20}}),
    (
        {"data": {"reader": "hub", "hub": "a/b", "development": ["dev.en", "dev.de"]}},
        "takes no files: it has its own",
        {"data": {"reader": "hub", "hub": "a/b"}},
    ),
    (
        {"data": {"test_lines": [1, 10]}},
        "data.test names no file",
        {"data": {"test_lines": [1, 10], "test": ["a.en", "a.de"]}},
    ),
    (
        {
            "data": {
                "corpora": [{"train": ["a.en", "a.de"]}, {"train": ["b.en", "b.de"], "tag": "<bt>"}],
                "test_size": 9,
            }
        },
        "judged by sources that nobody wrote",
        {"data": {"corpora": [{"train": ["a", "b"]}, {"train": ["c", "d"]}], "test_size": 9}},
    ),
    ({"search": {"mbr": 9, "name": "greedy"}}, "gives one", {"search": {"mbr": 9, "name": "sampling"}}),
    ({"model": {"decoder_layers": 1}}, "at least 2", {"model": {"decoder_layers": 1, "wiring": "input-feeding"}}),
    (
        {"model": {"attention": {"name": "multi-head", "heads": 3}}},
        "does not divide",
        {"model": {"attention": {"name": "multi-head", "heads": 8}}},
    ),
    ({"model": {"attention": {"name": "multi-head", "heads": 0}}}, "does not divide", {}),
    (
        {"model": {"second_attention": 2, "wiring": "input-feeding"}},
        'model.wiring is "input-feeding"',
        {"model": {"second_attention": 2, "wiring": "parallel"}},
    ),
    (
        {"model": {"second_attention": 2, "wiring": "fixed-vector", "attention": "none"}},
        'model.wiring is "fixed-vector"',
        {"model": {"wiring": "fixed-vector", "attention": "none"}},
    ),
    ({"model": {"second_attention": 1}}, "after which the first", {"model": {"second_attention": 2}}),
    (
        {"model": {"second_attention": 3}},
        "above the last layer: model.decoder_layers = 2",
        {"model": {"second_attention": 3, "decoder_layers": 3}},
    ),
    (
        {"model": {"encoder_cells": ["gru", "lstm"]}},
        "model.encoder_cells names 2 cell(s), and model.encoder_layers = 1",
        {"model": {"encoder_cells": ["gru", "lstm"], "encoder_layers": 2}},
    ),
    (
        {"model": {"decoder_cells": ["gru"]}},
        "model.decoder_cells names 1 cell(s), and model.decoder_layers = 2",
        {"model": {"decoder_cells": ["gru", {"name": "elman", "activation": "relu"}]}},
    ),
    (
        {"model": {"residual": True, "decoder_layers": 1, "wiring": "input-feeding"}},
        "one layer each",
        {"model": {"residual": True, "encoder_layers": 2, "decoder_layers": 1, "wiring": "input-feeding"}},
    ),
    (
        {"model": {"attention": {"name": "local", "window": 0}}},
        "model.attention.window = 0",
        {"model": {"attention": {"name": "local", "window": 1}}},
    ),
    (
        {"model": {"initialisation": {"name": "uniform", "bound": 0.0}}},
        "model.initialisation.bound = 0.0",
        {"model": {"initialisation": {"name": "uniform", "bound": 0.1}}},
    ),
    ({"model": {"cell": {"name": "elman", "activation": "sine"}}}, "activation 'sine' of the cell 'elman'", {}),
    ({"model": {"encoder_cells": [{"name": "jordan", "activation": ""}]}}, "activation '' of the cell 'jordan'", {}),
    ({"model": {"decoder_cells": ["lstm", {"name": "elman", "activation": "Tanh"}]}}, "activation 'Tanh'", {}),
    (
        {"training": {"r_drop": 2.0}, "model": {"dropout": 0.0, "recurrent_weight_dropout": 0.2}},
        "compares two dropouts of the same text, and nothing is dropped",
        {"training": {"r_drop": 2.0}, "model": {"dropout": 0.0, "target_word_dropout": 0.1}},
    ),
    ({"training": {"average_looks": 1}}, "averages the weights of one look", {"training": {"average_looks": 2}}),
    (
        {"training": {"r_drop": 2.0, "truncate": 20}},
        "training.truncate = 20 reads them in parts",
        {"training": {"r_drop": 2.0, "accumulate": 2, "subword_sampling": 0.1}},
    ),
    (
        {"training": {"r_drop": 2.0, "scheduled_sampling": 0.2}, "model": {"wiring": "input-feeding"}},
        "training.scheduled_sampling = 0.2 makes them read different ones",
        {"training": {"r_drop": 2.0}, "model": {"wiring": "input-feeding"}},
    ),
    (
        {"training": {"guided_attention": 1.0, "truncate": 20}},
        "training.truncate = 20 reads targets in parts",
        {"training": {"guided_attention": 1.0, "r_drop": 1.0}},
    ),
    (
        {"training": {"guided_attention": 1.0}, "model": {"wiring": "fixed-vector", "attention": "none"}},
        'shows attention where to look, and model.attention = "none"',
        {"training": {"guided_attention": 1.0}, "model": {"wiring": "input-feeding"}},
    ),
    (
        {"training": {"scheduled_sampling": 0.2}},
        'model.wiring = "parallel" reads the whole target at once',
        {"training": {"scheduled_sampling": 0.2}, "model": {"wiring": "input-feeding"}},
    ),
    (
        {"training": {"scheduled_sampling": 0.2}, "model": {"wiring": "fixed-vector", "attention": "none"}},
        'model.wiring = "fixed-vector" reads the whole target at once',
        {"model": {"wiring": "fixed-vector", "attention": "none"}},
    ),
    ({"data": {"development_lines": [3, 2]}}, "not a range", {"data": {**OWN_SETS, "development_lines": [2, 2]}}),
    ({"data": {"test_lines": [0, 2]}}, "data.test_lines = [0, 2]", {"data": {**OWN_SETS, "test_lines": [1, 2]}}),
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
        {"data": {"development": ["./d/v", "w"], "test": ["d/../d//v", "x"]}},
        "overlap",
        {"data": {"development": ["./d/v", "w"], "test": ["v", "x"]}},
    ),
    (
        {"data": {"development": ["v", "w"], "test": ["v", "w"]}},
        "overlap",
        {"data": {"development": ["v", "w"], "test": ["x", "y"]}},
    ),
    ({"data": {"development": ["v", "w"], "test": ["v", "x"], "test_lines": [1, 5]}}, "overlap", {}),
    ({"data": {"columns": [1, 1]}}, "two columns", {"data": {"reader": "tsv", "columns": [1, 0]}}),
    ({"data": {"columns": [-1, 1]}}, "two columns", {}),
    ({"data": {"train": ["a"]}}, "takes two files", {"data": {"train": ["a", "b"]}}),
    ({"data": {"reader": "tsv", "test": ["a", "b"]}}, "takes one file", {"data": {"reader": "tsv", "test": ["a"]}}),
    ({"data": {"reader": "phrasebook", "train": ["a"]}}, "it has its own", {"data": {"reader": "phrasebook"}}),
    ({"data": {"reader": "tmx", "test": ["a", "b"]}}, "takes one file", {"data": {"reader": "tmx", "test": ["a"]}}),
    (
        {"data": {"corpora": [{"train": ["a", "b"]}, {"reader": "jsonl", "train": ["a", "b"]}]}},
        'data.corpora[2].train lists 2 file(s), and data.corpora[2].reader = "jsonl" takes one file',
        {"data": {"corpora": [{"train": ["a", "b"]}, {"reader": "jsonl", "train": ["a"]}]}},
    ),
    (
        {"data": {"train": ["a", "b"], "corpora": [{"train": ["c", "d"]}]}},
        "data.train and data.corpora both",
        {"data": {"corpora": [{"train": ["a", "b"]}, {"train": ["c", "d"]}]}},
    ),
    (
        {"data": {"corpora": [{"reader": "tsv"}]}},
        "data.corpora[1].train names no files",
        {"data": {"corpora": [{"reader": "phrasebook"}, {"hub": "a/b", "reader": "hub"}, {"hub": "a/b"}]}},
    ),
    (
        {"data": {"reader": "phrasebook", "target_language": "de"}},
        '"phrasebook" gives "en" and "fr", and data.source_language and data.target_language are "en" and "de"',
        {"data": {"reader": "phrasebook", "source_language": "en-GB", "target_language": "FR_ca"}},
    ),
    (
        {"data": {"reader": "phrasebook", "source_language": "fr", "target_language": "en"}},
        'are "fr" and "en"',
        {"data": {"reader": "phrasebook", "reverse": True}},
    ),
    (  # the languages are those of the files, whichever way is translated
        {"data": {"reader": "phrasebook", "source_language": "fr", "target_language": "en", "reverse": True}},
        'are "fr" and "en"',
        {"data": {"reader": "phrasebook"}},
    ),
    (
        {"data": {"source_language": "eu", "corpora": [{"train": ["a", "b"]}, {"reader": "phrasebook"}]}},
        'data.corpora[2].reader = "phrasebook" gives',
        {"data": {"source_language": "eu", "corpora": [{"train": ["a", "b"]}]}},
    ),
    *(
        ({"name": name}, "is no name of a folder", {"name": mended})
        for name, mended in [("", "a"), (".", "..."), ("..", ".a"), ("a/b", "a b"), ("a\\b", "%"), ("\0", "0")]
    ),
    (
        {"data": {"corpora": [{"name": "x", "train": ["a", "b"]}, {"name": "x", "train": ["c", "d"]}]}},
        'data.corpora[1].name = "x" is the name of another',
        {"data": {"corpora": [{"train": ["a", "b"]}, {"train": ["c", "d"]}]}},
    ),
    (
        {"data": {"corpora": [{"reader": "tsv", "train": ["a"], "columns": [2, 2]}]}},
        "data.corpora[1].columns = [2, 2]",
        {"data": {"corpora": [{"reader": "tsv", "train": ["a"], "columns": [2, 1]}]}},
    ),
    (
        {"data": {"fields": ["a"]}},
        "data.fields names 1 field(s)",
        {"data": {"reader": "jsonl", "fields": ["a", "b"]}},
    ),
    ({"data": {"fields": ["a", "a"]}}, "two different ones", {}),
    *(
        (
            {"data": {"reader": reader, **more, "columns": [1, 0]}},
            f'data.columns = [1, 0] says which columns of a table hold the text, and data.reader = "{reader}" reads',
            {"data": {"reader": "tsv", "columns": [1, 0]}},
        )
        for reader, more in {"aligned": {}, "hub": {"hub": "a/b"}, "jsonl": {}, "tmx": {}, "phrasebook": {}}.items()
    ),
    (
        {"data": {"corpora": [{"train": ["a", "b"]}, {"train": ["c", "d"], "columns": [0, 2]}]}},
        'data.corpora[2].columns = [0, 2] says which columns of a table hold the text, and data.corpora[2].reader = "a',
        {"data": {"corpora": [{"train": ["a", "b"]}, {"train": ["c"], "reader": "tsv", "columns": [0, 2]}]}},
    ),
    *(
        (
            {"data": {"reader": reader, **more, "fields": ["a", "ü"]}},
            f'data.fields = ["a", "ü"] says which fields of JSON hold the text, and data.reader = "{reader}" reads',
            {"data": {"reader": "jsonl", "fields": ["a", "ü"]}},
        )
        for reader, more in {"aligned": {}, "hub": {"hub": "a/b"}, "tsv": {}, "tmx": {}, "phrasebook": {}}.items()
    ),
    *(
        (
            {"data": {"reader": "phrasebook", name: 7}},
            f'data.{name} = 7 would split pairs off, and data.reader = "phrasebook" has sets of its own',
            {"data": {"reader": "phrasebook", name: 0}},
        )
        for name in ("development_size", "test_size")
    ),
    *(
        (
            {"data": {**untouched, name: changing}},
            f'data.{name} = "{changing}" changes the text, and with data.',
            {"data": {**untouched, name: other}},
        )
        for untouched in ({"pretokenised": True}, {"unicode_form": "none"})
        for name, changing, other in [
            ("quotes", "straight", "keep"),
            ("html_entities", "decode", "keep"),
            ("unicode_form", "NFKC", "NFC"),
        ]
        if name not in untouched
    ),
    (
        {"data": {"corpora": [{"reader": "hub"}]}},
        'data.corpora[1].reader = "hub" needs the name of a dataset',
        {"data": {"corpora": [{"reader": "hub", "hub": "a/b"}]}},
    ),
    ({"data": {"reader": "hub"}}, "name of a dataset", {"data": {"reader": "hub", "hub": "a/b"}}),
    ({"search": {"mbr": 201}}, "search.mbr = 201 candidates", {"search": {"mbr": 200}}),
    ({"training": {"max_epochs": 0}}, "nothing ends", {"training": {"max_epochs": 0, "minutes": 1}}),
    (
        {"training": {"max_updates": 200}},
        "leaves nothing",
        {"training": {"max_updates": 200, "schedule": {"warmup_updates": 20}}},
    ),
    (
        {"training": {"risk": {"epochs": 1.0, "candidates": 1, "reference": False}}},
        "leaves one translation",
        {"training": {"risk": {"epochs": 1.0, "candidates": 2, "reference": False}}},
    ),
    ({"text": {"tokenizer": {"name": "sentencepiece", "model": "char"}}}, "not a kind", {}),
    ({"text": {"tokenizer": {"name": "words", "minimum_count": 0}}}, "at least 1", {}),
    (
        {"text": {"tokenizer": {"name": "words", "split": "space"}}},
        'text.tokenizer.split = "space"',
        {"text": {"tokenizer": {"name": "words", "split": "spaces"}}},
    ),
    (
        {"text": {"tokenizer": "characters"}, "training": {"subword_sampling": 0.1}},
        'text.tokenizer = "characters" cuts them in one',
        {"training": {"subword_sampling": 0.1}},
    ),
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
