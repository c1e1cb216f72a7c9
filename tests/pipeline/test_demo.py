"""A demonstration that is interrupted says how it goes on, and one that was tuned stays so."""

from __future__ import annotations

import pytest
from made_manifests import made_manifest
from tiny_bundles import make_bundle
from toy_runs import call, done, refused, sets, toy_pairs, write_pairs

from seq2seq.bundle import RunFolder, open_bundle
from seq2seq.folders import write_text
from seq2seq.manifest import Inputs
from seq2seq.pipeline import demo
from seq2seq.pipeline.prepare.inputs import current_inputs
from seq2seq.pipeline.prepare.prepare import Prepared
from seq2seq.pipeline.train.train import Trained
from seq2seq.recipe.catalog import find_recipe
from seq2seq.recipe.overrides import apply_overrides
from seq2seq.recipe.toml import load_recipe
from seq2seq.training.counters import Counters


def test_an_interrupted_demonstration_scores_nothing(tmp_path, monkeypatch):
    monkeypatch.setattr(demo, "prepare", lambda recipe, run, **_: Prepared(RunFolder(run.path), {}, changed=True))
    stopped = Trained(Counters(update=7), finished=False, updates=7, seconds=1.0, best={})
    monkeypatch.setattr(demo, "train", lambda *_, **__: stopped)
    told = call("demo", "--run", tmp_path / "run")
    assert told.code == 130
    assert told.out == ""
    assert "The same command goes on from here." in told.err


@pytest.mark.parametrize("as_tuned", [True, False])
def test_a_tuned_demonstration_is_searched_as_it_was_tuned(tmp_path, monkeypatch, as_tuned):
    run = RunFolder(tmp_path / "run")
    made = make_bundle(run.bundle, "search.length_penalty=0.2")
    run.recipe.write_bytes((run.bundle / "recipe.toml").read_bytes())
    run.checkpoints.mkdir()
    seen = []
    monkeypatch.setattr(demo, "_is_older", lambda *_: False)
    monkeypatch.setattr(demo, "prepare", lambda recipe, run, **_: Prepared(run, {}, changed=False))
    trained = Trained(Counters(update=7), finished=True, updates=7, seconds=1.0, best={})
    monkeypatch.setattr(demo, "train", lambda recipe, *_, **__: seen.append(("trained", recipe)) or trained)
    monkeypatch.setattr(demo, "_examples", lambda *_: [])
    test = demo.scoring.TestSet("test", ["the dog ."], ["lo hund ."])
    monkeypatch.setattr(demo.scoring, "test_sets", lambda *_: [test])
    monkeypatch.setattr(
        demo.scoring, "keep", lambda result, run, bundle: seen.append(("kept", bundle.recipe)) or bundle
    )
    shipped = apply_overrides(load_recipe(run.recipe), ["search.length_penalty=1"])
    demo.demonstrate(shipped, run, as_tuned=as_tuned, threads=1)
    assert seen[0][1].search.length_penalty == (0.2 if as_tuned else 1.0)
    # What another search gives is shown, and is none of the model's own scores.
    assert [what for what, _ in seen] == (["trained", "kept"] if as_tuned else ["trained"])
    assert open_bundle(run.path).recipe == made.recipe


def test_a_copy_of_its_recipe_on_files_of_ones_own_is_no_demonstration(tmp_path):
    write_pairs(tmp_path, toy_pairs(60))
    text = find_recipe("demo").read_text(encoding="utf-8")
    own = 'train = ["toy.en", "toy.eu"]\ndevelopment_size = 5'
    (tmp_path / "demo.toml").write_text(text.replace('reader = "phrasebook"', own), encoding="utf-8")
    run, small = RunFolder(tmp_path / "run"), sets("text.vocabulary_size=300")
    done("prepare", tmp_path / "demo.toml", "--data", tmp_path, "--run", run.path, *small)
    (run.checkpoints / "last").mkdir(parents=True)
    before = run.manifest.read_bytes()
    assert "holds a training on other data" in refused("demo", "--run", run.path)
    assert run.manifest.read_bytes() == before
    assert (run.checkpoints / "last").is_dir()


def test_a_demonstration_on_older_phrases_gives_way_to_a_new_one(tmp_path):
    run, shipped = RunFolder(tmp_path / "run"), find_recipe("demo")
    recipe, inputs = load_recipe(shipped), Inputs(settings="0" * 32, files={})
    write_text(run.recipe, shipped.read_text(encoding="utf-8"))
    for older, found in ((True, inputs), (False, current_inputs(recipe))):
        made_manifest(name="demo", inputs=found).write(run.manifest)
        assert demo._is_older(recipe, run) is older
