"""kill -9 at any moment, in saving too: the run that goes on ends bit for bit where one that was never killed ends."""

from __future__ import annotations

import os
import random
import signal

import pytest
from mortal import VARIANTS, left_behind, make_store, run_to_death

pytestmark = pytest.mark.skipif(os.name != "posix", reason="needs fork and SIGKILL")
TOUCHES = 200  # of its folder, by a run that is not disturbed: the fewest, where checkpoints by the clock are few


@pytest.fixture(scope="session")
def store(tmp_path_factory):
    return make_store(tmp_path_factory.mktemp("mortal"))


@pytest.fixture(scope="session")
def undisturbed(tmp_path_factory, store):
    """What each variant leaves behind when nobody disturbs it."""
    known = {}

    def of(variant: str):
        if variant not in known:
            folder = tmp_path_factory.mktemp("whole")
            assert run_to_death(folder, store, variant) == 0
            known[variant] = left_behind(folder)
        return known[variant]

    return of


def check(found, wanted) -> None:
    for part, value in wanted.items():
        assert found[part] == value, part


def killed_often(folder, store, variant: str, draw: random.Random, kills: int) -> int:
    """Kills a training several times, before touches of its folder and after times. Returns how many hit.

    The kills at a touch come first: they hit on every machine. A fast one may be through before a time is over.
    """
    hits = 0
    for number in range(kills):
        if number * 2 > kills:
            code = run_to_death(folder, store, variant, seconds=draw.uniform(0.0, 0.4))
        else:
            code = run_to_death(folder, store, variant, dies_at=draw.randint(1, TOUCHES // kills))
        hits += code == -signal.SIGKILL
    assert run_to_death(folder, store, variant) == 0
    return hits


def test_the_variants_are_what_they_are_called(undisturbed) -> None:
    everything, back = undisturbed("everything"), undisturbed("going back")
    assert everything["counters"]["update"] == back["counters"]["update"] == 61
    assert everything["counters"]["schedule"]["share"] < 1.0
    assert [row["kind"] for row in back["rows"]].count("rollback") >= 2
    assert "rollback" not in [row["kind"] for row in everything["rows"]]


def test_killed_three_times_it_ends_the_same(tmp_path, store, undisturbed) -> None:
    assert killed_often(tmp_path, store, "everything", random.Random(1), 3) >= 2
    check(left_behind(tmp_path), undisturbed("everything"))


@pytest.mark.slow
@pytest.mark.parametrize("variant", VARIANTS)
@pytest.mark.parametrize("seed", range(5))
def test_killed_five_times_it_ends_the_same(tmp_path, store, undisturbed, variant: str, seed: int) -> None:
    hits = killed_often(tmp_path, store, variant, random.Random(f"{seed} {variant}"), 5)
    assert hits >= 2
    check(left_behind(tmp_path), undisturbed(variant))


@pytest.mark.slow
@pytest.mark.parametrize("variant", ["everything", "going back"])
@pytest.mark.parametrize("touch", range(1, 61, 2))
def test_killed_at_each_touch_of_the_folder_it_ends_the_same(tmp_path, store, undisturbed, variant: str, touch) -> None:
    run_to_death(tmp_path, store, variant, seconds=0.1)
    assert run_to_death(tmp_path, store, variant, dies_at=touch) == -signal.SIGKILL
    assert run_to_death(tmp_path, store, variant) == 0
    check(left_behind(tmp_path), undisturbed(variant))
