"""A training that starts from a model: its weights are scored, and kept until others are better."""

from __future__ import annotations

import pytest
from toy_training import Scripted, Shelf, Single, Watcher, single_trainer

from seq2seq.training.metrics_log import MetricsLog
from seq2seq.training.stop import StoppedError
from seq2seq.training.trainer import Limits


def looks(folder) -> list[int]:
    rows = MetricsLog(folder / "metrics.jsonl").rows()
    return [row["update"] for row in rows if row["kind"] == "validation"]


def trained(folder, *scores: float, **changes):
    shelf = Shelf()
    trainer = single_trainer(
        folder,
        model=Single(2.0),
        keeper=shelf,
        validator=Scripted(*scores),
        validate_every=1,
        look_first=True,
        **changes,
    )
    trainer.run()
    return trainer, shelf


def test_the_first_weights_are_kept_where_nothing_is_better(tmp_path):
    trainer, shelf = trained(tmp_path, 5.0, 4.0, 4.5, 3.0)
    assert [update for update, _, _ in shelf.kept] == [0]
    assert float(shelf.kept[0][2]["weight"]) == 2.0
    assert trainer.counters.best_update == 0
    assert looks(tmp_path) == [0, 1, 2, 3]


def test_they_give_way_to_better_ones(tmp_path):
    _, shelf = trained(tmp_path, 5.0, 4.0, 6.0, 5.5)
    assert [update for update, _, _ in shelf.kept] == [0, 2]


def test_patience_counts_from_them(tmp_path):
    trainer, _ = trained(tmp_path, 5.0, 4.0, 3.0, 9.0, limits=Limits(max_updates=9, patience=2))
    assert trainer.counters.update == 2


def test_without_it_training_begins_at_once(tmp_path):
    single_trainer(tmp_path, validate_every=1).run()
    assert looks(tmp_path) == [1, 2, 3]


def test_a_resumed_training_does_not_look_again(tmp_path):
    trained(tmp_path, 5.0, 6.0, limits=Limits(max_updates=1))
    shelf = Shelf()
    again = single_trainer(
        tmp_path,
        keeper=shelf,
        validator=Scripted(7.0, 6.0),
        validate_every=1,
        look_first=True,
        limits=Limits(max_updates=3),
    )
    assert again.resume()
    again.run()
    assert looks(tmp_path) == [0, 1, 2, 3]
    assert [update for update, _, _ in shelf.kept] == [2]


class Impatient(Scripted):
    def __call__(self, model):
        raise StoppedError


def test_a_first_look_that_was_interrupted_is_taken_when_training_goes_on(tmp_path):
    stopped = single_trainer(tmp_path, validator=Impatient(), validate_every=1, look_first=True)
    counters = stopped.run()
    assert counters.update == 0
    assert not stopped.finished
    watcher = Watcher()
    again = single_trainer(tmp_path, validator=Scripted(1.0), reporter=watcher, validate_every=1, look_first=True)
    assert again.resume()
    again.run()
    assert watcher.looks[0] == (0, True)


@pytest.mark.parametrize("measure", ["loss", "bleu"])
def test_it_looks_by_the_score_that_training_stops_on(tmp_path, measure):
    trainer, _ = trained(tmp_path, 5.0, 4.0, 6.0, 6.0, stop_on=measure)
    assert trainer.counters.best_update == {"loss": 1, "bleu": 2}[measure]
