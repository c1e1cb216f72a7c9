"""`seq2seq finetune`: the toy translator learns other words for some things, and does not forget the rest."""

from __future__ import annotations

import json
import os
import shutil
import signal
from types import SimpleNamespace

import pytest
import torch
from msgspec.structs import replace as changed
from safetensors.torch import load_file
from toy_runs import COLOURS, NOUNS, WORDS, Toy, call, done, refused, sets, toy, toy_pairs, write_pairs

from seq2seq.bundle import RunFolder, open_bundle
from seq2seq.cli.ensembles import Models
from seq2seq.cli.finetune import _say_result
from seq2seq.data.batches import Batches
from seq2seq.data.mixing import epoch_counts
from seq2seq.data.store import Store
from seq2seq.folders import read_json, write_json, write_text
from seq2seq.pipeline.finetune.training_settings import HOLD
from seq2seq.pipeline.train.refine import Refined
from seq2seq.pipeline.train.reporters import ConsoleReporter
from seq2seq.pipeline.train.train import Trained
from seq2seq.recipe.toml import load_recipe
from seq2seq.training.counters import Counters
from seq2seq.training.metrics_log import MetricsLog
from seq2seq.translating.translation import Translation

__all__ = ["toy"]
OTHER = {"hund": "zakur", "etxe": "ola"}
QUICK = sets("training.max_updates=120", "training.validate_every=40", "training.learning_rate=0.01")
FEW = sets("training.max_updates=8", "training.validate_every=8", "training.learning_rate=0.01")
SHORT = sets("training.max_updates=2", "training.validate_every=2")


def new_pairs(count: int = 80) -> list[tuple[str, str]]:
    """Sentences of another corpus, in which some words are called otherwise."""
    found = []
    for source, target in toy_pairs(count * 3, seed=11)[1:]:
        words = [OTHER.get(word, word) for word in target.split()]
        if words != target.split():
            found.append((source, " ".join(words)))
    return found[:count]


class Echo:
    """A translator that answers each line with itself."""

    engine = SimpleNamespace(name="torch")

    def translate_windows(self, windows, settings, **_):
        for window in windows:
            for line in window:
                yield Translation(line, line, -1.0, -1.0, [], [], [])


@pytest.fixture(scope="module")
def text(tmp_path_factory):
    """The new text, as options."""
    source, target = write_pairs(tmp_path_factory.mktemp("new"), new_pairs(), name="new")
    return ["--source", source, "--target", target]


@pytest.fixture(scope="module")
def tuned(toy: Toy, text, tmp_path_factory):
    """A run that was fine-tuned from the toy, with old pairs."""
    run = tmp_path_factory.mktemp("tuned") / "run"
    return run, done("finetune", toy.run, *text, "--run", run, *QUICK)


@pytest.fixture(autouse=True)
def no_graphs(monkeypatch):
    """Graphs take longer than these trainings, and are not what is looked at here."""
    monkeypatch.setattr("seq2seq.pipeline.train.train.export_trained", lambda run: None)


def contents(folder) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def weights(place) -> dict[str, torch.Tensor]:
    return load_file(place / "weights.safetensors")


def looks(run) -> list[dict]:
    return [row for row in MetricsLog(run / "metrics.jsonl").rows() if row["kind"] == "validation"]


def test_the_new_text_gains_and_the_old_is_reported_beside_it(toy, tuned):
    run, outcome = tuned
    rows = looks(run)
    assert [row["update"] for row in rows] == [0, 40, 80, 120]
    assert all({"bleu", "loss", "old_bleu", "old_chrf", "old_loss"} <= row.keys() for row in rows)
    assert rows[-1]["loss"] < rows[0]["loss"]
    best = max(rows, key=lambda row: row["bleu"])
    assert best["bleu"] > rows[0]["bleu"]
    assert open_bundle(run).facts.update == best["update"]
    shown = [line.split() for line in outcome.lines]
    assert shown[0] == ["development", "before", "after", "gained"]
    assert shown[1][:4] == ["new", "text", "BLEU", f"{rows[0]['bleu']:.2f}"]
    assert shown[1][4] == f"{best['bleu']:.2f}"
    assert [line[:3] for line in shown[4:]] == [["old", "text", name] for name in ("BLEU", "chrF", "loss")]
    assert shown[4][3:5] == [f"{row['old_bleu']:.2f}" for row in (rows[0], best)]


