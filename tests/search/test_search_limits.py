"""The length limit is a formula."""

from __future__ import annotations

import numpy as np
import pytest

from seq2seq.errors import UserError
from seq2seq.search import Limits


@pytest.mark.parametrize(
    ("factor", "constant", "longest"),
    [(2.0, 10, [10, 12, 16]), (0.5, 0, [1, 1, 1]), (0.0, 7, [7, 7, 7]), (1.5, 0.4, [1, 1, 4])],
)
def test_the_limit_is_the_floor_of_a_line_and_at_least_one(factor, constant, longest):
    got = Limits(factor, constant)(np.array([0, 1, 3]))
    assert got.dtype == np.int64
    assert got.tolist() == longest


@pytest.mark.parametrize(
    ("settings", "name", "value"),
    [((-1.0, 5), "factor", "-1.0"), ((float("inf"), 5), "factor", "inf"), ((1.0, -3), "constant", "-3")],
)
def test_what_is_no_limit_is_refused(settings, name, value):
    with pytest.raises(UserError, match=f"{name} must be a finite number of at least 0, not {value}"):
        Limits(*settings)
