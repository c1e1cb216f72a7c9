"""The comparisons in scripts/ run as they are called, with small settings; their last line is one JSON object."""

from __future__ import annotations

import json
import runpy
import sys

import numpy as np
import pytest
from sacrebleu.metrics.bleu import BLEU
from toy_runs import ROOT, Toy, sets, toy

from seq2seq import build
from seq2seq.bundle import open_bundle
from seq2seq.recipe.schema import Choice, Evaluation, Model
from seq2seq.translator import load

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


@pytest.mark.parametrize("shape", ["comparison", "gru", pytest.param("gnmt", marks=pytest.mark.slow)])
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


@pytest.fixture
def script(monkeypatch, capsys):
    """Runs a script as it is called. Returns the JSON of its last line."""

    def run(name: str, *arguments: object):
        path = ROOT / "scripts" / name
        monkeypatch.syspath_prepend(path.parent)
        monkeypatch.setattr(sys, "argv", [str(path), *map(str, arguments)])
        runpy.run_path(str(path), run_name="__main__")
        return json.loads(capsys.readouterr().out.splitlines()[-1])

    return run


@pytest.fixture
def part(toy: Toy, tmp_path):
    """Some sentences of the toy, and their references."""
    paths = tmp_path / "part.en", tmp_path / "part.eu"
    for path, whole in zip(paths, (toy.source, toy.target), strict=True):
        path.write_text("".join(whole.read_text("utf-8").splitlines(keepends=True)[20:50]), encoding="utf-8")
    return paths


PEER = """
import json, sys
print("a log line")
print(json.dumps({"sentences_per_s": 50, "ms_per_sentence": 4, "beam": int(sys.argv[1]), "file": sys.argv[2]}))
"""


def test_translating_is_measured_beside_a_peer(toy: Toy, part, tmp_path, script):
    (tmp_path / "peer.py").write_text(PEER, encoding="utf-8")
    peer = f"slow={sys.executable} {tmp_path / 'peer.py'} {{beam}} {{file}}"
    result = script(
        *("bench_translate.py", toy.run, *part, "--engine", "onnx", "--threads", "1", "--beam", "3"),
        *("--passes", "1", "--rounds", "2", "--singles", "4", "--starts", "1"),
        *("--peer", peer, "--profile", tmp_path / "p.json"),
    )
    translator, lines = load(toy.run, engine="onnx"), part[0].read_text("utf-8").splitlines()
    assert (result["engine"], result["threads"], result["sentences"]) == ("onnx", 1, 30)
    greedy = translator.translate(lines, search="greedy")
    assert result["greedy"]["hypothesis_steps"] == sum(len(one.tokens) for one in greedy)  # a step a token, and EOS
    assert result["greedy"]["source_tokens"] == sum(len(one.source_tokens) for one in greedy)
    assert 0 <= result["greedy"]["padded_share"] < 0.5
    assert result["beam3"]["hypothesis_steps"] > result["greedy"]["hypothesis_steps"]
    for way in ("beam3", "greedy"):
        found = result[way]
        assert len(found["rounds"]) == 2
        assert 0 < found["gop_left"] < found["gop"]  # the first layers' products are looked up
        assert found["share_of_peak"] == pytest.approx(found["gop_left_per_s"] / result["peak_gops"], abs=0.002)
        wanted = found["gop_left"] * found["sentences_per_s"] / 30
        assert found["gop_left_per_s"] == pytest.approx(wanted, rel=0.1, abs=0.1)
        assert 0 < found["one"]["median_ms"] <= found["one"]["p99_ms"]
        assert result["peers"]["slow"][way] == {"sentences_per_s": 50.0, "ms_per_sentence": 4.0}
        ratio = result["ratio"]["slow"][way]
        assert ratio["sentences_per_s"] == pytest.approx(found["sentences_per_s"] / 50, abs=0.02)
        assert ratio["ms_per_sentence"] == pytest.approx(found["one"]["median_ms_of_first_hundred"] / 4, abs=0.02)
    references = part[1].read_text("utf-8").splitlines()
    for kind, engine in {"int8": "onnx", "fp32": "onnx-fp32"}.items():
        ours = [one.text for one in load(toy.run, engine=engine).translate(lines, beam=3)]
        assert result["bleu"][kind] == pytest.approx(BLEU(force=True).corpus_score(ours, [references]).score, abs=0.01)
    assert result["bleu"]["lost"] == pytest.approx(result["bleu"]["fp32"] - result["bleu"]["int8"], abs=0.011)
    assert result["bleu"]["signature"].startswith("nrefs:1|case:mixed")
    assert result["start_up"]["seconds"] > 0
    assert 20 < result["start_up"]["peak_memory_mb"] < 1000
    whole, weights = result["disk_mb"]["whole"], open_bundle(toy.run).weights.stat().st_size / 1e6
    assert 0 < result["disk_mb"]["int8"] < whole - weights + 0.01
    told = json.loads((tmp_path / "p.json").read_text("utf-8"))
    steps = max(told["graphs"].values(), key=lambda graph: graph["runs"])
    assert steps["runs"] == result["beam3"]["steps"]
    assert sum(steps["operations"].values()) > 0
    assert set(told["engine_seconds"]) >= {"start", "step"}
    assert 0 < told["python_share"] < 1
    took = [one["seconds"] for one in told["functions"]]
    assert took == sorted(took, reverse=True)
    assert len(took) > 5