def test_old_pairs_or_weights_held_keep_the_old_text_from_being_forgotten(toy, text, tuned, tmp_path):
    """The new text calls some old words something else, so that both cannot be learned without old pairs."""
    runs = {"old pairs": tuned[0]}
    for name, more in (("forgetful", sets("training.hold=0")), ("held", [])):
        runs[name] = tmp_path / name
        done("finetune", toy.run, *text, "--run", runs[name], "--old-share", 0, *more, *QUICK)
    before, after = ({name: looks(run)[at]["old_loss"] for name, run in runs.items()} for at in (0, -1))
    assert len(set(before.values())) == 1
    lost = {name: after[name] - before[name] for name in runs}
    assert lost["forgetful"] > 0.1
    assert lost["held"] < lost["forgetful"]
    assert lost["old pairs"] < lost["forgetful"] / 2


@pytest.mark.parametrize("is_better", [True, False])
def test_a_second_stage_tells_what_it_made_of_the_first(tmp_path, capfd, is_better):
    run, scores = RunFolder(tmp_path / "run"), {"loss": 1.0, "bleu": 20.0, "chrf": 40.0}
    first = {**scores, "bleu": 30.0}
    rows = [{"kind": "validation", "update": update, **row} for update, row in ((0, scores), (8, first))]
    write_text(run.metrics, "".join(json.dumps(row) + "\n" for row in rows))
    best = {**scores, "update": 3, "bleu": 33.0} if is_better else {}
    stage = Refined(Counters(update=5), finished=True, updates=5, before=first, best=best)
    done = Trained(Counters(update=10, best_update=8), True, 15, 1.0, first, stage)
    _say_result(run, tmp_path / "model", done, as_json=False)
    told = capfd.readouterr()
    after = "33.00" if is_better else "30.00"
    assert told.out.splitlines()[1].split() == ["new", "text", "BLEU", "20.00", after, f"+{float(after) - 20:.2f}"]
    assert "The second stage began with the weights of update 8 of 10." in told.err
    assert ("BLEU 30.00 -> 33.00" if is_better else "first stage's best, which is kept (BLEU 30.00)") in told.err
    _say_result(run, tmp_path / "model", done, as_json=True)
    told = json.loads(capfd.readouterr().out)
    assert told["scores"]["new"]["after"]["bleu"] == float(after)
    assert told["refined"] == stage.to_dict()


def test_it_starts_from_the_models_weights(toy, tuned):
    run, _ = tuned
    assert weights_equal(load_file(run / "start.safetensors"), weights(toy.run / "bundle"))
    # The first look is at them, so its old scores are those of the model on its own development set.
    old = {row["update"]: row for row in looks(toy.run)}[open_bundle(toy.run).facts.update]
    assert looks(run)[0]["old_loss"] == pytest.approx(old["loss"], abs=2e-5)
    assert looks(run)[0]["old_bleu"] == old["bleu"]


def weights_equal(first, second) -> bool:
    return first.keys() == second.keys() and all(torch.equal(first[name], second[name]) for name in first)


def test_vocabulary_and_network_are_the_models(toy, tuned):
    run, _ = tuned
    assert contents(run / "tokenizer") == contents(toy.run / "tokenizer")
    ours, theirs = load_recipe(run / "recipe.toml"), load_recipe(toy.run / "recipe.toml")
    assert (ours.model, ours.text, ours.search) == (theirs.model, theirs.text, theirs.search)


