"""Examination: how long the sentences are, and how much longer one side is than the other."""

from __future__ import annotations

import math
from typing import Any, ClassVar, Final

import numpy as np
from numpy.typing import NDArray

from seq2seq.corpus.doctor.batch import Batch
from seq2seq.corpus.doctor.examination import Brief, Collected, Examination, Finding, Severity, counted, percent

LENGTH_EDGES: Final = (0, 1, 2, 4, 6, 8, 11, 16, 21, 31, 41, 61, 81, 101, 201)
"""The first length of each bar, in words; the last bar has no end."""
RATIO_EDGES: Final = (0.0, 0.25, 0.4, 0.5, 0.67, 0.8, 1.0, 1.25, 1.5, 2.0, 2.5, 4.0)
"""The first ratio of each bar, target words a source word; the last bar has no end."""
_LONG_WORDS: Final = 100  # where the filter "length" cuts
_FAR_RATIO: Final = 4.0  # where the filter "ratio" cuts
_LOUD_SHARE: Final = 0.1  # of pairs that the filters would drop: too many to lose unseen


class Lengths(Examination):
    """Counts words, as the filters count them."""

    kind: ClassVar[str] = "lengths"

    def __init__(self, brief: Brief) -> None:
        super().__init__(brief)
        self._counts = {
            "source": np.zeros(len(LENGTH_EDGES), np.int64),
            "target": np.zeros(len(LENGTH_EDGES), np.int64),
            "ratio": np.zeros(len(RATIO_EDGES), np.int64),
        }
        self._words = {"source": 0, "target": 0}
        self._longest = {"source": 0, "target": 0}
        self._long, self._far = Collected(brief.num_examples), Collected(brief.num_examples)

    def observe(self, batch: Batch) -> None:
        """Counts the batch's words."""
        source, target = batch.source.num_words, batch.target.num_words
        for name, words in (("source", source), ("target", target)):
            self._counts[name] += _histogram(words, LENGTH_EDGES)
            self._words[name] += int(words.sum())
            self._longest[name] = max(self._longest[name], int(words.max(initial=0)))
        with_text = (source > 0) & (target > 0)
        ratio = target / np.maximum(source, 1)
        self._counts["ratio"] += _histogram(ratio[with_text], RATIO_EDGES)
        self._long.add(batch, np.flatnonzero(np.maximum(source, target) > _LONG_WORDS))
        self._far.add(batch, np.flatnonzero(with_text & ((ratio > _FAR_RATIO) | (ratio < 1 / _FAR_RATIO))))

    def findings(self) -> list[Finding]:
        """Returns what the filters would drop, where it is much."""
        found = []
        for collected, kind, what, rule in (
            (self._long, "long sentences", f"a side of more than {_LONG_WORDS} words", "length"),
            (self._far, "length ratio", f"one side more than {_FAR_RATIO:.0f} times as long as the other", "ratio"),
        ):
            if collected.count:
                share = collected.count / self.num_pairs
                severity = Severity.WARNING if share >= _LOUD_SHARE else Severity.NOTE
                message = f"{counted(collected.count, 'pair')} ({percent(share)}) with {what}."
                advice = f"The filter {rule!r} of data.filters drops them, or set its maximum."
                found.append(collected.finding(kind, severity, self.num_pairs, message, advice))
        return found

    def figures(self) -> dict[str, Any]:
        """Returns the histograms and averages."""
        pairs = max(1, self.num_pairs)
        sides = {
            name: {
                "average": self._words[name] / pairs,
                "longest": self._longest[name],
                "histogram": _bars(self._counts[name], LENGTH_EDGES),
            }
            for name in ("source", "target")
        }
        ratio = self._words["target"] / self._words["source"] if self._words["source"] else math.nan
        average = None if math.isnan(ratio) else ratio  # JSON has no word for "not a number"
        return {**sides, "ratio": {"average": average, "histogram": _bars(self._counts["ratio"], RATIO_EDGES)}}


def _histogram(values: NDArray[np.int64] | NDArray[np.float64], edges: tuple[float, ...]) -> NDArray[np.int64]:
    return np.bincount(np.searchsorted(edges, values, side="right") - 1, minlength=len(edges)).astype(np.int64)


def _bars(counts: NDArray[np.int64], edges: tuple[float, ...]) -> list[dict[str, Any]]:
    """Returns one entry a bar: from where (included), to where (not included; None: without end), and how many."""
    ends = [*edges[1:], None]
    return [{"from": low, "to": high, "pairs": int(n)} for low, high, n in zip(edges, ends, counts, strict=True)]