@pytest.mark.slow
def test_an_engine_that_looks_nothing_up_is_measured_too(toy: Toy, part, script):
    result = script(
        *("bench_translate.py", toy.run, part[0], "--engine", "torch", "--threads", "1"),
        *("--beam", "2", "--passes", "1", "--singles", "2", "--starts", "0"),
    )
    assert result["engine"] == "torch"
    assert result["beam2"]["gop"] == result["beam2"]["gop_left"] > 0
    assert (result["bleu"], result["start_up"], result["ratio"]) == (None, None, {})


@pytest.fixture
def decoding_work(monkeypatch):
    monkeypatch.syspath_prepend(ROOT / "scripts")
    return runpy.run_path(str(ROOT / "scripts" / "decoding_work.py"))


@pytest.mark.parametrize("wiring", ["parallel", "input-feeding"])
def test_the_work_of_a_translation_is_counted_from_the_shapes(wiring, tmp_path, decoding_work):
    from safetensors.torch import save_file

    settings = Model(
        wiring=Choice(wiring),
        embedding_size=3,
        encoder_size=4,
        decoder_size=6,
        attention=Choice("multi-head", {"heads": 2}),
        **({"second_attention": 2} if wiring == "parallel" else {}),
    )
    weights = build.model(settings, source_symbols=11, target_symbols=11).state_dict()
    distinct = {weight.data_ptr(): (name, weight) for name, weight in weights.items()}
    save_file(dict(distinct.values()), tmp_path / "weights.safetensors")
    recipe = type("Recipe", (), {"model": settings})
    work = decoding_work["Work"].of(type("Bundle", (), {"recipe": recipe, "weights": tmp_path / "weights.safetensors"}))
    attentions = 2 if wiring == "parallel" else 1
    tables = 2 * (4 * 2 * 3), 4 * 6 * 3
    assert (work.source_table, work.step_table) == tables
    assert work.source == tables[0] + 2 * (4 * 2 * 2) + attentions * 2 * (6 * 4)  # both directions; keys and values
    assert work.sentence == 2 * 12 * 4  # both parts of the state of both layers
    own = attentions * 2 * 6 * 6  # queries and contexts
    output = 3 * 11 + 3 * (6 + 2 * 6 if wiring == "parallel" else 6)
    first, second = (6, 6 + 6 + 6) if wiring == "parallel" else (6 + 6, 6 + 6)  # states, and what is not looked up
    combined = 0 if wiring == "parallel" else 6 * (6 + 6)
    assert work.step == tables[1] + 4 * 6 * (first + second) + combined + own + output
    assert work.pair == attentions * (6 + 6)
    counts = decoding_work["Counts"](source=[np.array([3, 2])], rows=[2, 1], pairs=[5, 3])
    whole = 2 * work.sentence + 5 * work.source + 3 * work.step + 8 * work.pair
    assert work.macs(counts, tables=False) == whole
    assert work.macs(counts, tables=True) == whole - 5 * tables[0] - 3 * tables[1]


def test_what_rounding_costs_is_measured_over_models(toy: Toy, part, script):
    split = ["--split", *part, "--split", *part]
    result = script(
        *("compare_precision.py", "--model", toy.run, toy.run / "bundle", *split),
        *("--engines", "torch", "torch", "--beam", "2", "--threads", "1", "--resamples", "50"),
    )
    assert (result["sentences"], result["lost"], result["interval"]) == (60, 0.0, [0.0, 0.0])
    assert [one["sentences_that_differ"] for one in result["models"]] == [0, 0]
    assert result["models"][0]["bleu"][0] == result["models"][1]["bleu"][1] > 0
    assert (result["pooled"]["difference"], result["pooled"]["p_value"]) == (0.0, 1.0)


def test_resampled_sentences_score_as_if_they_stood_there(monkeypatch):
    monkeypatch.syspath_prepend(ROOT / "scripts")
    made = runpy.run_path(str(ROOT / "scripts" / "compare_precision.py"))
    references = ["ein Hund rennt über die Wiese .", "zwei Katzen schlafen auf dem Sofa .", "ein Boot liegt am Ufer ."]
    better = ["ein Hund läuft über die Wiese .", "zwei Katzen schlafen auf dem Bett .", "ein Boot liegt am Ufer ."]
    worse = ["ein Hund läuft über die Wiese .", "zwei Katzen auf dem Bett .", "das Boot liegt am Ufer ."]
    counted = [made["Counted"].of(texts, references, Evaluation()) for texts in (better, worse)]
    for chosen in ([0, 1, 2], [0, 0, 2], [1, 1, 1]):
        times = np.bincount(chosen, minlength=3)
        for texts, one in zip((better, worse), counted, strict=True):
            wanted = BLEU(force=True).corpus_score([texts[i] for i in chosen], [[references[i] for i in chosen]]).score
            assert one.score(times) == pytest.approx(wanted)
    assert counted[0].score() == counted[0].score(np.array([1, 1, 1]))
    rows = [one.numbers[i] for one in counted for i in range(3)] + [one.numbers.sum(axis=0) for one in counted]
    rows += [
        [3, 0, 1, 0, 9, 8, 7, 6, 9, 12],
        [0] * 4 + [9, 8, 7, 6, 9, 9],
        [2, 1, 0, 0, 2, 1, 0, 0, 2, 5],
        [0] * 9 + [7],
    ]
    for row, found in zip(rows, made["scores_of"](np.array(rows, np.float64)), strict=True):
        right, there, (words, wanted) = list(row[:4]), list(row[4:8]), row[8:]
        assert found == pytest.approx(BLEU.compute_bleu(right, there, words, wanted, smooth_method="exp").score)
    low, high = made["interval"]([(counted[0], counted[1])], 200, 1)
    assert low <= counted[0].score() - counted[1].score() <= high
    assert low >= 0.0  # the other is worse in none of the sentences
