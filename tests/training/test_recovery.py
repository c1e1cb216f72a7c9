"""Going wrong and going back: what is noticed, what is not, and where training goes on."""

from __future__ import annotations

import math

import pytest
import torch
from toy_training import Plain, Planned, Scripted, Shelf, single_trainer, square

from seq2seq.errors import WorkError
from seq2seq.training import trainer as trainer_module
from seq2seq.training.clock import updates_in
from seq2seq.training.gradient import Sums
from seq2seq.training.recovery import MOST_TIMES, STRETCH, Recovery
from seq2seq.training.schedules import Plateau
from seq2seq.training.trainer import Limits


def watched(losses, *, good=()) -> tuple[int, str]:
    """The number of the first loss that is too much, and what is said; 0 where none is. `good` states in between."""
    recovery = Recovery(0.1)
    for number, loss in enumerate(losses, start=1):
        if said := recovery.observe(number, loss, 1.0):
            return number, said
        if number in good:
            recovery.is_good()
    return 0, ""


def falling(first: float, last: float, count: int) -> list[float]:
    return [last + (first - last) * math.exp(-5 * i / count) for i in range(count)]


def noisy(losses, share: float, seed: int = 1) -> list[float]:
    generator = torch.Generator().manual_seed(seed)
    return [loss * (1 + share * float(torch.randn((), generator=generator))) for loss in losses]


@pytest.mark.parametrize(
    "losses",
    [
        falling(9.0, 2.0, 2000),
        noisy(falling(9.0, 2.0, 2000), 0.3),
        noisy([0.05] * 500, 1.0),
        [*falling(9.0, 3.0, 100), 3.0, 60.0, *falling(9.0, 3.0, 100)],  # one strange batch
        [15.0] * 3 + falling(9.0, 5.0, 50),  # the first updates
        falling(9.0, 1.0, 500) + [1.0 + 0.002 * i for i in range(1400)],  # grows harder on purpose: by 2.8 nats
        falling(9.0, 4.5, 500) + [7.0] * 500,  # forgets much, and yet no more than that: advice's business
    ],
    ids=["falls", "noisy", "near zero", "one batch", "first updates", "harder", "a plateau"],
)
def test_a_training_that_is_well_is_left_alone(losses) -> None:
    assert watched(losses) == (0, "")


def test_noise_that_grows_for_long_is_left_alone_where_states_were_good(tmp_path) -> None:
    losses = falling(9.0, 1.0, 500) + [1.0 + 0.0005 * i for i in range(12_000)]  # to 7 nats
    assert watched(losses)[0] > 0
    assert watched(losses, good=range(1000, 13_000, 1000)) == (0, "")


@pytest.mark.parametrize("rise", ["steep", "slow", "wild"])
def test_a_loss_that_explodes_is_noticed_within_some_updates(rise: str) -> None:
    up = {
        "steep": [9.0] * 200,
        "slow": [2.0 + 0.05 * i for i in range(400)],
        "wild": [2.0, 40.0] * 100,
    }[rise]
    number, said = watched(noisy(falling(9.0, 2.0, 500), 0.1) + up)
    assert 500 < number <= 500 + {"steep": 3, "slow": 9, "wild": 2}[rise] * STRETCH
    assert f"By update {number} the loss has risen from" in said


@pytest.mark.parametrize(("loss", "norm"), [(math.nan, 1.0), (math.inf, 1.0), (1.0, math.nan), (1.0, math.inf)])
def test_what_is_no_finite_number_is_noticed_at_once(loss: float, norm: float) -> None:
    said = Recovery(0.1).observe(1234, loss, norm)
    assert said == f"The loss of update 1,234 is {loss}, and the norm of its gradient is {norm}."


def test_what_was_seen_comes_back_and_another_rate_forgives() -> None:
    losses = noisy(falling(9.0, 2.0, 60) + [9.0] * 60, 0.1)
    whole, part = Recovery(0.1), Recovery(0.1)
    for number, loss in enumerate(losses):
        if number == 75:
            state, part = part.state(), Recovery(0.1)
            part.restore(state)
        assert whole.observe(number, loss, 1.0) == part.observe(number, loss, 1.0)
    assert whole.state() == part.state()
    part.went_back(whole, again=True)
    other = Recovery(0.05)
    other.restore(part.state())
    assert (part.times, part.factor, other.times, other.factor) == (1, 0.5, 0, 1.0)


