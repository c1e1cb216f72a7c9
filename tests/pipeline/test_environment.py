"""What the bits of a training depend on is written down, and a change of it is told."""

from __future__ import annotations

import json

import pytest
import torch

from seq2seq.bundle import RunFolder
from seq2seq.pipeline.train.environment import environment, note_environment

CPU = torch.device("cpu")


@pytest.fixture
def run(tmp_path):
    return RunFolder(tmp_path)


def test_it_names_what_numbers_depend_on() -> None:
    found = environment(CPU, precision="bf16", processes=2)
    assert found["torch"] == torch.__version__
    assert found["threads"] == torch.get_num_threads()
    assert found["capability"] == torch.backends.cpu.get_cpu_capability()
    assert (found["precision"], found["processes"], found["device"]) == ("bf16", 2, "cpu")
    assert found["machine"]
    assert isinstance(found["processor"], str)
    json.dumps(found)


def test_what_changed_is_told_in_one_line_and_then_noted(run, capsys) -> None:
    first = environment(CPU, precision="fp32", processes=1)
    note_environment(run, first, goes_on=False)
    assert json.loads(run.environment.read_text()) == {"schema_version": 1, **first}
    note_environment(run, first, goes_on=True)
    assert capsys.readouterr().err == ""
    other = {**first, "threads": 16, "torch": "9.9"}
    note_environment(run, other, goes_on=True)
    (line,) = capsys.readouterr().err.splitlines()
    assert f"threads was {first['threads']}, is 16" in line
    assert f"torch was {first['torch']}, is 9.9" in line
    assert "numbers may differ in their last bits" in line
    note_environment(run, other, goes_on=True)
    assert capsys.readouterr().err == ""


def test_a_training_that_starts_anew_has_nothing_to_compare(run, capsys) -> None:
    first = environment(CPU, precision="fp32", processes=1)
    note_environment(run, first, goes_on=False)
    note_environment(run, {**first, "threads": 16}, goes_on=False)
    assert capsys.readouterr().err == ""
    run.environment.write_text("{")
    note_environment(run, first, goes_on=True)
    assert json.loads(run.environment.read_text())["threads"] == first["threads"]
