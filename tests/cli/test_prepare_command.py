"""`seq2seq prepare` as a newcomer calls it: every kind of corpus, what is dropped, what is refused, what is kept."""

from __future__ import annotations

import gzip
import json
import shutil
import tomllib

import pytest
from toy_runs import NUM_PAIRS, TINY, call, done, refused, sets, toy, toy_pairs, toy_translation, write_pairs

from seq2seq.data.store import Store
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
    folder, run = multi30k(tmp_path / "data", [*train, *leaks], development, test), tmp_path / "run"
    told = prepare("multi30k-en-de", "--data", folder, run=run)
    assert "multi30k-en-de: en to de" in told.out
    assert "a time budget" in told.out
    assert "dropped from train: 3 (leakage)" in told.out
    assert manifest(run)["cleaning"]["train"]["dropped"]["leakage"]["count"] == 3
    assert texts(run, "train") == [source for source, _ in train]
    assert texts(run, "development") == [source for source, _ in development]
    assert texts(run, "test", "target") == [target for _, target in test]
    assert "nothing done" in prepare("multi30k-en-de", "--data", folder, run=run).err


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


def write_jsonl(path, pairs):
    path.parent.mkdir(parents=True, exist_ok=True)
    lines = (json.dumps({"en": source, "eu": target}) + "\n" for source, target in pairs)
    path.write_text("".join(lines), encoding="utf-8")


def hub(folder, *more, run):
    return prepare("--hub", "our/toys", "--from", "en", "--into", "eu", "--data", folder, *more, run=run)


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
    assert "a test set of its own" in manifest(run)["reasons"]["data.test_size"]
    assert sorted(manifest(run)["inputs"]["files"]) == [
        "data/test-0.jsonl",
        "data/train-0.jsonl",
        "data/validation-0.jsonl",
    ]
    assert "nothing done" in hub(folder, run=run).err
    write_jsonl(folder / "data" / "train-0.jsonl", pairs[:79])
    assert "nothing done" not in hub(folder, run=run).err
    assert len(texts(run, "train")) == 79


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
