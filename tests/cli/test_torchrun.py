"""`torchrun -m seq2seq train`: what several processes leave behind, how they end together, and on two machines."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import threading
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

import pytest
from safetensors.numpy import load_file
from toy_runs import TINY, done, environment, refused, sets, write_pairs

from seq2seq.training.metrics_log import MetricsLog

LAST = 60
SETTINGS = (
    *TINY,
    *("model.dropout=0.2", "model.word_dropout=0.1", f"training.max_updates={LAST}", "training.validate_every=20"),
)
PATIENCE_SECONDS = 240
linux = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="looks for the processes in /proc")


@pytest.fixture(scope="module")
def untrained(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("torchrun")
    source, target = write_pairs(folder)
    done("prepare", "--source", source, "--target", target, "--run", folder / "run", *sets(*SETTINGS))
    return folder / "run"


@pytest.fixture
def prepared(untrained, tmp_path) -> Path:
    shutil.copytree(untrained, tmp_path / "run")
    return tmp_path / "run"


class Launched:
    """A torchrun under way, and what it and its processes have said on stderr."""

    def __init__(self, process: subprocess.Popen) -> None:
        self.process, self.said, self._news = process, "", threading.Condition()
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self) -> None:
        for line in self.process.stderr:
            with self._news:
                self.said += line
                self._news.notify_all()

    def wait_for(self, text: str) -> None:
        with self._news:
            assert self._news.wait_for(lambda: text in self.said or self.process.poll() is not None, PATIENCE_SECONDS)
            assert text in self.said, self.said

    def end(self) -> tuple[int, str, str]:
        """Waits for the end. Returns the exit code, stdout, and stderr."""
        out = self.process.stdout.read()
        code = self.process.wait(PATIENCE_SECONDS)
        self._reader.join()
        return code, out, self.said

    def worker(self, rank: int) -> int:
        """The process of this number."""
        for place in Path("/proc").glob("[0-9]*"):
            try:
                told = (place / "environ").read_bytes().split(b"\0")
                parent = int((place / "stat").read_text().rpartition(")")[2].split()[1])
            except OSError:
                continue
            if parent == self.process.pid and f"RANK={rank}".encode() in told:
                return int(place.name)
        raise AssertionError(f"no process {rank}")


def hears_signals() -> None:
    """A shell makes its background jobs deaf to Ctrl-C, and what they start inherits it."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


@contextmanager
def torchrun(*arguments: object, options=("--standalone", "--nproc-per-node", "2"), before=(), **changes):
    """Runs `torchrun OPTIONS -m seq2seq ARGUMENTS`, with pipes; ends it in any case."""
    command = [*before, sys.executable, "-m", "torch.distributed.run", *options, "-m", "seq2seq", *map(str, arguments)]
    known = {k: v for k, v in environment().items() if k != "OMP_NUM_THREADS"}
    with subprocess.Popen(
        command,
        env={**known, **changes},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        encoding="utf-8",
        preexec_fn=hears_signals,  # noqa: PLW1509
    ) as process:
        try:
            yield Launched(process)
        finally:
            if process.poll() is None:
                process.terminate()
                with suppress(subprocess.TimeoutExpired):
                    process.wait(40)
                process.kill()


def weights(run: Path) -> dict[str, bytes]:
    files = ("checkpoints/last/weights", "checkpoints/last/average", "checkpoints/last/optimizer", "bundle/weights")
    return {name: (run / f"{name}.safetensors").read_bytes() for name in files}


def figures(run: Path) -> list[dict[str, object]]:
    clocked = ("seconds", "tokens_per_second")
    rows = MetricsLog(run / "metrics.jsonl").rows()
    return [{key: value for key, value in row.items() if key not in clocked} for row in rows]


