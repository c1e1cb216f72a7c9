"""Every schedule against its formula."""

from __future__ import annotations

import math

import pytest
from tiny_models import concrete_members, registered

from seq2seq.registry import SCHEDULES
from seq2seq.training.schedules import Schedule

WARM, TOTAL = 10, 110
FORMULA = {
    "linear": lambda n: (TOTAL - n) / (TOTAL - WARM),
    "cosine": lambda n: (1 + math.cos(math.pi * (n - WARM) / (TOTAL - WARM))) / 2,
    "inverse-square-root": lambda n: math.sqrt(WARM / n),
    "constant": lambda n: 1.0,
    "plateau": lambda n: 1.0,
}


def make(name: str, warmup_updates: int = WARM, **settings) -> Schedule:
    return SCHEDULES.load(name)(warmup_updates=warmup_updates, **{**SCHEDULES.settings(name, {}), **settings})


def test_every_schedule_is_registered() -> None:
    assert concrete_members("seq2seq.training", Schedule) == registered(SCHEDULES)
    assert set(FORMULA) == set(SCHEDULES)


@pytest.mark.parametrize("name", list(SCHEDULES))
def test_it_warms_up_in_a_straight_line_and_then_follows_its_formula(name: str) -> None:
    schedule = make(name)
    for n in range(1, WARM + 1):
        assert schedule.factor(n, TOTAL) == pytest.approx(n / WARM)
    for n in range(WARM + 1, TOTAL + 1):
        assert schedule.factor(n, TOTAL) == pytest.approx(FORMULA[name](n), abs=1e-12)


@pytest.mark.parametrize("name", list(SCHEDULES))
def test_without_warm_up_and_without_an_end_it_starts_at_the_peak(name: str) -> None:
    assert make(name, 0).factor(1, None) == 1.0


@pytest.mark.parametrize("name", ["linear", "cosine"])
def test_it_ends_at_zero_and_stays_there(name: str) -> None:
    assert make(name).factor(TOTAL, TOTAL) == pytest.approx(0.0)
    assert make(name).factor(TOTAL + 5, TOTAL) == pytest.approx(0.0)


@pytest.mark.parametrize("name", list(SCHEDULES))
def test_a_training_shorter_than_its_warm_up_has_a_rate(name: str) -> None:
    assert make(name).factor(5, 5) == pytest.approx(0.5)


@pytest.mark.parametrize("name", list(SCHEDULES))
def test_a_restored_schedule_goes_on_as_the_first(name: str) -> None:
    first, second = make(name), make(name)
    for improved in (True, False, False, False, False):
        first.observe(improved=improved)
    second.restore(first.state())
    for improved in (False, True, False, False, False):
        for schedule in (first, second):
            schedule.observe(improved=improved)
        assert second.factor(50, TOTAL) == first.factor(50, TOTAL)


def test_a_plateau_lowers_the_rate_after_patience_runs_out() -> None:
    schedule = make("plateau", factor=0.5, patience=2)
    found = []
    for improved in (True, False, False, False, False, False, False, True, False, False, False):
        schedule.observe(improved=improved)
        found.append(schedule.factor(50, None))
    assert found == [1, 1, 1, 0.5, 0.5, 0.5, 0.25, 0.25, 0.25, 0.25, 0.125]
