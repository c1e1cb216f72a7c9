"""The doctor on prepared runs: which rows a sample holds, which corpus a row is of, and what a slip is told from it."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st
from made_manifests import made_manifest, split_of

from seq2seq.bundle import RunFolder
from seq2seq.corpus.phrasebook.split import pairs
from seq2seq.data.store import Row, Store, write_split
from seq2seq.manifest import TrainingCorpus
from seq2seq.pipeline.prepare import inspect
from seq2seq.pipeline.prepare.inspect import SHORT_BLOCKS, SHORT_PAIRS, inspect_run
from seq2seq.recipe.schema import Recipe
from seq2seq.recipe.toml import dump_recipe


def make_run(folder, train, test=(), corpora=()):
    """A run's folder with the files that inspecting needs; `train` holds line, source and target."""
    run = RunFolder(folder)
    for name, rows in (("train", train), ("test", test)):
        write_split(run.split(name), (Row(*row, (), ()) for row in rows))
    run.recipe.write_text(dump_recipe(Recipe()), encoding="utf-8")
    splits = {"train": split_of(len(train)), "test": split_of(len(test))}
    named = tuple(TrainingCorpus(name=name, pairs=pairs, weight=1.0) for name, pairs in corpora)
    made_manifest(splits=splits, corpora=named).write(run.manifest)
    return run


def numbered(count, start=0, slip_from=None):
    chosen = pairs("train")[start : start + count]
    target = [target for _, target in chosen]
    if slip_from:
        target = [*target[: slip_from - 1], "Une ligne de trop.", *target[slip_from - 1 :]]
    return [(line, chosen[line - 1][0], target[line - 1]) for line in range(1, count + 1)]


def changes(found):
    return [(c["origin"], c["line"], c["shift"]) for c in found.diagnosis.figures["alignment slip"]["changes"]]


@given(st.integers(0, 5_000_000))
def test_a_sample_is_spread_evenly_and_never_large(num_rows):
    blocks = inspect._blocks(num_rows)
    assert blocks[0][0] == 0
    assert blocks[-1][1] == num_rows
    assert all(first <= end for first, end in blocks)
    assert all(before <= first for (_, before), (first, _) in pairwise(blocks))
    assert sum(end - first for first, end in blocks) == min(num_rows, SHORT_PAIRS)
    if num_rows > SHORT_PAIRS:
        gaps = [after - before for (before, _), (after, _) in pairwise(blocks)]
        assert len(blocks) == SHORT_BLOCKS
        assert max(gaps) - min(gaps) <= 1


def test_the_short_form_of_a_large_run_reads_a_part_and_tells_between_which_lines_a_slip_begins(tmp_path, monkeypatch):
    monkeypatch.setattr(inspect, "BATCH_PAIRS", 1000)
    monkeypatch.setattr(inspect, "SHORT_BLOCKS", 3)
    monkeypatch.setattr(inspect, "SHORT_PAIRS", 3000)
    run = make_run(tmp_path, numbered(9000, slip_from=2000))
    short = inspect_run(run, short=True)
    assert short.diagnosis.num_pairs == 3000
    (finding,) = short.diagnosis.of_weight()
    assert finding.message.startswith("From somewhere between lines 1,000 and 4,00")
    whole = inspect_run(run)
    assert whole.diagnosis.num_pairs == 9000
    ((_, line, shift),) = changes(whole)
    assert (line, shift) == (pytest.approx(2000, abs=5), 1)


def test_rows_of_several_corpora_are_told_apart(tmp_path):
    train = [*numbered(1500), *numbered(2500, 3000, slip_from=1000), *numbered(500, 7000)]
    corpora = [("one", 1500), ("two", 2500), ("three", 500)]
    ((origin, line, shift),) = changes(inspect_run(make_run(tmp_path, train, corpora=corpora)))
    assert (origin, line, shift) == ("two", pytest.approx(1000, abs=5), 1)


def test_a_run_is_compared_with_its_own_test_set(tmp_path):
    train = numbered(500)
    found = inspect_run(make_run(tmp_path, train, test=train[:100])).diagnosis
    assert [(f.kind, f.count) for f in found.of_weight()] == [("test leakage", 100)]


def test_parts_of_a_split_are_read_alone(tmp_path):
    rows = numbered(50)
    store = Store(make_run(tmp_path, rows).split("train"))
    assert list(store.texts_between(7, 20)) == rows[7:20]
    assert list(store.texts_between(50, 50)) == []
