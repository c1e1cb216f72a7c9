"""Shards, merged, are the single run to the byte; and a shard that is missing or of something else is refused."""

from __future__ import annotations

import json
import shutil

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from toy_runs import done, refused, sets, toy_pairs, write_pairs

from seq2seq.bundle import RunFolder
from seq2seq.corpus.hash_file import HashWriter, repeated
from seq2seq.corpus.pair import Pair
from seq2seq.corpus.reader import picked
from seq2seq.corpus.readers.aligned import Aligned
from seq2seq.corpus.readers.tsv import Tsv
from seq2seq.errors import UserError
from seq2seq.pipeline.prepare.prepare import prepare
from seq2seq.pipeline.prepare.prepare_shard import prepare_shard
from seq2seq.pipeline.prepare.shards.shard import Shard
from seq2seq.pipeline.prepare.sources import Swapped
from seq2seq.recipe.schema import Choice, Corpus, Data, Recipe, Text
from seq2seq.text.pairs import TokenizerPair


def contents(folder):
    return {path.relative_to(folder): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def messy(letter, count):
    """Pairs with duplicates near and far, empty, long, uneven and identical ones, and leaks."""
    for n in range(count):
        kind = n % 11
        if kind == 3:
            yield f"{letter} source {n // 3}", f"{letter} target {n // 3}"  # was there before, or comes again
        elif kind == 5:
            yield "everywhere the same", "the same everywhere"
        elif kind == 7:
            yield ("", "nothing") if n % 2 else ("word " * 120, "wort " * 120)
        elif kind == 8:
            yield ("a b c d e f g h", "x") if n % 3 else ("The  held ONE!", f"leak {n}")
        else:
            yield f"{letter} source {n}", f"{letter} target {n}" if n % 5 else "one answer"


@pytest.fixture
def small_blocks(monkeypatch):
    """Blocks and chunks of a few pairs, so that small corpora have many."""
    for module in ("gather", "shards.blocks"):
        monkeypatch.setattr(f"seq2seq.pipeline.prepare.{module}.BATCH_PAIRS", 16)
    monkeypatch.setattr("seq2seq.data.store.ROWS_A_CHUNK", 24)
    monkeypatch.setattr("seq2seq.corpus.hash_file._RUN", 40)


def several(folder, **more):
    sizes = {"a": 200, "b": 7, "c": 90}
    files = [write_pairs(folder, list(messy(letter, size)), name=letter) for letter, size in sizes.items()]
    corpora = tuple(Corpus(train=tuple(map(str, paths)), weight=n + 1.0) for n, paths in enumerate(files))
    return Data(corpora=corpora, source_language="en", target_language="eu", **more)


def drawn(folder):
    return several(folder, development_size=9, test_size=7, seed=2)


def given_sets(folder):
    held = [("the held one", "one answer"), ("unseen", "unsaid")]
    files = (tuple(map(str, write_pairs(folder, held, name=name))) for name in ("development", "test"))
    return several(folder, **dict(zip(("development", "test"), files, strict=True)))


def one_file(folder):
    paths = write_pairs(folder, list(messy("a", 150)))
    return Data(train=tuple(map(str, paths)), development_size=5, source_language="en", target_language="eu")


def tsv_reversed_with_copies(folder):
    lines = (f"{source}\t{target}\n" for source, target in messy("a", 150))
    (folder / "pairs.tsv").write_text("".join(lines), encoding="utf-8")
    more = {"source_language": "en", "target_language": "eu", "reverse": True, "deduplicate": False}
    return Data(train=(str(folder / "pairs.tsv"),), reader=Choice("tsv"), development_size=5, **more)


def learning_filters(folder):
    return several(folder, development_size=5, filters=(Choice("empty"), Choice("script"), Choice("rare")))


@pytest.mark.usefixtures("small_blocks")
@pytest.mark.parametrize("make", [drawn, given_sets, one_file, tsv_reversed_with_copies, learning_filters])
def test_merged_shards_are_the_single_run(make, tmp_path):
    recipe = Recipe(name="x", data=make(tmp_path), text=Text(vocabulary_size=420))
    single = RunFolder(tmp_path / "single")
    wanted = prepare(recipe, single, threads=1).manifest
    for count in (1, 2, 3, 7):
        run = RunFolder(tmp_path / f"merged-{count}")
        for number in sorted(range(1, count + 1), key=lambda n: -n % 3):  # in any order
            part = prepare_shard(recipe, run, Shard(number, count), threads=1)
            assert part.changed
            assert not run.manifest.exists()
        merged = prepare(recipe, run, merge=True, threads=1)
        assert merged.manifest == wanted
        assert contents(run.path) == contents(single.path)  # and the shards are gone
    if make is drawn:
        dropped = wanted.cleaning["train"].dropped
        assert set(dropped) == {"length", "duplicate", "empty", "ratio"}
        assert dropped["duplicate"].count > 40


@pytest.mark.usefixtures("small_blocks")
def test_shards_are_shared_among_processes_too(tmp_path, monkeypatch):
    monkeypatch.setattr("seq2seq.pipeline.workers.ALONE_FIRST", 2)
    recipe = Recipe(name="x", data=drawn(tmp_path), text=Text(vocabulary_size=420))
    prepare(recipe, RunFolder(tmp_path / "single"), threads=1)
    run = RunFolder(tmp_path / "merged")
    for number in (1, 2):
        prepare_shard(recipe, run, Shard(number, 2), threads=2)
    prepare(recipe, run, merge=True, threads=2)
    assert contents(run.path) == contents(tmp_path / "single")


@pytest.fixture
def shards(tmp_path, small_blocks):
    """A recipe, and a run with two of three shards."""
    recipe = Recipe(name="x", data=one_file(tmp_path), text=Text(tokenizer=Choice("words")))
    run = RunFolder(tmp_path / "run")
    for number in (1, 3):
        prepare_shard(recipe, run, Shard(number, 3), threads=1)
    return recipe, run


def test_a_missing_shard_is_named_and_nothing_is_lost(shards):
    recipe, run = shards
    before = contents(run.path / "shards")
    with pytest.raises(UserError, match=r"Of 3 shards 2 is missing in .*shards.*--shard 2/3"):
        prepare(recipe, run, merge=True)
    assert contents(run.path / "shards") == before
    (Shard(3, 3).folder(run.path) / "shard.json").unlink()
    with pytest.raises(UserError, match="2, 3 are missing"):
        prepare(recipe, run, merge=True)
    shutil.rmtree(run.path / "shards")
    with pytest.raises(UserError, match=r"There is no shard in .*1/n, 2/n"):
        prepare(recipe, run, merge=True)


def test_shards_of_two_numbers_are_refused(shards):
    recipe, run = shards
    prepare_shard(recipe, run, Shard(1, 2), threads=1)
    with pytest.raises(UserError, match="shards of 2 and of 3"):
        prepare(recipe, run, merge=True)


def test_shards_of_other_settings_or_files_are_refused(shards, tmp_path):
    recipe, run = shards
    prepare_shard(recipe, run, Shard(2, 3), threads=1)
    other = Recipe(name="x", data=recipe.data, text=Text(tokenizer=Choice("words"), vocabulary_size=50))
    with pytest.raises(UserError, match=r"Shard 1/3 was made with other settings.*--shard 1/3"):
        prepare(other, run, merge=True)
    write_pairs(tmp_path, list(messy("b", 150)))
    with pytest.raises(UserError, match=r"Shard 1/3 was made of other files: .*toy.en, .*toy.eu"):
        prepare(recipe, run, merge=True)


def test_a_damaged_shard_is_refused(shards):
    recipe, run = shards
    prepare_shard(recipe, run, Shard(2, 3), threads=1)
    pairs = Shard(2, 3).folder(run.path) / "pairs.arrow"
    content = bytearray(pairs.read_bytes())
    content[len(content) // 2] ^= 1
    pairs.write_bytes(content)
    with pytest.raises(UserError, match=r"2-of-3.pairs.arrow is damaged.*--shard 2/3"):
        prepare(recipe, run, merge=True)


def test_a_shard_under_the_name_of_another_is_refused_and_can_be_made_again(shards):
    recipe, run = shards
    shutil.copytree(Shard(1, 3).folder(run.path), Shard(2, 3).folder(run.path))
    with pytest.raises(UserError, match=r"2-of-3 holds shard 1/3, and is called as shard 2/3"):
        prepare(recipe, run, merge=True)
    assert prepare_shard(recipe, run, Shard(2, 3), threads=1).changed
    assert prepare(recipe, run, merge=True).changed


def test_a_shard_that_is_there_is_not_made_again_unless_something_changed(shards, tmp_path):
    recipe, run = shards
    assert not prepare_shard(recipe, run, Shard(1, 3), threads=1).changed
    assert prepare_shard(recipe, run, Shard(1, 3), force=True, threads=1).changed
    write_pairs(tmp_path, list(messy("b", 150)))
    assert prepare_shard(recipe, run, Shard(1, 3), threads=1).changed


def test_a_shard_that_fails_leaves_nothing_half_done(shards, monkeypatch):
    recipe, run = shards
    place = Shard(2, 3).folder(run.path)

    def full(*_):
        raise OSError("No space left on device")

    monkeypatch.setattr("seq2seq.pipeline.prepare.shards.facts.write_json", full)
    with pytest.raises(OSError, match="No space"):
        prepare_shard(recipe, run, Shard(2, 3), threads=1)
    assert not [path for path in place.rglob("*") if path.name != ".lock"]


def test_a_trained_run_is_not_prepared_under_its_training(shards):
    recipe, run = shards
    prepare_shard(recipe, run, Shard(2, 3), threads=1)
    prepare(recipe, run, merge=True)
    run.checkpoints.mkdir()
    other = Recipe(name="x", data=recipe.data, text=Text(tokenizer=Choice("words"), vocabulary_size=50))
    with pytest.raises(UserError, match="holds a training"):
        prepare_shard(other, run, Shard(1, 3))


def test_a_trained_run_with_the_vocabulary_of_another_may_be_prepared_in_shards(shards, tmp_path):
    recipe, run = shards
    prepare(recipe, RunFolder(tmp_path / "first"), threads=1)
    taken = TokenizerPair.load(RunFolder(tmp_path / "first").tokenizers)
    prepare(recipe, run, tokenizers=taken, threads=1)
    assert run.read_manifest().inputs.vocabulary
    run.checkpoints.mkdir()
    for number in (1, 2, 3):
        prepare_shard(recipe, run, Shard(number, 3), threads=1)
    assert not prepare(recipe, run, merge=True, threads=1).changed


@pytest.mark.parametrize("text", ["0/3", "4/3", "2", "a/b", "-1/2", "1/0", ""])
def test_what_is_no_shard_is_refused(text):
    with pytest.raises(UserError, match="--shard 2/8"):
        Shard.parse(text)


def test_a_shard_has_each_nth_block():
    parts = [Shard.parse(f" {n} / 3") for n in (1, 2, 3)]
    assert [[block for block in range(7) if part.has(block)] for part in parts] == [[0, 3, 6], [1, 4], [2, 5]]


@settings(max_examples=40, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 2), st.sampled_from([0, 1, 255, 2**56 - 1, 2**56, 2**63, 2**64 - 1]))))
def test_repeated_hashes_are_found_wherever_they_are(tmp_path_factory, members):
    folder = tmp_path_factory.mktemp("hashes")
    paths = [folder / str(n) for n in range(3)]
    for number, path in enumerate(paths):
        with HashWriter(path) as writer:
            for place, (file, value) in enumerate(members):
                if file == number:
                    writer.add(np.array([value], np.uint64), np.array([place], np.uint64))
    values = [value for _, value in members]
    wanted = [place for place, value in enumerate(values) if value in values[:place]]
    assert sorted(n for numbers in repeated(paths) for n in numbers.tolist()) == wanted


