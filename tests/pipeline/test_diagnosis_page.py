"""`evaluate` shows where a model goes wrong, keeps it, and writes it as a page."""

from __future__ import annotations

import json
import os
import re
import shutil
from pathlib import Path

import pytest
from made_manifests import made_manifest
from tiny_bundles import make_bundle
from toy_runs import call, done, refused, sets, toy_pairs

from seq2seq.bundle import open_bundle, run_owning
from seq2seq.data.store import Row, Store, write_split
from seq2seq.errors import UserError
from seq2seq.evaluation.metrics import score
from seq2seq.evaluation.worst import Sentence, scored
from seq2seq.pipeline.evaluate import diagnosis
from seq2seq.pipeline.evaluate.diagnosis import diagnoser, training_pairs
from seq2seq.recipe.schema import Evaluation

FEW = sets("evaluation.bootstrap=40")


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """A run whose model nobody trained: it is wrong everywhere."""
    path = tmp_path_factory.mktemp("diagnosed") / "run"
    make_bundle(path / "bundle")
    pairs = toy_pairs(80)
    for name, own in (("train", pairs[:60]), ("development", pairs[60:])):
        write_split(path / "data" / f"{name}.arrow", (Row(n, *pair, (), ()) for n, pair in enumerate(own, start=1)))
    made_manifest().write(path / "manifest.json")
    return path


@pytest.fixture(scope="module")
def wrong(run, tmp_path_factory):
    """Two sentences of the toy with references that say something else."""
    folder = tmp_path_factory.mktemp("wrong")
    (folder / "new.en").write_text("the red dog sees two cats 17 .\nthe dog sees a cat.\n")
    (folder / "new.eu").write_text("lo hund gorri ikus bi katz 17 .\nlo hund ikus un <b>etxe</b> handi bat gorri .\n")
    return ["--source", folder / "new.en", "--reference", folder / "new.eu"]


def test_the_table_is_short_and_details_show_all(run, wrong):
    short = done("evaluate", run, *wrong, *FEW).out
    assert "where it goes wrong" in short
    assert "BLEU by words of the source: 1-5: " in short
    assert re.search(r"numbers lost +1 +50\.0 % +1\n", short)
    assert "recall" not in short
    full = done("evaluate", run, *wrong, *FEW, "--details").out
    assert re.search(r"line 1, chrF [\d.]+, numbers lost: 17", full)
    assert "recall %" in full
    assert re.search(r"names lost +0 +0\.0 %", full)


def test_words_are_counted_in_the_training_text_of_the_run(run, wrong):
    num_pairs = len(Store(run / "data" / "train.arrow"))
    told = done("evaluate", run, *wrong, "--json", *FEW).json["results"][0]["diagnosis"]
    assert told["rarity"] == {"counted_in": "training", "pairs": num_pairs}
    assert told["flags"]["numbers lost"] == 1
    alone = run.parent / "alone"
    shutil.copytree(run / "bundle", alone)
    told = done("evaluate", alone, *wrong, "--json", *FEW).json["results"][0]["diagnosis"]
    assert told["rarity"] == {"counted_in": "references", "pairs": 2}


def test_a_diagnosis_is_kept_beside_the_scores(run):
    told = done("evaluate", run, "--split", "development", "--json")
    kept = json.loads((run / "evaluation" / "development.json").read_text(encoding="utf-8"))
    assert kept["diagnosis"] == told.json["results"][0]["diagnosis"]
    assert kept["diagnosis"]["sentences"] == 21


def test_a_diagnosis_knows_the_languages_the_way_they_are_translated(tmp_path):
    own = [f"data.{name}_language={code}" for name, code in (("source", "de"), ("target", "en"))]
    bundle = make_bundle(tmp_path / "back", *own, "data.reverse=true")
    found = diagnoser(bundle, Evaluation())(scored(["seven dogs"], ["fünf Hunde"], ["sieben Hunde"]))
    details = {finding.flag: finding.detail for finding in found.findings}
    assert details == {"numbers lost": "seven", "numbers invented": "fünf"}


