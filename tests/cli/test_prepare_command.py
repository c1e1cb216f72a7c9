"""`seq2seq prepare` as a newcomer calls it: every kind of corpus, what is dropped, what is refused, what is kept."""

from __future__ import annotations

import bz2
import gzip
import json
import lzma
import os
import re
import shlex
import shutil
import tomllib

import pytest
import zstandard
from toy_runs import (
    NUM_PAIRS,
    TINY,
    call,
    done,
    refused,
    sets,
    show_all_progress,
    toy,
    toy_pairs,
    toy_translation,
    write_pairs,
)

from seq2seq.data.batches import Batches
from seq2seq.data.store import Store
from seq2seq.pipeline.prepare.turning import turned
from seq2seq.recipe.decode import complete
from seq2seq.recipe.schema import Choice, Data, Recipe
from seq2seq.recipe.toml import load_recipe

__all__ = ["toy"]
SMALL = sets("text.vocabulary_size=300", "model.encoder_size=8", "model.decoder_size=8", "model.embedding_size=8")


def prepare(*arguments, run, check=done):
    return check("prepare", *arguments, "--run", run, *SMALL)


def own(folder, pairs=None):
    source, target = write_pairs(folder, pairs)
    return ["--source", source, "--target", target]


def manifest(run):
    return json.loads((run / "manifest.json").read_text(encoding="utf-8"))


def texts(run, split, column="source"):
    return Store(run / "data" / f"{split}.arrow").texts(column)