def test_runs_are_flushed_as_they_fill(tmp_path, monkeypatch):
    monkeypatch.setattr("seq2seq.corpus.hash_file._RUN", 10)
    values = np.random.default_rng(0).integers(0, 2**64, 95, dtype=np.uint64)
    with HashWriter(tmp_path / "h") as writer:
        for first in range(0, 95, 7):
            writer.add(values[first : first + 7], np.arange(first, min(first + 7, 95), dtype=np.uint64))
            assert len(np.concatenate(writer._waiting)) < 10 if writer._waiting else True
        writer.add(values[:3], np.arange(95, 98, dtype=np.uint64))
    assert sorted(n for numbers in repeated([tmp_path / "h"]) for n in numbers.tolist()) == [95, 96, 97]


@pytest.mark.parametrize("reader", ["aligned", "tsv", "swapped", "lines", "any"])
def test_a_reader_passes_over_what_is_not_wanted(reader, tmp_path):
    lines = [f"s{n}" for n in range(9)], [f"t{n}" for n in range(9)]
    (tmp_path / "s").write_text("\n".join(lines[0]))
    (tmp_path / "t").write_text("\n".join(lines[1]))
    (tmp_path / "both").write_text("\n".join(map("\t".join, zip(*lines, strict=True))))
    aligned = Aligned(tmp_path / "s", tmp_path / "t")
    made = {
        "aligned": aligned,
        "tsv": Tsv(tmp_path / "both"),
        "swapped": Swapped(aligned),
        "lines": Aligned(tmp_path / "s", tmp_path / "t", lines=(3, 8)),
        "any": lambda: iter([Pair(n, "a", "b") for n in range(5)]),
    }[reader]
    every = list(made())
    assert list(picked(made, lambda n: n % 3 == 1)) == [p if n % 3 == 1 else None for n, p in enumerate(every)]