def test_a_diagnosis_scores_by_the_rules_of_the_target_language(tmp_path):
    output, reference = ["VIER WORTE SIND DORT"], ["vier worte sind hier"]
    rules = {"tokenize": "char", "lowercase": True}
    found = diagnoser(make_bundle(tmp_path / "made"), Evaluation(**rules))(scored(["a b c d"], output, reference))
    (wanted,) = score(output, reference, metrics=["bleu"], **rules)
    for groups in (found.by_length, found.by_rarity):
        assert [group.bleu for group in groups] == [pytest.approx(wanted.value)]
    for other in ({**rules, "tokenize": "13a"}, {**rules, "lowercase": False}):
        assert score(output, reference, metrics=["bleu"], **other)[0].value != pytest.approx(wanted.value)


def test_a_page_with_attention_maps(run, wrong, tmp_path):
    page = tmp_path / "pages" / "page.html"
    told = done("evaluate", run, *wrong, "--html", page, *FEW)
    assert str(page) in told.err
    text = page.read_text(encoding="utf-8")
    assert text.count("<summary>attention</summary>") == 2
    assert "&lt;" in text
    assert "<b>etxe" not in text
    again = done("evaluate", run, *wrong, "--html", page, "--json", *FEW)
    assert page.read_text(encoding="utf-8") == text
    assert again.json["results"][0]["name"] == "new.en"


def test_a_page_that_cannot_be_written_is_refused_before_the_work(run, wrong, tmp_path):
    assert "is a folder" in refused("evaluate", run, *wrong, "--html", tmp_path)
    (tmp_path / "file").write_text("")
    assert "is not a folder" in refused("evaluate", run, *wrong, "--html", tmp_path / "file" / "page.html")


def test_the_results_are_told_before_the_page_is_written(run, wrong, tmp_path, monkeypatch):
    def full(*_: object) -> None:
        raise UserError("No space is left.")

    monkeypatch.setattr(diagnosis, "write_diagnosis", full)
    told = call("evaluate", run, *wrong, "--html", tmp_path / "page.html", *FEW)
    assert told.code == 2
    assert "BLEU" in told.out
    assert "No space is left." in told.err
    monkeypatch.setattr(os, "access", lambda *_: False)
    with pytest.raises(UserError, match="you may not write there"):
        diagnosis.check_page(tmp_path / "page.html")


def test_a_model_is_found_from_within_its_own_folder(run, wrong, tmp_path, monkeypatch):
    monkeypatch.chdir(run / "bundle")
    for path in (Path(), Path("..") / "bundle", run / "bundle"):
        assert run_owning(path).path.resolve() == run
    assert run_owning(Path("onnx") / "..").path.resolve() == run
    done("evaluate", ".", *wrong, "--html", tmp_path / "page.html", *FEW)
    assert "Where run goes wrong" in (tmp_path / "page.html").read_text(encoding="utf-8")


def test_of_a_large_training_text_evenly_spread_pairs_are_counted(run, tmp_path, monkeypatch):
    monkeypatch.setattr(diagnosis, "ROWS_A_CHUNK", 10)
    monkeypatch.setattr(diagnosis, "MOST_COUNTED", 30)
    shutil.copytree(run / "bundle", tmp_path / "bundle")
    write_split(tmp_path / "data" / "train.arrow", (Row(n, f"s{n}", f"t{n}", (), ()) for n in range(95)))
    shutil.copy(run / "manifest.json", tmp_path)
    pairs, whole = training_pairs(open_bundle(tmp_path))
    assert not whole
    assert list(pairs) == [(f"s{n}", f"t{n}") for first in (0, 30, 60) for n in range(first, first + 10)]
    monkeypatch.setattr(diagnosis, "MOST_COUNTED", 100)
    pairs, whole = training_pairs(open_bundle(tmp_path))
    assert whole
    assert len(list(pairs)) == 95


def test_of_a_part_of_the_training_text_nobody_says_what_it_never_has(run, monkeypatch):
    house = [Sentence(1, 0.0, "the house", "lo house", "lo etxe")]
    found = diagnosis.diagnoser(open_bundle(run), Evaluation())
    assert found(house).lines["copied"] == [1]
    monkeypatch.setattr(diagnosis, "ROWS_A_CHUNK", 20)
    monkeypatch.setattr(diagnosis, "MOST_COUNTED", 40)
    assert found(house).num_counted == 40
    assert found(house).lines["copied"] == []


def test_a_damaged_training_text_does_not_keep_scores_from_being_shown(run, tmp_path):
    shutil.copytree(run / "bundle", tmp_path / "bundle")
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "train.arrow").write_bytes(b"nothing")
    assert training_pairs(open_bundle(tmp_path)) == (None, False)