def test_held_out_sets_of_both_texts_are_kept_from_training(toy, tuned):
    run, _ = tuned
    manifest = read_json(run / "manifest.json")
    assert set(manifest["splits"]) == {"train", "development", "test", "old-development", "old-test"}
    sources = {name: set(Store(run / "data" / f"{name}.arrow").texts("source")) for name in manifest["splits"]}
    for name in ("development", "test"):
        assert sources["old-" + name] == set(Store(toy.run / "data" / f"{name}.arrow").texts("source"))
    held = set.union(*(found for name, found in sources.items() if name != "train"))
    assert sources["train"].isdisjoint(held)
    new = {source for source, _ in new_pairs()}
    assert sources["development"] | sources["test"] <= new


def test_half_of_what_is_learned_from_is_old(toy, tuned):
    run, _ = tuned
    manifest = read_json(run / "manifest.json")
    new, old = manifest["corpora"]
    mixture = [new["pairs"], old["pairs"]], [new["weight"], old["weight"]]
    # An epoch is a pass over the new text.
    assert epoch_counts(*mixture, 1.0, length=manifest["epoch_pairs"]) == [new["pairs"], new["pairs"]]
    stored = Store(run / "data" / "train.arrow")
    assert len(stored) == new["pairs"] + old["pairs"]
    assert set(stored.texts("source")[new["pairs"] :]) <= set(Store(toy.run / "data" / "train.arrow").texts("source"))
    training = load_recipe(run / "recipe.toml").training
    assert training.hold == 0
    batches = Batches(
        stored,
        batch_tokens=training.batch_tokens,
        seed=training.seed,
        corpora=list(zip(*mixture, strict=True)),
        epoch_pairs=manifest["epoch_pairs"],
    )
    assert looks(run)[-1]["epoch"] == (training.max_updates - 1) // len(batches.plan(0))


def test_for_few_new_pairs_few_old_ones_are_taken(toy, tmp_path):
    short = [(f"{colour} {noun}", f"{WORDS[noun]} {WORDS[colour]}") for colour in COLOURS for noun in NOUNS][:12]
    source, target = write_pairs(tmp_path / "few", short, name="few")
    told = done(
        *("finetune", toy.run, "--source", source, "--target", target, "--run", tmp_path / "run"),
        *("--prepare-only", "--json"),
    )
    new, old = told.json["corpora"]
    all_of_them = len(Store(toy.run / "data" / "train.arrow"))
    assert old["pairs"] == pytest.approx(1.2 * 20 * new["pairs"], rel=0.03)
    assert old["pairs"] < all_of_them
    assert f"Of {all_of_them} old pairs {old['pairs']} are taken, drawn from all of them: training reads" in told.err
    # Short ones among longer ones are read as often.
    run, before = RunFolder(tmp_path / "run"), read_json(toy.run / "manifest.json")["splits"]["train"]
    training, stored = load_recipe(run.recipe).training, Store(run.split("train"))
    lengths = [*stored.target.lengths[: new["pairs"]]]
    lengths += [length for split in ("development", "test") for length in Store(run.split(split)).target.lengths]
    old_tokens = before["target_tokens"] / before["pairs"]
    assert old_tokens > 1.5 * sum(lengths) / len(short)
    a_pass = sum(lengths) + len(short) * (old_tokens + 2)
    assert training.max_updates * training.batch_tokens == pytest.approx(20 * a_pass, rel=0.03)


def test_the_share_of_old_pairs_is_as_asked_for(toy, text, tmp_path):
    asked = done(
        "finetune", toy.run, *text, "--run", tmp_path / "run", "--old-share", "0.8", "--prepare-only", "--json"
    )
    new, old = asked.json["corpora"]
    drawn = epoch_counts([new["pairs"], old["pairs"]], [new["weight"], old["weight"]], 1.0)
    assert drawn[1] / sum(drawn) == pytest.approx(0.8, abs=0.01)


