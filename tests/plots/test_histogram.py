"""Bars in plain text: as long as their counts say, side by side, and nothing of empty rows at the ends."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from seq2seq.plots.histogram import bar, histograms

EIGHTHS = " ▏▎▍▌▋▊▉█"


@given(st.integers(0, 10**6), st.integers(1, 10**6), st.integers(1, 60))
def test_a_bar_is_exact_to_an_eighth(count, largest, width):
    count = min(count, largest)
    drawn = bar(count, largest, width)
    assert len(drawn) <= width
    eighths = sum(EIGHTHS.index(character) for character in drawn)
    assert eighths == pytest.approx(8 * width * count / largest, abs=0.5) or (count and eighths == 1)
    assert bool(drawn) == bool(count)


def test_histograms_stand_side_by_side_under_their_names():
    lines = histograms(["0", "1-2", "3-", "9-"], [("source", [0, 2, 4, 0]), ("target", [0, 0, 1000, 0])], width=40)
    assert len(lines) == 3
    assert lines[0].split() == ["source", "target"]
    assert lines[1].split()[:2] == ["1-2", "2"]
    assert lines[2].split()[0::2] == ["3-", "█" * lines[2].split()[2].count("█"), "█" * lines[2].split()[4].count("█")]
    assert all(len(line) <= 40 for line in lines)
    assert lines[2].index("1,000") == lines[0].index("target")


def test_nothing_to_show():
    assert histograms(["a"], [("source", [0])], width=40) == []
