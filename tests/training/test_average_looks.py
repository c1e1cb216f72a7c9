"""The mean of the weights at the last looks: its formula, when it is kept, and that a resumed run has the same."""

from __future__ import annotations

import pytest
import torch
from test_resuming import assert_same, everything, store, trainer
from toy_training import Scripted, Shelf, Single, Watcher, single_trainer

from seq2seq.errors import UserError
from seq2seq.pipeline.train.reporters import ConsoleReporter
from seq2seq.training import best as bests
from seq2seq.training import checkpoint
from seq2seq.training.average import MovingAverage
from seq2seq.training.average_looks import LookAverage
from seq2seq.training.checkpoint import LOOKS, TrainingState, read_tensors
from seq2seq.training.counters import Counters
from seq2seq.training.gradient import Sums
from seq2seq.training.limits import Limits
from seq2seq.training.stop import StoppedError

__all__ = ["store"]  # a fixture


def looked(model, looks: LookAverage, *values: float) -> LookAverage:
    for value in values:
        model.weight.data.fill_(value)
        looks = looks.with_this(MovingAverage(model, 0.0))
    return looks


def test_it_is_the_mean_of_the_last_looks() -> None:
    model = Single()
    looks = looked(model, LookAverage(model, 3), 2.0, 7.0)
    assert looks.mean()["weight"].item() == pytest.approx((2 + 7) / 2)
    after = looked(model, looks, -1.0, 4.0)
    assert after.mean()["weight"].item() == pytest.approx((7 - 1 + 4) / 3)
    assert looks.mean()["weight"].item() == pytest.approx((2 + 7) / 2)  # a look that is interrupted changes nothing
    with after.swapped_in(after.mean()):
        assert model.weight.item() == pytest.approx(10 / 3)
    assert model.weight.item() == 4.0


def test_what_does_not_move_is_its_own_mean_bit_for_bit() -> None:
    model = Single()
    generator = torch.Generator().manual_seed(1)
    model.weight = torch.nn.Parameter(torch.randn(4000, generator=generator) * torch.logspace(-30, 30, 4000))
    looks = LookAverage(model, 7)
    for _ in range(9):
        looks = looks.with_this(MovingAverage(model, 0.5))
    assert torch.equal(looks.mean()["weight"], model.weight)


class Near:
    """A validator that likes a weight near `goal`."""

    def __init__(self, goal: float) -> None:
        self.goal, self.asked = goal, []

    def __call__(self, model) -> dict[str, float]:
        self.asked.append(round(model.weight.item(), 4))
        value = 100 - abs(model.weight.item() - self.goal)
        return {"bleu": value, "loss": -value}


class Walk:
    """A gradient source that sets the weight by the number of the update."""

    def __init__(self, model, values) -> None:
        self.model, self.values = model, values

    def __call__(self, rows, *, epoch, update, progress):
        self.model.weight.data.fill_(self.values[update - 1])
        self.model.weight.grad = torch.zeros(1)
        return Sums(torch.tensor(1.0), 1)


def walked(folder, values, goal: float, *, count: int = 3, **changes):
    model = Single()
    given = {"validator": Near(goal), "validate_every": 1, "limits": Limits(max_updates=len(values)), **changes}
    made = single_trainer(folder, model=model, gradient=Walk(model, values), average_looks=count, **given)
    made.run()
    return made