def contents(folder):
    return {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_two_files_are_split_counted_and_estimated(toy):
    told = toy.prepared.out
    assert "toy-en-eu: en to eu" in told
    assert "Training will take about" in told
    assert "target tokens/s" in told
    assert "MB of memory" in told
    assert "MB of disk" in told
    assert f"Train it: seq2seq train {toy.run}" in told
    counts = {name: split["pairs"] for name, split in manifest(toy.run)["splits"].items()}
    assert sum(counts.values()) == NUM_PAIRS + 1
    assert counts["development"] == counts["test"] == 21
    sides = [set(texts(toy.run, name)) for name in counts]
    assert sum(map(len, sides)) == NUM_PAIRS + 1
    everything = dict(toy_pairs())
    for split in counts:
        assert (
            dict(zip(texts(toy.run, split), texts(toy.run, split, "target"), strict=True)).items() <= everything.items()
        )


def test_the_total_is_known_of_plain_files(tmp_path, monkeypatch):
    show_all_progress(monkeypatch)
    monkeypatch.setattr("seq2seq.pipeline.prepare.sampled.PROGRESS_EVERY", 50)
    told = prepare(*own(tmp_path, [*toy_pairs(98)[:98], ("", "lo"), ("the", "")]), run=tmp_path / "run").err
    assert "counting: 50/100 pairs, 50 %" in told
    assert "counting: 100/100 pairs, 100 %" in told
    assert "reading: 100/100 pairs, 100 %" in told
    shards = [*own(tmp_path, toy_pairs(100)[:100]), "--shard", "1/1"]
    assert "reading shard 1/1: 100/100 pairs, 100 %" in prepare(*shards, run=tmp_path / "shards").err


def test_pairs_that_were_counted_are_the_total_of_reading_packed_files(tmp_path, monkeypatch):
    show_all_progress(monkeypatch)
    rows = [*toy_pairs(98)[:98], ("", "lo"), ("the", "")]
    with gzip.open(tmp_path / "toy.en-eu.tsv.gz", "wt", encoding="utf-8") as file:
        file.write("".join(f"{source}\t{target}\n" for source, target in rows))
    told = prepare("--tsv", tmp_path / "toy.en-eu.tsv.gz", run=tmp_path / "run").err
    assert "reading: 100/100 pairs, 100 %" in told


def test_what_can_be_pasted_is_quoted(tmp_path):
    run = tmp_path / "my runs" / "a"
    told = prepare(*own(tmp_path, toy_pairs(30)), run=run)
    assert told.lines[-1] == f"Train it: seq2seq train '{run}'"


def test_a_training_made_shorter_warms_up_for_a_tenth_of_it(tmp_path):
    run, files = tmp_path / "run", own(tmp_path)
    told = prepare(*files, *sets("training.max_updates=60"), run=run)
    schedule = load_recipe(run / "recipe.toml").training.schedule
    assert schedule.warmup_updates == 6
    assert "training.schedule.warmup_updates = 6: A tenth of the updates that you allow" in told.out
    prepare(*files, *sets("training.max_updates=60", "training.max_epochs=0"), run=run)
    assert load_recipe(run / "recipe.toml").training.schedule.warmup_updates == 6
    told = prepare(*files, *sets("training.max_updates=60", "training.schedule.warmup_updates=9"), run=run)
    assert load_recipe(run / "recipe.toml").training.schedule.warmup_updates == 9
    assert "training.schedule.warmup_updates = 9: Set by you." in told.out
    short = sets("training.max_updates=9", "training.schedule.warmup_updates=9")
    assert "leaves nothing of" in prepare(*files, *short, run=run, check=refused)


@pytest.mark.parametrize("asked", ["training.batch_tokens=8000", "training.accumulate=16"])
def test_larger_batches_warm_up_for_a_tenth_of_their_updates(tmp_path, asked):
    run, files = tmp_path / "run", own(tmp_path)
    told = prepare(*files, *sets(asked), "--json", run=run).json
    updates, warmup = told["estimate"]["updates"], load_recipe(run / "recipe.toml").training.schedule.warmup_updates
    assert 0 < warmup <= updates // 10 < 20


def test_every_choice_has_its_reason_above_it_and_in_the_manifest(toy):
    recipe = (toy.run / "recipe.toml").read_text(encoding="utf-8")
    table = tomllib.loads(recipe)
    reasons = manifest(toy.run)["reasons"]
    assert {"text.vocabulary_size", "model.dropout", "training.validate_every", "evaluation.tokenize"} <= reasons.keys()
    for trail, reason in reasons.items():
        section, _, key = trail.rpartition(".")
        body = recipe.split(f"[{section}]\n", 1)[1].split("\n[", 1)[0]
        above = body.split(f"\n{key} = ")[0] if f"\n{key} = " in body else body.partition(f"{key} = ")[0]
        # The comment right above the value; its words are those of the reason, unless the training was given another.
        comment = []
        for line in reversed(above.splitlines()):
            if not line.startswith("# "):
                break
            comment.insert(0, line[2:])
        assert " ".join(comment) in (reason, "Set by you."), trail
    assert "# Your own files.\ntrain = [" in recipe
    assert "# Both languages use one script, so names and common stems share their pieces.\njoint = true" in recipe
    assert reasons["model.dropout"] == "Set by you."
    assert reasons["model.encoder_layers"] != "Set by you."
    assert table["training"]["batch_tokens"] == 300
    assert "text.vocabulary_size = 420: Set by you." in toy.prepared.out


def test_a_reason_goes_when_training_is_given_another_value(tmp_path):
    prepare(*own(tmp_path), run=tmp_path / "run")
    assert manifest(tmp_path / "run")["reasons"]["training.learning_rate"].startswith("With AdamW")
    done("train", tmp_path / "run", *sets("training.learning_rate=0.5", "training.max_epochs=0.1"))
    recipe = (tmp_path / "run" / "recipe.toml").read_text(encoding="utf-8")
    assert "# Set by you.\nlearning_rate = 0.5\n" in recipe


def test_again_does_nothing_and_says_so_and_any_change_prepares_again(tmp_path):
    run, files = tmp_path / "run", own(tmp_path)
    prepare(*files, run=run)
    before = contents(run)
    again = prepare(*files, run=run)
    assert "nothing changed, nothing done" in again.err
    assert contents(run) == before

    more = prepare(*files, *sets("data.seed=2"), run=run)
    assert "nothing done" not in more.err
    assert contents(run) != before

    files[1].write_text(files[1].read_text().replace("quagga", "quokka"), encoding="utf-8")
    before = contents(run)
    assert "nothing done" not in prepare(*files, *sets("data.seed=2"), run=run).err
    assert contents(run) != before

    before = contents(run)
    forced = prepare(*files, "--force", *sets("data.seed=2"), run=run)
    assert "nothing done" not in forced.err
    assert manifest(run) == json.loads(before[run / "manifest.json"])


def test_other_settings_for_training_reach_the_recipe_and_the_data_stays(tmp_path):
    run, files = tmp_path / "run", own(tmp_path)
    prepare(*files, run=run)
    data = contents(run / "data")
    changed = prepare(*files, *sets("training.max_updates=777"), run=run)
    assert "the data is up to date; the new settings are in" in changed.err
    assert load_recipe(run / "recipe.toml").training.max_updates == 777
    assert contents(run / "data") == data
    assert "nothing done" in prepare(*files, *sets("training.max_updates=777"), run=run).err


def edit(run, old, new):
    text = (run / "recipe.toml").read_text(encoding="utf-8")
    assert old in text
    (run / "recipe.toml").write_text(text.replace(old, new), encoding="utf-8")


def advised(run):
    """The command that train names for a recipe that no longer fits the data."""
    told = " ".join(refused("train", run).split())
    assert "was prepared with other settings" in told
    return shlex.split(told.partition("Prepare it with these: seq2seq ")[2])


@pytest.mark.parametrize("place", ["absolute", "relative", "elsewhere"])
def test_a_recipe_edited_by_hand_leads_on(tmp_path, monkeypatch, place):
    """Train says which command prepares with it, and the first command takes the edit back."""
    source, target = write_pairs(tmp_path / "my files", toy_pairs(60))
    monkeypatch.chdir(source.parent)
    if place != "absolute":
        source, target = source.relative_to(source.parent), target.relative_to(target.parent)
    files, run = ["--source", source, "--target", target], tmp_path / "a run"
    prepare(*files, run=run)
    before = contents(run)
    edit(run, "vocabulary_size = 300", "vocabulary_size = 290")
    assert "the new settings are in" in prepare(*files, run=run).err
    assert contents(run) == before

    edit(run, "vocabulary_size = 300", "vocabulary_size = 290")
    if place == "elsewhere":
        monkeypatch.chdir(tmp_path)
    command = advised(run)
    assert ("--data" in command) == (place == "elsewhere")
    done(*command)
    assert manifest(run)["vocabulary"]["source"] == 290
    assert "# With AdamW" in (run / "recipe.toml").read_text(encoding="utf-8")  # what was not touched keeps its reason
    assert manifest(run)["reasons"]["text.vocabulary_size"] == "Set by you."
    done("train", run, *sets("training.max_updates=3", "training.schedule.warmup_updates=0"))

    monkeypatch.chdir(tmp_path / "my files")
    prepare(*files, "--force", run=run)
    assert load_recipe(run / "recipe.toml").training.max_updates == 0  # as the command says, not as train was told


def test_the_advised_command_finds_a_datasets_local_copy(tmp_path):
    folder, run = tmp_path / "set", tmp_path / "run"
    write_jsonl(folder / "train.jsonl", toy_pairs(100))
    hub(folder, run=run)
    edit(run, "vocabulary_size = 300", "vocabulary_size = 290")
    done(*advised(run))
    assert manifest(run)["vocabulary"]["source"] == 290


def test_settings_given_to_train_leave_when_prepare_is_asked_again(tmp_path):
    run, files = tmp_path / "run", own(tmp_path, toy_pairs(60))
    prepare(*files, run=run)
    done("train", run, *sets("training.max_updates=3", "training.schedule.warmup_updates=0"))
    told = prepare(*files, run=run)
    assert "the new settings are in" in told.err
    assert load_recipe(run / "recipe.toml").training.max_updates == 0
    assert (run / "checkpoints").is_dir()


def test_columns_and_fields_that_are_set_count_from_the_first_look(tmp_path):
    pairs = toy_pairs(60)
    prepare(*own(tmp_path, pairs), run=tmp_path / "two")
    rows = (json.dumps({"meta": {"src": source, "trg": target}}) + "\n" for source, target in pairs)
    (tmp_path / "a.jsonl").write_text("".join(rows), encoding="utf-8")
    (tmp_path / "a.tsv").write_text("".join(f"7\t{b}\t{a}\n" for a, b in pairs), encoding="utf-8")
    codes = ["--from", "en", "--into", "eu"]
    for option, name, setting in (
        ("--jsonl", "a.jsonl", 'data.fields=["meta.src","meta.trg"]'),
        ("--tsv", "a.tsv", "data.columns=[2,1]"),
    ):
        run = tmp_path / f"run{option}"
        prepare(option, tmp_path / name, *codes, *sets(setting), run=run)
        for column in ("source", "target"):
            assert texts(run, "train", column) == texts(tmp_path / "two", "train", column)


def test_a_file_whose_name_is_not_utf8_is_refused_at_once(tmp_path):
    files = own(tmp_path, toy_pairs(30))
    wrong = tmp_path / os.fsdecode(b"caf\xe9.en")
    try:
        files[1].rename(wrong)
    except OSError:
        pytest.skip("this file system takes no such name")
    told = prepare("--source", wrong, *files[2:], run=tmp_path / "run", check=refused)
    assert "is not UTF-8" in told
    assert "Rename" in told


def test_two_files_of_one_name_are_both_watched(tmp_path):
    for language, side in (("en", 0), ("eu", 1)):
        (tmp_path / language).mkdir()
        lines = "".join(pair[side] + "\n" for pair in toy_pairs(60))
        (tmp_path / language / "text.txt").write_text(lines, encoding="utf-8")
    files = ["--source", tmp_path / "en" / "text.txt", "--target", tmp_path / "eu" / "text.txt"]
    prepare(*files, run=tmp_path / "run")
    assert sorted(manifest(tmp_path / "run")["inputs"]["files"]) == ["en/text.txt", "eu/text.txt"]
    for changed in (files[1], files[3]):
        changed.write_text(changed.read_text() + "a dog\n", encoding="utf-8")
    assert "nothing done" not in prepare(*files, run=tmp_path / "run").err


def test_a_training_on_other_data_is_protected(tmp_path):
    run, files = tmp_path / "run", own(tmp_path)
    prepare(*files, run=run)
    done("train", run, *sets("training.max_epochs=0.1"))
    before = contents(run)
    told = prepare(*files, *sets("data.seed=2"), run=run, check=refused)
    assert "holds a training on other data or text settings" in told
    assert "--force" in told
    assert contents(run) == before

    files[1].write_bytes(b"good\n\xff\n")  # a wrong file costs nothing, even when forced
    assert "line 2" in prepare(*files, "--force", run=run, check=refused)
    assert contents(run) == before

    prepare(*own(tmp_path), "--force", *sets("data.seed=2"), run=run)
    # Its scores would be of a model that has seen some of the new test sentences.
    assert not (run / "bundle").exists()
    assert not (run / "checkpoints").exists()
    assert not (run / "metrics.jsonl").exists()


def test_a_folder_that_is_no_run_loses_nothing(tmp_path):
    mine = tmp_path / "project" / "data" / "precious.txt"
    mine.parent.mkdir(parents=True)
    mine.write_text("do not delete")
    told = prepare(*own(tmp_path), "--force", run=tmp_path / "project", check=refused)
    assert "'data' would be overwritten" in told
    assert mine.read_text() == "do not delete"


def test_a_preparation_that_was_killed_is_made_again(tmp_path):
    run, files = tmp_path / "run", own(tmp_path)
    prepare(*files, run=run)
    (run / "manifest.json").unlink()  # as after a kill: the manifest comes last
    (run / "spool").mkdir()
    assert "nothing done" not in prepare(*files, run=run).err
    assert not (run / "spool").exists()
    assert "nothing done" in prepare(*files, run=run).err


def test_a_tsv_plain_or_gzip_makes_the_same_data_as_two_files(tmp_path):
    pairs = toy_pairs(80)
    table = "".join(f"{source}\t{target}\n" for source, target in pairs)
    (tmp_path / "pairs.en-eu.tsv").write_text(table, encoding="utf-8")
    with gzip.open(tmp_path / "pairs.en-eu.tsv.gz", "wt", encoding="utf-8") as file:
        file.write(table)
    prepare(*own(tmp_path, pairs), run=tmp_path / "two")
    for name in ("pairs.en-eu.tsv", "pairs.en-eu.tsv.gz"):
        run = tmp_path / f"run-{name}"
        assert "pairs-en-eu: en to eu" in prepare("--tsv", tmp_path / name, run=run).out
        for split in ("train", "development", "test"):
            for column in ("source", "target"):
                assert texts(run, split, column) == texts(tmp_path / "two", split, column)


def json_lines(pairs):
    return "".join(json.dumps({"en": source, "eu": target}) + "\n" for source, target in pairs)


def memory(pairs, codes=("en-GB", "eu")):
    sides = '<tuv xml:lang="{}"><seg>{}</seg></tuv>'
    units = ("<tu>" + "".join(map(sides.format, codes, pair)) + "</tu>\n" for pair in pairs)
    return f'<tmx version="1.4"><header srclang="{codes[0]}"/><body>{"".join(units)}</body></tmx>'


def write_packed(path, text):
    pack = {".xz": lzma.compress, ".bz2": bz2.compress, ".zst": zstandard.ZstdCompressor().compress}
    path.write_bytes(pack.get(path.suffix, bytes)(text.encode()))
    return path


def test_json_lines_and_a_memory_make_the_same_data_as_two_files(tmp_path):
    pairs = toy_pairs(60)
    prepare(*own(tmp_path, pairs), run=tmp_path / "two")
    files = {
        "--jsonl": write_packed(tmp_path / "pairs.jsonl.zst", json_lines(pairs)),
        "--tmx": write_packed(tmp_path / "pairs.tmx.bz2", memory(pairs)),
    }
    for option, path in files.items():
        run = tmp_path / f"run{option}"
        assert "pairs-en-eu: en to eu" in prepare(option, path, run=run).out
        for split in ("train", "development", "test"):
            for column in ("source", "target"):
                assert texts(run, split, column) == texts(tmp_path / "two", split, column)
    back = prepare("--tmx", files["--tmx"], "--from", "eu", run=tmp_path / "back")
    assert "pairs-eu-en: eu to en" in back.out
    both = {split: texts(tmp_path / "back", split) for split in ("train", "development", "test")}
    assert {line for lines in both.values() for line in lines} == {target for _, target in pairs}


def test_text_that_is_tokenised_already_passes_untouched_and_is_scored_so(tmp_path):
    pairs = [(source.replace(".", " ."), target) for source, target in toy_pairs(60)]
    files = own(tmp_path, [*pairs, ("a  “dog”  &amp; cat", "un  hund")])
    prepare(*files, "--pretokenised", *sets("data.development_size=5", "data.test_size=0"), run=tmp_path / "run")
    recipe = load_recipe(tmp_path / "run" / "recipe.toml")
    assert (recipe.data.pretokenised, recipe.evaluation.tokenize) == (True, "none")
    kept = texts(tmp_path / "run", "train") + texts(tmp_path / "run", "development")
    assert "a  “dog”  &amp; cat" in kept
    assert set(kept) <= {source for source, _ in pairs} | {"a  “dog”  &amp; cat"}
    told = manifest(tmp_path / "run")["reasons"]
    assert "passes untouched" in told["data.pretokenised"]


SEVERAL = """
[data]
source_language = "en"
target_language = "eu"
development_size = 10
temperature = 2

[[data.corpora]]
train = ["toy.en", "toy.eu"]

[[data.corpora]]
name = "memory"
reader = "tmx"
train = ["more.tmx"]
weight = 3
"""


def test_several_corpora_are_prepared_together_and_trained_on_in_their_shares(tmp_path):
    pairs = sorted(toy_pairs(90), key=lambda pair: len(pair[0]))
    own(tmp_path, pairs[:70])
    write_packed(tmp_path / "more.tmx.xz", memory(pairs[65:]))  # some pairs are in both
    (tmp_path / "mine.toml").write_text(SEVERAL, encoding="utf-8")
    run = tmp_path / "run"
    prepare(tmp_path / "mine.toml", "--data", tmp_path, run=run)
    told = manifest(run)
    assert [corpus["name"] for corpus in told["corpora"]] == ["toy.en", "memory"]
    assert [corpus["weight"] for corpus in told["corpora"]] == [1.0, 3.0]
    counts = [corpus["pairs"] for corpus in told["corpora"]]
    assert sum(counts) == told["splits"]["train"]["pairs"] == len(dict(pairs)) - 10
    first = {source for source, _ in pairs[:70]}
    in_order = [source in first for source in texts(run, "train")]
    assert in_order == [True] * counts[0] + [False] * counts[1]
    assert sorted(told["inputs"]["files"]) == ["more.tmx.xz", "toy.en", "toy.eu"]
    tiny = sets(*(setting for setting in TINY if not setting.startswith("text.")))
    one_pass = sets("training.max_epochs=1", "training.batch_tokens=60", "training.schedule.warmup_updates=1")
    told = done("train", run, *tiny, *one_pass, "--json").json
    store = Store(run / "data" / "train.arrow")
    plans = [
        Batches(store, batch_tokens=60, seed=1, corpora=list(zip(counts, weights, strict=True)), temperature=t).plan(0)
        for weights, t in (((1.0, 3.0), 2.0), ((1.0, 1.0), 2.0), ((1.0, 3.0), 1.0))
    ]
    # The second corpus has the longest sentences: drawn more often, it makes more batches of a pass.
    assert told["updates"] == len(plans[0]) not in {len(plan) for plan in plans[1:]}


def test_each_of_several_corpora_is_told_with_what_it_gives(tmp_path):
    pairs = toy_pairs(90)
    own(tmp_path, pairs[:70])
    more = tmp_path / "more.tmx"
    more.write_text(memory(pairs[65:]), encoding="utf-8")
    (tmp_path / "mine.toml").write_text(SEVERAL, encoding="utf-8")
    told = prepare(tmp_path / "mine.toml", "--data", tmp_path, run=tmp_path / "run")
    assert "warning: no pair" not in told.err
    counts = [corpus["pairs"] for corpus in manifest(tmp_path / "run")["corpora"]]
    roots = [counts[0] ** 0.5, 3 * counts[1] ** 0.5]  # temperature 2, weights 1 and 3
    for name, count, weight, root in zip(("toy.en", "memory"), counts, (1, 3), roots, strict=True):
        line = next(line for line in told.lines if line.startswith(f"{name} "))
        assert line.split() == [name, str(count), str(weight), str(round(sum(counts) * root / sum(roots)))]

    more.write_text(memory(pairs[:9]), encoding="utf-8")  # all of them are in the first
    told = prepare(tmp_path / "mine.toml", "--data", tmp_path, run=tmp_path / "run")
    assert "warning: no pair of the corpus memory is left" in told.err
    assert "the first one's weight counts" in told.err
    more.write_text(memory(pairs[65:]), encoding="utf-8")
    (tmp_path / "mine.toml").write_text(SEVERAL.replace("weight = 3", "weight = 1e-6"), encoding="utf-8")
    told = prepare(tmp_path / "mine.toml", "--data", tmp_path, run=tmp_path / "run")
    assert "the corpus memory gives no row to an epoch" in told.err


@pytest.mark.parametrize(
    ("wrong", "told"),
    [
        ("weight = 3", ("weight = 0", "mine.toml, line 15: data.corpora[2].weight must be a number (above 0), not 0")),
        ('"more.tmx"', ('"mroe.tmx"', "lacks files of the recipe: mroe.tmx")),
        ("[data]", ('[data]\ntrain = ["a", "b"]', "mine.toml, line 3: data.train and data.corpora both")),
    ],
)
def test_a_wrong_corpus_among_several_is_named(tmp_path, wrong, told):
    own(tmp_path, toy_pairs(30))
    (tmp_path / "more.tmx").write_text(memory(toy_pairs(30)), encoding="utf-8")
    (tmp_path / "mine.toml").write_text(SEVERAL.replace(wrong, told[0]), encoding="utf-8")
    assert told[1] in prepare(tmp_path / "mine.toml", "--data", tmp_path, run=tmp_path / "run", check=refused)


GOOD = toy_pairs(40)
BAD_FILES = [
    ("--jsonl", "a.jsonl", json_lines(GOOD) + '{"en": "x"}\n', "a.jsonl, line 42: there is no field 'eu'"),
    ("--jsonl", "a.jsonl", json_lines(GOOD) + '{"en": "x", "eu": 3}\n', "line 42: the field 'eu' holds 3"),
    ("--jsonl", "a.jsonl", json_lines(GOOD) + '{"en"', "a.jsonl, line 42: not valid JSON"),
    ("--jsonl", "a.jsonl", "[]", "line 1: a list, and an object is needed"),
    ("--jsonl", "a.jsonl", "", "a.jsonl is empty"),
    ("--tsv", "a.tsv", "a\tb\nc\n", "a.tsv, line 2: 1 column found, 2 needed"),
    ("--tsv", "a.tsv.xz", "a\tb\n", "a.tsv.xz is not xz data"),
    ("--tsv", "a.tsv.zst", "a\tb\n", "a.tsv.zst is not Zstandard data"),
    ("--tmx", "a.tmx", memory(GOOD).replace("</seg></tuv></tu>\n</body>", "</tuv></tu>\n</body>"), "mismatched tag"),
    ("--tmx", "a.tmx", memory(GOOD)[:-400], "the XML is broken: the file ends within"),
    ("--tmx", "a.tmx", memory(GOOD, ("en", "en")), "does not tell which two languages"),
    ("--tmx", "a.tmx", "<html/>", "line 1: the outermost element is <html>"),
    ("--tmx", "a.tmx", '<!DOCTYPE tmx [<!ENTITY a "b">]><tmx/>', "line 1: the file declares an entity, 'a'"),
]


@pytest.mark.parametrize(("option", "name", "text", "told"), BAD_FILES)
def test_a_wrong_file_is_named_with_its_line(tmp_path, option, name, text, told):
    (tmp_path / name).write_text(text, encoding="utf-8")
    message = prepare(option, tmp_path / name, run=tmp_path / "run", check=refused)
    assert told in message
    assert name in message
    assert message.count("\n") >= 2  # what is wrong, and what to do
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize("suffix", [".gz", ".xz", ".bz2", ".zst"])
def test_a_file_that_is_cut_short(tmp_path, suffix):
    packed = {".gz": gzip.compress}.get(suffix)
    path, text = tmp_path / f"a.en-eu.tsv{suffix}", "".join(f"{a}\t{b}\n" for a, b in GOOD)
    if packed:
        path.write_bytes(packed(text.encode()))
    else:
        write_packed(path, text)
    path.write_bytes(path.read_bytes()[:-9])
    told = prepare("--tsv", path, run=tmp_path / "run", check=refused)
    assert f"{path} is cut short: its compressed data ends early, after line" in told
    assert "Copy or download it again" in told


def test_the_line_where_two_files_part_is_told(tmp_path):
    pairs = toy_pairs(400)
    files = own(tmp_path, pairs)
    lines = files[3].read_text().splitlines(keepends=True)
    del lines[250]
    files[3].write_text("".join(lines), encoding="utf-8")
    told = prepare(*files, run=tmp_path / "run", check=refused)
    found = re.search(r"they part near line (\d+)", " ".join(told.split()))
    assert abs(int(found[1]) - 251) <= 25


def test_a_dataset_without_the_column_names_those_it_has(tmp_path):
    for row in ({"en": "a", "baq": "b"}, {"translation": {"en": "a", "baq": "b"}}):
        (tmp_path / "train.jsonl").write_text(json.dumps(row) + "\n", encoding="utf-8")
        told = hub(tmp_path, run=tmp_path / "run", check=refused)
        assert "has no column 'eu'; its columns are: en, baq." in " ".join(told.split())


def test_a_validation_split_without_rows_is_set_aside(tmp_path):
    pairs, folder, run = toy_pairs(100), tmp_path / "set", tmp_path / "run"
    write_jsonl(folder / "train.jsonl", pairs)
    write_jsonl(folder / "validation.jsonl", [])
    hub(folder, run=run)
    assert len(texts(run, "development")) == load_recipe(run / "recipe.toml").data.development_size == 10


def test_gzip_pairs_and_the_other_direction(tmp_path):
    pairs = toy_pairs(60)
    for side, name in enumerate(("my.en.gz", "my.eu.gz")):
        with gzip.open(tmp_path / name, "wt", encoding="utf-8") as file:
            file.writelines(pair[side] + "\n" for pair in pairs)
    files = ["--source", tmp_path / "my.en.gz", "--target", tmp_path / "my.eu.gz"]
    prepare(*files, run=tmp_path / "there")
    back = prepare(*files, "--reverse", run=tmp_path / "back")
    assert "my-eu-en: eu to en" in back.out
    backwards = {target: source for source, target in pairs}
    for source, target in zip(
        texts(tmp_path / "back", "train"), texts(tmp_path / "back", "train", "target"), strict=True
    ):
        assert backwards[source] == target
    assert manifest(tmp_path / "back")["source_language"] == "eu"
    assert "reverse translates into" in manifest(tmp_path / "back")["reasons"]["data.source_language"]


def test_without_names_that_speak_the_languages_can_be_said(tmp_path):
    write_pairs(tmp_path, toy_pairs(40))
    (tmp_path / "toy.en").rename(tmp_path / "left")
    (tmp_path / "toy.eu").rename(tmp_path / "right")
    files = ["--source", tmp_path / "left", "--target", tmp_path / "right"]
    assert "left-source-target: source to target" in prepare(*files, run=tmp_path / "a").out
    assert "left-en-eu: en to eu" in prepare(*files, "--from", "en", "--into", "eu", run=tmp_path / "b").out


@pytest.mark.parametrize("count", [4, 12, 30])
def test_a_handful_of_pairs_is_prepared_too(tmp_path, count):
    # Every setting is chosen, the vocabulary's size too.
    done("prepare", *own(tmp_path, toy_pairs(count)), "--run", tmp_path / "run", *SMALL[2:])


def test_the_run_goes_under_runs_by_its_name(tmp_path, monkeypatch):
    write_pairs(tmp_path, toy_pairs(40))
    monkeypatch.chdir(tmp_path)
    done("prepare", "--source", "toy.en", "--target", "toy.eu", *SMALL)
    assert (tmp_path / "runs" / "toy-en-eu" / "manifest.json").is_file()
    assert "no model yet" in refused("translate", "toy-en-eu")


def test_everything_dropped_is_counted_by_reason_with_examples(tmp_path):
    good = toy_pairs(60)
    bad = [
        ("", "lo hund ."),
        ("the dog.", "   "),
        good[3],
        good[3],
        ("one " * 150 + "dog.", "bat " * 150 + "hund ."),
        ("the dog.", "lo hund " * 8),
    ]
    run = tmp_path / "run"
    told = prepare(*own(tmp_path, [*good, *bad]), run=run)
    cleaning = manifest(run)["cleaning"]["train"]
    counts = {reason: drops["count"] for reason, drops in cleaning["dropped"].items()}
    assert counts == {"empty": 2, "duplicate": 2, "length": 1, "ratio": 1}
    for reason, count in counts.items():
        assert f"dropped from train: {count} ({reason})" in told.out
    lines = {reason: [e["line"] for e in drops["examples"]] for reason, drops in cleaning["dropped"].items()}
    assert lines["empty"] == [62, 63]  # after the 61 good ones
    assert lines["ratio"] == [67]
    sizes = {name: split["pairs"] for name, split in manifest(run)["splits"].items()}
    assert cleaning["kept"] == sizes["train"]
    assert cleaning["read"] == cleaning["kept"] + sum(counts.values())
    assert sum(sizes.values()) == len(good)


def multi30k(folder, train, development, test):
    folder.mkdir()
    for name, pairs in (("train", train), ("val", development), ("test_2016_flickr", test)):
        for language, side in (("en", 0), ("de", 1)):
            with gzip.open(folder / f"{name}.{language}.gz", "wt", encoding="utf-8") as file:
                file.writelines(pair[side] + "\n" for pair in pairs)
    return folder


def test_a_shipped_recipe_on_local_files_keeps_held_out_sentences_out(tmp_path):
    pairs = toy_pairs(100)
    train, development, test = pairs[:80], pairs[80:90], pairs[90:]
    leaks = [
        (development[0][0], "bat bi hiru ."),  # another translation of the same sentence
        (development[1][0].upper(), development[1][1]),
        (test[0][0].replace(".", " !"), test[0][1]),
    ]
    train.append(("four green frogs sleep.", test[1][1]))
    folder, run = multi30k(tmp_path / "data", [*train, *leaks], development, test), tmp_path / "run"
    told = prepare("multi30k-en-de", "--data", folder, run=run)
    assert "multi30k-en-de: en to de" in told.out
    assert re.search(r"about .* on this machine \([\d,]+ updates, [\d,.]+ passes, ", told.out)
    assert "dropped from train: 3 (leakage)" in told.out
    assert "kept in train, but know: 1 (another source with the target of a development or test pair)" in told.out
    assert manifest(run)["cleaning"]["train"]["dropped"]["leakage"]["count"] == 3
    assert texts(run, "train") == [source for source, _ in train]
    assert texts(run, "development") == [source for source, _ in development]
    assert texts(run, "test", "target") == [target for _, target in test]
    assert "nothing done" in prepare("multi30k-en-de", "--data", folder, run=run).err


def test_minutes_are_the_only_limit_of_a_shipped_recipe_and_change_nothing_else():
    from seq2seq.cli.prepare import _shipped

    plain, timed = (
        _shipped("multi30k-en-de-best", reverse=False, minutes=minutes, pretokenised=False).recipe
        for minutes in (None, 300.0)
    )
    assert plain.training.max_updates > 0
    limits = timed.training.minutes, timed.training.max_updates, timed.training.max_epochs
    assert limits == (300.0, 0, 0.0)
    assert (timed.model, timed.training.learning_rate) == (plain.model, plain.training.learning_rate)


@pytest.mark.parametrize("way", ["files", "hub"])
def test_minutes_choose_by_the_speed_of_this_machine(tmp_path, monkeypatch, way):
    asked = []

    def speed(recipe, sentence_tokens, *, device, threads):
        asked.append((recipe.model.encoder_size, device, threads))
        return pace

    monkeypatch.setattr("seq2seq.pipeline.train.speed.tokens_per_second", speed)
    (tmp_path / "hub").mkdir()
    lines = [json.dumps({"en": source, "eu": target}) + "\n" for source, target in toy_pairs(100)]
    (tmp_path / "hub" / "train.jsonl").write_text("".join(lines), encoding="utf-8")
    given = own(tmp_path) if way == "files" else ["--hub", "me/toy", "--data", tmp_path / "hub"]
    found = {}
    for pace in (5.0, 50_000.0):
        run = tmp_path / f"run-{pace:g}"
        done("prepare", *given, "--from", "en", "--into", "eu", "--minutes", 1, "--threads", 1, "--run", run, *SMALL)
        found[pace] = load_recipe(run / "recipe.toml")
    assert asked == [(256, "auto", 1)] * 2
    assert found[5.0].training.learning_rate > found[50_000.0].training.learning_rate
    assert found[5.0].model.dropout < found[50_000.0].model.dropout
    assert [recipe.training.minutes for recipe in found.values()] == [1.0, 1.0]


def test_a_folder_in_the_hubs_own_layout(tmp_path):
    pairs, folder = toy_pairs(100), tmp_path / "hub"
    folder.mkdir()
    for name, rows in (("train", pairs[:80]), ("val", pairs[80:90]), ("test", pairs[90:])):
        lines = (json.dumps({"en": source, "de": target}) + "\n" for source, target in rows)
        (folder / f"{name}.jsonl").write_text("".join(lines), encoding="utf-8")
    run = tmp_path / "run"
    prepare("multi30k-en-de", "--data", folder, run=run)
    assert texts(run, "train") == [source for source, _ in pairs[:80]]
    assert texts(run, "development", "target") == [target for _, target in pairs[80:90]]
    assert texts(run, "test") == [source for source, _ in pairs[90:]]
    back = tmp_path / "back"
    assert "multi30k-en-de-reversed: de to en" in prepare("multi30k-en-de", "--reverse", "--data", folder, run=back).out
    assert texts(back, "test") == [target for _, target in pairs[90:]]


def test_what_was_measured_with_a_recipe_is_no_result_of_a_run(tmp_path):
    write_pairs(tmp_path, toy_pairs(40))
    (tmp_path / "my.toml").write_text(
        'results = ["72.8 BLEU"]\n[data]\nsource_language = "en"\ntarget_language = "eu"\n'
        'train = ["toy.en", "toy.eu"]\ndevelopment_size = 5\n',
        encoding="utf-8",
    )
    prepare(tmp_path / "my.toml", "--data", tmp_path, run=tmp_path / "run")
    assert load_recipe(tmp_path / "run" / "recipe.toml").results == ()


def turned_recipe(folder, *, tokenize, vectors="", more=""):
    """The recipe that `--reverse` makes of one from Chinese into English."""
    write_pairs(folder, toy_pairs(40))
    (folder / "my.toml").write_text(
        'name = "my"\ndescription = "From Chinese."\nresults = ["72.8 BLEU"]\n'
        '[data]\nsource_language = "zh"\ntarget_language = "en"\ntrain = ["toy.en", "toy.eu"]\n'
        f'development_size = 5\n[model]\n{vectors}\n[evaluation]\ntokenize = "{tokenize}"\n',
        encoding="utf-8",
    )
    options = ["--reverse", "--data", folder, *more.split()]
    told = prepare(folder / "my.toml", *options, run=folder / "run")
    return load_recipe(folder / "run" / "recipe.toml"), told.err


def test_the_other_direction_of_a_recipe_is_scored_as_its_own_target_language(tmp_path):
    recipe, told = turned_recipe(tmp_path, tokenize="13a")
    assert recipe.evaluation.tokenize == "zh"
    assert "evaluation.tokenize" not in told
    assert (recipe.description, recipe.results) == ("", ())


def test_a_way_to_score_that_was_chosen_by_hand_stays_and_is_told_of(tmp_path):
    recipe, told = turned_recipe(tmp_path / "a", tokenize="intl")
    assert recipe.evaluation.tokenize == "intl"
    assert "evaluation.tokenize stays 'intl'" in told
    assert "--set evaluation.tokenize=zh" in told
    for more in ("--set evaluation.tokenize=char", "--pretokenised"):
        assert "stays" not in turned_recipe(tmp_path / more, tokenize="intl", more=more)[1]


def test_the_scripts_of_a_filter_are_turned_round_with_their_languages():
    data = Data(filters=(Choice("empty"), Choice("script", {"source": "Latin", "target": "Cyrillic", "minimum": 0.7})))
    empty, script = turned(complete(Recipe(data=data))).data.filters
    assert empty == Choice("empty")
    assert script.settings == {"source": "Cyrillic", "target": "Latin", "minimum": 0.7}


def test_pretrained_vectors_are_turned_round_with_their_languages(tmp_path):
    for name in ("zh", "en"):
        (tmp_path / name).write_text("dog 0.1 0.2 0.3 0.4 0.5 0.6 0.7 0.8\n", encoding="utf-8")
    vectors = f'tie = "none"\nsource_vectors = "{tmp_path / "zh"}"\ntarget_vectors = "{tmp_path / "en"}"\n'
    words = "--set text.tokenizer=words --set text.joint=false --set text.vocabulary_size=40"
    model = turned_recipe(tmp_path, tokenize="13a", vectors=vectors, more=words)[0].model
    assert (model.source_vectors, model.target_vectors) == (str(tmp_path / "en"), str(tmp_path / "zh"))


def test_a_run_inside_a_datasets_folder_is_refused(tmp_path):
    write_jsonl(tmp_path / "train.jsonl", toy_pairs(40))
    options = ("--hub", "a/b", "--from", "en", "--into", "eu", "--data", tmp_path)
    told = prepare(*options, run=tmp_path / "runs" / "mine", check=refused)
    assert "whose files are the dataset" in told
    assert not (tmp_path / "runs").exists()


def test_words_that_mean_nothing_to_a_table_are_words(tmp_path):
    rows = [("None", "Bat ere ez"), ("NA", "Ez"), ("null", "hutsa"), *toy_pairs(40)]
    lines = "".join(f'"{source}","{target}"\n' for source, target in rows)
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "train.csv").write_text("en,eu\n" + lines, encoding="utf-8")
    options = ("--hub", "a/b", "--from", "en", "--into", "eu", "--data", tmp_path / "data")
    prepare(*options, run=tmp_path / "run")
    kept = [text for name in ("train", "development", "test") for text in texts(tmp_path / "run", name)]
    assert {"None", "NA", "null"} <= set(kept)