def test_the_model_is_not_touched_and_kept_where_nothing_helps(toy, text, tmp_path):
    before = contents(toy.run)
    settings = [*SHORT, *sets("training.learning_rate=1e-12")]
    outcome = done("finetune", toy.run, *text, "--run", tmp_path / "run", *settings)
    assert contents(toy.run) == before
    assert "No update translated the new text better" in outcome.err
    assert weights_equal(weights(tmp_path / "run" / "bundle"), weights(toy.run / "bundle"))
    for place in (toy.run, toy.run / "bundle", toy.run / "bundle" / "new"):
        assert "nothing of it is overwritten" in refused("finetune", toy.run, *text, "--run", place)
    assert contents(toy.run) == before


def test_a_bundle_alone_is_enough_and_its_weights_are_held(toy, text, tmp_path):
    shutil.copytree(toy.run / "bundle", tmp_path / "bundle")
    moved = {}
    for strength in ("", "training.hold=1"):
        run = tmp_path / f"run{strength}"
        outcome = done("finetune", tmp_path / "bundle", *text, "--run", run, *FEW, *sets(*filter(None, [strength])))
        assert not any("old_bleu" in row for row in looks(run))
        assert not [line for line in outcome.lines if line.startswith("old")]
        recipe = load_recipe(run / "recipe.toml")
        assert recipe.training.weight_decay == 0
        kept, start = load_file(run / "checkpoints" / "last" / "weights.safetensors"), weights(tmp_path / "bundle")
        moved[recipe.training.hold] = sum(float((kept[name] - start[name]).square().sum()) for name in start)
    assert moved[HOLD] < 0.5 * moved[1.0]


def test_the_old_run_may_be_named(toy, text, tmp_path):
    shutil.copytree(toy.run / "bundle", tmp_path / "bundle")
    asked = done(
        "finetune", tmp_path / "bundle", *text, "--old", toy.run, "--run", tmp_path / "run", "--prepare-only", "--json"
    )
    assert {"old-development", "old-test"} <= asked.json["splits"].keys()
    assert len(asked.json["corpora"]) == 2


def test_old_pairs_with_a_tag_that_the_model_does_not_know_are_refused(toy, text, tmp_path):
    other = tmp_path / "other"
    shutil.copytree(toy.run, other)
    manifest = read_json(other / "manifest.json")
    tagged = [{**one, "tag": "<bt>"} for one in manifest["corpora"]]
    write_json(other / "manifest.json", {**manifest, "corpora": tagged})
    options = ["finetune", toy.run, *text, "--old", other, "--run", tmp_path / "run", "--prepare-only"]
    told = refused(*options)
    assert f"pairs of {other}" in told
    assert "<bt>" in told
    assert "--old-share 0" in told
    assert not (tmp_path / "run").exists()
    asked = done(*options, "--old-share", "0", "--json")
    assert len(asked.json["corpora"]) == 1


def test_no_new_network_is_trained_as_a_fine_tuned_run_was(toy, tuned, tmp_path, monkeypatch):
    run, _ = tuned
    told = refused("distill", run, "--run", tmp_path / "student")
    assert f"{run} was fine-tuned" in told
    assert "--of" in told
    assert not (tmp_path / "student").exists()
    # The teacher itself may have been.
    monkeypatch.setattr(Models, "translator", lambda *_, **__: Echo())
    wide = ["--max-copied", "1"]
    made = done("distill", run, "--of", toy.run, "--run", tmp_path / "student", *wide, "--threads", "1", "--json")
    assert [one["name"] for one in made.json["corpora"]] == ["original", "distilled"]
    rates = [load_recipe(place / "recipe.toml").training.learning_rate for place in (tmp_path / "student", toy.run)]
    assert rates[0] == rates[1]


