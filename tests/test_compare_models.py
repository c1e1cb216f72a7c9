"""scripts/compare_models.py: groups of models on the same sentences, with what is chance."""

from __future__ import annotations

import argparse
import json
import runpy
import statistics
import sys

import pytest
from msgspec.structs import replace
from sacrebleu.metrics import BLEU
from tiny_bundles import make_bundle
from toy_runs import ROOT

from seq2seq.recipe.schema import Evaluation
from seq2seq.translator import Translator, load

REFERENCES = [f"a b c d e f {number}" for number in range(40)]
RIGHT = REFERENCES
ODD = [line if number % 2 else "a b c d f e 0" for number, line in enumerate(REFERENCES)]
MOST = [line if number % 4 else "a b c d f e 0" for number, line in enumerate(REFERENCES)]


@pytest.fixture
def script(monkeypatch):
    monkeypatch.syspath_prepend(ROOT / "scripts")
    return runpy.run_path(str(ROOT / "scripts" / "compare_models.py"))


@pytest.fixture
def run(script, monkeypatch, tmp_path):
    def call(*arguments):
        monkeypatch.setattr(sys, "argv", ["compare_models.py", *map(str, arguments)])
        script["main"]()

    return call


def side(script, name, *systems):
    rules = Evaluation()
    runs = {
        seed: {**script["scored"](texts, REFERENCES, rules), "speed": 10.0 + seed} for seed, texts in enumerate(systems)
    }
    return script["Side"](name, (), runs)


def bleu(texts):
    return BLEU(force=True).corpus_score(texts, [REFERENCES]).score


def test_rows_say_the_mean_the_difference_and_the_share_of_a_gain(script):
    sides = [side(script, "plain", ODD, ODD), side(script, "half", MOST, ODD), side(script, "all", RIGHT)]
    first, second, third = script["compared"](sides, Evaluation(), "all")
    assert first["mean"] == round(bleu(ODD), 2) and first["spread"] == 0.0
    assert first["difference"] is first["p_value"] is first["p_holm"] is first["share"] is None
    assert third["p_holm"] == pytest.approx(2 * third["p_value"], abs=2e-4)
    within = statistics.variance([bleu(MOST), bleu(ODD)]) / 2  # and none within the first group
    assert third["seed_spread"] == pytest.approx(within**0.5, abs=1e-3) and third["seed_degrees"] == 2
    assert second["bleu"] == [round(bleu(MOST), 2), round(bleu(ODD), 2)]
    assert second["spread"] == round(statistics.stdev([bleu(MOST), bleu(ODD)]), 2)
    gain, whole = (bleu(MOST) - bleu(ODD)) / 2, bleu(RIGHT) - bleu(ODD)
    assert second["difference"] == pytest.approx(gain, abs=0.01)
    assert second["share"] == pytest.approx(gain / whole, abs=0.01)
    assert (third["share"], third["spread"]) == (1.0, None)
    assert max(0.05, third["p_value"]) < second["p_value"]  # of two seeds one is better: that may be chance
    assert (first["sentences_per_second"], third["sentences_per_second"]) == (10.5, 10.0)
    lines = script["table"]([first, second, third]).splitlines()
    assert len(lines) == 5 and {line.count("|") for line in lines} == {10}
    assert "100%" in lines[-1] and "†" not in lines[-1] and "±" not in lines[-1]


@pytest.fixture
def models(tmp_path):
    return [make_bundle(tmp_path / name, seed=seed) for seed, name in enumerate(("one", "two"), start=1)]


def test_models_translate_alone_or_together(script, models):
    sources = ["hund etxe", "etxe", "zaun"]
    given = argparse.Namespace(engine="torch", threads=1, set=["search.beam=2"])
    paths = [model.path for model in models]
    search = replace(models[0].recipe.search, beam=2)
    found = []
    for system in (paths[:1], paths[1:], paths):
        texts, seconds = script["translated"](system, sources, given)
        together = load([str(path) for path in system], engine="torch", threads=1)
        assert texts == [one.text for one in together.translate_stream(sources, search)] and seconds > 0
        found.append(texts)
    assert found[0] != found[1] and found[2] not in found[:2]


def test_splits_are_one_test_set_and_a_plus_makes_one_system(run, models, tmp_path, capsys):
    paths = [str(model.path) for model in models]
    splits = []
    for name, lines in (("x", ["hund etxe", "etxe"]), ("y", ["zaun"])):
        (tmp_path / f"{name}.src").write_text("\n".join(lines) + "\n", encoding="utf-8")
        (tmp_path / f"{name}.ref").write_text("wort\n" * len(lines), encoding="utf-8")
        splits += ["--split", tmp_path / f"{name}.src", tmp_path / f"{name}.ref"]
    run(*splits, "--group", "alone", *paths, "--group", "both", "+".join(paths), "--engine", "torch", "--threads", "1")
    *shown, last = capsys.readouterr().out.splitlines()
    result = json.loads(last)
    assert result["sentences"] == 3 and len(shown) == 5
    assert shown[-1].startswith("p: ")
    assert [(group["name"], len(group["bleu"])) for group in result["groups"]] == [("alone", 2), ("both", 1)]
    assert "tok:13a" in result["signatures"][0]


@pytest.mark.parametrize(
    ("splits", "models_given", "settings", "message"),
    [
        ([(3, 3)], ["one", "tow"], [], "tow"),
        ([(3, 3)], ["one", "two+tow"], [], "tow"),
        ([(3, 3)], ["one", "two"], ["search.bean=2"], "Did you mean 'beam'"),
        ([(3, 3), (3, 0)], ["one", "two"], [], "1.ref"),
        ([(3, 4), (4, 3)], ["one", "two"], [], "0.src has 3 lines, and "),
    ],
)
def test_mistakes_are_told_before_anything_is_translated(
    run, models, tmp_path, monkeypatch, capsys, splits, models_given, settings, message
):
    given = []
    for number, counts in enumerate(splits):
        pair = tmp_path / f"{number}.src", tmp_path / f"{number}.ref"
        for path, count in zip(pair, counts, strict=True):
            if count:
                path.write_text("wort\n" * count, encoding="utf-8")
        given += ["--split", *pair]
    paths = ["+".join(str(tmp_path / name) for name in system.split("+")) for system in models_given]
    translate, many = Translator.translate_stream, []

    def counted(self, lines, *rest):
        many.append(len(lines))
        return translate(self, lines, *rest)

    monkeypatch.setattr(Translator, "translate_stream", counted)
    more = [part for setting in settings for part in ("--set", setting)]
    with pytest.raises(SystemExit) as end:
        run(*given, "--group", "a", paths[0], "--group", "b", paths[1], "--engine", "torch", "--threads", "1", *more)
    out, err = capsys.readouterr()
    assert (end.value.code, out) == (2, "")
    assert err.startswith("error: ") and message in "".join(err.split("\n"))
    assert max(many, default=0) <= 1


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--group", "a", "m"], "two groups or more"),
        (["--group", "a", "m", "--group", "b"], "--group b: name its models"),
        (["--group", "a", "m", "--group", "a", "n"], "two groups are called a"),
        (["--group", "a", "m", "--group", "b", "n", "--share-of", "a"], "none of the groups after the first"),
    ],
)
def test_what_cannot_be_compared_is_said(run, capsys, arguments, message):
    with pytest.raises(SystemExit):
        run("--split", "x", "y", *arguments)
    assert message in capsys.readouterr().err
