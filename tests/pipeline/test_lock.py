"""Two processes cannot change a run at once."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from seq2seq.bundle import RunFolder
from seq2seq.errors import UserError
from seq2seq.pipeline.lock import only_one

HOLD = """
import sys
from pathlib import Path
from seq2seq.bundle import RunFolder
from seq2seq.pipeline.lock import only_one
with only_one(RunFolder(Path(sys.argv[1]))):
    print("held", flush=True)
    sys.stdin.read()
"""


def test_a_second_process_is_refused_until_the_first_ends(tmp_path):
    run = RunFolder(tmp_path / "run")
    command = [sys.executable, "-c", HOLD, str(run.path)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as holder:
        assert holder.stdout.readline() == "held\n"
        with pytest.raises(UserError, match="Another process"), only_one(run):
            pass
        holder.kill()
    with only_one(run):
        pass


def test_who_is_refused_takes_nothing_away(tmp_path, monkeypatch):
    run = RunFolder(tmp_path / "run")
    with only_one(run):
        # The other one looked for the folder before it was made.
        monkeypatch.setattr(Path, "exists", lambda _: False)
        with pytest.raises(UserError, match="Another process"), only_one(run):
            pass
        monkeypatch.undo()
        assert (run.path / ".lock").is_file()
    assert not run.path.exists()


def test_a_folder_made_for_the_lock_goes_again_unless_something_was_put_there(tmp_path):
    new, old = RunFolder(tmp_path / "new"), RunFolder(tmp_path / "old")
    with pytest.raises(KeyError), only_one(new):
        raise KeyError
    assert not new.path.exists()
    with only_one(new):
        (new.path / "mine").touch()
    assert (new.path / "mine").exists()
    old.path.mkdir()
    with only_one(old):
        pass
    assert old.path.is_dir()  # it was there before
