"""The training loop: what an update is, when it looks, what it keeps, and when it ends."""

from __future__ import annotations

import types

import numpy as np
import pytest
import torch
from tiny_models import random_batch, tiny
from torch import nn
from toy_training import Plain, Planned, Scripted, Shelf, Single, Watcher, single_trainer, square

from seq2seq.data.batches import collate
from seq2seq.errors import UserError
from seq2seq.training import clock as clock_module
from seq2seq.training import saving
from seq2seq.training import trainer as trainer_module
from seq2seq.training.clock import BUDGET_FOR_UPDATES, CALIBRATE_FROM, CALIBRATE_LEAST, CALIBRATE_TO
from seq2seq.training.objective import CrossEntropy
from seq2seq.training.schedules import Linear, Plateau
from seq2seq.training.trainer import Limits, Trainer


def test_an_update_is_its_formula(tmp_path) -> None:
    # w' = w - rate * 2 w, with the rate falling in a straight line to zero at the last update.
    model = Single(1.0)
    trainer = single_trainer(
        tmp_path, model=model, schedule=Linear(warmup_updates=0), limits=Limits(max_updates=4), learning_rate=0.1
    )
    trainer.run()
    expected, rows = 1.0, trainer.reporter.rows
    for number, row in enumerate(rows, start=1):
        rate = 0.1 * (1 - number / 4)
        assert row["rate"] == pytest.approx(rate, abs=1e-9)
        assert row["loss"] == pytest.approx(expected**2, rel=1e-5)
        assert row["gradient_norm"] == pytest.approx(2 * expected, rel=1e-5)
        expected -= rate * 2 * expected
    assert len(rows) == 4
    assert model.weight.item() == pytest.approx(expected, rel=1e-5)


def test_the_gradient_is_clipped_to_its_norm(tmp_path) -> None:
    model = Single(10.0)
    single_trainer(tmp_path, model=model, clip_norm=0.5, limits=Limits(max_updates=1), learning_rate=1.0).run()
    assert model.weight.item() == pytest.approx(9.5, rel=1e-4)


class Two(nn.Module):
    """Two weights with gradients far apart."""

    def __init__(self) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.tensor([3.0, -0.1]))


@pytest.mark.parametrize(
    ("clip_value", "clip_norm", "step"),
    [
        (0.0, 0.0, [6.0, -0.2]),
        (0.5, 0.0, [0.5, -0.2]),
        (0.1, 0.0, [0.1, -0.1]),
        (0.4, 0.3, [0.3 * 0.4 / 0.2**0.5, -0.3 * 0.2 / 0.2**0.5]),  # by value, then by the norm of what is left
    ],
)
def test_each_number_of_the_gradient_is_clipped_before_its_norm(tmp_path, clip_value, clip_norm, step) -> None:
    model = Two()
    trainer = single_trainer(
        tmp_path,
        model=model,
        clip_value=clip_value,
        clip_norm=clip_norm,
        limits=Limits(max_updates=1),
        learning_rate=1.0,
    )
    trainer.run()
    assert [3.0 - model.weight[0].item(), -0.1 - model.weight[1].item()] == pytest.approx(step, rel=1e-4)


def test_the_last_update_of_an_epoch_may_have_fewer_batches(tmp_path) -> None:
    batches = Planned(5)
    trainer = single_trainer(tmp_path, batches=batches, accumulate=2, limits=Limits(max_updates=4))
    trainer.run()
    assert batches.filled == [0, 1, 2, 3, 4, 1000, 1001]
    assert (trainer.counters.epoch, trainer.counters.position) == (1, 2)
    assert [row["epoch"] for row in trainer.reporter.rows] == [0, 0, 0, 1]


class Fixed:
    """The same pairs, in one batch or in several of these sizes."""

    def __init__(self, sources, targets, *sizes: int) -> None:
        self.sources, self.targets, self.sizes = sources, targets, sizes

    def plan(self, epoch):
        return np.split(np.arange(len(self.sources)), np.cumsum(self.sizes)[:-1])

    def fill(self, rows, epoch=None):
        return collate([self.sources[i] for i in rows], [self.targets[i] for i in rows])


