"""Two checkpoints: damage falls back to the one before, and the last good one is never lost."""

from __future__ import annotations

import json
import shutil

import pytest
from test_checkpoint import assert_equal, fresh, train

from seq2seq import folders
from seq2seq.errors import UserError
from seq2seq.pipeline.train.estimate import CHECKPOINTS_ON_DISK
from seq2seq.training import checkpoint
from seq2seq.training.rotation import Checkpoints

FILES = ("weights.safetensors", "average.safetensors", "optimizer.safetensors", "checkpoint.json")


def state_at(update: int, *, good: bool = True, rows: int = 0):
    state = train(fresh(), update)
    state.counters.update, state.counters.rows = update, rows
    state.counters.good = update if good else 0
    return state


def updates(both: Checkpoints) -> dict[str, int]:
    return {
        path.name: json.loads((path / "checkpoint.json").read_text())["counters"]["update"]
        for path in (both.last, both.previous)
        if path.exists()
    }


@pytest.fixture
def both(tmp_path):
    return Checkpoints(tmp_path / "checkpoints")


def flip(path) -> None:
    """Changes one bit in the middle, which no length and no header tells."""
    content = bytearray(path.read_bytes())
    content[-3] ^= 1
    path.write_bytes(content)


def test_the_last_good_one_is_always_one_of_the_two(both) -> None:
    wanted = []
    for update, good in ((1, True), (2, True), (3, False), (4, False), (5, True), (6, False), (7, True), (8, True)):
        both.save(state_at(update, good=good))
        wanted.append(updates(both))
    assert wanted == [
        {"last": 1},
        {"last": 2, "previous": 1},
        {"last": 3, "previous": 2},
        {"last": 4, "previous": 2},
        {"last": 5, "previous": 2},
        {"last": 6, "previous": 5},
        {"last": 7, "previous": 5},
        {"last": 8, "previous": 7},
    ]
    assert sorted(path.name for path in both.last.parent.iterdir()) == ["last", "previous"]


@pytest.mark.parametrize("last_is_good", [True, False])
def test_going_back_takes_the_last_good_one(both, last_is_good) -> None:
    both.save(state_at(1))
    both.save(state_at(2, good=last_is_good))
    state = fresh(seed=2)
    assert both.load_good(state).update == (2 if last_is_good else 1)
    assert_equal(state, train(fresh(), 2 if last_is_good else 1))


@pytest.mark.parametrize("how", ["flipped", "cut", "missing"])
@pytest.mark.parametrize("name", FILES)
def test_a_damaged_last_one_falls_back_to_the_one_before_and_says_so(both, name: str, how: str) -> None:
    both.save(state_at(1))
    both.save(state_at(2))
    file = both.last / name
    if how == "flipped":
        flip(file)
    elif how == "cut":
        file.write_bytes(file.read_bytes()[:-7])
    else:
        file.unlink()
    said: list[str] = []
    state = fresh(seed=2)
    assert both.load(state, said.append).update == 1
    assert_equal(state, train(fresh(), 1))
    (told,) = said
    assert name in told
    assert "Going back to the checkpoint before it, of update 1." in told
    assert any(word in told for word in ("corrupted", "were written", "missing", "damaged"))
    # It is the last one now, and the damaged one lies aside.
    assert updates(both) == {"last": 1}
    assert (both.last.parent / "damaged").is_dir()
    both.save(state_at(3))
    assert updates(both) == {"last": 3, "previous": 1}


def test_where_both_are_damaged_both_are_named(both) -> None:
    both.save(state_at(1))
    both.save(state_at(2))
    flip(both.last / "weights.safetensors")
    flip(both.previous / "optimizer.safetensors")
    with pytest.raises(UserError, match=r"last/weights\.safetensors.*previous/optimizer\.safetensors.*--restart"):
        both.load(fresh(), print)
    flip(both.previous / "optimizer.safetensors")  # mended: nothing was moved
    assert both.load(fresh(), lambda message: None).update == 1


def test_a_damaged_one_alone_is_named(both) -> None:
    both.save(state_at(1))
    flip(both.last / "average.safetensors")
    with pytest.raises(UserError, match=r"average\.safetensors is corrupted"):
        both.load(fresh(), print)


def test_another_network_is_no_damage(both) -> None:
    for update in (1, 2):
        both.save(state_at(update))
    with pytest.raises(UserError, match="The recipe was changed"):
        both.load(fresh(size=16), print)
    assert updates(both) == {"last": 2, "previous": 1}


# The folder as a kill at each step of a replacement leaves it, and what is the last one then.
@pytest.mark.parametrize(
    ("moves", "last"),
    [
        ([("last", ".last.old")], 2),
        ([("last", ".last.old"), ("new", "last")], 3),
        ([("last", ".last.old"), ("new", "last"), ("previous", ".previous.old")], 3),
        ([("previous", ".previous.old"), ("last", "previous"), ("new", "last")], 3),
        ([("last", "damaged")], 1),
    ],
)
def test_cut_off_while_it_was_replaced(both, moves, last: int) -> None:
    both.save(state_at(1))
    both.save(state_at(2))
    checkpoint.save(both.last.with_name("new"), state_at(3))
    for old, new in moves:
        both.last.with_name(old).rename(both.last.with_name(new))
    assert both.exist()
    state = fresh(seed=2)
    assert both.load(state, lambda message: None).update == last
    assert_equal(state, train(fresh(), last))
    shutil.rmtree(both.last.with_name("new"), ignore_errors=True)
    both.save(state_at(4))
    assert updates(both)["last"] == 4
    assert updates(both)["previous"] in (1, 2, 3)
    assert not list(both.last.parent.glob(".*"))


def test_version_1_is_read(both) -> None:
    state = state_at(2)
    both.save(state)
    file = both.last / "checkpoint.json"
    header = json.loads(file.read_text())
    old = ("timings", "looked", "good", "rows", "recovery", "advice")
    counters = {key: value for key, value in header["counters"].items() if key not in old}
    file.write_text(json.dumps({"schema_version": 1, "network": "", "counters": counters}))
    found = both.load(other := fresh(seed=2), print)
    assert (found.update, found.looked, found.rows) == (2, 2, None)
    assert_equal(other, state)
    both.save(state_at(3))
    assert updates(both)["last"] == 3


def test_no_more_checkpoints_lie_on_the_disk_than_are_reckoned_with(both, tmp_path, monkeypatch) -> None:
    def on_disk() -> int:
        return sum(path.stat().st_size for path in tmp_path.rglob("*") if path.is_file())

    most = 0
    real = folders._sync_folder

    def measured(folder) -> None:
        nonlocal most
        most = max(most, on_disk())
        real(folder)

    monkeypatch.setattr(folders, "_sync_folder", measured)
    both.save(state_at(1))
    one = on_disk()
    for update in (2, 3, 4):
        both.save(state_at(update))
    assert on_disk() == pytest.approx(2 * one, rel=0.01)
    assert most == pytest.approx(CHECKPOINTS_ON_DISK * one, rel=0.01)