def test_text_that_is_not_wanted_is_not_decoded(tmp_path):
    (tmp_path / "s").write_bytes(b"a\n\xff\nc\n")
    (tmp_path / "t").write_bytes(b"a\nb\nc\n")
    (tmp_path / "both").write_bytes(b"a\ta\n\xff\nc\tc\n")
    for reader in (Aligned(tmp_path / "s", tmp_path / "t"), Tsv(tmp_path / "both")):
        assert list(picked(reader, lambda n: n != 1)) == [Pair(1, "a", "a"), None, Pair(3, "c", "c")]
        with pytest.raises(UserError, match="line 2"):
            list(picked(reader, lambda _: True))


def test_the_commands(tmp_path):
    source, target = write_pairs(tmp_path, toy_pairs(120))
    files = ("--source", source, "--target", target, *sets("text.vocabulary_size=420"))
    small = sets("model.embedding_size=16", "model.encoder_size=16", "model.decoder_size=16", "model.attention.heads=2")
    run = tmp_path / "run"
    first = done("prepare", *files, *small, "--run", run, "--shard", "1/2")
    assert "shard 1/2: of 121 pairs 121 are its own; 121 are left" in first.out
    assert f"Not in {run} yet: shard 2." in first.out
    told = done("prepare", *files, *small, "--run", run, "--shard", "2/2", "--json").json
    assert (told["shard"], told["shards"], told["read"], told["missing"], told["changed"]) == (2, 2, 0, [], True)
    again = done("prepare", *files, *small, "--run", run, "--shard", "1/2")
    assert "nothing changed, nothing done" in again.out
    assert "All shards are there" in again.out
    assert "--merge" in again.out
    done("prepare", *files, *small, "--run", run, "--merge")
    assert not (run / "shards").exists()
    single = tmp_path / "single"
    done("prepare", *files, *small, "--run", single)
    merged, wanted = (json.loads((folder / "manifest.json").read_text()) for folder in (run, single))
    assert merged == wanted
    assert contents(run / "data") == contents(single / "data")


def test_the_commands_refuse_what_makes_no_sense(tmp_path):
    source, target = write_pairs(tmp_path, toy_pairs(120))
    files = ("--source", source, "--target", target, "--run", tmp_path / "run")
    assert "Give one of the two" in refused("prepare", *files, "--shard", "1/2", "--merge")
    assert "There is no shard 3/2" in refused("prepare", *files, "--shard", "3/2")
    assert "There is no shard in" in refused("prepare", *files, "--merge")
    assert not (tmp_path / "run").exists()