def test_stopped_half_way_it_goes_on_to_the_same_bits(toy, text, tmp_path, monkeypatch):
    shutil.copytree(toy.run / "bundle", tmp_path / "bundle")
    options = [tmp_path / "bundle", *text, *FEW, *sets("training.validate_every=4")]
    done("finetune", *options, "--run", tmp_path / "through")
    with monkeypatch.context() as patched:
        updated = ConsoleReporter.updated

        def interrupted(self, row) -> None:
            updated(self, row)
            if row["update"] == 5:
                os.kill(os.getpid(), signal.SIGINT)

        patched.setattr(ConsoleReporter, "updated", interrupted)
        outcome = call("finetune", *options, "--run", tmp_path / "halves")
    assert outcome.code == 130
    assert f"seq2seq train {tmp_path / 'halves'} --resume" in outcome.err
    before = contents(tmp_path / "halves")
    for other in ([], QUICK, [*QUICK, "--prepare-only"]):  # with other settings, too, nothing is written
        told = refused("finetune", *options, *other, "--run", tmp_path / "halves")
        assert "has been trained before" in told
        assert f"seq2seq train {tmp_path / 'halves'} --resume" in told
        assert contents(tmp_path / "halves") == before
    done("finetune", *options, "--run", tmp_path / "halves", "--prepare-only")  # nothing changed: nothing to refuse
    done("finetune", *options, "--run", tmp_path / "halves", "--resume")
    last = "checkpoints/last/weights.safetensors"
    assert weights_equal(load_file(tmp_path / "halves" / last), load_file(tmp_path / "through" / last))
    assert [row["update"] for row in looks(tmp_path / "halves")] == [0, 4, 8]


def test_prepared_first_and_trained_later(toy, text, tmp_path):
    done("finetune", toy.run, *text, "--run", tmp_path / "run", *SHORT, "--prepare-only")
    assert not (tmp_path / "run" / "bundle").exists()
    done("train", tmp_path / "run")
    assert [row["update"] for row in looks(tmp_path / "run")] == [0, 2]
    told = open_bundle(tmp_path / "run").facts.start
    assert told.name == load_recipe(toy.run / "recipe.toml").name
    again = done("finetune", toy.run, *text, "--run", tmp_path / "run", *SHORT, "--prepare-only", "--json")
    assert not again.json["changed"]


def test_other_text_for_a_run_that_was_trained_needs_force(toy, tuned, text, tmp_path):
    run, _ = tuned
    source, target = write_pairs(tmp_path, new_pairs(70), name="other")
    told = refused("finetune", toy.run, "--source", source, "--target", target, "--run", run)
    assert "holds a training on other data" in told


def test_a_training_that_has_not_begun_gets_other_settings(toy, text, tmp_path):
    done("finetune", toy.run, *text, "--run", tmp_path / "run", *SHORT, "--prepare-only")
    done("finetune", toy.run, *text, "--run", tmp_path / "run", *FEW, "--prepare-only")
    assert load_recipe(tmp_path / "run" / "recipe.toml").training.max_updates == 8


def test_there_must_be_something_to_resume(toy, text, tmp_path):
    told = refused("finetune", toy.run, *text, "--run", tmp_path / "run", *SHORT, "--resume")
    assert f"There is no fine-tuning in {tmp_path / 'run'}" in told
    assert not (tmp_path / "run").exists()
    done("finetune", toy.run, *text, "--run", tmp_path / "run", *SHORT, "--prepare-only")
    done("finetune", toy.run, *text, "--run", tmp_path / "run", *SHORT, "--resume")  # stopped before its first one
    assert looks(tmp_path / "run")[-1]["update"] == 2


def test_what_is_to_go_on_is_not_dropped(toy, tuned, text):
    run, _ = tuned
    before = contents(run)
    other = [*text, *sets("data.test_size=3")]
    assert "--resume and --force contradict" in refused(
        "finetune", toy.run, *other, "--run", run, "--resume", "--force"
    )
    assert contents(run) == before


def test_going_on_keeps_the_settings_that_were_given_before(toy, text, tmp_path):
    run = tmp_path / "run"
    done("finetune", toy.run, *text, "--run", run, *SHORT, *sets("training.hold=200"), "--prepare-only")
    done("finetune", toy.run, *text, "--run", run, "--resume")
    training = load_recipe(run / "recipe.toml").training
    assert (training.max_updates, training.hold) == (2, 200)
    assert looks(run)[-1]["update"] == 2
    done("finetune", toy.run, *text, "--run", run, "--resume", *sets("training.max_updates=4"))
    training = load_recipe(run / "recipe.toml").training
    assert (training.max_updates, training.hold) == (4, 200)