def assert_close(run: Path, other: Path) -> None:
    """Trainings of the same settings by another number of processes."""
    found, wanted = (load_file(place / "checkpoints/last/weights.safetensors") for place in (run, other))
    assert found.keys() == wanted.keys()
    for name, weight in wanted.items():
        assert ((found[name] - weight) ** 2).sum() ** 0.5 < 1e-3 * (weight**2).sum() ** 0.5, name
    losses = [[row["loss"] for row in figures(place)] for place in (run, other)]
    assert losses[0] == pytest.approx(losses[1], rel=1e-3)


def assert_no_traceback_of_ours(said: str) -> None:
    assert not re.search(r'File ".*/seq2seq/', said), said
    assert "This is a bug" not in said


@pytest.fixture(scope="module")
def uninterrupted(untrained, tmp_path_factory) -> tuple[Path, tuple[int, str, str]]:
    """The run that two processes make when nothing happens to them."""
    run = tmp_path_factory.mktemp("uninterrupted") / "run"
    shutil.copytree(untrained, run)
    with torchrun("train", run, "--json") as launched:
        return run, launched.end()


def test_two_processes_train_the_model_that_one_trains(uninterrupted, prepared):
    run, (code, out, said) = uninterrupted
    assert code == 0, said
    told = json.loads(out)  # one line of one process
    assert (told["updates"], told["finished"]) == (LAST, True)
    for update in (20, 40, 60):
        assert said.count(f"update {update}: development loss") == 1
    assert said.count(f"Trained to update {LAST}") == 1
    done("train", prepared, "--threads", "1")
    assert_close(run, prepared)
    assert {path.name for path in run.iterdir()} == {path.name for path in prepared.iterdir()}


@pytest.mark.slow
@linux
@pytest.mark.parametrize("rank", [0, 1])
def test_the_death_of_one_process_ends_all_and_says_how_to_go_on(uninterrupted, prepared, rank):
    with torchrun("train", prepared) as launched:
        launched.wait_for("update 20: ")
        os.kill(launched.worker(rank), signal.SIGKILL)
        code, _, said = launched.end()
    assert code != 0
    (told,) = re.findall(r"^error: (.*)$", said, re.M)
    assert told.startswith(f"Process {1 - rank} on {socket.gethostname()} lost another process of this training: ")
    assert f"Go on from the last checkpoint with: torchrun … -m seq2seq train {prepared} --resume" in said
    assert_no_traceback_of_ours(said)
    with torchrun("train", prepared, "--resume") as launched:
        code, _, said = launched.end()
    assert code == 0, said
    assert said.count("going on after update") == 1
    assert weights(prepared) == weights(uninterrupted[0])
    assert figures(prepared) == figures(uninterrupted[0])


@pytest.mark.slow
@linux
@pytest.mark.parametrize("rank", [0, 1])
def test_an_elastic_restart_ends_as_if_nothing_had_happened(uninterrupted, prepared, rank):
    options = ("--standalone", "--nproc-per-node", "2", "--max-restarts", "1")
    with torchrun("train", prepared, options=options) as launched:
        launched.wait_for("update 40: ")
        os.kill(launched.worker(rank), signal.SIGKILL)
        code, _, said = launched.end()
    assert code == 0, said
    assert "torchrun starts all processes again" in said
    assert said.count("going on after update") == 1
    assert weights(prepared) == weights(uninterrupted[0])
    assert figures(prepared) == figures(uninterrupted[0])


@pytest.mark.slow
@linux
def test_a_restart_by_torchrun_never_starts_the_training_again(uninterrupted, prepared):
    options = ("--standalone", "--nproc-per-node", "2", "--max-restarts", "1")
    with torchrun("train", prepared, "--restart", options=options) as launched:
        launched.wait_for("update 40: ")
        os.kill(launched.worker(1), signal.SIGKILL)
        code, _, said = launched.end()
    assert code == 0, said
    assert "going on after update" in said
    assert weights(prepared) == weights(uninterrupted[0])