def test_batches_that_are_added_up_equal_one_large_batch(tmp_path) -> None:
    sources, targets = random_batch([4, 1, 6, 3, 2], [5, 2, 3, 4, 7])
    weights, losses = [], []
    for batches, accumulate in ((Fixed(sources, targets, 5), 1), (Fixed(sources, targets, 2, 3), 2)):
        model = tiny()
        trainer = single_trainer(
            tmp_path,
            batches=batches,
            model=model,
            objective=CrossEntropy(0.1),
            accumulate=accumulate,
            limits=Limits(max_updates=1),
            learning_rate=1.0,
        )
        trainer.run()
        weights.append(nn.utils.parameters_to_vector(model.parameters()).detach())
        losses.append(trainer.reporter.rows[0]["loss"])
    torch.testing.assert_close(weights[0], weights[1], rtol=1e-5, atol=1e-6)
    assert losses[0] == pytest.approx(losses[1], rel=1e-6)
    assert not torch.allclose(weights[0], nn.utils.parameters_to_vector(tiny().parameters()))


@pytest.mark.parametrize(
    ("limits", "validate_every", "looks"),
    [
        (Limits(max_updates=10), 4, [4, 8, 10]),
        (Limits(max_updates=8), 4, [4, 8]),
        (Limits(max_epochs=2), 0, [3, 6]),
        (Limits(max_epochs=1.5), 0, [3, 5]),
        (Limits(max_updates=4), 0, [3, 4]),
    ],
)
def test_it_looks_when_told_to_and_at_the_end(tmp_path, limits, validate_every, looks) -> None:
    trainer = single_trainer(
        tmp_path, batches=Planned(6), accumulate=2, limits=limits, validate_every=validate_every
    )  # three updates an epoch
    trainer.run()
    assert [update for update, _ in trainer.reporter.looks] == looks
    assert trainer.finished


@pytest.mark.parametrize(
    ("limits", "last"),
    [
        (Limits(max_updates=5), 5),
        (Limits(max_epochs=2), 8),
        (Limits(max_epochs=0.5), 2),
        (Limits(max_epochs=2, max_updates=5), 5),
        (Limits(max_epochs=1, max_updates=50), 4),
        (Limits(max_updates=50, patience=2), 5),
    ],
)
def test_the_first_limit_reached_ends_it(tmp_path, limits, last) -> None:
    # Looks after every update: the third score is the best, and two that are not better follow.
    trainer = single_trainer(tmp_path, limits=limits, validate_every=1, validator=Scripted(1, 2, 3, 3, 2.5, 0))
    assert trainer.run().update == last
    assert trainer.finished
    assert [row["update"] for row in trainer.reporter.rows] == list(range(1, last + 1))


def test_the_keeper_gets_each_best_average_and_no_other(tmp_path) -> None:
    model, shelf = Single(1.0), Shelf()
    trainer = single_trainer(
        tmp_path,
        model=model,
        keeper=shelf,
        validator=Scripted(1, 3, 2, 3, 4),
        validate_every=1,
        limits=Limits(max_updates=5),
        average=0.5,
    )
    counters = trainer.run()
    assert [(update, scores["bleu"]) for update, scores, _ in shelf.kept] == [(1, 1), (2, 3), (5, 4)]
    assert trainer.reporter.looks == [(1, True), (2, True), (3, False), (4, False), (5, True)]
    assert (counters.best, counters.best_update, counters.looks) == (4, 5, 0)
    weight, average, expected = 1.0, 1.0, {}
    for number in range(1, 6):
        weight -= 0.1 * 2 * weight
        decay = min(0.5, (1 + number) / (10 + number))
        average = decay * average + (1 - decay) * weight
        expected[number] = average
    for update, _, tensors in shelf.kept:
        assert tensors["weight"].item() == pytest.approx(expected[update], rel=1e-5)


def test_of_losses_the_smaller_is_the_better(tmp_path) -> None:
    shelf = Shelf()
    settings = {"validator": Scripted(3, 4, 2), "validate_every": 1, "stop_on": "loss", "keeper": shelf}
    single_trainer(tmp_path, **settings).run()
    assert [update for update, *_ in shelf.kept] == [1, 3]


