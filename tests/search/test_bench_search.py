"""The benchmark of the searches runs as it is called; its last line is one JSON object."""

from __future__ import annotations

import json
import runpy
import sys
from pathlib import Path

SCRIPT = Path(__file__).parents[2] / "scripts" / "bench_search.py"


def test_both_searches_are_measured_for_one_sentence_and_for_many(monkeypatch, capsys):
    monkeypatch.syspath_prepend(SCRIPT.parent)
    monkeypatch.setattr(sys, "argv", [str(SCRIPT), "--repeats", "1", "--beam", "3"])
    runpy.run_path(str(SCRIPT), run_name="__main__")
    result = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert result["beam"] == 3
    names = [
        f"{search}_{count}" for search in ("greedy", "beam", "beam_no_repeat", "beam_coverage") for count in (1, 64)
    ]
    for name in names:
        assert result[name]["microseconds"] > 0
        assert 8 < result[name]["steps"] <= 2 * 14 + 10 + 1
