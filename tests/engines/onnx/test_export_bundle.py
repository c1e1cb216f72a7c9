"""From a bundle to its graphs: what is written, what is refused, and the command."""

from __future__ import annotations

import shutil
import sys
from dataclasses import replace
from pathlib import Path
from unittest import mock

import numpy as np
import pytest
import torch
from made_facts import scored_with
from msgspec.structs import replace as changed
from tiny_models import random_batch, tiny
from toy_runs import Toy, call, done, refused, toy

from seq2seq.bundle import open_bundle
from seq2seq.bundle_facts import Flagged
from seq2seq.engines.choose import make_graphs
from seq2seq.engines.onnx import calibration, verify
from seq2seq.engines.onnx.folder import has_graphs
from seq2seq.engines.onnx.onnx_engine import load_engine
from seq2seq.engines.onnx.sample import development_sample
from seq2seq.engines.onnx.verify import Differences, Sample, check, random_sample
from seq2seq.engines.onnx.write import add_graphs
from seq2seq.engines.torch_engine import TorchEngine
from seq2seq.errors import UserError, WorkError
from seq2seq.folders import read_json, write_json
from seq2seq.pipeline.models.export import export, export_trained
from seq2seq.search import Greedy
from seq2seq.text.pairs import TokenizerPair

__all__ = ["toy"]
NAMES = {f"{graph}.{precision}.onnx" for graph in ("tables", "encoder", "step") for precision in ("fp32", "int8")}
SAME = Differences(sentences=4, tokens=20, largest=0.0, mean=0.0, greedy=0, beam=0)


def without_graphs(bundle: Path) -> Path:
    """Takes the graphs out of a bundle, as older versions wrote it, and as a training that was stopped leaves it."""
    shutil.rmtree(bundle / "onnx")
    listed = read_json(bundle / "bundle.json")
    files = {name: told for name, told in listed["files"].items() if not name.startswith("onnx/")}
    write_json(bundle / "bundle.json", {**listed, "files": files})
    return bundle


@pytest.fixture
def bare(toy: Toy, tmp_path: Path) -> Path:
    """The toy's bundle without graphs, moved to where nothing else is."""
    return without_graphs(Path(shutil.copytree(toy.run / "bundle", tmp_path / "bundle")))


def write_facts(bundle: Path, facts: dict) -> None:
    from seq2seq.folders import write_json

    write_json(bundle / "bundle.json", facts)


def greedy(engine, sources) -> list[tuple[int, ...]]:
    start = engine.start(sources)
    return [
        found[0].ids for found in Greedy(limits=verify.LIMITS)(engine, start.memory, start.state, start.source_lengths)
    ]


def test_training_ends_with_graphs_that_were_compared_on_the_development_set(toy: Toy) -> None:
    bundle = open_bundle(toy.run)
    assert {path.name for path in (bundle.path / "onnx").iterdir()} == NAMES | {"engine.json", "int8.safetensors"}
    assert {f"onnx/{name}" for name in NAMES} < set(bundle.facts.files)
    assert has_graphs(bundle, "int8")
    assert has_graphs(bundle, "fp32")
    assert "warning" not in toy.trained.err
    facts = read_json(bundle.path / "onnx" / "engine.json")["precisions"]
    assert facts["fp32"]["differences"]["beam"] == facts["fp32"]["differences"]["greedy"] == 0
    assert 0 < facts["fp32"]["differences"]["largest"] < 1e-4
    assert 0 < facts["int8"]["differences"]["mean"] < 0.15
    assert facts["int8"]["differences"]["sentences"] == len(development_sample(bundle)) > 1


def test_a_copy_takes_over_the_scores_that_its_own_engine_gave(toy: Toy, tmp_path: Path, capsys) -> None:
    bundle = open_bundle(shutil.copytree(toy.run, tmp_path / "run"))
    for name in ("int8", "fp32", "torch"):
        flagged = Flagged(sentences=0, flags={})
        bundle = bundle.with_scores(name, [], diagnosis=flagged, how=scored_with(name))
    bundle = bundle.with_scores("before", [])  # by an earlier version, which did not note it
    for precision, others in (("int8", "fp32, torch"), ("fp32", "int8, torch")):
        export(bundle.path, tmp_path / precision, precision=precision)
        copied = open_bundle(tmp_path / precision).facts
        assert copied.scores.keys() == {precision, "before"}
        assert copied.diagnosis.keys() == copied.scored_with.keys() == {precision}
        assert f"Scores of {others} are not taken over" in capsys.readouterr().err