class Breaking:
    """A gradient whose loss is no number at the updates or for the batches that are named."""

    def __init__(self, inner, *, updates=(), rows=()) -> None:
        self.inner, self.updates, self.rows, self.asked = inner, updates, rows, []

    def __call__(self, batches, *, epoch, update, progress) -> Sums:
        sums = self.inner(batches, epoch=epoch, update=update, progress=progress)
        self.asked.append((update, [int(rows[0]) for rows in batches]))
        broken = update in self.updates or any(int(rows[0]) in self.rows for rows in batches)
        return Sums(sums.loss * (math.nan if broken else 1.0), sums.num_tokens)


def breaking(folder, *, updates=(), rows=(), **changes):
    trainer = single_trainer(folder, **{"limits": Limits(max_updates=12), "validate_every": 4, **changes})
    trainer.gradient = Breaking(trainer.gradient, updates=updates, rows=rows)
    return trainer


def test_it_goes_back_to_the_last_look_halves_the_rate_and_leaves_the_batches_out(tmp_path) -> None:
    trainer = breaking(tmp_path, rows=(6,), batches=Planned(20))
    trainer.run()
    # Update 7 reads batch 6, which breaks it. The state after update 4 comes back, the batches 4, 5 and 6 do not.
    assert trainer.gradient.asked == [
        *((update, [update - 1]) for update in range(1, 8)),
        *((update, [update + 2]) for update in range(5, 13)),
    ]
    rates = [(row["update"], row["rate"]) for row in trainer.reporter.rows]
    assert rates == [*((n, 0.1) for n in range(1, 7)), *((n, 0.05) for n in range(5, 13))]
    expected = 1.0
    for number in range(1, 13):
        expected -= (0.1 if number <= 4 else 0.05) * 2 * expected
    assert trainer.model.weight.item() == pytest.approx(expected, rel=1e-5)
    assert len(trainer.reporter.told) == 1
    assert "The loss of update 7 is nan" in trainer.reporter.told[0]
    assert "Going back to update 4, at 0.5 times the rate." in trainer.reporter.told[0]
    assert trainer.reporter.starts == [(0, 12), (4, 12)]
    kinds = [(row["kind"], row["update"]) for row in trainer.log.rows()]
    assert kinds == [("validation", 4), ("rollback", 4), ("validation", 8), ("validation", 12)]
    row = trainer.log.rows()[1]
    assert (row["from"], row["factor"]) == (7, 0.5)
    assert "nan" in row["reason"]


def test_before_the_first_look_it_goes_back_to_the_beginning(tmp_path) -> None:
    trainer = breaking(tmp_path, updates=(), rows=(0,), average=0.9)
    trainer.run()
    assert trainer.gradient.asked[:2] == [(1, [0]), (1, [1])]
    assert trainer.counters.update == 12
    assert torch.isfinite(trainer.model.weight).all()
    assert all(torch.isfinite(value).all() for value in trainer.average.tensors().values())


def test_it_gives_up_after_a_few_times_and_leaves_the_good_state(tmp_path) -> None:
    trainer = breaking(tmp_path, updates=(6,))
    with pytest.raises(WorkError, match=rf"update 6 is nan.*went back {MOST_TIMES} times.*learning_rate=0\.00625"):
        trainer.run()
    assert [row["factor"] for row in trainer.log.rows() if row["kind"] == "rollback"] == [0.5, 0.25, 0.125, 0.125]
    again = breaking(tmp_path)
    assert again.resume()
    assert again.counters.update == 4
    again.run()
    assert again.reporter.rows[-1]["rate"] == pytest.approx(0.1 / 8)
    with pytest.raises(WorkError):
        (stubborn := breaking(tmp_path / "other", updates=(6,))).run()
    lower = breaking(tmp_path / "other", learning_rate=0.04)
    assert lower.resume()
    lower.run()
    assert lower.reporter.rows[0]["rate"] == pytest.approx(0.04)  # another rate is taken as it is
    assert stubborn.counters.update == 4


def test_the_hint_names_the_setting_that_the_rate_is_from(tmp_path) -> None:
    trainer = breaking(tmp_path, updates=(6,), rate_setting="training.risk.learning_rate")
    with pytest.raises(WorkError) as caught:
        trainer.run()
    assert "--resume --set training.risk.learning_rate=0.00625" in caught.value.hint


