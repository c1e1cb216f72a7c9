"""The comparisons in scripts/ run as they are called, with small settings; their last line is one JSON object."""

from __future__ import annotations

import json
import runpy
import sys

import pytest
from toy_runs import ROOT, Toy, sets, toy

__all__ = ["toy"]


def test_wirings_are_compared_on_the_development_set(toy: Toy, tmp_path, monkeypatch, capsys):
    script = ROOT / "scripts" / "compare_wirings.py"
    short = sets("training.minutes=0", "training.max_updates=4", "training.schedule.warmup_updates=0")
    monkeypatch.setattr(sys, "argv", [str(script), str(toy.run), str(tmp_path / "out"), *short])
    runpy.run_path(str(script), run_name="__main__")
    result = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert [entry["wiring"] for entry in result["results"]] == ["parallel", "input-feeding"]
    for entry in result["results"]:
        assert entry["updates"] == 4
        assert set(entry["development"]) >= {"bleu", "chrf"}
        assert (tmp_path / "out" / entry["wiring"] / "bundle" / "bundle.json").is_file()


@pytest.mark.slow
def test_preparing_is_measured_at_two_sizes(tmp_path, monkeypatch, capsys):
    script = ROOT / "scripts" / "bench_prepare.py"
    small = sets("text.vocabulary_size=400", "data.development_size=20", "data.test_size=20")
    sizes = ["--pairs", "900", "--small", "300", "--folder", str(tmp_path)]
    monkeypatch.setattr(sys, "argv", [str(script), *sizes, *small])
    runpy.run_path(str(script), run_name="__main__")
    result = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert (result["pairs_small"], result["pairs_large"]) == (300, 900)
    assert result["pairs_per_second"] > 0
    for entry in result["runs"]:
        assert 0.9 * entry["pairs"] < entry["kept"] < entry["pairs"]  # some pairs stand there twice
        assert (entry["anonymous_mb"] or 0) <= entry["resident_mb"]
    grown = result["bytes_a_pair"] * 600 / 1e6
    assert abs(result["peak_large_mb"] - result["peak_small_mb"] - grown) < 0.1
    assert list(tmp_path.iterdir()) == []