@pytest.mark.parametrize("stop_on", ["bleu", "loss"])
def test_the_better_of_the_two_is_kept_with_its_score(tmp_path, stop_on: str) -> None:
    # Alone 0, 10, 2, 9; the means over three looks: of 0 and 10, of 0, 10 and 2, of 10, 2 and 9.
    made = walked(tmp_path, [0.0, 10.0, 2.0, 9.0], goal=4.4, stop_on=stop_on)
    assert made.validator.asked == [0.0, 10.0, 5.0, 2.0, 4.0, 9.0, 7.0]
    assert [(update, round(tensors["weight"].item(), 4)) for update, _, tensors in made.keeper.kept] == [
        (1, 0.0),
        (2, 5.0),
        (3, 4.0),
    ]
    assert [round(scores["bleu"], 4) for _, scores, _ in made.keeper.kept] == [95.6, 99.4, 99.6]
    assert (made.counters.best_update, made.counters.looks) == (3, 1)
    rows = [row for row in made.log.rows() if row["kind"] == "validation"]
    assert [round(row["bleu"], 4) for row in rows] == [95.6, 99.4, 99.6, 97.4]  # the better of the two
    assert "average_looks" not in rows[0]
    tried = [row["average_looks"] for row in rows[1:]]
    assert [(one["looks"], one["better"]) for one in tried] == [(2, True), (3, True), (3, True)]
    assert round(tried[0]["alone"]["bleu"], 4) == 94.4
    assert bests.logged(made.log.rows(), 3, "bleu") == pytest.approx(99.6)


def test_where_it_is_worse_the_look_alone_is_kept(tmp_path) -> None:
    made = walked(tmp_path, [0.0, 4.0], goal=5.0)
    assert made.keeper.kept[-1][2]["weight"].item() == 4.0
    row = list(made.log.rows())[-1]
    assert row["bleu"] == 99.0
    assert row["average_looks"]["better"] is False
    assert row["average_looks"]["mean"]["bleu"] == 97.0


def test_a_score_that_is_no_number_is_never_the_better_one(tmp_path) -> None:
    made = walked(tmp_path, [1.0, 1.0, 1.0], goal=1.0, validator=Scripted(1.0, 2.0, float("nan"), float("nan"), 3.0))
    assert [scores["bleu"] for _, scores, _ in made.keeper.kept] == [1.0, 2.0, 3.0]


def test_switched_off_it_looks_once_and_writes_nothing_more(tmp_path) -> None:
    made = walked(tmp_path, [1.0, 2.0, 3.0], goal=2.0, count=0)
    assert made.validator.asked == [1.0, 2.0, 3.0]
    assert not any("average_looks" in row for row in made.log.rows())
    assert not list(tmp_path.rglob(LOOKS))


class Stopped(Near):
    """Someone asks to stop while the mean is looked at for the first time."""

    def __call__(self, model):
        scores = super().__call__(model)
        if len(self.asked) == 3:
            raise StoppedError
        return scores


def test_a_look_that_is_interrupted_at_the_mean_is_taken_again_whole(tmp_path) -> None:
    made = walked(tmp_path, [0.0, 10.0], goal=5.0, validator=Stopped(5.0))
    assert (made.counters.update, made.counters.looked) == (2, 1)
    again = single_trainer(
        tmp_path,
        validator=Near(5.0),
        validate_every=1,
        limits=Limits(max_updates=2),
        average_looks=3,
        keeper=Shelf(),
    )
    assert again.resume()
    again.run()
    assert again.validator.asked == [10.0, 5.0]
    assert again.keeper.kept[-1][2]["weight"].item() == 5.0


class Second:
    """The second process of two: hears from the first one."""

    rank, size = 1, 2

    def __init__(self, *said) -> None:
        self.said = list(said)

    def from_first(self, value):
        return self.said.pop(0)

    def largest(self, value):
        return value


def test_another_process_holds_no_looks_and_counts_the_same(tmp_path) -> None:
    first = Second([{"bleu": 1.0, "loss": 1.0}, {"bleu": 4.0, "loss": 2.0}, 2])
    made = single_trainer(tmp_path, average_looks=3, validate_every=1, group=first)
    made.counters.update, made.counters.stop_on = 2, "bleu"
    made._look()
    assert (made.counters.best, made.counters.best_update, len(made.looks)) == (4.0, 2, 0)
    assert not made.keeper.kept