def test_graphs_hold_no_large_weights(toy: Toy) -> None:
    """fp32 adds no copy of any: what it reads lies in the bundle's own file."""
    folder = toy.run / "bundle"
    for name in NAMES:
        assert (folder / "onnx" / name).stat().st_size < 90_000
    import onnx
    from safetensors import safe_open

    with (
        safe_open(folder / "weights.safetensors", "np") as weights,
        safe_open(folder / "onnx" / "int8.safetensors", "np") as whole,
    ):
        known = {"fp32": weights.keys(), "int8": whole.keys()}
        assert {whole.get_tensor(name).dtype for name in known["int8"] if name.endswith(".q")} == {np.dtype(np.int8)}
    for name in NAMES:
        graph = onnx.load(folder / "onnx" / name, load_external_data=False).graph
        outside = {tensor.name for tensor in graph.initializer if tensor.data_location == 1}
        assert outside <= set(known[name.split(".")[1]])
        inside = [tensor for tensor in graph.initializer if tensor.data_location == 0]
        assert max(len(tensor.raw_data) for tensor in inside) <= 420 * 8  # ids, or a bias, of the vocabulary


def test_an_older_bundle_gets_them_by_the_command_and_loses_nothing(toy: Toy, bare: Path) -> None:
    before = open_bundle(bare)
    assert not has_graphs(before)
    told = done("export", bare)
    assert "random ids" in told.err  # it stands alone: no development set
    after = open_bundle(bare)
    assert has_graphs(after)
    assert changed(after.facts, files=before.facts.files) == before.facts
    assert before.facts.files.items() < after.facts.files.items()
    done("export", bare)  # and again
    assert open_bundle(bare).facts.files == after.facts.files


def test_scales_are_never_chosen_by_sentences_that_mean_nothing(toy: Toy, bare: Path, monkeypatch) -> None:
    """What random ids give is smaller than what words give, and the rest would be cut off."""
    calibrate = mock.Mock(wraps=calibration.calibrate)
    monkeypatch.setitem(add_graphs.__globals__, "calibrate", calibrate)
    monkeypatch.chdir(bare)
    for name in (bare, Path()):
        assert add_graphs(open_bundle(name))["sample"] == "random ids"
    assert not calibrate.called


def test_the_development_set_of_another_vocabulary_is_no_sample(toy: Toy, bare: Path, tmp_path: Path) -> None:
    run = tmp_path / "other"
    shutil.copytree(toy.run, run, ignore=shutil.ignore_patterns("bundle", "checkpoints"))
    guest = Path(shutil.copytree(bare, run / "teacher"))
    assert development_sample(open_bundle(guest))
    (run / "tokenizer" / "more").write_text("of another vocabulary")
    assert development_sample(open_bundle(guest)) == []


@pytest.mark.parametrize("name", ["", "bundle"])
def test_graphs_that_are_made_on_the_way_know_the_development_set(toy: Toy, tmp_path: Path, monkeypatch, name) -> None:
    """A training that was stopped has no graphs yet: whoever translates first makes them, in the run or its bundle."""
    run = Path(shutil.copytree(toy.run, tmp_path / "run"))
    without_graphs(run / "bundle")
    if name:
        monkeypatch.chdir(run / name)
    make_graphs(open_bundle(Path() if name else run))
    facts = read_json(run / "bundle" / "onnx" / "engine.json")
    assert facts["sample"] == "the development set"
    assert facts == read_json(toy.run / "bundle" / "onnx" / "engine.json")


def test_a_damaged_graph_is_noticed(toy: Toy, bare: Path) -> None:
    add_graphs(open_bundle(bare))
    path = bare / "onnx" / "step.int8.onnx"
    path.write_bytes(path.read_bytes()[:-1] + b"x")
    with pytest.raises(UserError, match=r"step\.int8\.onnx is corrupted"):
        open_bundle(bare)


