"""scripts/scale_out.py computes what its docstring says; its last line is one JSON object."""

from __future__ import annotations

import json
import runpy
import sys

import pytest
from toy_runs import ROOT

SCRIPT = ROOT / "scripts" / "scale_out.py"
SMALL = ["--set", "model.embedding_size=8", "--set", "model.encoder_size=16", "--set", "model.decoder_size=16"]


@pytest.fixture(scope="module")
def script():
    return runpy.run_path(str(SCRIPT))


def test_a_ring_sends_everything_twice_but_for_ones_own_share(script):
    assert script["ring_bytes"](2, 1_000) == 4_000
    assert script["ring_bytes"](4, 1_000) == 6_000
    # 4 MB a second are 32 megabits; 6 steps of 10 ms.
    assert script["ring_seconds"](4, 1_000_000, gigabits=0.032, latency_seconds=0.01) == pytest.approx(1.5 + 0.06)


def test_sparse_rows_pay_while_all_batches_have_less_than_twice_the_vocabulary(script):
    assert script["sparse_pays"](2, 8_000, 7_999)
    assert not script["sparse_pays"](2, 8_000, 8_000)
    assert not script["sparse_pays"](16, 8_000, 1_000)


def run(monkeypatch, capsys, *arguments: str) -> dict:
    monkeypatch.setattr(sys, "argv", [str(SCRIPT), *SMALL, "--vocabulary", "50", *arguments])
    runpy.run_path(str(SCRIPT), run_name="__main__")
    return json.loads(capsys.readouterr().out.splitlines()[-1])


def test_the_last_line_is_json(monkeypatch, capsys):
    told = run(monkeypatch, capsys, "--processes", "2", "8", "--gigabits", "1", "--batch-tokens", "100")
    assert told["parameters"]["embeddings"] == 50 * 8  # one table for both sides
    assert told["parameters"]["source_alone"] == 0
    assert told["gradient_bytes"] == 4 * told["parameters"]["all"]
    assert [row["processes"] for row in told["costs"]] == [2, 8]
    for row in told["costs"]:
        assert row["global_batch_tokens"] == 100 * row["processes"]
        assert 0 < row["share_computing"] < 1
        assert not row["sparse_source_embedding_pays"]


def test_an_embedding_of_its_own_may_be_sent_in_rows(monkeypatch, capsys):
    apart = ("--set", "model.tie=target", "--batch-tokens", "30")
    told = run(monkeypatch, capsys, "--processes", "2", "8", "--gigabits", "1", *apart)
    assert told["parameters"]["source_alone"] == 50 * 8
    assert [row["sparse_source_embedding_pays"] for row in told["costs"]] == [True, False]