def write_jsonl(path, pairs):
    path.parent.mkdir(parents=True, exist_ok=True)
    lines = (json.dumps({"en": source, "eu": target}) + "\n" for source, target in pairs)
    path.write_text("".join(lines), encoding="utf-8")


def hub(folder, *more, run, check=done):
    return prepare("--hub", "our/toys", "--from", "en", "--into", "eu", "--data", folder, *more, run=run, check=check)


def test_a_datasets_own_sets_are_used_and_its_deeper_files_watched(tmp_path):
    pairs, folder, run = toy_pairs(100), tmp_path / "set", tmp_path / "run"
    for name, rows in (("train", pairs[:80]), ("validation", pairs[80:90]), ("test", pairs[90:])):
        write_jsonl(folder / "data" / f"{name}-0.jsonl", rows)
    hub(folder, run=run)
    assert texts(run, "train") == [source for source, _ in pairs[:80]]
    assert texts(run, "development") == [source for source, _ in pairs[80:90]]
    assert texts(run, "test", "target") == [target for _, target in pairs[90:]]
    recipe = load_recipe(run / "recipe.toml").data
    assert (recipe.development_size, recipe.test_size) == (0, 0)
    assert "there is a test set already" in manifest(run)["reasons"]["data.test_size"]
    assert sorted(manifest(run)["inputs"]["files"]) == [
        "data/test-0.jsonl",
        "data/train-0.jsonl",
        "data/validation-0.jsonl",
    ]
    assert "nothing done" in hub(folder, run=run).err
    write_jsonl(folder / "data" / "train-0.jsonl", pairs[:79])
    assert "nothing done" not in hub(folder, run=run).err
    assert len(texts(run, "train")) == 79