@pytest.mark.parametrize("precision", ["int8", "fp32"])
def test_a_bundle_for_translating_only(toy: Toy, tmp_path: Path, precision: str) -> None:
    path = tmp_path / "small"
    told = done("export", toy.run, path, "--precision", precision, "--json").json
    assert list(told["precisions"]) == [precision]
    assert told["sample"] == "the development set"
    files = {file.relative_to(path).as_posix() for file in path.rglob("*") if file.is_file()}
    assert ("weights.safetensors" in files) == (precision == "fp32")
    assert ("onnx/int8.safetensors" in files) == (precision == "int8")
    bundle = open_bundle(path)
    tokenizers = TokenizerPair.load(bundle.tokenizers)
    sources = development_sample(open_bundle(toy.run))
    small = greedy(load_engine(bundle, tokenizers, precision=precision), sources)
    assert small == greedy(load_engine(open_bundle(toy.run), tokenizers, precision=precision), sources)
    if precision == "int8":
        assert "holds graphs only" in refused("export", path)


def test_only_a_bundle_is_replaced(toy: Toy, tmp_path: Path) -> None:
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "novel.txt").write_text("once")
    assert "is there, and is no bundle" in refused("export", toy.run, tmp_path / "mine")
    assert (tmp_path / "mine" / "novel.txt").read_text() == "once"
    (tmp_path / "mine" / "novel.txt").unlink()
    assert export(toy.run, tmp_path / "mine").path == tmp_path / "mine"  # empty, and then a bundle
    export(toy.run, tmp_path / "mine")


