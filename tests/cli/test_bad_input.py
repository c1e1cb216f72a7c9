"""Each mistake of the table is answered by the real command with a clear error, and costs nothing."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from bad_inputs import MISTAKES, Mistake, Place
from toy_runs import Toy, call, toy

__all__ = ["toy"]


RECORDS = ("metrics.jsonl", "recipe.toml")
"""What a training that goes on with another limit writes before anything can fail."""


def contents(folder: Path) -> dict[Path, bytes]:
    return {path: path.read_bytes() for path in folder.rglob("*") if path.is_file() and not path.name.endswith(".lock")}


@pytest.mark.parametrize("mistake", MISTAKES, ids=lambda mistake: mistake.name)
def test_it_is_told_clearly_and_costs_nothing(mistake: Mistake, toy: Toy, tmp_path: Path) -> None:
    place = Place(tmp_path, toy)
    arguments = mistake.make(place)
    before = contents(tmp_path)
    with mistake.within(place):
        outcome = call(*arguments)
    assert "Traceback" not in outcome.err
    assert outcome.code == mistake.code, (outcome.code, outcome.out, outcome.err)
    told = " ".join(outcome.err.split())
    for pattern in mistake.tells:
        assert re.search(pattern, told), (pattern, told)
    after = contents(tmp_path)
    lost = [path for path in before if after.get(path) != before[path] and path.name not in RECORDS]
    assert not lost
    left_over = [path for path in after.keys() - before.keys() if ".tmp" in path.name or "spool" in path.parts]
    assert not left_over


def test_no_two_mistakes_have_one_name() -> None:
    names = [mistake.name for mistake in MISTAKES]
    assert len(set(names)) == len(names)