def test_sets_of_your_own_are_named_beside_the_corpus(tmp_path):
    pairs = toy_pairs(60)
    development = own(tmp_path / "dev", pairs[40:50])[1::2]
    test = own(tmp_path / "päivä 👍", pairs[50:])[1::2]
    files = [*own(tmp_path, pairs[:40]), "--development", development[0], "--development", development[1]]
    prepare(*files, "--test", test[0], "--test", test[1], run=tmp_path / "run")
    for name, rows in (("train", pairs[:40]), ("development", pairs[40:50]), ("test", pairs[50:])):
        assert texts(tmp_path / "run", name) == [source for source, _ in rows]
        assert texts(tmp_path / "run", name, "target") == [target for _, target in rows]
    recipe = load_recipe(tmp_path / "run" / "recipe.toml").data
    assert (recipe.development_size, recipe.test_size) == (0, 0)
    # One of the two alone: the other is set aside, as without.
    prepare(*files, run=tmp_path / "one")
    recipe = load_recipe(tmp_path / "one" / "recipe.toml").data
    assert (recipe.development_size, recipe.test_size) == (0, len(texts(tmp_path / "one", "test")))
    assert recipe.test_size > 0
    # Turned round with the corpus.
    prepare(*files, "--reverse", run=tmp_path / "back")
    assert texts(tmp_path / "back", "development") == [target for _, target in pairs[40:50]]


