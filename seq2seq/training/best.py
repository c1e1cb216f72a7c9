"""Which look at the development set was the best one."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from typing import Any

from seq2seq.training.counters import Counters

SMALLER_IS_BETTER = frozenset({"loss"})


def value_of(scores: Mapping[str, Any], stop_on: str) -> float:
    """Returns the score `stop_on`, turned so that larger is better."""
    return float(scores[stop_on]) * (-1 if stop_on in SMALLER_IS_BETTER else 1)


def is_above(scores: Mapping[str, Any], others: Mapping[str, Any], stop_on: str) -> bool:
    """Whether `scores` are better than `others`; what is no number is better than nothing."""
    value, other = value_of(scores, stop_on), value_of(others, stop_on)
    return value > other or (math.isnan(other) and not math.isnan(value))


def is_better(scores: Mapping[str, Any], counters: Counters) -> bool:
    """Whether `scores` are better than the best so far."""
    value = value_of(scores, counters.stop_on)
    return not math.isnan(value) and (counters.best is None or value > counters.best)


def take_in(scores: Mapping[str, Any], counters: Counters, *, best: bool) -> None:
    """Counts a look."""
    counters.looked = counters.update
    counters.looks = 0 if best else counters.looks + 1
    if best:
        counters.best, counters.best_update = value_of(scores, counters.stop_on), counters.update


def logged(rows: Iterable[Mapping[str, Any]], update: int, stop_on: str) -> float | None:
    """Returns the score `stop_on` of the look that was taken at `update`, if it is known."""
    for row in rows:
        if row["kind"] == "validation" and row["update"] == update and stop_on in row:
            value = value_of(row, stop_on)
            return None if math.isnan(value) else value
    return None


def look(rows: Iterable[Mapping[str, Any]], update: int) -> Mapping[str, Any]:
    """Returns what was logged of the look that was taken at `update`; empty where there was none."""
    return next((row for row in rows if row["kind"] == "validation" and row["update"] == update), {})
