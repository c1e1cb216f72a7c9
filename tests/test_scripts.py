"""The comparisons in scripts/ run as they are called, with small settings; their last line is one JSON object."""

from __future__ import annotations

import json
import runpy
import sys

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
