"""How different the outputs for the development set are."""

from __future__ import annotations

import pytest

from seq2seq.pipeline.train.validation import variety


@pytest.mark.parametrize(
    ("sources", "outputs", "expected"),
    [
        ([[1], [2], [3]], ["a", "a", "a"], 0.0),
        ([[1], [2], [3]], ["a", "b", "a"], 0.5),
        ([[1], [2], [3]], ["a", "b", "c"], 1.0),
        ([[1], [2], [1]], ["a", "b", "a"], 1.0),  # the same source may well become the same
        ([[1], [1]], ["a", "a"], 1.0),
        ([[1]], ["a"], 1.0),
        ([], [], 1.0),
    ],
)
def test_variety(sources, outputs, expected: float) -> None:
    assert variety(sources, outputs) == expected
