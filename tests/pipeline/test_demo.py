"""A demonstration that is interrupted stops, and says how it goes on."""

from __future__ import annotations

from toy_runs import call

from seq2seq.bundle import RunFolder
from seq2seq.pipeline import demo
from seq2seq.pipeline.prepare import Prepared
from seq2seq.pipeline.train import Trained
from seq2seq.training.counters import Counters


def test_an_interrupted_demonstration_scores_nothing(tmp_path, monkeypatch):
    monkeypatch.setattr(demo, "prepare", lambda recipe, run, **_: Prepared(RunFolder(run.path), {}, changed=True))
    stopped = Trained(Counters(update=7), finished=False, updates=7, seconds=1.0, best={})
    monkeypatch.setattr(demo, "train", lambda *_, **__: stopped)
    told = call("demo", "--run", tmp_path / "run")
    assert told.code == 130
    assert told.out == ""
    assert "The same command goes on from here." in told.err
