"""The k best of whole rows."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from seq2seq.engines.best import best

# Few values, so that most rows hold equals.
ROWS = arrays(
    np.float32, st.tuples(st.integers(1, 5), st.integers(1, 40)), elements=st.sampled_from([-np.inf, -2.0, -1.0, -0.5])
)


@given(ROWS, st.data())
def test_best_first_and_equals_by_id(log_probs: np.ndarray, data) -> None:
    k = data.draw(st.integers(1, log_probs.shape[1]))
    ids, values = best(log_probs, k)
    assert (ids.dtype, values.dtype) == (np.int64, np.float32)
    for row, line in enumerate(log_probs):
        wanted = sorted(range(len(line)), key=lambda i: (-line[i], i))[:k]
        assert ids[row].tolist() == wanted
        assert values[row].tolist() == line[wanted].tolist()


@pytest.mark.parametrize("k", [1, 2, 9])
def test_what_is_not_a_number_comes_first(k: int) -> None:
    log_probs = np.zeros((1, 9), np.float32)
    log_probs[0, 5] = np.nan
    assert best(log_probs, k)[0][0, 0] == 5