def test_a_set_of_your_own_has_as_many_files_as_the_corpus(tmp_path):
    files, tsv = own(tmp_path, toy_pairs(40)), tmp_path / "more.tsv"
    tsv.write_text("".join(f"{source}\t{target}\n" for source, target in toy_pairs(40)), "utf-8")
    told = prepare(*files, "--test", files[1], run=tmp_path / "run", check=refused)
    assert "--test was given 1 file, and the corpus has 2." in told
    assert "--test SOURCE --test TARGET" in told
    told = prepare("--tsv", tsv, *("--development", tsv) * 2, run=tmp_path / "run", check=refused)
    assert "--development was given 2 files, and the corpus has 1." in told
    told = prepare(*files, *("--test", tmp_path / "none.en") * 2, run=tmp_path / "run", check=refused)
    assert "none.en" in told
    told = prepare("multi30k-en-de", "--test", tsv, run=tmp_path / "run", check=refused)
    assert "--test does nothing with a recipe." in told
    assert not (tmp_path / "run").exists()


def test_what_a_dataset_lacks_or_has_without_translations_is_set_aside(tmp_path):
    pairs, folder, run = toy_pairs(100), tmp_path / "set", tmp_path / "run"
    write_jsonl(folder / "train.jsonl", pairs)
    write_jsonl(folder / "test.jsonl", [(source, "") for source, _ in toy_pairs(20, seed=8)])
    hub(folder, run=run)
    recipe = load_recipe(run / "recipe.toml").data
    assert recipe.development_size == recipe.test_size == 10
    assert len(texts(run, "train")) == 81