def test_the_optimizer_and_the_schedule_go_back_too(tmp_path) -> None:
    def adam(folder, **changes):
        trainer = breaking(
            folder,
            schedule=Plateau(warmup_updates=0, factor=0.5, patience=0),
            validator=Scripted(3, 2, 1, 0),
            **changes,
        )
        trainer.step.optimizer = trainer.optimizer = torch.optim.AdamW(trainer.model.parameters())
        return trainer

    back = adam(tmp_path / "back", rows=(5,), batches=Planned(20))
    back.run()
    weight = back.model.weight
    assert back.optimizer.state[weight]["step"].item() == 12  # and not what was undone
    assert back.counters.schedule["share"] == 0.25  # of looks at 4, 8 and 12 two were no better


def test_what_was_undone_counts_against_a_time_budget(tmp_path) -> None:
    trainer = breaking(tmp_path, rows=(14,), limits=Limits(minutes=1.0), batches=Planned(99))
    trainer.counters.budget_minutes, trainer.counters.budget_total = 1.0, 30
    trainer.run()  # update 15 goes back to 12
    assert trainer.counters.update == trainer.counters.total == 27


def test_what_was_undone_before_the_budget_is_measured_counts_too(tmp_path) -> None:
    limits = Limits(minutes=1.0, max_updates=40)
    trainer = breaking(tmp_path, rows=(14,), limits=limits, batches=Planned(99))
    trainer.run()  # update 15 goes back to 12
    assert trainer.counters.budget_total is None
    timings = trainer.counters.timings = [0.1] * 400
    assert limits.calibrated(trainer.counters) == updates_in(1.0, timings) - 3


def test_a_weight_that_diverges_is_brought_back(tmp_path, monkeypatch) -> None:
    # w' = w - 1.5 w: at this rate |w| grows without end; at half of it, it falls.
    trainer = single_trainer(
        tmp_path,
        learning_rate=1.02,
        limits=Limits(max_updates=400),
        batches=Planned(500),
        validate_every=1000,
        objective=Plain(square),
    )
    trainer.run()
    (row,) = [row for row in trainer.log.rows() if row["kind"] == "rollback"]
    assert row["update"] == 0
    assert "the loss has risen from" in row["reason"]
    assert abs(trainer.model.weight.item()) < 1e-3
    assert trainer.counters.best_update == 400


def test_states_between_looks_are_good_every_so_often(tmp_path, monkeypatch) -> None:
    monkeypatch.setattr(trainer_module, "GOOD_EVERY", 5)
    trainer = breaking(tmp_path, rows=(13,), limits=Limits(max_updates=20), validate_every=100, batches=Planned(50))
    trainer.run()
    (row,) = [row for row in trainer.log.rows() if row["kind"] == "rollback"]
    assert (row["update"], row["from"]) == (10, 14)


def test_a_checkpoint_by_the_clock_is_not_what_it_goes_back_to(tmp_path) -> None:
    trainer = breaking(tmp_path, rows=(10,), validate_every=4, batches=Planned(50))
    trainer.reporter.act = lambda row: row["update"] == 9 and trainer.request_stop()
    assert trainer.run().update == 9
    again = breaking(tmp_path, rows=(10,), validate_every=4, batches=Planned(50))
    assert again.resume()
    again.run()
    (row,) = [row for row in again.log.rows() if row["kind"] == "rollback"]
    assert (row["update"], row["from"]) == (8, 11)


def test_while_the_loss_is_suspect_no_model_is_kept(tmp_path) -> None:
    def risen(model, batch):
        calls.append(1)
        return square(model, batch) * 0.0 + (1.0 if len(calls) <= 25 else 4.0)

    calls, shelf = [], Shelf()
    trainer = single_trainer(
        tmp_path,
        objective=Plain(risen),
        keeper=shelf,
        validator=Scripted(1, 2),
        validate_every=25,
        limits=Limits(max_updates=50),
    )
    trainer.run()
    assert trainer.recovery.is_suspect
    assert [update for update, *_ in shelf.kept] == [25]
    assert (trainer.counters.best_update, trainer.counters.looks, trainer.counters.good) == (25, 1, 25)