def test_going_on_keeps_what_was_said_of_the_text_before(toy, text, tmp_path):
    shutil.copytree(toy.run / "bundle", tmp_path / "bundle")
    run, model = tmp_path / "run", tmp_path / "bundle"
    begun = ["--old", toy.run, "--old-share", "0.25", *sets("data.test_size=3", "data.deduplicate=false")]
    done("finetune", model, *text, "--run", run, *SHORT, *begun)
    before, prepared = load_recipe(run / "recipe.toml"), (run / "manifest.json").read_bytes()
    done("finetune", model, *text, "--run", run, "--resume", *sets("training.max_updates=4"))
    assert load_recipe(run / "recipe.toml").data == before.data
    assert looks(run)[-1]["update"] == 4
    # Said again it is the same; another is refused, with the command that goes on.
    for again in (begun, ["--old-share", "0.25"], sets("data.test_size=3")):
        done("finetune", model, *text, "--run", run, "--resume", *again)
    assert read_json(run / "manifest.json")["inputs"] == json.loads(prepared)["inputs"]
    told = refused("finetune", model, *text, "--run", run, "--resume", "--old-share", "0.5")
    assert f"seq2seq train {run} --resume" in told


def test_without_a_folder_the_run_is_called_after_the_models_own(toy, text, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    shutil.copytree(toy.run, tmp_path / "runs" / "my one")
    told = done("finetune", "my one", *text, *SHORT, "--prepare-only")
    assert load_recipe(tmp_path / "runs" / "my one-finetuned" / "recipe.toml").name == "my one-finetuned"
    assert told.lines[-1] == "Train it: seq2seq train 'runs/my one-finetuned'"
    assert "There is no fine-tuning in runs/my one-finetuned2" in refused(
        "finetune", "my one", *text, *SHORT, "--resume", "--run", "runs/my one-finetuned2"
    )
    done("train", "my one-finetuned")
    told = refused("train", "my one-finetuned")
    assert "Go on with: seq2seq train 'runs/my one-finetuned' --resume " in told


def test_what_the_run_starts_from_must_be_whole(tuned, tmp_path):
    run = tmp_path / "run"
    shutil.copytree(tuned[0], run)
    (run / "start.safetensors").write_bytes(b"x")
    assert "is corrupted" in refused("train", run, "--restart")
    (run / "start.safetensors").unlink()
    assert "start.safetensors is missing" in refused("train", run, "--restart")


def test_prepared_anew_with_other_text_settings_it_names_its_own_command(tuned):
    run, _ = tuned
    told = refused("train", run, "--restart", *sets("data.test_size=1"))
    assert "seq2seq finetune" in told


def test_its_recipe_alone_does_not_make_a_training_from_scratch_of_it(toy, text, tmp_path):
    run = tmp_path / "run"
    done("finetune", toy.run, *text, "--run", run, *SHORT, "--prepare-only")
    before = contents(run)
    for more in ([], ["--force"], ["--shard", "1/2"]):
        told = refused("prepare", run / "recipe.toml", "--run", run, *more)
        assert f"{run} is a fine-tuning" in told
        assert f"seq2seq finetune {toy.run} --source" in told
        assert contents(run) == before
    other = write_pairs(tmp_path, toy_pairs(60))
    done("prepare", "--source", other[0], "--target", other[1], "--run", run, "--force")  # that is another wish
    assert not (run / "start.safetensors").exists()


@pytest.mark.parametrize("more", [[], ["--reverse"], ["--shard", "1/2"]])
def test_its_recipe_makes_no_other_run(tuned, tmp_path, more):
    """A new network would learn next to nothing at the rate of a fine-tuning, and of the new text alone."""
    run, other = tuned[0], tmp_path / "other"
    told = refused("prepare", run / "recipe.toml", "--run", other, *more)
    assert f"{run} was fine-tuned: its settings are for going on from a model" in told
    assert "Give the recipe of another run: the one that it was fine-tuned from, '" in told
    assert not other.exists()


def test_to_hold_on_there_must_be_a_model(toy, tmp_path):
    shutil.copytree(toy.run, tmp_path / "run")
    assert "starts from none" in refused("train", tmp_path / "run", "--restart", *sets("training.hold=1"))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ([], "needs one new text, and was given nothing"),
        (["--tsv", "a.tsv", "--hub", "a/b"], "was given --tsv and --hub"),
        (["--source", "{source}"], "--source needs --target"),
        (["--tsv", "{source}", "--target", "{target}"], "--target does nothing with --tsv"),
        (["--source", "{target}", "--target", "{source}"], "the other way round"),
        (["--source", "{source}", "--target", "{target}", "--old", "{nothing}"], "There is no run at"),
        (
            ["--source", "{source}", "--target", "{target}", "--set", "model.encoder_size=64"],
            "model.encoder_size cannot",
        ),
        (
            ["--source", "{source}", "--target", "{target}", "--set", "text.vocabulary_size=99"],
            "text.vocabulary_size can",
        ),
        (["--source", "{source}", "--target", "{target}", "--set", "training.hold=1e6"], "not below 1"),
        (["--source", "{source}", "--target", "{target}", "--resume", "--restart"], "contradict each other"),
    ],
)
def test_wrong_input_is_refused(toy, text, tmp_path, options, message):
    names = {"source": text[1], "target": text[3], "nothing": tmp_path / "nothing"}
    options = [option.format(**names) for option in options]
    assert message in refused("finetune", toy.run, *options, "--run", tmp_path / "run")
    assert not (tmp_path / "run").exists()


