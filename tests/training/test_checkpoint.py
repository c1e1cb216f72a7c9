"""Checkpoints come back bit for bit, and a wrong one is named."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace

import pytest
import torch
from safetensors import SafetensorError
from tiny_models import parameters, random_batch, tiny

from seq2seq.data.batches import collate
from seq2seq.errors import UserError, WorkError
from seq2seq.training import checkpoint
from seq2seq.training.average import MovingAverage
from seq2seq.training.average_looks import LookAverage
from seq2seq.training.checkpoint import DamagedError, TrainingState
from seq2seq.training.counters import Counters
from seq2seq.training.objective import CrossEntropy
from seq2seq.training.optimizer import adamw

BATCH = collate(*random_batch([4, 1, 6], [5, 2, 3]))
COUNTERS = Counters(
    update=7,
    epoch=2,
    position=3,
    total=90,
    budget_minutes=40.0,
    budget_from=3,
    budget_total=90,
    stop_on="chrf",
    best=0.1 + 0.2,
    best_update=5,
    looks=2,
    schedule={"share": 0.5, "looks": 1},
)


def fresh(seed: int = 1, *, decay: float = 0.9, **settings) -> TrainingState:
    model = tiny(seed=seed, **settings)
    return TrainingState(model, adamw(model, weight_decay=0.1), MovingAverage(model, decay), Counters())


def train(state: TrainingState, num_updates: int) -> TrainingState:
    for number in range(1, num_updates + 1):
        CrossEntropy()(state.model, BATCH).backward()
        for group in state.optimizer.param_groups:
            group["lr"] = 1e-2
        state.optimizer.step()
        state.optimizer.zero_grad()
        state.average.update(number)
    return state


def assert_equal(first: TrainingState, second: TrainingState) -> None:
    for (name, a), b in zip(first.model.named_parameters(), second.model.parameters(), strict=True):
        assert torch.equal(a, b), name
        one, other = first.optimizer.state[a], second.optimizer.state[b]
        assert one.keys() == other.keys()
        assert all(torch.equal(one[key], other[key]) for key in one)
    averages = first.average.tensors(), second.average.tensors()
    assert averages[0].keys() == averages[1].keys()
    assert all(torch.equal(value, averages[1][name]) for name, value in averages[0].items())


@pytest.fixture
def saved(tmp_path):
    state = train(fresh(), 3)
    state.counters.__dict__.update(COUNTERS.__dict__)
    path = tmp_path / "checkpoints" / "last"
    checkpoint.save(path, state)
    return path, state


def test_everything_comes_back_bit_for_bit(saved) -> None:
    path, state = saved
    other = train(fresh(seed=2), 1)
    assert checkpoint.load(path, other) == COUNTERS
    assert_equal(state, other)
    assert_equal(train(state, 2), train(other, 2))


def test_loading_into_a_fresh_state_brings_the_optimizer_along(saved) -> None:
    path, state = saved
    other = fresh(seed=2)
    checkpoint.load(path, other)
    assert_equal(train(state, 2), train(other, 2))


def test_nothing_of_the_file_is_held_after_loading(tmp_path, monkeypatch) -> None:
    # Windows deletes no file of which a tensor is still a view, so that the next checkpoint could not be written.
    state = looking(train(fresh(), 3))
    checkpoint.save(tmp_path / "last", state)
    read, views = checkpoint.read_tensors, []

    def noted(path):
        views.extend((found := read(path)).values())
        return found

    monkeypatch.setattr(checkpoint, "read_tensors", noted)
    other = looking(fresh(seed=2))
    checkpoint.load(tmp_path / "last", other)
    mapped = {view.data_ptr() for view in views}
    held = [*other.model.parameters(), *other.average.values, *other.looks.tensors().values()]
    held += [value for moments in other.optimizer.state.values() for value in moments.values()]
    assert len(held) == len(mapped)
    assert not mapped & {tensor.data_ptr() for tensor in held}


def looking(state: TrainingState) -> TrainingState:
    return replace(state, looks=LookAverage(state.model, 2).with_this(state.average))


def test_a_run_that_has_not_begun_can_be_saved(tmp_path) -> None:
    state = fresh()
    checkpoint.save(tmp_path / "last", state)
    other = fresh(seed=2)
    assert checkpoint.load(tmp_path / "last", other) == Counters()
    assert_equal(train(state, 1), train(other, 1))


def test_without_an_average_it_is_the_weights(tmp_path) -> None:
    state = train(fresh(decay=0.0), 1)
    checkpoint.save(tmp_path / "last", state)
    found = checkpoint.read_tensors(tmp_path / "last" / "average.safetensors")
    assert all(torch.equal(found[name], value) for name, value in parameters(state.model).items())


def test_no_pickle_is_written(saved) -> None:
    path, _ = saved
    assert sorted(p.name for p in path.iterdir()) == [
        "average.safetensors",
        "checkpoint.json",
        "optimizer.safetensors",
        "weights.safetensors",
    ]


def test_exists_also_where_the_replacement_was_cut_off(saved) -> None:
    path, state = saved
    assert checkpoint.exists(path)
    path.rename(path.with_name(".last.old"))
    assert checkpoint.exists(path)
    assert checkpoint.load(path, fresh()) == COUNTERS
    shutil.rmtree(path)
    assert not checkpoint.exists(path)
    checkpoint.save(path, state)
    assert checkpoint.exists(path)


@pytest.mark.parametrize("name", ["weights.safetensors", "average.safetensors", "optimizer.safetensors"])
def test_a_damaged_or_missing_file_is_named(saved, name: str) -> None:
    path, _ = saved
    (path / name).write_bytes((path / name).read_bytes()[:100])
    with pytest.raises(UserError, match=name):
        checkpoint.load(path, fresh())
    (path / name).unlink()
    with pytest.raises(UserError, match=name):
        checkpoint.load(path, fresh())


@pytest.mark.parametrize(
    "change",
    [{"counters": None}, {"counters": {"update": 1, "colour": 2}}, {"counters": [1]}],
    ids=["none", "unknown", "list"],
)
def test_damaged_counters_are_named(saved, change) -> None:
    path, _ = saved
    header = json.loads((path / "checkpoint.json").read_text())
    header = {**header, **change, "schema_version": 1}  # version 1 has no checksums, so this is found by reading
    (path / "checkpoint.json").write_text(json.dumps(header))
    with pytest.raises(DamagedError, match=r"checkpoint\.json is damaged"):
        checkpoint.load(path, fresh())


def test_a_newer_version_is_refused(saved) -> None:
    path, _ = saved
    header = json.loads((path / "checkpoint.json").read_text())
    (path / "checkpoint.json").write_text(json.dumps({**header, "schema_version": 99}))
    with pytest.raises(UserError, match="schema version 99"):
        checkpoint.load(path, fresh())


def test_weights_of_another_network_are_refused(saved) -> None:
    path, _ = saved
    with pytest.raises(UserError, match=r"in the file, .* in the network.*The recipe was changed"):
        checkpoint.load(path, fresh(size=16))
    with pytest.raises(UserError, match=r"'\S+' is not in the file"):
        checkpoint.load(path, fresh(decoder_layers=3))
    with pytest.raises(UserError, match=r"'\S+' is not in the network"):
        checkpoint.load(path, fresh(decoder_layers=1))


def test_a_refused_file_changes_no_weight(saved) -> None:
    path, _ = saved
    state = fresh(seed=2, decoder_layers=3)
    before = parameters(state.model)
    with pytest.raises(UserError):
        checkpoint.load(path, state)
    assert all(torch.equal(before[name], weight) for name, weight in state.model.named_parameters())


def test_files_that_belong_to_different_checkpoints_are_refused(saved, tmp_path) -> None:
    path, _ = saved
    checkpoint.save(tmp_path / "other", train(fresh(cell="gru"), 1))
    for name in ("average.safetensors", "optimizer.safetensors"):
        whole = (path / name).read_bytes()
        (path / name).write_bytes((tmp_path / "other" / name).read_bytes())
        with pytest.raises(UserError, match=name):
            checkpoint.load(path, fresh())
        (path / name).write_bytes(whole)


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")
def test_training_goes_on_on_a_gpu(tmp_path) -> None:
    def on_gpu(seed: int) -> TrainingState:
        model = tiny(seed=seed).cuda()
        return TrainingState(model, adamw(model, weight_decay=0.1), MovingAverage(model, 0.9), Counters())

    def steps(state: TrainingState) -> None:
        for number in (1, 2):
            CrossEntropy()(state.model, BATCH.to(torch.device("cuda"))).backward()
            state.optimizer.step()
            state.optimizer.zero_grad()
            state.average.update(number)

    state, other = on_gpu(1), on_gpu(2)
    steps(state)
    checkpoint.save(tmp_path / "last", state)
    checkpoint.load(tmp_path / "last", other)
    assert_equal(state, other)
    steps(other)  # the step counter, too, must be where the fused kernel looks for it


def test_another_network_of_equal_shapes_is_refused(tmp_path) -> None:
    model = tiny()
    state = TrainingState(model, adamw(model, weight_decay=0.1), MovingAverage(model, 0.9), Counters(), "four heads")
    checkpoint.save(tmp_path / "last", state)
    other = TrainingState(model, state.optimizer, state.average, Counters(), "eight heads")
    with pytest.raises(UserError, match="other settings"):
        checkpoint.load(tmp_path / "last", other)
    checkpoint.load(tmp_path / "last", state)


def test_looking_for_a_checkpoint_changes_nothing(tmp_path) -> None:
    being_written = tmp_path / ".last.1.tmp"
    being_written.mkdir()
    assert not checkpoint.exists(tmp_path / "last")
    assert being_written.is_dir()


def test_a_disk_that_fills_leaves_the_checkpoint_before_and_nothing_else(tmp_path, monkeypatch):
    path, before = tmp_path / "last", train(fresh(), 2)
    checkpoint.save(path, before)
    real = checkpoint.save_file

    def save_file(tensors, file):
        if "optimizer" in file.name:
            raise SafetensorError("I/O error: No space left on device (os error 28)")
        real(tensors, file)

    monkeypatch.setattr(checkpoint, "save_file", save_file)
    with pytest.raises(WorkError, match="No space left on device"):
        checkpoint.save(path, train(fresh(seed=2), 3))
    again = fresh(seed=3)
    checkpoint.load(path, again)
    assert_equal(again, before)
    assert [found.name for found in tmp_path.iterdir()] == ["last"]
