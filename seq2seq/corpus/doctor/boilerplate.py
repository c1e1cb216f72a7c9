"""Examination: the same sentence, or the same beginning, again and again."""

from __future__ import annotations

from typing import ClassVar, Final

import numpy as np
from numpy.typing import NDArray

from seq2seq.corpus.doctor.batch import Batch, Side
from seq2seq.corpus.doctor.examination import Brief, Examination, Example, Finding, Severity, counted, example, percent
from seq2seq.corpus.doctor.ragged import Ragged, fingerprints
from seq2seq.corpus.doctor.sightings import Frequent

_BEGINNING: Final = 5  # words
_LONGER: Final = 8  # words of a sentence whose beginning counts
_FEWEST: Final = 10  # times
# Shares of all pairs. "Thank you." is one in 200 of the lines of talks; and captions begin with "A man in a blue" once
# in a hundred.
_SENTENCE_NOTE, _SENTENCE_LOUD = 0.002, 0.02
_BEGINNING_NOTE, _BEGINNING_LOUD = 0.02, 0.05
_CAPACITY: Final = 1 << 16  # keys remembered, 24 bytes each, four times
_SHOWN: Final = 3  # the most frequent that the message speaks of


class Boilerplate(Examination):
    """Counts sentences and beginnings of both sides, as far as they are frequent."""

    kind: ClassVar[str] = "boilerplate"

    def __init__(self, brief: Brief) -> None:
        super().__init__(brief)
        self._sentences = {name: _Tally() for name in ("source", "target")}
        self._beginnings = {name: _Tally() for name in ("source", "target")}

    def observe(self, batch: Batch) -> None:
        """Counts the batch."""
        for name, side in (("source", batch.source), ("target", batch.target)):
            rows = np.flatnonzero(side.plain.lengths > 0)
            self._sentences[name].add(batch, rows, side.loose[rows])
            rows, keys = _beginnings(side)
            self._beginnings[name].add(batch, rows, keys)

    def findings(self) -> list[Finding]:
        """Returns one finding a side for sentences, and one for beginnings."""
        found = []
        for name in ("source", "target"):
            found += self._about(name, self._sentences[name], "sentences", _SENTENCE_NOTE, _SENTENCE_LOUD)
            found += self._about(name, self._beginnings[name], "beginnings", _BEGINNING_NOTE, _BEGINNING_LOUD)
        return found

    def _about(self, name: str, tally: _Tally, what: str, note: float, loud: float) -> list[Finding]:
        often = tally.above(max(_FEWEST, note * self.num_pairs))
        if not often:
            return []
        count = sum(times for times, _ in often)
        share = count / self.num_pairs
        severity = Severity.WARNING if often[0][0] >= max(_FEWEST, loud * self.num_pairs) else Severity.NOTE
        examples = tuple(shown for _, shown in often[: self.brief.num_examples])
        listed = ", ".join(
            f"{_quoted(shown, name, beginning=what == 'beginnings')} ({times:,} times)"
            for times, shown in often[:_SHOWN]
        )
        return [
            Finding(
                f"repeated {name} {what}",
                severity,
                count,
                self.num_pairs,
                f"{counted(len(often), what[:-1])} that {percent(share)} of the {name} sides repeat: {listed}.",
                "If that is no part of what you want to translate (headers, menus, signatures), leave those lines out: "
                "a model learns to say what it read most.",
                examples,
            )
        ]


class _Tally:
    """Frequent keys and one pair for each.

    A pair is kept for a key that is frequent when it is seen; the keys at the end are among those.
    """

    _MOST_EXAMPLES: Final = 512

    def __init__(self) -> None:
        self._frequent = Frequent(_CAPACITY)
        self._examples: dict[int, Example] = {}

    def add(self, batch: Batch, rows: NDArray[np.int64], keys: NDArray[np.uint64]) -> None:
        """Counts `keys`, one for each of `rows`."""
        again = np.flatnonzero(self._frequent.add(keys, rows) >= 0)
        distinct, first = np.unique(keys[again], return_index=True)
        for at in np.flatnonzero(self._frequent.counts_of(distinct) >= _FEWEST):
            key = int(distinct[at])
            if key not in self._examples and len(self._examples) < self._MOST_EXAMPLES:
                self._examples[key] = example(batch, int(rows[again[first[at]]]))

    def above(self, least: float) -> list[tuple[int, Example]]:
        """Returns counts and pairs of the keys seen at least so often, the most frequent first."""
        keys = np.fromiter(self._examples, np.uint64, len(self._examples))
        counts = self._frequent.counts_of(keys)
        order = np.argsort(-counts, kind="stable")
        return [(int(counts[i]), self._examples[int(keys[i])]) for i in order if counts[i] >= least]


def _beginnings(side: Side) -> tuple[NDArray[np.int64], NDArray[np.uint64]]:
    """Returns the longer sentences, and a key of the first words of each."""
    rows = np.flatnonzero(side.plain.lengths >= _LONGER)
    starts = side.plain.starts[rows]
    words = side.plain.values[(starts[:, None] + np.arange(_BEGINNING)).ravel()]
    return rows, fingerprints(Ragged(words, np.arange(len(rows) + 1) * _BEGINNING))


def _quoted(shown: Example, side: str, *, beginning: bool) -> str:
    text = shown.source if side == "source" else shown.target
    words = text.split()
    if beginning and len(words) > _BEGINNING:
        return repr(" ".join(words[:_BEGINNING]) + " …")
    return repr(text if len(text) <= 40 else text[:39] + "…")