def test_decompressed_files_serve_a_shipped_recipe_and_a_wrong_folder_is_called_so(tmp_path):
    pairs = toy_pairs(60)
    folder = multi30k(tmp_path / "data", pairs[:40], pairs[40:50], pairs[50:])
    for path in list(folder.glob("*.gz")):
        path.with_suffix("").write_bytes(gzip.decompress(path.read_bytes()))
        path.unlink()
    prepare("multi30k-en-de", "--data", folder, run=tmp_path / "run")
    assert texts(tmp_path / "run", "train") == [source for source, _ in pairs[:40]]
    told = prepare("multi30k-en-de", "--data", tmp_path, run=tmp_path / "other", check=refused)
    assert "train.en.gz" in told
    assert "It holds: data/, run/." in told


@pytest.mark.parametrize("lost", ["data/test.arrow", "tokenizer/joint"])
def test_what_was_taken_away_is_made_again_but_not_over_a_training(tmp_path, lost):
    run, files = tmp_path / "run", own(tmp_path, toy_pairs(60))
    prepare(*files, run=run)
    before = contents(run)

    def lose():
        if (run / lost).is_dir():
            shutil.rmtree(run / lost)
        else:
            (run / lost).unlink()

    lose()
    assert "nothing done" not in prepare(*files, run=run).err
    assert contents(run).keys() == before.keys()
    lose()
    (run / "checkpoints").mkdir()
    told = prepare(*files, run=run, check=refused)
    assert f"{run / lost} is missing, and preparing again would drop the training" in told
    assert (run / "checkpoints").is_dir()
    prepare(*files, "--force", run=run)
    assert contents(run).keys() == before.keys()


