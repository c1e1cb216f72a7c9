"""The comparisons in scripts/ run as they are called, with small settings; their last line is one JSON object."""

from __future__ import annotations

import json
import runpy
import sys

import pytest
from toy_runs import ROOT, Toy, sets, toy

from seq2seq import build
from seq2seq.recipe.schema import Choice, Model

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
    monkeypatch.syspath_prepend(script.parent)
    monkeypatch.setattr(sys, "argv", [str(script), *sizes, *small])
    runpy.run_path(str(script), run_name="__main__")
    result = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert (result["pairs_small"], result["pairs_large"]) == (300, 900)
    assert 0 < result["pairs_per_second"] <= result["pairs_per_second_without_tokenizer"]
    assert result["pairs_per_second_without_tokenizer"] < result["pairs_per_second_preparing"]
    phases = {"fingerprints", "reading", "vocabulary", "tokenising"}
    assert all(set(entry["phases"]) == phases for entry in result["runs"])
    for entry in result["runs"]:
        assert 0.9 * entry["pairs"] < entry["kept"] < entry["pairs"]  # some pairs stand there twice
        assert (entry["anonymous_mb"] or 0) <= entry["resident_mb"]
    grown = result["bytes_a_pair"] * 600 / 1e6
    assert abs(result["peak_large_mb"] - result["peak_small_mb"] - grown) < 0.1
    assert list(tmp_path.iterdir()) == []


def test_planning_an_epoch_is_measured(monkeypatch, capsys):
    script = ROOT / "scripts" / "bench_plan.py"
    monkeypatch.syspath_prepend(script.parent)
    monkeypatch.setattr(sys, "argv", [str(script), "--pairs", "20000"])
    runpy.run_path(str(script), run_name="__main__")
    result = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert result["pairs"] == 20_000
    assert result["batches"] > 200
    assert result["peak_mb"] < 20_000 * 100 / 1e6
    assert 0 < result["padded_share"]["both"] < 0.05


@pytest.mark.slow
def test_the_memory_of_training_is_measured_at_two_sizes(tmp_path, monkeypatch, capsys):
    script = ROOT / "scripts" / "bench_memory.py"
    small = sets("text.vocabulary_size=400", "data.development_size=20", "data.test_size=20")
    sizes = ["--pairs", "900", "--small", "300", "--updates", "3", "--folder", str(tmp_path)]
    monkeypatch.syspath_prepend(script.parent)
    monkeypatch.setattr(sys, "argv", [str(script), *sizes, *small])
    runpy.run_path(str(script), run_name="__main__")
    result = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert [entry["pairs"] for entry in result["runs"]] == [300, 900]
    first, second = (entry["resident_mb"] for entry in result["runs"])
    assert result["resident_growth_mb"] == pytest.approx(second - first, abs=0.11)
    assert first > 50
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("shape", ["comparison", "gru"])
def test_training_is_measured_beside_a_peer(shape, tmp_path, monkeypatch, capsys):
    script = ROOT / "scripts" / "bench_train.py"
    peer = tmp_path / "peer.py"
    peer.write_text("print('a log line'); print('{\"target_tokens_per_s\": 50}')", encoding="utf-8")
    monkeypatch.syspath_prepend(script.parent)
    small = sets("model.embedding_size=16", "model.encoder_size=16", "model.decoder_size=16", "model.attention.heads=2")
    sizes = ["--updates", "8", "--pairs", "600", "--threads", "1", "--batch-tokens", "300", "--rounds", "2"]
    against = ["--peer", f"slow={sys.executable} {peer}"]
    monkeypatch.setattr(sys, "argv", [str(script), "--shape", shape, *sizes, *small, *against])
    runpy.run_path(str(script), run_name="__main__")
    result = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert result["shape"] == shape
    assert len(result["rounds"]) == 2
    assert result["peers"]["slow"]["target_tokens_per_s"] == [50, 50]
    assert result["ratio"]["slow"] == pytest.approx(result["target_tokens_per_s"] / 50, abs=0.02)
    assert 0 < result["share_of_peak"] < 1
    assert result["share_of_peak"] == pytest.approx(result["model_gflops"] / result["peak_gflops"], abs=0.01)
    assert 0 <= result["padded_share"] < 0.2
    assert set(result["phases_ms"]) == {"data", "forward", "backward", "optimizer"}
    assert all(milliseconds > 0 for milliseconds in result["phases_ms"].values())


def test_operations_are_counted_from_the_shapes(monkeypatch):
    script = ROOT / "scripts" / "bench_train.py"
    monkeypatch.syspath_prepend(script.parent)
    bench = runpy.run_path(str(script))
    settings = Model(embedding_size=3, encoder_size=4, decoder_size=6, attention=Choice("multi-head", {"heads": 2}))
    counted = bench["Counted"].of(build.model(settings, source_symbols=11, target_symbols=11))
    directions = 2 * (4 * 2 * (3 + 2))  # each of its own W and U, four gates of size 2
    keys_and_values = 2 * (4 * 6)
    assert counted.source == directions + keys_and_values
    layers = 4 * 6 * (3 + 6) + 4 * 6 * (6 + 6 + 6)
    assert counted.target == layers + 2 * 6 * 6 + (12 * 3 + 3 * 11)  # queries and contexts; and the output
    assert counted.each == 6 + 6
    assert counted.operations(5, 7, 20) == 6 * (5 * counted.source + 7 * counted.target + 20 * 12)


def test_each_lever_is_measured_alone(monkeypatch, capsys):
    script = ROOT / "scripts" / "bench_levers.py"
    monkeypatch.syspath_prepend(script.parent)
    chosen = ["exact reversal instead of packing", "batches of even length", "loss without all logits"]
    levers = [word for name in chosen for word in ("--lever", name)]
    sizes = ["--updates", "1", "--rounds", "1", "--threads", "1", "--batch-tokens", "60"]
    monkeypatch.setattr(sys, "argv", [str(script), *levers, *sizes])
    runpy.run_path(str(script), run_name="__main__")
    result = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert list(result["levers"]) == chosen
    for lever in result["levers"].values():
        assert lever["factor"] == pytest.approx(lever["without_ms"] / lever["with_ms"], abs=0.01)