@pytest.mark.slow
@pytest.mark.parametrize("caught", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_to_torchrun_stops_all_and_saves(uninterrupted, prepared, caught):
    with torchrun("train", prepared) as launched:
        launched.wait_for("update 20: ")
        launched.process.send_signal(caught)
        code, _, said = launched.end()
    assert code != 0
    (stopped,) = re.findall(r"^Stopped after update (\d+)\. Go on with: ", said, re.M)
    assert 20 <= int(stopped) < LAST
    assert_no_traceback_of_ours(said)
    saved = json.loads((prepared / "checkpoints/last/checkpoint.json").read_text())
    assert saved["counters"]["update"] == int(stopped)
    with torchrun("train", prepared, "--resume") as launched:
        assert launched.end()[0] == 0
    assert weights(prepared) == weights(uninterrupted[0])
    assert figures(prepared) == figures(uninterrupted[0])


@pytest.mark.slow
def test_an_error_that_all_processes_meet_is_told_once(prepared):
    with torchrun("train", prepared, "--set", "training.batch_tokens=never") as launched:
        code, out, said = launched.end()
    assert code != 0
    assert out == ""
    assert said.count("error: ") == 1
    assert "training.batch_tokens" in said
    assert_no_traceback_of_ours(said)


@pytest.mark.slow
def test_another_command_is_refused_once(prepared):
    with torchrun("info", prepared) as launched:
        code, out, said = launched.end()
    assert code != 0
    assert out == ""
    told = "error: torchrun started 'seq2seq info' 2 times, and only 'train' and 'translate' divide their work."
    assert said.count(told) == 1
    assert_no_traceback_of_ours(said)


def test_other_commands_started_several_times_are_refused(monkeypatch, tmp_path):
    told = {"RANK": "0", "WORLD_SIZE": "2", "LOCAL_RANK": "0", "MASTER_ADDR": "localhost", "MASTER_PORT": "1"}
    for name, value in told.items():
        monkeypatch.setenv(name, value)
    message = refused("evaluate", tmp_path)
    assert "torchrun started 'seq2seq evaluate' 2 times" in message
    assert "Run it without torchrun: seq2seq evaluate" in message


def test_torchrun_with_one_process_is_training_as_usual(untrained, tmp_path, monkeypatch):
    told = {"RANK": "0", "WORLD_SIZE": "1", "LOCAL_RANK": "0", "MASTER_ADDR": "localhost", "MASTER_PORT": "1"}
    for name, value in told.items():
        monkeypatch.setenv(name, value)
    run = tmp_path / "run"
    shutil.copytree(untrained, run)
    short = sets("training.schedule.warmup_updates=0", "training.validate_sentences=5")
    done("train", run, *short, *sets("training.max_updates=4"))
    monkeypatch.setenv("TORCHELASTIC_RESTART_COUNT", "1")  # what has been trained is gone on with, without --resume
    more = done("train", run, "--restart", *short, *sets("training.max_updates=6"))
    assert "going on after update 4" in more.err


def can_make_networks() -> str:
    """Returns why no network namespaces can be made here; empty where they can."""
    if not sys.platform.startswith("linux") or shutil.which("ip") is None:
        return "needs Linux and the command ip"
    if os.geteuid() != 0:
        return "needs root"
    name = f"probe-{os.getpid()}"
    made = subprocess.run(["ip", "netns", "add", name], capture_output=True, check=False)
    subprocess.run(["ip", "netns", "del", name], capture_output=True, check=False)
    return "" if made.returncode == 0 else f"no network namespace can be made: {made.stderr.decode().strip()}"


@contextmanager
def two_networks():
    """Two network namespaces joined by a cable, with no other way between them. Gives their names and addresses."""
    names = [f"s2s-{os.getpid()}-{side}" for side in "ab"]
    cables = [f"s2s{os.getpid() % 100_000}{side}" for side in "ab"]
    addresses = ["10.231.77.1", "10.231.77.2"]

    def ip(*arguments: str) -> None:
        subprocess.run(["ip", *arguments], check=True, capture_output=True)

    with ExitStack() as undone:
        for name in names:
            ip("netns", "add", name)
            undone.callback(ip, "netns", "del", name)
        ip("link", "add", cables[0], "netns", names[0], "type", "veth", "peer", "name", cables[1], "netns", names[1])
        for name, cable, address in zip(names, cables, addresses, strict=True):
            ip("-n", name, "address", "add", f"{address}/24", "dev", cable)
            ip("-n", name, "link", "set", cable, "up")
            ip("-n", name, "link", "set", "lo", "up")
        yield list(zip(names, addresses, strict=True))


def nodes(stack: ExitStack, networks, runs, *arguments: str, per_node: int = 1) -> list[Launched]:
    """Starts torchrun in each network, for one training."""
    found = []
    for number, ((name, _), run) in enumerate(zip(networks, runs, strict=True)):
        options = ("--nnodes", "2", "--nproc-per-node", str(per_node), "--node-rank", str(number))
        meeting = ("--master-addr", networks[0][1], "--master-port", "29417")
        before = ("ip", "netns", "exec", name)
        found.append(
            # One core each, as two processes of one machine with two cores have: more would add up in another order.
            stack.enter_context(
                torchrun("train", run, "--threads", "1", *arguments, options=(*options, *meeting), before=before)
            )
        )
    return found


needs_networks = pytest.mark.skipif(bool(why := can_make_networks()), reason=why or "can be made")


@pytest.mark.slow
@needs_networks
def test_two_machines_train_the_model_that_one_trains(uninterrupted, prepared, tmp_path):
    """Each with a copy of the run's folder of its own, as machines have; only the first one's is written."""
    copy = tmp_path / "other machine" / "run"
    shutil.copytree(prepared, copy)
    before = sorted(path.name for path in copy.rglob("*"))
    with two_networks() as networks, ExitStack() as stack:
        first, second = nodes(stack, networks, (prepared, copy))
        assert [launched.end()[0] for launched in (first, second)] == [0, 0], first.said + second.said
    assert weights(prepared) == weights(uninterrupted[0])
    assert figures(prepared) == figures(uninterrupted[0])
    assert sorted(path.name for path in copy.rglob("*")) == before
    assert "development loss" not in second.said


@pytest.mark.slow
@needs_networks
def test_two_machines_go_on_from_the_first_ones_checkpoint(uninterrupted, prepared, tmp_path):
    copy = tmp_path / "other machine" / "run"
    shutil.copytree(prepared, copy)
    with two_networks() as networks, ExitStack() as stack:
        first, second = nodes(stack, networks, (prepared, copy))
        first.wait_for("update 20: ")
        os.kill(second.worker(1), signal.SIGKILL)
        codes = [launched.end()[0] for launched in (first, second)]
        assert 0 not in codes
        assert re.search(r"^error: Process 0 on \S+ lost another process of this training: ", first.said, re.M)
        assert_no_traceback_of_ours(first.said + second.said)
    with two_networks() as networks, ExitStack() as stack:
        again = nodes(stack, networks, (prepared, copy), "--resume")
        assert [launched.end()[0] for launched in again] == [0, 0], again[0].said + again[1].said
    assert weights(prepared) == weights(uninterrupted[0])
    assert figures(prepared) == figures(uninterrupted[0])


@pytest.mark.slow
@needs_networks
def test_machines_with_different_data_do_not_train(prepared, tmp_path):
    copy = tmp_path / "other machine" / "run"
    shutil.copytree(prepared, copy)
    with (copy / "data/train.arrow").open("r+b") as file:  # one letter of one sentence
        data = file.read()
        place = data.index(b"house")
        file.seek(place)
        file.write(b"mouse")
    with two_networks() as networks, ExitStack() as stack:
        first, second = nodes(stack, networks, (prepared, copy))
        assert 0 not in [launched.end()[0] for launched in (first, second)]
    both = first.said + second.said
    assert both.count("error: ") == 1, both
    assert "has another prepared data than process 0" in both
    assert "Prepare once, and copy the run's folder to all machines." in both
    assert not (prepared / "checkpoints").exists()
