"""kill -9 of the real command, with subwords cut anew each epoch: going on, it ends bit for bit as if nothing had been.

`test_killed.py` kills a small training in every way; here it is `seq2seq train` as it is called.
"""

from __future__ import annotations

import os
import random
import shutil
import signal
import time

import pytest
from jaxtyping import config
from mortal import CLOCKED
from toy_runs import TINY, done, sets, started, toy_pairs, write_pairs

from seq2seq.training import checkpoint
from seq2seq.training.metrics_log import MetricsLog

pytestmark = [
    pytest.mark.skipif(os.name != "posix", reason="needs SIGKILL"),
    pytest.mark.usefixtures("unchecked_shapes"),
]
SETTINGS = (
    *TINY,
    *("model.dropout=0.2", "model.word_dropout=0.1", "training.subword_sampling=0.1", "training.accumulate=2"),
    *("training.max_updates=60", "training.validate_every=10", "training.validate_sentences=5"),
    "training.batch_tokens=100",
    *("training.schedule.shape=plateau", "training.schedule.warmup_updates=5", "data.development_size=10"),
)
ROWS = 60 // 20 + 60 // 10


def left(run) -> dict[str, object]:
    """All that a run leaves: its tensors, its counters, its metrics without the clock."""
    last, log = run / "checkpoints" / "last", MetricsLog(run / "metrics.jsonl")
    files = [*sorted(last.glob("*.safetensors")), run / "bundle" / "weights.safetensors"]
    return {
        "tensors": {f"{path.parent.name}/{path.name}": path.read_bytes() for path in files},
        "counters": checkpoint.read_header(last)["counters"],
        "rows": [{k: v for k, v in row.items() if k not in CLOCKED} for row in log.rows()],
    }


@pytest.fixture(scope="session")
def whole(tmp_path_factory):
    """A training that nobody disturbs, and a copy of it from before."""
    config.update("jaxtyping_disable", True)  # as `unchecked_shapes`, which a fixture of a session cannot ask for
    base = tmp_path_factory.mktemp("killed-command")
    source, target = write_pairs(base, toy_pairs(150))
    done("prepare", "--source", source, "--target", target, "--run", base / "run", *sets(*SETTINGS))
    shutil.copytree(base / "run", base / "prepared")
    done("train", base / "run", "--threads", "1")
    config.update("jaxtyping_disable", False)
    return base


def killed(run, draw: random.Random, *, rows: tuple[int, int]) -> bool:
    """Trains as a user does, going on where it stopped; kills after some rows and an instant. Tells whether it hit."""
    least, instant = draw.randint(*rows), draw.uniform(0.0, 0.05)
    path = run / "metrics.jsonl"
    with started("train", run, "--threads", "1", "--resume") as process:
        while process.poll() is None and (not path.exists() or path.read_bytes().count(b"\n") < least):
            time.sleep(0.002)
        time.sleep(instant)
        process.kill()
        process.communicate()
    return process.returncode == -signal.SIGKILL


def check(run, whole) -> None:
    done("train", run, "--threads", "1", "--resume")
    found, wanted = left(run), left(whole / "run")
    for part, value in wanted.items():
        assert found[part] == value, part


def test_subwords_are_cut_anew(whole, tmp_path):
    """Else nothing would be shown by what follows."""
    shutil.copytree(whole / "prepared", tmp_path / "plain")
    plainly = sets("training.subword_sampling=0", "training.max_updates=20", "training.validate_every=20")
    done("train", tmp_path / "plain", "--threads", "1", *plainly)
    losses = [
        row["loss"]
        for run in (whole / "run", tmp_path / "plain")
        for row in MetricsLog(run / "metrics.jsonl").rows()
        if (row["kind"], row["update"]) == ("train", 20)
    ]
    assert len(set(losses)) == 2


def test_killed_twice_the_command_ends_the_same(whole, tmp_path):
    run, draw = tmp_path / "run", random.Random(1)
    shutil.copytree(whole / "prepared", run)
    assert killed(run, draw, rows=(1, ROWS // 2))
    assert killed(run, draw, rows=(ROWS // 2, ROWS - 2))
    check(run, whole)


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(5))
def test_killed_five_times_the_command_ends_the_same(whole, tmp_path, seed: int):
    run, draw = tmp_path / "run", random.Random(f"command {seed}")
    shutil.copytree(whole / "prepared", run)
    hits = sum(killed(run, draw, rows=(0, ROWS)) for _ in range(5))
    assert hits >= 3  # one that is to die behind its last row may end before
    check(run, whole)