def test_who_watches_reads_what_was_tried(capsys) -> None:
    scores = {"loss": 2.0, "bleu": 37.5, "chrf": 60.0}
    row = {"update": 900, **scores}
    reporter = ConsoleReporter("bleu")
    reporter.validated(row, best=True)
    assert "mean" not in capsys.readouterr().err
    tried = {"looks": 3, "better": True, "alone": {**scores, "bleu": 37.25}, "mean": scores}
    reporter.validated({**row, "average_looks": tried}, best=True)
    assert "BLEU 37.50, chrF 60.00; the mean of 3 looks, this one alone BLEU 37.25 best" in _line(capsys)
    tried = {"looks": 3, "better": False, "alone": scores, "mean": {**scores, "bleu": 37.25}}
    reporter.validated({**row, "average_looks": tried}, best=False)
    assert "BLEU 37.50, chrF 60.00; the mean of 3 looks BLEU 37.25" in _line(capsys)


def _line(capsys) -> str:
    return " ".join(capsys.readouterr().err.split())


# Resuming, with a real network.


def averaging(folder, data, count: int = 3, **changes):
    return trainer(folder, data, average_looks=count, **changes)


@pytest.mark.usefixtures("unchecked_shapes")
def test_a_resumed_run_keeps_the_same_models(tmp_path, store) -> None:
    torch.set_num_threads(1)
    whole = averaging(tmp_path / "whole", store)
    whole.run()
    better = [row["average_looks"]["better"] for row in whole.log.rows() if "average_looks" in row]
    assert any(better)
    kept = []
    for stop in (14, 29, 0):
        part = averaging(tmp_path / "part", store)
        part.reporter = Watcher(lambda row, part=part, stop=stop: row["update"] == stop and part.request_stop())
        part.resume()
        assert part.run().update == stop or not stop
        kept += part.keeper.kept
    assert_same(everything(part), everything(whole))
    assert [(update, scores) for update, scores, _ in kept] == [(u, s) for u, s, _ in whole.keeper.kept]
    for (_, _, found), (_, _, wanted) in zip(kept, whole.keeper.kept, strict=True):
        assert all(torch.equal(found[name], tensor) for name, tensor in wanted.items())


@pytest.mark.usefixtures("unchecked_shapes")
def test_with_another_number_of_looks_a_run_goes_on_from_the_last_ones(tmp_path, store) -> None:
    averaging(tmp_path, store, limits=Limits(max_updates=18)).run()
    before = {name: value.clone() for name, value in read_tensors(tmp_path / "checkpoints" / "last" / LOOKS).items()}
    assert {name.partition("/")[0] for name in before} == {"0", "1", "2"}
    for count, wanted in ((2, ("1", "2")), (5, ("0", "1", "2")), (0, ())):
        going_on = averaging(tmp_path, store, count)
        assert going_on.resume()
        found = going_on.looks.tensors()
        assert len(going_on.looks) == len(wanted)
        for number, old in enumerate(wanted):
            name = next(iter(before)).partition("/")[2]
            assert torch.equal(found[f"{number}/{name}"], before[f"{old}/{name}"])


@pytest.mark.parametrize(
    ("wrong", "named"), [((2,), "weight"), ((1, 1), "weight"), (None, "other")], ids=["size", "shape", "name"]
)
def test_looks_of_another_network_are_refused_by_name(tmp_path, wrong, named: str) -> None:
    model, other = Single(), Single()
    if wrong is None:
        other.register_parameter("other", torch.nn.Parameter(torch.zeros(1)))
    else:
        other.weight = torch.nn.Parameter(torch.zeros(wrong))
    optimizer, average = torch.optim.SGD(model.parameters(), lr=0.1), MovingAverage(model, 0.0)
    of_other = LookAverage(other, 2).with_this(MovingAverage(other, 0.0))
    checkpoint.save(tmp_path / "last", TrainingState(model, optimizer, average, Counters(), looks=of_other))
    model.weight.data.fill_(5.0)
    state = TrainingState(model, optimizer, average, Counters(), looks=LookAverage(model, 2))
    with pytest.raises(UserError, match=f"{LOOKS}: '{named}' does not fit the network"):
        checkpoint.load(tmp_path / "last", state)
    assert model.weight.item() == 5.0  # and nothing is changed
