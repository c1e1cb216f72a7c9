"""`scripts/student.py`: teachers side by side, and one that learns from them, by the real commands."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from unittest import mock

import pytest
from toy_runs import ROOT, TINY, environment, write_pairs

from seq2seq.bundle import RunFolder
from seq2seq.errors import WorkError
from seq2seq.recipe.toml import load_recipe

SCRIPT = ROOT / "scripts" / "student.py"
with mock.patch.object(sys, "path", [str(SCRIPT.parent), *sys.path]):
    import student


def command(folder: Path, *options: str) -> list[str]:
    source, target = write_pairs(folder)
    short = ("training.max_updates=20", "training.validate_every=10")
    own = ["--run", str(folder / "out"), "--teachers", "2", "--teacher", *TINY, *short, *options]
    return [sys.executable, str(SCRIPT), *own, "--", "--source", str(source), "--target", str(target)]


def test_a_student_learns_from_teachers_that_differ_by_their_seeds(tmp_path):
    made = command(tmp_path, "--student", "training.max_updates=30", "text.vocabulary_size=400")
    done = subprocess.run(made, env=environment(), capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)  # one line, and nothing else
    out = tmp_path / "out"
    assert told["run"] == str(out / "student")
    assert set(told["minutes"]) == {"prepare", "teachers", "translations", "student", "all"}
    assert told["minutes"]["all"] == pytest.approx(sum(told["minutes"].values()) / 2, abs=0.05)
    recipes = [load_recipe(RunFolder(out / name).recipe) for name in ("teacher-1", "teacher-2", "student")]
    assert [recipe.training.seed for recipe in recipes[:2]] == [1, 2]
    assert [recipe.training.max_updates for recipe in recipes] == [20, 20, 30]
    assert [recipe.text.vocabulary_size for recipe in recipes] == [420, 420, 400]
    assert [corpus.name for corpus in recipes[2].data.corpora] == ["original", "distilled"]
    for number, name in enumerate(("teacher-1", "teacher-2")):
        best = [line for line in (out / f"{name}.log").read_text("utf-8").splitlines() if line.startswith("Best at")]
        assert f"development BLEU {told['teachers'][number]:.2f}" in best[0]
        assert f"{name}, " in done.stderr
    assert f"development BLEU {told['student']:.2f}" in done.stderr
    weights = [(out / name / "bundle" / "weights.safetensors").read_bytes() for name in ("teacher-1", "teacher-2")]
    assert weights[0] != weights[1]


@pytest.mark.slow
def test_what_was_stopped_goes_on(tmp_path):
    made = command(tmp_path, "training.max_updates=3000")
    with subprocess.Popen(
        made, env=environment(), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        while "follow them" not in process.stderr.readline():
            assert process.poll() is None
        while not list((tmp_path / "out" / "teacher-1").glob("checkpoints/last/*")):
            assert process.poll() is None
        process.send_signal(signal.SIGTERM)
        _, said = process.communicate()
    assert process.returncode == 130, said
    assert said.rstrip().endswith("Stopped. The same command goes on.")
    assert "stopping after this update" in (tmp_path / "out" / "teacher-1.log").read_text("utf-8")
    done = subprocess.run(made, env=environment(), capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "going on after update" in (tmp_path / "out" / "teacher-1.log").read_text("utf-8")


def test_a_training_that_fails_is_told_of_with_its_log_and_the_others_are_stopped(tmp_path, monkeypatch):
    others = []

    def started(arguments, stderr):
        fails = arguments[1].name == "teacher-1"
        words = "print('error: It broke.', file=sys.stderr); sys.exit(1)" if fails else "time.sleep(60)"
        pipe = subprocess.PIPE
        process = subprocess.Popen([sys.executable, "-c", f"import sys, time; {words}"], stdout=pipe, stderr=stderr)
        others.append(process)
        return process

    monkeypatch.setattr(student, "started", started)
    with pytest.raises(WorkError, match=r"teacher-1 failed: error: It broke\.") as caught:
        student.trained([tmp_path / "teacher-1", tmp_path / "teacher-2"], 2)
    assert str(tmp_path / "teacher-1.log") in caught.value.hint
    assert others[1].returncode == -signal.SIGTERM if os.name == "posix" else others[1].returncode


def test_the_budget_is_shared():
    assert student.minutes(90, student.TEACHERS_SHARE, 2) == ["--minutes", "24.8"]
    assert student.minutes(90, student.STUDENTS_SHARE) == ["--minutes", "36.0"]
    assert student.minutes(0, student.STUDENTS_SHARE) == []


@pytest.mark.parametrize(
    ("options", "told"),
    [
        (("--teachers", "1"), "seq2seq distill"),
        (("--minutes", "-5"), "--minutes and --threads are at least 0"),
        (("--minutes", "nan"), "--minutes and --threads are at least 0"),
    ],
)
def test_what_cannot_be_is_refused(options, told, capsys):
    with pytest.raises(SystemExit):
        student.parsed(["--run", "out", *options, "--", "demo"])
    assert told in capsys.readouterr().err
