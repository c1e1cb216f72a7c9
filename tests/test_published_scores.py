"""scripts/published_scores.py: one translation, counted as published results are."""

from __future__ import annotations

import argparse
import json
import runpy
import subprocess
import sys
from pathlib import Path

import pytest
from msgspec.structs import replace
from sacrebleu.metrics import BLEU
from tiny_bundles import make_bundle

from seq2seq.translator import load

ROOT = Path(__file__).resolve().parents[1]
REFERENCES = ["Ein Hund läuft durch den Schnee.", "„Zwei Kinder“ spielen im Sand.", "Der Mann hat ein Boot."]
FIRST = ["Ein hund läuft durch den Schnee.", '"Zwei Kinder" spielen im Sand.', "Der Mann hat ein Boot."]
SECOND = ["Ein Hund läuft durch den Schnee.", "Zwei Kinder spielen am Strand.", "Der Mann hat ein Boot."]


@pytest.fixture
def script(monkeypatch):
    monkeypatch.syspath_prepend(ROOT / "scripts")
    return runpy.run_path(str(ROOT / "scripts" / "published_scores.py"))


def test_text_is_counted_lower_cased_normalised_and_tokenised(script):
    assert script["moses"](REFERENCES, "de")[1] == "&quot; zwei kinder &quot; spielen im sand ."
    found = script["scores"](FIRST, REFERENCES, "de", "13a")
    assert found["lc-norm-tok"]["bleu"] == 100.0  # neither case nor the kind of quotation marks counts there
    assert found["cased"]["bleu"] < found["lower-cased"]["bleu"] < 100.0
    assert "tok:none" in found["lc-norm-tok"]["signature"] and "case:lc" in found["lower-cased"]["signature"]


def test_tokenised_text_is_counted_as_it_stands(script):
    found = script["scores"](["a b c d e"], ["a b c d f"], "en", "none")
    wanted = BLEU(tokenize="none", force=True).corpus_score(["a b c d e"], [["a b c d f"]]).score
    assert found["tokenised"]["bleu"] == round(wanted, 2)


@pytest.mark.parametrize("again", [(), ("--hypotheses",)], ids=["in one option", "an option each"])
def test_the_mean_and_spread_of_several_systems(tmp_path, again):
    for name, lines in (("ref", REFERENCES), ("src", REFERENCES), ("a", FIRST), ("b", SECOND)):
        (tmp_path / name).write_text("\n".join(lines) + "\n", encoding="utf-8")
    done = subprocess.run(
        [
            *(sys.executable, str(ROOT / "scripts" / "published_scores.py")),
            *("--split", str(tmp_path / "src"), str(tmp_path / "ref")),
            *("--hypotheses", str(tmp_path / "a"), *again, str(tmp_path / "b")),
        ],
        capture_output=True,
        text=True,
        check=True,
    )
    result = json.loads(done.stdout.splitlines()[-1])
    values = [system["scores"]["cased"]["bleu"] for system in result["systems"]]
    table = result["all"]["cased"]
    assert table["mean"] == pytest.approx(sum(values) / 2, abs=0.01)
    assert table["deviation"] == pytest.approx(abs(values[0] - values[1]) / 2**0.5, abs=0.01)
    assert table["range"] == [min(values), max(values)]
    for lines, value in zip((FIRST, SECOND), values, strict=True):
        assert value == round(BLEU(force=True).corpus_score(lines, [REFERENCES]).score, 2)


def test_models_are_scored_one_by_one_or_together(tmp_path, script):
    sources = ["hund etxe", "etxe"]
    models = [make_bundle(tmp_path / name, seed=seed) for seed, name in enumerate(("one", "two"), start=1)]
    paths = [model.path for model in models]
    search = replace(models[0].recipe.search, beam=2)
    for together, groups in ((False, [[path] for path in paths]), (True, [paths])):
        given = argparse.Namespace(
            hypotheses=[], model=paths, together=together, engine="torch", threads=1, set=["search.beam=2"]
        )
        found = {name: texts for name, texts, _ in script["systems"](given, sources)}
        loaded = (load([str(path) for path in group], engine="torch", threads=1) for group in groups)
        assert list(found.values()) == [[one.text for one in it.translate_stream(sources, search)] for it in loaded]
        assert list(found) == [" + ".join(path.name for path in group) for group in groups]


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"--model": ["none"]}, "none"),
        ({"--hypotheses": ["src", "none"]}, "none"),
        ({"--hypotheses": ["src", "less"]}, "less has 2 translations, and there are 3 references"),
        ({"--split": ["src", "less"]}, "src has 3 lines, and "),
        ({"--split": ["none", "src"]}, "none"),
        ({"--tokenize": ["13b"]}, "13b"),
        ({"--hypotheses": []}, "give --model or --hypotheses"),
    ],
)
def test_mistakes_are_told_before_anything_is_scored(tmp_path, script, monkeypatch, capsys, wrong, message):
    (tmp_path / "src").write_text("\n".join(REFERENCES) + "\n", encoding="utf-8")
    (tmp_path / "less").write_text("\n".join(REFERENCES[:2]) + "\n", encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    given = {"--split": ["src", "src"], "--hypotheses": ["src"], **wrong}
    arguments = [part for name, values in given.items() if values for part in (name, *values)]
    monkeypatch.setattr(sys, "argv", ["published_scores.py", *arguments])
    with pytest.raises(SystemExit) as end:
        script["main"]()
    out, err = capsys.readouterr()
    assert (end.value.code, out) == (2, "")
    assert "error: " in err and message in err