def test_the_validator_sees_the_average_in_evaluation_mode(tmp_path) -> None:
    seen = []

    def validator(model):
        seen.append((model.weight.item(), model.training, torch.is_inference_mode_enabled()))
        return {"bleu": 0.0}

    trainer = single_trainer(tmp_path, validator=validator, validate_every=1, average=0.9, limits=Limits(max_updates=2))
    trainer.run()
    assert seen[-1] == (trainer.average.tensors()["weight"].item(), False, True)
    assert trainer.model.weight.item() != seen[-1][0]


def test_the_schedule_hears_how_it_goes(tmp_path) -> None:
    schedule = Plateau(warmup_updates=0, factor=0.5, patience=0)
    trainer = single_trainer(
        tmp_path,
        schedule=schedule,
        validator=Scripted(1, 0, 0, 2, 0),
        validate_every=1,
        limits=Limits(max_updates=5),
        learning_rate=0.1,
    )
    trainer.run()
    assert [row["rate"] for row in trainer.reporter.rows] == pytest.approx([0.1, 0.1, 0.05, 0.025, 0.025])


def test_metrics_are_written_as_it_goes(tmp_path) -> None:
    trainer = single_trainer(tmp_path / "run", limits=Limits(max_updates=40), validate_every=15)
    trainer.run()
    rows = trainer.log.rows()
    assert [(row["kind"], row["update"]) for row in rows] == [
        ("validation", 15),
        ("train", 20),
        ("validation", 30),
        ("train", 40),
        ("validation", 40),
    ]
    train, look = rows[1], rows[0]
    assert {"epoch", "loss", "gradient_norm", "rate", "tokens_per_second"} <= train.keys()
    assert train["tokens_per_second"] > 0
    assert {"epoch", "loss", "bleu", "seconds"} <= look.keys()


def test_what_a_run_that_never_saved_has_logged_is_forgotten(tmp_path) -> None:
    cut = single_trainer(tmp_path, limits=Limits(max_updates=30), reporter=Watcher(fail_at(25)), validate_every=99)
    with pytest.raises(KeyboardInterrupt):
        cut.run()
    again = single_trainer(tmp_path, limits=Limits(max_updates=21), validate_every=100)
    again.resume()
    again.run()
    assert [(row["kind"], row["update"]) for row in again.log.rows()] == [("train", 20), ("validation", 21)]


def fail_at(update: int):
    def act(row) -> None:
        if row["update"] == update:
            raise KeyboardInterrupt

    return act


class Hours:
    """A clock that only moves when told to."""

    def __init__(self, monkeypatch) -> None:
        self.now = 1000.0
        time = types.SimpleNamespace(perf_counter=self.read, monotonic=self.read)
        monkeypatch.setattr(trainer_module, "time", time)
        monkeypatch.setattr(clock_module, "time", time)
        monkeypatch.setattr(saving, "time", time)

    def read(self) -> float:
        return self.now


def timed(tmp_path, hours: Hours, *, limits: Limits, seconds=lambda call: 0.1, **changes) -> Trainer:
    """Every forward pass takes `seconds(call)`, every batch 0.05 to fill, every look an hour."""

    class Slow(Planned):
        def fill(self, rows, epoch=None):
            hours.now += 0.05
            return super().fill(rows)

    calls = []

    def objective(model, batch):
        calls.append(1)
        hours.now += seconds(len(calls))
        return square(model, batch)

    def validator(model):
        hours.now += 3600.0
        return {"bleu": 0.0}

    settings = {"batches": Slow(50), "objective": Plain(objective), "validator": validator, "limits": limits, **changes}
    return single_trainer(tmp_path, **settings)


