"""Which engine opens a model, and what is said where it cannot."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace

import numpy as np
import pytest
import torch
from made_facts import file_of, made_facts
from tiny_bundles import make_bundle

import seq2seq
from seq2seq.bundle import open_bundle
from seq2seq.engines import choose as choosing
from seq2seq.engines.choose import choose, gpu_found, open_engine
from seq2seq.engines.ensemble import Ensemble
from seq2seq.engines.onnx import folder as reading
from seq2seq.engines.onnx import weights as weighing
from seq2seq.engines.onnx import write
from seq2seq.engines.onnx.onnx_engine import OnnxEngine
from seq2seq.engines.torch_engine import TorchEngine
from seq2seq.errors import UserError, WorkError
from seq2seq.text.pairs import TokenizerPair
from seq2seq.text.special import GO

SENTENCES = ["the red dog sees a cat.", "two birds.", "a black house."]


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """A bundle with its graphs."""
    bundle = make_bundle(tmp_path_factory.mktemp("made") / "bundle")
    write.add_graphs(bundle)
    return open_bundle(bundle.path)


@pytest.fixture
def old(made, tmp_path):
    """The same as an older version wrote it: without graphs."""
    path = tmp_path / "old"
    shutil.copytree(made.path, path, ignore=shutil.ignore_patterns("onnx"))
    facts = json.loads((path / "bundle.json").read_text())
    facts["files"] = {name: one for name, one in facts["files"].items() if not name.startswith("onnx/")}
    (path / "bundle.json").write_text(json.dumps(facts))
    return open_bundle(path)


@pytest.fixture
def copy(made, tmp_path):
    """The one with graphs, to be damaged."""
    shutil.copytree(made.path, tmp_path / "copy")
    facts = json.loads((tmp_path / "copy" / "bundle.json").read_text())
    (tmp_path / "copy" / "bundle.json").write_text(json.dumps({**facts, "files": {}}))
    return open_bundle(tmp_path / "copy")


def opened(bundle, **wishes):
    return open_engine(bundle, TokenizerPair.load(bundle.tokenizers), **wishes)


def chosen(bundle, device="cpu"):
    return choose(bundle, device)


def first_step(engine):
    """What it says of two sources at their first position."""
    start = engine.start([[5, 6, 7, 8, 9], [10]])
    return engine.distribution(start.memory, np.arange(2), np.full(2, GO), start.state).log_probs


def edited(bundle, change) -> None:
    path = bundle.path / "onnx" / "engine.json"
    facts = json.loads(path.read_text())
    change(facts)
    path.write_text(json.dumps(facts))


def test_each_name_opens_its_engine(made) -> None:
    engines = {name: opened(made, engine=name, device="cpu", threads=1) for name in choosing.ENGINES}
    kinds = {name: type(engine) for name, engine in engines.items()}
    assert kinds == {"auto": OnnxEngine, "onnx": OnnxEngine, "onnx-fp32": OnnxEngine, "torch": TorchEngine}
    said = {name: first_step(engine) for name, engine in engines.items()}
    real = np.isfinite(said["torch"])
    np.testing.assert_allclose(said["onnx-fp32"][real], said["torch"][real], atol=1e-4)
    assert np.array_equal(said["auto"], said["onnx"])
    assert [engines[name].precision for name in ("onnx", "onnx-fp32", "torch")] == ["int8", "fp32", "torch"]
    assert [engines[name].name for name in ("onnx", "torch")] == ["OnnxEngine int8 cpu", "TorchEngine cpu"]
    assert [engines[name].parallel for name in ("onnx", "torch")] == [1, 1]
    assert opened(made, engine="onnx", device="cpu", threads=3).parallel == 3
    apart = np.abs(said["onnx"][real] - said["torch"][real]).max()
    assert 1e-4 < apart < 0.5  # 8 bits, and not by chance the other precision


def test_a_wrong_name(made) -> None:
    with pytest.raises(UserError, match=r"no engine 'onx'.*'onnx'"):
        opened(made, engine="onx")


@pytest.mark.parametrize("engine", ["onnx", "onnx-fp32"])
def test_onnx_is_for_the_cpu(made, engine: str) -> None:
    with pytest.raises(UserError, match=f"{engine}' runs on the CPU.*--engine torch"):
        opened(made, engine=engine, device="cuda:1")


@pytest.mark.parametrize(("device", "gpu", "wanted"), [("cuda", False, "torch"), ("auto", True, "torch")])
def test_a_gpu_is_torchs(made, monkeypatch, device: str, gpu: bool, wanted: str) -> None:
    monkeypatch.setattr(choosing, "gpu_found", lambda: gpu)
    assert chosen(made, device) == wanted


@pytest.mark.parametrize(("device", "gpu"), [("auto", False), ("cpu", True)])
def test_else_it_is_onnx(made, monkeypatch, device: str, gpu: bool) -> None:
    monkeypatch.setattr(choosing, "gpu_found", lambda: gpu)
    assert chosen(made, device) == "onnx"


def test_a_bundle_of_graphs_alone_is_run_by_what_it_has(copy, monkeypatch) -> None:
    copy.weights.unlink()
    monkeypatch.setattr(choosing, "gpu_found", lambda: True)
    assert chosen(copy, "auto") == "onnx"  # torch has nothing to read
    edited(copy, lambda facts: facts["precisions"].pop("int8"))
    assert chosen(copy, "auto") == "onnx-fp32"


@pytest.mark.parametrize(
    ("wishes", "left_out"),
    [
        ({"engine": "torch"}, "--engine torch"),
        ({"device": "cuda"}, "--device cuda"),
        ({"engine": "onnx", "device": "cuda:1"}, "--device cuda:1"),
        ({"engine": "torch", "device": "cuda"}, "--engine torch and --device cuda"),
    ],
    ids=str,
)
def test_graphs_alone_are_not_for_torch(copy, wishes, left_out: str) -> None:
    copy.weights.unlink()
    with pytest.raises(UserError, match=f"holds graphs only, which run on the CPU.*Leave out {left_out}\\.$"):
        opened(copy, **wishes)


def test_a_bundle_exported_in_32_bits_runs_in_them_and_stays_as_it_is(copy) -> None:
    edited(copy, lambda facts: facts["precisions"].pop("int8"))
    before = sorted(path.name for path in copy.path.rglob("*"))
    assert copy.weights.is_file()
    assert chosen(copy, "cpu") == "onnx-fp32"
    assert sorted(path.name for path in copy.path.rglob("*")) == before


def test_graphs_of_other_weights_are_none(copy) -> None:
    edited(copy, lambda facts: facts.update(weights={"bytes": 1, "blake2b": "0"}))
    described = replace(copy, facts=made_facts(files={copy.weights.name: file_of(2)}))
    assert not reading.has_graphs(described)
    assert reading.has_graphs(replace(copy, facts=made_facts()))


def test_torch_is_asked_for_a_gpu_only_where_there_is_a_driver(monkeypatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    for driver in (False, True):
        monkeypatch.setattr(choosing, "_has_driver", lambda driver=driver: driver)
        assert gpu_found() == driver
    monkeypatch.setattr(choosing, "find_spec", lambda name: None)  # no torch
    assert not gpu_found()


def test_threads_say_how_many_batches_are_computed_at_a_time(made, monkeypatch) -> None:
    from seq2seq.engines.onnx import onnx_engine

    monkeypatch.setattr(onnx_engine, "physical_cores", lambda: 7)
    assert opened(made, device="cpu", threads=3).parallel == 3
    assert opened(made, device="cpu").parallel == 7


@pytest.mark.parametrize("engine", ["auto", "onnx-fp32"])
def test_graphs_that_are_not_there_are_made_once(old, capfd, engine: str) -> None:
    assert isinstance(opened(old, engine=engine, device="cpu"), OnnxEngine)
    assert "writing the ONNX graphs" in capfd.readouterr().err
    again = open_bundle(old.path)
    assert any(name.startswith("onnx/") for name in again.facts.files)
    assert isinstance(opened(again, engine=engine, device="cpu"), OnnxEngine)
    assert not capfd.readouterr().err


@pytest.mark.parametrize("error", [WorkError("Nobody has written it."), PermissionError("read-only")])
def test_graphs_that_cannot_be_made(old, monkeypatch, capfd, error) -> None:
    def fail(bundle):
        raise error

    monkeypatch.setattr(write, "add_graphs", fail)
    assert isinstance(opened(old, device="cpu"), TorchEngine)
    assert str(error) in capfd.readouterr().err
    with pytest.raises(WorkError, match=str(error)):
        opened(old, engine="onnx", device="cpu")


@pytest.mark.parametrize("missing", ["torch", "onnx"])
def test_what_making_them_needs_is_not_installed(old, monkeypatch, missing: str) -> None:
    monkeypatch.setattr(choosing, "find_spec", lambda name: None if name == missing else object())
    with pytest.raises(UserError, match=r"has no ONNX graphs.*seq2seq export.*--engine torch"):
        opened(old, engine="onnx", device="cpu")
    assert chosen(old) == ("onnx" if missing == "torch" else "torch")


def test_a_processor_that_saturates_gets_narrow_weights(made, monkeypatch) -> None:
    """Every weight of 8 bits that reaches a session is within 64, and what is said hardly changes."""
    whole = first_step(opened(made, engine="onnx", device="cpu"))
    given = []
    session = reading.Session
    monkeypatch.setattr(reading, "Session", lambda path, weights: given.append(weights) or session(path, weights))
    monkeypatch.setattr(reading, "saturates", lambda: True)
    narrow = first_step(opened(made, engine="onnx", device="cpu"))
    int8 = [w for weights in given for w in weights.values() if w.dtype == np.int8]
    assert int8
    assert max(np.abs(w.astype(int)).max() for w in int8) == weighing.NARROWEST
    real = np.isfinite(whole)
    assert 0 < np.abs(whole[real] - narrow[real]).max() < 0.5


def test_graphs_of_a_newer_version(copy) -> None:
    edited(copy, lambda facts: facts.update(schema_version=99))
    with pytest.raises(UserError, match=r"engine\.json has schema version 99"):
        opened(copy, engine="onnx", device="cpu")


def test_a_precision_that_is_not_there(copy, monkeypatch) -> None:
    monkeypatch.setattr(choosing, "find_spec", lambda name: None)
    edited(copy, lambda facts: facts["precisions"].pop("fp32"))
    assert isinstance(opened(copy, engine="onnx", device="cpu"), OnnxEngine)
    with pytest.raises(UserError, match="no ONNX graphs in fp32"):
        opened(copy, engine="onnx-fp32", device="cpu")


def test_weights_that_are_missing_are_named(copy) -> None:
    edited(copy, lambda facts: facts["precisions"]["int8"]["weights"]["step"].append("nowhere"))
    with pytest.raises(UserError, match="'nowhere' is missing"):
        opened(copy, engine="onnx", device="cpu")
    edited(copy, lambda facts: facts["precisions"]["int8"].pop("num_state"))
    with pytest.raises(UserError, match="'num_state' is missing"):
        opened(copy, engine="onnx", device="cpu")


def test_graphs_of_another_vocabulary(copy) -> None:
    edited(copy, lambda facts: facts["precisions"]["int8"].update(target_symbols=7))
    with pytest.raises(UserError, match="have 7 target symbols, and the tokenizer has 3"):
        opened(copy, engine="onnx", device="cpu")


def test_several_models_are_an_ensemble(made, tmp_path) -> None:
    other = make_bundle(tmp_path / "other", seed=2)
    write.add_graphs(other)
    together = seq2seq.load([made.path, other.path], engine="onnx", threads=1, weights=[3, 1])
    assert isinstance(together.engine, Ensemble)
    assert together.engine.weights == [0.75, 0.25]
    assert together.engine.parallel == 1
    assert together.engine.precision == "int8"
    assert together.engine.name == "OnnxEngine int8 cpu + OnnxEngine int8 cpu"
    one, two = (first_step(opened(bundle, engine="onnx", device="cpu")) for bundle in (made, open_bundle(other.path)))
    mean = np.logaddexp(one.astype(np.float64) + np.log(0.75), two.astype(np.float64) + np.log(0.25))
    np.testing.assert_allclose(first_step(together.engine), mean, atol=1e-5)
    # A batch alone and a batch in company: the ensemble keeps what its members promise.
    alone = [seq2seq.load([made.path, other.path], engine="onnx").translate(s, nbest=3) for s in SENTENCES]
    batch = seq2seq.load([made.path, other.path], engine="onnx").translate(SENTENCES, nbest=3)
    for lone, among in zip(alone, batch, strict=True):
        assert [(t.text, t.score, t.token_log_probs) for t in lone.nbest] == [
            (t.text, t.score, t.token_log_probs) for t in among.nbest
        ]


def test_an_ensemble_of_none_and_of_strangers(made, tmp_path) -> None:
    with pytest.raises(UserError, match="No model is given"):
        seq2seq.load([])
    stranger = make_bundle(tmp_path / "stranger", "text.vocabulary_size=304")
    with pytest.raises(UserError, match="different tokenizers"):
        seq2seq.load([made.path, stranger.path], engine="torch", device="cpu")