def test_a_recipe_that_was_taken_away_is_written_again(tmp_path):
    run, files = tmp_path / "run", own(tmp_path, toy_pairs(60))
    prepare(*files, run=run)
    before = contents(run)
    (run / "recipe.toml").unlink()
    assert "the new settings are in" in prepare(*files, run=run).err
    assert contents(run) == before


def test_development_and_test_can_be_lines_of_one_file(tmp_path):
    pairs = toy_pairs(99)
    for name, rows in (("train", pairs[:80]), ("valid", pairs[80:])):
        for language, side in (("de", 0), ("en", 1)):
            text = "".join(row[side] + "\n" for row in rows)
            (tmp_path / f"{name}.{language}.gz").write_bytes(gzip.compress(text.encode()))
    ranges = sets("data.development_lines=[1, 12]", "data.test_lines=[13, 20]")
    run = tmp_path / "run"
    prepare("iwslt14-100k-de-en", "--data", tmp_path, *ranges, run=run)
    assert texts(run, "development") == [source for source, _ in pairs[80:92]]
    assert texts(run, "test") == [source for source, _ in pairs[92:100]]
    told = prepare("iwslt14-100k-de-en", "--data", tmp_path, run=tmp_path / "other", check=refused)
    assert "valid.de.gz has 20 lines, but lines" in told
    assert not (tmp_path / "other").exists()