@pytest.mark.parametrize(("minutes", "measured"), [(0.1, CALIBRATE_LEAST), (0.3, 53), (3.0, CALIBRATE_TO)])
def test_minutes_become_a_number_of_updates_once(tmp_path, monkeypatch, minutes: float, measured: int) -> None:
    # Measuring takes its share of the budget, within its bounds: 0.3 min * 60 s * 0.88 * 0.5 / 0.15 s = 52.8 updates.
    # The first updates are slow, one more is, and those after the calibration are faster: none of them counts.
    hours = Hours(monkeypatch)
    monkeypatch.setattr(clock_module, "CALIBRATION_SHARE", 0.5)
    trainer = timed(
        tmp_path,
        hours,
        limits=Limits(minutes=minutes),
        seconds=lambda call: 9.0 if call <= CALIBRATE_FROM or call == 20 else 0.1 if call <= measured else 0.01,
        schedule=Linear(warmup_updates=0),
    )
    wanted = int(minutes * 60 * BUDGET_FOR_UPDATES / 0.15)
    counters = trainer.run()
    assert abs(counters.total - wanted) <= 1  # the clock's sums are rounded
    assert counters.update == counters.total
    assert counters.budget_total == counters.total
    assert trainer.reporter.starts == [(0, None), (measured, counters.total)]
    assert trainer.reporter.rows[-1]["rate"] == pytest.approx(0.0)  # the schedule ends where training does
    assert trainer.reporter.rows[measured - 1]["rate"] == pytest.approx(0.1)


def test_a_calibrated_run_goes_on_with_its_total(tmp_path, monkeypatch) -> None:
    hours = Hours(monkeypatch)
    first = timed(tmp_path, hours, limits=Limits(minutes=1.0))
    first.reporter.act = lambda row: first.request_stop() if row["update"] == 100 else None
    total = first.run().total
    assert not first.finished
    second = timed(tmp_path, hours, limits=Limits(minutes=1.0), seconds=lambda call: 50.0)
    assert second.resume()
    assert second.run().update == total
    assert second.reporter.starts == [(100, total)]


@pytest.mark.parametrize(("max_updates", "last"), [(5, 5), (200, 200), (70, 70), (10**6, 352)])
def test_with_a_budget_the_other_limits_still_hold(tmp_path, monkeypatch, max_updates: int, last: int) -> None:
    hours = Hours(monkeypatch)
    trainer = timed(tmp_path, hours, limits=Limits(minutes=1.0, max_updates=max_updates))
    assert trainer.run().update == pytest.approx(last, abs=1)
    if max_updates < 100:
        assert trainer.counters.update == max_updates


def test_a_run_stopped_while_measuring_keeps_its_rate(tmp_path, monkeypatch) -> None:
    def rates(folder, *, stops: bool) -> list[float]:
        # 350 updates fit into the budget, and 400 are measured: the other limit comes first when that is known.
        limits = Limits(minutes=100.0, max_updates=CALIBRATE_TO + 100)
        given = {"limits": limits, "schedule": Linear(warmup_updates=0)}
        trainer = timed(folder, Hours(monkeypatch), **given)
        if stops:
            trainer.reporter.act = lambda row: trainer.request_stop() if row["update"] == 300 else None
        trainer.run()
        rows = trainer.reporter.rows
        if stops:
            again = timed(folder, Hours(monkeypatch), **given)
            assert again.resume()
            again.run()
            rows = [*rows, *again.reporter.rows]
        return [row["rate"] for row in rows][: CALIBRATE_TO - 1]

    assert rates(tmp_path / "stopped", stops=True) == rates(tmp_path / "whole", stops=False)


def test_a_run_stopped_while_measuring_measures_again_before_it_decides(tmp_path, monkeypatch) -> None:
    hours = Hours(monkeypatch)
    first = timed(tmp_path, hours, limits=Limits(minutes=1.0))
    first.reporter.act = lambda row: first.request_stop() if row["update"] == CALIBRATE_LEAST - 1 else None
    first.run()
    # One cold update must not decide how long the whole training is.
    second = timed(tmp_path, hours, limits=Limits(minutes=1.0), seconds=lambda call: 9.0 if call < 5 else 0.1)
    assert second.resume()
    assert second.run().update == pytest.approx(352, abs=1)