def test_a_bundle_of_graphs_alone_is_refused_before_its_text_is_read(toy, text, tmp_path):
    bundle = open_bundle(toy.run)
    files = {name: told for name, told in bundle.facts.files.items() if name != bundle.weights.name}
    shutil.copytree(bundle.path, tmp_path / "graphs", ignore=shutil.ignore_patterns(bundle.weights.name))
    changed(bundle.facts, files=files).write(tmp_path / "graphs")
    told = refused("finetune", tmp_path / "graphs", *text, "--run", tmp_path / "run")
    assert f"{tmp_path / 'graphs'} holds graphs only" in told
    assert "counting" not in told
    assert not (tmp_path / "run").exists()


def test_old_pairs_that_are_not_there_cannot_be_asked_for(toy, text, tmp_path):
    shutil.copytree(toy.run / "bundle", tmp_path / "bundle")
    told = refused("finetune", tmp_path / "bundle", *text, "--old-share", "0.5", "--run", tmp_path / "run")
    assert "There are no old pairs to mix in" in told
    assert "--old RUN" in told


def test_old_pairs_that_the_new_text_holds_out_are_left_out(toy, tmp_path):
    source, target = write_pairs(tmp_path / "same", toy_pairs(), name="same")  # the old text itself
    outcome = done(
        "finetune", toy.run, "--source", source, "--target", target, "--run", tmp_path / "run", "--prepare-only"
    )
    assert "of the old pairs are left out" in outcome.err
    sources = {
        name: set(Store(tmp_path / "run" / "data" / f"{name}.arrow").texts("source"))
        for name in ("train", "development", "test")
    }
    assert sources["train"].isdisjoint(sources["development"] | sources["test"])


def test_text_that_the_vocabulary_does_not_fit_is_told_of(toy, tmp_path):
    pairs = [(f"Quixotic zephyrs vexed jumbling wolves {n}", f"Przykładowe zdanie żółw {n}") for n in range(30)]
    source, target = write_pairs(tmp_path, pairs, name="odd")
    outcome = done(
        "finetune", toy.run, "--source", source, "--target", target, "--run", tmp_path / "run", "--prepare-only"
    )
    assert "it was made for other text" in outcome.err
