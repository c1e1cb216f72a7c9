"""Losses that are read late, as on a GPU: what comes of a training is the same to the bit."""

from __future__ import annotations

import json

import pytest
import torch
from mortal import VARIANTS, left_behind, make_store, mortal_trainer
from test_recovery import breaking
from toy_training import Planned, single_trainer

from seq2seq.data.store import Store
from seq2seq.training import trainer as trainer_module
from seq2seq.training.clock import Clock
from seq2seq.training.trainer import LOG_EVERY, READ_AFTER_SECONDS, Limits
from seq2seq.training.unread import Made, Unread

# Where a budget is measured, when it is known how long updates take decides on the rates: a matter of the clock.
QUICK = ("going back", "epochs")
REST = sorted(set(VARIANTS) - {"minutes", "read late", *QUICK})


def reads(trainer) -> list[int]:
    """Notes the updates after which the trainer reads."""
    noted, plain = [], trainer._unread.read

    def read():
        noted.append(trainer.counters.update)
        return plain()

    trainer._unread.read = read
    return noted


def test_it_reads_where_it_logs_looks_and_ends(tmp_path) -> None:
    settings = {"batches": Planned(99), "limits": Limits(max_updates=45), "validate_every": 13}
    trainer = single_trainer(tmp_path, **settings, read_every=LOG_EVERY)
    noted = reads(trainer)
    trainer.run()
    assert noted == [13, 20, 26, 39, 40, 45]
    assert [row["update"] for row in trainer.reporter.rows] == list(range(1, 46))
    plain = single_trainer(tmp_path / "plain", **settings)  # on a CPU: every update
    noted = reads(plain)
    plain.run()
    assert noted == list(range(1, 46))


def test_it_reads_at_the_end_of_an_epoch_and_at_good_states(tmp_path, monkeypatch) -> None:
    monkeypatch.setattr(trainer_module, "GOOD_EVERY", 9)
    trainer = single_trainer(
        tmp_path, batches=Planned(8), limits=Limits(max_updates=19), validate_every=100, read_every=LOG_EVERY
    )
    noted = reads(trainer)
    trainer.run()
    assert noted == [8, 9, 16, 18, 19]


def test_someone_who_watches_does_not_wait_long(tmp_path, monkeypatch) -> None:
    trainer = single_trainer(tmp_path, batches=Planned(99), limits=Limits(max_updates=12), read_every=LOG_EVERY)
    stop = trainer._clock.stop

    def slow(num_tokens: int) -> None:
        stop(num_tokens)
        trainer._clock.unsettled_seconds += 0.3 * READ_AFTER_SECONDS

    trainer._clock.stop = slow
    noted = reads(trainer)
    trainer.run()
    assert noted == [5, 10, 12]  # after four updates more than a second has passed


@pytest.mark.parametrize("variant", [*QUICK, *(pytest.param(name, marks=pytest.mark.slow) for name in REST)])
def test_what_comes_of_a_training_is_the_same(tmp_path, monkeypatch, unchecked_shapes, variant: str) -> None:
    monkeypatch.setattr(trainer_module, "GOOD_EVERY", 10)
    store = Store(make_store(tmp_path))
    found, told = [], []
    for every in (1, 20):
        folder = tmp_path / str(every)
        trainer = mortal_trainer(folder, store, variant, read_every=every)
        trainer.run()
        told.append((trainer.reporter.told, trainer.reporter.looks, trainer.reporter.starts))
        rows = [{k: v for k, v in row.items() if k != "tokens_per_second"} for row in trainer.reporter.rows]
        found.append({**left_behind(folder), "told": rows})
    assert found[0] == found[1]
    assert told[0] == told[1]


@pytest.mark.parametrize("asked", [False, True])
def test_what_went_wrong_is_undone_before_a_stop_is_heard(tmp_path, asked: bool) -> None:
    """Update 7 breaks it, which is read after update 9, or 12: either way training goes on behind batch 6."""
    trainer = breaking(
        tmp_path, rows=(6,), batches=Planned(99), limits=Limits(max_updates=12), validate_every=4, read_every=LOG_EVERY
    )
    inner = trainer.gradient

    def gradient(batches, *, update, **moment):
        if asked and update == 8 and not trainer.recovery.times:
            trainer.request_stop()
        return inner(batches, update=update, **moment)

    trainer.gradient = gradient
    trainer.run()
    if asked:  # it went back to update 4 and made one update, the first of the new way
        assert trainer.counters.update == 5
        again = breaking(tmp_path, batches=Planned(99), validate_every=4)
        assert again.resume()
        again.run()
        assert again.gradient.asked[0] == (6, [8])
    else:
        # The batches of the updates that were made before 7 was read are read again, from the one after batch 6 on.
        assert inner.asked[:8] == [(update, [update - 1]) for update in range(1, 9)]
        assert inner.asked[8:] == [(update, [update + 2]) for update in range(5, 13)]
    (row,) = [json.loads(line) for line in trainer.log._lines() if b"rollback" in line]
    assert (row["update"], row["from"]) == (4, 7)


def test_updates_are_read_in_their_order_and_once() -> None:
    unread = Unread()
    assert unread.read() == []
    made = [Made(n, 0, n, 0.1, torch.tensor(1.0 / n), torch.tensor(n, dtype=torch.float64)) for n in (1, 2, 3)]
    for one in made:
        unread.append(one)
    assert len(unread) == 3
    found = unread.read()
    assert [one for one, _, _ in found] == made
    assert [(loss, norm) for _, loss, norm in found] == [(float(torch.tensor(1.0 / n)), n) for n in (1, 2, 3)]
    assert (len(unread), unread.read()) == (0, [])


def test_a_stretch_of_updates_is_timed_as_one(monkeypatch) -> None:
    from seq2seq.training import clock as clock_module

    class Time:
        now = 0.0

        @classmethod
        def perf_counter(cls) -> float:
            return cls.now

    monkeypatch.setattr(clock_module, "time", Time)
    clock = Clock()
    for seconds, tokens in ((0.0, 10), (0.0, 20), (6.0, 30)):  # a GPU is given its orders, and then waited for
        clock.start()
        Time.now += seconds
        clock.stop(tokens)
        Time.now += 100.0
    assert clock.settle() == 2.0
    assert clock.unsettled_seconds == 0.0
    # Running means of 10, 20 and 30 tokens and of three times two seconds, in which the start weighs as much.
    weights = [0.02 * 0.98**2, 0.02 * 0.98, 0.02]
    tokens = sum(w * n for w, n in zip(weights, (10, 20, 30), strict=True))
    assert clock.tokens_a_second() == pytest.approx(tokens / (2.0 * sum(weights)))