def test_a_budget_given_in_mid_run_counts_from_there(tmp_path, monkeypatch) -> None:
    hours = Hours(monkeypatch)
    timed(tmp_path, hours, limits=Limits(max_updates=500)).run()
    more = timed(tmp_path, hours, limits=Limits(minutes=1.0))
    assert more.resume()
    assert more.run().update == pytest.approx(500 + 352, abs=1)


def test_a_calibrated_run_can_be_given_more(tmp_path, monkeypatch) -> None:
    hours = Hours(monkeypatch)
    timed(tmp_path, hours, limits=Limits(minutes=1.0, max_updates=100)).run()
    longer = timed(tmp_path, hours, limits=Limits(minutes=1.0, max_updates=150))
    assert longer.resume()
    assert longer.run().update == 150


def test_scores_of_another_kind_do_not_freeze_the_best(tmp_path) -> None:
    single_trainer(tmp_path, limits=Limits(max_updates=4), validator=lambda model: {"bleu": 30.0, "loss": 2.0}).run()
    kept = []
    other = single_trainer(
        tmp_path,
        limits=Limits(max_updates=8),
        validator=lambda model: {"bleu": 1.0, "loss": 1.0},
        keeper=lambda tensors, scores, update: kept.append(update),
        stop_on="loss",
    )
    assert other.resume()
    other.run()
    assert kept


@pytest.mark.parametrize(("losses", "wanted"), [((2.5, 3.0), []), ((1.5, 1.8), [3])])
def test_with_another_score_the_kept_model_stays_until_it_is_beaten_in_that(tmp_path, losses, wanted) -> None:
    def look(*scores):
        following = iter(scores)
        return lambda model: dict(zip(("bleu", "loss"), next(following), strict=True))

    first = single_trainer(
        tmp_path, limits=Limits(max_updates=2), validate_every=1, validator=look((30.0, 2.0), (20.0, 1.0))
    )
    assert first.run().best_update == 1
    kept = []
    other = single_trainer(
        tmp_path,
        limits=Limits(max_updates=4),
        validate_every=1,
        validator=look(*((1.0, loss) for loss in losses)),
        keeper=lambda tensors, scores, update: kept.append(update),
        stop_on="loss",
    )
    assert other.resume()
    counters = other.run()
    # What is kept is the model of update 1, with a loss of 2, not that of update 2.
    assert kept == wanted
    assert (counters.best, counters.best_update) == ((-losses[0], 3) if wanted else (-2.0, 1))


def test_a_budget_that_is_spent_before_it_is_measured_ends_at_once(tmp_path, monkeypatch) -> None:
    trainer = timed(tmp_path, Hours(monkeypatch), limits=Limits(minutes=0.01))
    assert trainer.run().update == CALIBRATE_LEAST


def test_a_checkpoint_is_written_every_so_often_between_looks(tmp_path, monkeypatch) -> None:
    hours = Hours(monkeypatch)
    monkeypatch.setattr(saving, "SAVE_EVERY_SECONDS", 1.0)
    cut = timed(tmp_path, hours, limits=Limits(max_updates=99), validate_every=99, reporter=Watcher(fail_at(25)))
    with pytest.raises(KeyboardInterrupt):
        cut.run()
    again = single_trainer(tmp_path)
    assert again.resume()
    assert again.counters.update == 21  # 0.15 s an update: after 7, 14 and 21


def test_asked_to_stop_before_it_begins_it_does_nothing(tmp_path) -> None:
    trainer = single_trainer(tmp_path)
    trainer.request_stop()
    assert trainer.run().update == 0
    assert not trainer.finished
    assert not single_trainer(tmp_path / "elsewhere").resume()


def test_a_finished_run_that_is_resumed_does_nothing(tmp_path) -> None:
    single_trainer(tmp_path).run()
    again = single_trainer(tmp_path)
    assert again.resume()
    assert again.run().update == 3
    assert again.reporter.rows == again.reporter.looks == []


def test_no_pairs_are_refused(tmp_path) -> None:
    with pytest.raises(UserError, match="no pairs to train on"):
        single_trainer(tmp_path, batches=Planned(0)).run()