def test_the_folder_that_one_is_in_is_not_replaced(toy: Toy, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for given in (Path(), tmp_path):
        assert "is the folder that you are in" in refused("export", toy.run, given)
    assert list(tmp_path.iterdir()) == []


def test_no_weights_are_replaced(toy: Toy, bare: Path) -> None:
    before = (bare / "weights.safetensors").read_bytes()
    for given in (bare, toy.run):
        assert "with its weights, which would be lost" in refused("export", given, bare)
    assert (bare / "weights.safetensors").read_bytes() == before


def test_two_that_make_the_graphs_at_once_make_them_once(bare: Path) -> None:
    from concurrent.futures import ThreadPoolExecutor

    with mock.patch("seq2seq.engines.onnx.write.add_graphs", wraps=add_graphs) as made, ThreadPoolExecutor(3) as pool:
        list(pool.map(make_graphs, [open_bundle(bare)] * 3))
    assert made.call_count == 1
    assert has_graphs(open_bundle(bare))


def test_nothing_is_written_where_the_graphs_differ(toy: Toy, bare: Path) -> None:
    wrong = replace(SAME, largest=0.5)
    with mock.patch("seq2seq.engines.onnx.write.Sample.compare", return_value=wrong):
        told = call("export", bare)
    assert told.code == 1
    assert "differ by up to 0.5" in told.err
    assert "--engine torch" in told.err
    assert not has_graphs(open_bundle(bare))
    assert [path.name for path in bare.iterdir() if path.name.startswith(".")] == []


@pytest.mark.parametrize("missing", ["package", "twin", "disk", "bug"])
def test_training_ends_well_without_graphs(toy: Toy, tmp_path: Path, capsys, missing: str) -> None:
    """Where `onnx` is not installed, a member has no twin, or the disk is full: it says so and goes on."""
    from seq2seq.bundle import RunFolder
    from seq2seq.engines.onnx.twins import NoTwinError

    shutil.copytree(toy.run / "bundle", tmp_path / "bundle", ignore=shutil.ignore_patterns("onnx"))
    listed = read_json(tmp_path / "bundle" / "bundle.json")
    write_facts(tmp_path / "bundle", {**listed, "files": {}})
    errors = {
        "package": ModuleNotFoundError("No module named 'onnx'", name="onnx"),
        "twin": NoTwinError("The cell Own cannot be written."),
        "disk": OSError(28, "No space left on device"),
        "bug": IndexError("7"),
    }
    with mock.patch("seq2seq.engines.onnx.write.add_graphs", side_effect=errors[missing]):
        export_trained(RunFolder(tmp_path))
    told = capsys.readouterr().err
    assert "has no ONNX graphs" in told
    assert {"package": "onnx is not installed", "twin": "cell Own", "disk": "No space left", "bug": "IndexError: 7"}[
        missing
    ] in told


def test_a_run_without_a_bundle_or_with_graphs_is_left_alone(toy: Toy, tmp_path: Path) -> None:
    from seq2seq.bundle import RunFolder

    with mock.patch("seq2seq.engines.onnx.write.add_graphs", side_effect=AssertionError):
        export_trained(RunFolder(tmp_path))
        export_trained(RunFolder(toy.run))


def test_without_the_package_the_command_says_what_to_install(toy: Toy) -> None:
    heavy = [name for name in sys.modules if name.startswith("seq2seq.engines.onnx.")]
    with mock.patch.dict(sys.modules, {"onnx": None}):
        for name in heavy:
            del sys.modules[name]
        told = refused("export", toy.run)
    assert "needs onnx" in told
    assert "seq2seq[train]" in told


def test_differences_of_an_engine_from_itself_are_none() -> None:
    engine = TorchEngine(tiny())
    sources = random_batch([4, 1, 6], [0])[0]
    found = Sample(engine, sources).compare(engine)
    assert (found.largest, found.mean, found.greedy, found.beam, found.sentences) == (0, 0, 0, 0, 3)
    assert found.tokens == sum(len(ids) + 1 for ids in greedy(engine, sources))


def test_differences_are_those_of_the_token_log_probabilities() -> None:
    """Two networks that differ in the output's bias of one symbol alone."""
    one, other = tiny(), tiny()
    with torch.no_grad():
        other.output.bias[5] += 3.0
    sources = random_batch([4, 1, 6, 2], [0])[0]
    found = Sample(TorchEngine(one), sources).compare(TorchEngine(other))
    targets = greedy(TorchEngine(one), sources)
    apart = []
    for source, target in zip(sources, targets, strict=True):
        scores = []
        for model in (one, other):
            engine = TorchEngine(model)
            start = engine.start([source])
            state, last, total = start.state, engine.go, []
            for token in [*target, engine.eos]:
                step = engine.step(start.memory, np.zeros(1, np.int64), np.array([last]), state, 1, np.array([[token]]))
                total.append(step.also_log_probs[0, 0])
                state, last = step.state, token
            scores.append(total)
        apart.extend(np.abs(np.subtract(*scores)))
    assert found.largest == pytest.approx(max(apart), rel=1e-3)
    assert found.mean == pytest.approx(np.mean(apart), rel=1e-3)
    assert found.greedy == sum(a != b for a, b in zip(targets, greedy(TorchEngine(other), sources), strict=True)) > 0


@pytest.mark.parametrize(
    ("precision", "change", "passes"),
    [
        ("fp32", {}, True),
        ("fp32", {"largest": 9e-4, "mean": 9e-5}, True),
        ("fp32", {"largest": 2e-3}, False),
        ("fp32", {"mean": 2e-4}, False),
        ("fp32", {"greedy": 1, "beam": 1}, True),  # at a tie on the way, which the scores do not show
        ("fp32", {"greedy": 2}, False),
        ("fp32", {"beam": 2}, False),
        ("fp32", {"sentences": 64, "largest": 5e-7, "mean": 1e-7, "beam": 1}, True),
        ("fp32", {"sentences": 64, "largest": 5e-7, "mean": 1e-7, "beam": 2}, False),
        ("fp32", {"sentences": 64, "largest": 2e-3, "mean": 1e-7, "beam": 1}, False),
        ("fp32", {"sentences": 200, "greedy": 4, "beam": 4}, True),
        ("fp32", {"sentences": 200, "beam": 5}, False),
        ("fp32", {"mean": float("nan")}, False),
        ("int8", {"greedy": 4, "beam": 3, "largest": 2.9, "mean": 0.14}, True),
        ("int8", {"largest": 3.1}, False),
        ("int8", {"mean": 0.16}, False),
        ("int8", {"mean": float("nan")}, False),
    ],
)
def test_what_is_let_pass(precision: str, change: dict, passes: bool) -> None:
    if passes:
        check(replace(SAME, **change), precision)
    else:
        with pytest.raises(WorkError, match=f"The {precision} graphs"):
            check(replace(SAME, **change), precision)


def test_equals_may_be_found_in_any_order() -> None:
    from seq2seq.search import Hypothesis

    def found(ids, score):
        return Hypothesis(ids, score * 3, score, ())

    wanted = [found((5, 6), -1.0), found((7,), -2.0)]
    assert verify._apart(wanted, [found((6, 5), -1.0 - verify.TIE / 2), found((7,), -2.5)]) == 0
    assert verify._apart(wanted, [found((6, 5), -1.0 - verify.TIE * 2), found((7,), -2.0)]) == 1


def test_a_random_sample_has_all_lengths_and_no_special_ids() -> None:
    sample = random_sample(8, 50, first=4)
    assert len(sample[0]) == 1
    assert len(sample[-1]) == 16
    assert all(4 <= token < 50 for ids in sample for token in ids)
    assert sample == random_sample(8, 50, first=4)
