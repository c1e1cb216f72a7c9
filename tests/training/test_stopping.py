"""Asked to stop while the development set is translated, or while an epoch is planned."""

from __future__ import annotations

import threading

import pytest
import torch
from toy_training import Planned, Scripted, Shelf, single_trainer

from seq2seq.training.stop import Stop, StoppedError, interruptibly
from seq2seq.training.trainer import Limits


class Asked:
    """A validator that is asked to stop in the middle of a look, at the looks with these numbers."""

    def __init__(self, inner, stop: Stop, at=()) -> None:
        self.inner, self.stop, self.at, self.calls = inner, stop, at, 0

    def __call__(self, model):
        self.calls += 1
        if self.calls in self.at:
            self.stop.request()
        self.stop.check()
        return self.inner(model)


def undisturbed(folder, **changes):
    trainer = single_trainer(folder, **changes)
    trainer.run()
    return trainer


def rows(trainer):
    return [{k: v for k, v in row.items() if k not in ("seconds", "tokens_per_second")} for row in trainer.log.rows()]


@pytest.mark.parametrize(
    ("settings", "at"),
    [
        ({"limits": Limits(max_updates=9), "validate_every": 3}, 2),
        ({"limits": Limits(max_updates=9), "validate_every": 3}, 3),  # the last one of all
        ({"limits": Limits(max_epochs=3)}, 1),
        ({"limits": Limits(max_updates=50, patience=1), "validate_every": 3}, 2),
    ],
)
def test_a_look_that_is_interrupted_is_taken_again(tmp_path, settings, at: int) -> None:
    def score(model):
        return {"bleu": {1: 1.0, 2: 2.0}.get(round(model.weight.item(), 6), model.weight.item())}

    whole = undisturbed(tmp_path / "whole", validator=score, **settings)
    stop = Stop()
    asked = Asked(score, stop, at=(at,))
    first = single_trainer(tmp_path / "run", validator=asked, stop=stop, **settings)
    first.run()
    assert not first.finished
    kept = first.keeper.kept
    second = single_trainer(tmp_path / "run", validator=score, **settings)
    assert second.resume()
    assert second.counters.update == first.counters.update
    second.run()
    assert second.finished
    assert torch.equal(second.model.weight, whole.model.weight)
    assert second.counters == whole.counters
    assert rows(second) == rows(whole)
    found = [update for update, *_ in [*kept, *second.keeper.kept]]
    assert found == [update for update, *_ in whole.keeper.kept]


def test_a_look_that_is_interrupted_leaves_the_weights_in_their_place(tmp_path) -> None:
    stop = Stop()
    trainer = single_trainer(
        tmp_path,
        validator=Asked(Scripted(), stop, at=(1,)),
        stop=stop,
        validate_every=2,
        average=0.9,
        limits=Limits(max_updates=9),
    )
    trainer.run()
    expected = 1.0
    for _ in range(2):
        expected -= 0.1 * 2 * expected
    assert trainer.model.weight.item() == pytest.approx(expected, rel=1e-6)
    assert trainer.average.tensors()["weight"].item() != pytest.approx(expected)


def test_asked_to_stop_before_a_look_it_does_not_begin_it(tmp_path) -> None:
    validator = Scripted()
    trainer = single_trainer(tmp_path, validator=validator, validate_every=2)
    trainer.reporter.act = lambda row: row["update"] == 2 and trainer.request_stop()
    assert trainer.run().update == 2
    assert validator.calls == 0


class Slow(Planned):
    """Takes for ever to plan the epochs from `first` on."""

    def __init__(self, *, first: int, begun: threading.Event, end: threading.Event) -> None:
        super().__init__(4)
        self.first, self.begun, self.end = first, begun, end

    def plan(self, epoch):
        if epoch >= self.first:
            self.begun.set()
            self.end.wait(60)
        return super().plan(epoch)


@pytest.mark.parametrize("first", [0, 1])
def test_planning_is_interrupted_and_what_was_done_is_saved(tmp_path, first: int) -> None:
    settings = {"limits": Limits(max_epochs=2), "keeper": Shelf()}
    whole = undisturbed(tmp_path / "whole", **settings)
    begun, end, stop = threading.Event(), threading.Event(), Stop()
    trainer = single_trainer(tmp_path / "run", batches=Slow(first=first, begun=begun, end=end), stop=stop, **settings)
    asker = threading.Thread(target=lambda: (begun.wait(60), stop.request()))
    asker.start()
    assert trainer.run().update == 4 * first
    end.set()
    asker.join()
    assert not trainer.finished
    again = single_trainer(tmp_path / "run", **settings)
    assert again.resume()
    again.run()
    assert rows(again) == rows(whole)
    assert again.counters == whole.counters
    assert torch.equal(again.model.weight, whole.model.weight)


def test_stopped_while_it_is_planned_a_finished_run_that_was_made_longer_is_not_finished(tmp_path) -> None:
    single_trainer(tmp_path, batches=Planned(4), limits=Limits(max_updates=4)).run()
    begun, end, stop = threading.Event(), threading.Event(), Stop()
    slow = Slow(first=0, begun=begun, end=end)
    trainer = single_trainer(tmp_path, batches=slow, limits=Limits(max_updates=40), stop=stop)
    assert trainer.resume()
    asker = threading.Thread(target=lambda: (begun.wait(60), stop.request()))
    asker.start()
    assert trainer.run().update == 4
    end.set()
    asker.join()
    assert not trainer.finished


def test_stopped_before_it_was_planned_a_resumed_run_loses_no_row(tmp_path) -> None:
    settings = {"limits": Limits(max_updates=60), "validate_every": 25, "batches": Planned(100)}
    first = single_trainer(tmp_path, **settings)
    first.reporter.act = lambda row: row["update"] == 45 and first.request_stop()
    first.run()
    before = rows(first)
    second = single_trainer(tmp_path, **settings)
    second.resume()
    second.request_stop()
    assert second.run().update == 45
    assert rows(second) == before
    third = single_trainer(tmp_path, **settings)
    third.resume()
    third.run()
    assert rows(third)[: len(before)] == before


def test_work_in_a_thread_returns_or_raises_what_it_would_have() -> None:
    assert interruptibly(lambda: 7, lambda: None) == 7
    with pytest.raises(KeyError, match="here"):
        interruptibly(lambda: {}["here"], lambda: None)
    stop = Stop()
    stop.request()
    with pytest.raises(StoppedError):
        interruptibly(lambda: pytest.fail("it was begun"), stop.check)