def test_json_is_one_object_for_programs(tmp_path):
    told = prepare(*own(tmp_path, toy_pairs(60)), "--json", run=tmp_path / "run").json
    assert told["run"] == str(tmp_path / "run")
    assert told["changed"] is True
    assert told["splits"]["train"]["pairs"] > 0
    assert told["estimate"]["seconds"] > 0
    assert told["estimate"]["parameters"] > 0
    assert told["cleaning"]["train"]["read"] == told["splits"]["train"]["pairs"]
    assert told["reasons"]


def test_a_trial_that_memory_is_too_short_for_is_no_failure(tmp_path, monkeypatch):
    def cramped(*arguments, **named):
        raise RuntimeError("[enforce fail at alloc_cpu.cpp:121] DefaultCPUAllocator: can't allocate memory")

    monkeypatch.setattr("seq2seq.pipeline.train.estimate.seconds_a_token", cramped)
    told = prepare(*own(tmp_path, toy_pairs(60)), run=tmp_path / "run")
    assert "Training will take" not in told.out
    assert told.lines[-1].startswith("Train it: ")
    assert "was not measured: memory is too short" in told.err
    again = prepare(*own(tmp_path, toy_pairs(60)), "--json", run=tmp_path / "run").json
    assert again["estimate"] is None


def test_unequal_files(tmp_path):
    files = own(tmp_path, toy_pairs(40))
    files[3].write_text("lo hund .\n" * 39, encoding="utf-8")
    told = prepare(*files, run=tmp_path / "run", check=refused)
    assert f"{files[1]} has 41 lines, {files[3]} has 39" in told
    assert "Line n of one must translate line n of the other" in told
    assert not (tmp_path / "run").exists()


def test_bytes_that_are_not_utf8(tmp_path):
    files = own(tmp_path, toy_pairs(40))
    files[3].write_bytes(files[3].read_bytes().replace(b"\n", b" \xe9\n", 7).replace(b" \xe9\n", b"\n", 6))
    told = prepare(*files, run=tmp_path / "run", check=refused)
    assert f"{files[3]}, line 7: byte" in told
    assert "iconv" in told


def test_a_missing_file_is_answered_with_the_nearest(tmp_path):
    source, target = write_pairs(tmp_path, toy_pairs(40))
    told = prepare(
        "--source", tmp_path / "toy.en", "--target", tmp_path / "toi.eu", run=tmp_path / "run", check=refused
    )
    assert "toi.eu" in told
    assert "Did you mean 'toy.eu'?" in told
    assert source.exists()
    assert target.exists()


@pytest.mark.parametrize(("content", "told"), [("", "is empty"), ("\n \n\n", "0 usable pair(s)"), ("a\n", "1 usable")])
def test_a_corpus_of_nothing(tmp_path, content, told):
    for name in ("toy.en", "toy.eu"):
        (tmp_path / name).write_text(content)
    files = ["--source", tmp_path / "toy.en", "--target", tmp_path / "toy.eu"]
    assert told in prepare(*files, run=tmp_path / "run", check=refused)


def test_filters_that_leave_nothing_say_which(tmp_path):
    files = own(tmp_path, toy_pairs(40))
    only = sets("data.filters=[{name='length', maximum=1}]")
    told = prepare(*files, *only, run=tmp_path / "run", check=refused)
    assert "none would be left to train on" in told or "dropped as 'length'" in told


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        ([], "needs one corpus, and was given nothing"),
        (["multi30k-en-de", "--tsv", "x.tsv"], "was given RECIPE and --tsv"),
        (["multi30k-en-d"], "Did you mean 'multi30k-en-de'?"),
        (["some/where.toml"], "There is no recipe at some/where.toml"),
        (["multi30k-en-fr"], "--data FOLDER"),
        (["multi30k-en-de", "--data", "nowhere"], "nowhere"),
        (["multi30k-en-de", "--from", "de"], "--from does nothing with a recipe"),
        (["--tsv", "x.tsv", "--target", "y"], "--target does nothing with --tsv"),
        (["--tsv", "x.tsv"], "x.tsv"),
        (["--hub", "owner/name"], "needs --from and --into"),
        (["demo", "--set", "model.atention=dot"], "Did you mean"),
        (["demo", "--set", "model.attention=dto"], "Did you mean 'dot'?"),
        (["demo", "--set", "modle.attention=dot"], "Did you mean"),
        (["demo", "--set", "training.minutes"], "is not an assignment"),
        (["demo", "--set", "training.batch_tokens=0"], "training.batch_tokens"),
        (["demo", "--set", "training.batch_tokens=many"], "training.batch_tokens"),
    ],
)
def test_what_is_refused_says_what_to_do(tmp_path, monkeypatch, arguments, told):
    monkeypatch.chdir(tmp_path)
    message = refused("prepare", *arguments)
    assert told in message
    assert message.count("\n") >= 2 or arguments[-1].startswith("training.batch")  # what is wrong, and what to do
    assert list(tmp_path.iterdir()) == []


def test_text_files_in_the_place_of_a_recipe_are_recognised(tmp_path):
    source, _ = write_pairs(tmp_path, toy_pairs(10))
    assert f"--source {source} --target FILE" in refused("prepare", source)


def test_source_alone_asks_for_the_target(tmp_path):
    source, _ = write_pairs(tmp_path, toy_pairs(10))
    told = refused("prepare", "--source", source)
    assert "--source needs --target" in told
    assert "--tsv" in told


def test_the_toy_language_is_what_the_tests_say():
    assert toy_translation("the red dog sees two blue boat and six black cat.") == (
        "lo hund gorri ikus bi ontzi urdin eta sei katz beltz ."
    )
    assert len(dict(toy_pairs())) == NUM_PAIRS + 1
    assert "training.precision=fp32" in TINY


def test_help_teaches_with_examples():
    told = call("prepare", "--help")
    assert told.code == 0
    assert "seq2seq prepare --source my.en --target my.de" in told.out
    assert "\x1b" not in told.out


def test_without_a_test_size_there_is_no_test_set(tmp_path):
    source, target = write_pairs(tmp_path)
    run = tmp_path / "run"
    done("prepare", "--source", source, "--target", target, "--run", run, "--set", "data.test_size=0")
    assert set(manifest(run)["splits"]) == {"train", "development"}
