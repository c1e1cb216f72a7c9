"""A bundle with a lexical model: its graphs give what torch gives, and whoever translates need not know of it."""

from __future__ import annotations

from pathlib import Path

import pytest
from tiny_bundles import make_bundle

from seq2seq.engines.onnx.folder import has_graphs
from seq2seq.engines.onnx.write import add_graphs
from seq2seq.translator import load

TEXTS = ["a b c", "d", "e f g h a b c d e f", "c c c a"]


@pytest.mark.parametrize("wiring", ["parallel", "input-feeding"])
def test_every_engine_translates_with_it(tmp_path: Path, wiring: str) -> None:
    bundle = make_bundle(tmp_path / "bundle", "model.lexical=true", f"model.wiring={wiring}")
    facts = add_graphs(bundle)["precisions"]  # which compares all translations of 64 sentences, beam search included
    assert facts["fp32"]["differences"]["beam"] == facts["fp32"]["differences"]["greedy"] == 0
    plain = make_bundle(tmp_path / "plain", f"model.wiring={wiring}")
    assert facts["int8"]["num_memory"] == add_graphs(plain)["precisions"]["int8"]["num_memory"] + 1
    assert has_graphs(bundle)
    found = {
        engine: [one.text for one in load(bundle.path, engine=engine).translate(TEXTS)]
        for engine in ("torch", "onnx-fp32")
    }
    assert found["torch"] == found["onnx-fp32"]
    assert any(found["torch"])
