"""Another system's translations of a test set some of whose lines have no text."""

from __future__ import annotations

import json

import pytest
from made_manifests import made_manifest, report_of

from seq2seq.bundle import RunFolder
from seq2seq.data.store import Row, write_split
from seq2seq.errors import UserError
from seq2seq.pipeline.evaluate.evaluate import other_translations, test_sets
from seq2seq.recipe.decode import recipe_from_table
from seq2seq.recipe.toml import dump_recipe
from seq2seq.registry import READERS

FILES = {"development": ["d.en", "d.de"], "test": ["t.en", "t.de"]}


def make(folder, lines, num_read, **data):
    """A run whose test set holds these lines of `num_read`."""
    run = RunFolder(folder)
    write_split(run.split("test"), (Row(n, f"source {n}", f"target {n}", (), ()) for n in lines))
    run.recipe.write_text(dump_recipe(recipe_from_table({"data": {**FILES, **data}}, where="x"), {}), encoding="utf-8")
    made_manifest(cleaning={"test": report_of(num_read, len(lines))}).write(run.manifest)
    return run


def test_a_set_that_is_named_twice_is_one(tmp_path):
    run = make(tmp_path, [1, 2], 2)
    write_split(run.split("other"), [Row(1, "x", "y", (), ())])
    assert [one.name for one in test_sets(run, ["other", "test", "other", "test"])] == ["other", "test"]


def test_no_development_set_is_a_test_set_however_often_the_model_was_fine_tuned(tmp_path):
    run = make(tmp_path, [1, 2], 2)
    for name in ("train", "development", "old-development", "old-old-development", "old-test", "old-old-test"):
        write_split(run.split(name), [Row(1, "x", "y", (), ())])
    assert [one.name for one in test_sets(run, [])] == ["old-old-test", "old-test", "test"]
    assert [one.name for one in test_sets(run, ["old-old-development"])] == ["old-old-development"]


def theirs(folder, lines):
    path = folder / "theirs.de"
    path.write_text("".join(f"theirs {n}\n" for n in lines), encoding="utf-8")
    return path


def others(run, path):
    (test,) = test_sets(run, [])
    return other_translations(path, test, device="cpu", threads=1)


@pytest.mark.parametrize(("first", "data"), [(1, {}), (101, {"test_lines": [101, 106]})])
def test_a_translation_for_every_given_line_is_matched_by_line(tmp_path, first, data):
    kept = [first + place for place in (1, 2, 5)]
    run = make(tmp_path, kept, 6, **data)
    everything = theirs(tmp_path, range(first, first + 6))
    assert others(run, everything) == [f"theirs {n}" for n in kept]
    assert others(run, theirs(tmp_path, kept)) == [f"theirs {n}" for n in kept]


def test_any_other_length_says_how_many_lines_were_left_out(tmp_path):
    run = make(tmp_path, [2, 3, 6], 6)
    with pytest.raises(UserError, match=r"has 5 lines.*test has 3 sentences, and 6 lines with the 3 that have no text"):
        others(run, theirs(tmp_path, range(5)))


def test_lines_that_do_not_fit_the_recipe_are_not_guessed(tmp_path):
    run = make(tmp_path, [2, 3, 6], 6, test_lines=[3, 8])  # the recipe was changed by hand since
    with pytest.raises(UserError, match="has 6 lines, and the test set test has 3 sentences"):
        others(run, theirs(tmp_path, range(6)))


PAIRS = [("one", "eins"), ("two", "zwei"), ("three", ""), ("four", "vier"), ("five", ""), ("six", "")]


def blank_line_first(pairs):
    return "\n" + "".join(json.dumps({"en": source, "de": target}) + "\n" for source, target in pairs)


def units_below_a_header(pairs):
    sides = '<tu><tuv xml:lang="en"><seg>{}</seg></tuv><tuv xml:lang="de"><seg>{}</seg></tuv></tu>\n'
    units = "".join(sides.format(*pair) for pair in pairs)
    return f'<tmx version="1.4"><header/><body>\n{units}</body></tmx>\n'


@pytest.mark.parametrize(("reader", "written"), [("jsonl", blank_line_first), ("tmx", units_below_a_header)])
def test_lines_that_do_not_count_pairs_say_nothing_of_a_file_for_all(tmp_path, reader, written):
    path = tmp_path / f"t.{reader}"
    path.write_text(written(PAIRS))
    read = list(READERS.load(reader)(path, source_language="en", target_language="de")())
    assert len(read) == len(PAIRS)
    kept = [pair.line for pair in read if pair.target]
    assert kept == [2, 3, 5]  # pairs 1, 2 and 4
    run = make(tmp_path, kept, len(read), reader=reader, development=[], test=[path.name])
    with pytest.raises(UserError, match=r"has 6 lines, and the test set test has 3 sentences\."):
        others(run, theirs(tmp_path, range(6)))
    assert others(run, theirs(tmp_path, [1, 2, 4])) == ["theirs 1", "theirs 2", "theirs 4"]
