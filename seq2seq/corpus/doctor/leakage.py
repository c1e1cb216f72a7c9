"""Examination: training sentences that stand in the development or test sets too."""

from __future__ import annotations

from itertools import islice
from typing import ClassVar, Final

import numpy as np
from numpy.typing import NDArray

from seq2seq.corpus.doctor.batch import BATCH_PAIRS, Batch, Side, batches
from seq2seq.corpus.doctor.examination import Brief, Collected, Examination, Finding, Severity, counted, percent
from seq2seq.corpus.doctor.minhash import are_similar, bands, judges
from seq2seq.corpus.doctor.ragged import Ragged, no_rows

_MOST_HELD_OUT: Final = 50_000  # sentences of one set that are looked for: test sets have some thousand
_FEWEST_WORDS: Final = 8  # distinct ones; below, sharing 80 % is no sign of a common origin
_LEAST_SIMILARITY: Final = 0.8  # Jaccard: words in both over words in either
# Of a set's sentences, found in the training set: everyday sentences recur in honest collections, and in those of a
# narrow subject one word more or less is soon all the difference.
_LOUD_SHARE: Final = 0.02
_LOUD_NEAR_SHARE: Final = 0.2
_SPOILED_SHARE: Final = 0.2


class Leakage(Examination):
    """Holds the sets' source sentences as hashes and ids, and looks for each training sentence among them."""

    kind: ClassVar[str] = "leakage"

    def __init__(self, brief: Brief) -> None:
        super().__init__(brief)
        self._sets = {name: _HeldOut(name, pairs, brief) for name, pairs in brief.held_out.items()}

    def observe(self, batch: Batch) -> None:
        """Compares the batch with each set."""
        for held_out in self._sets.values():
            held_out.compare(batch)

    def findings(self) -> list[Finding]:
        """Returns up to two findings a set: sentences that are in it, and sentences that are nearly in it."""
        return [finding for held_out in self._sets.values() for finding in held_out.findings(self.brief)]


class _HeldOut:
    """One set.

    Args:
        name: What it is called.
        pairs: Its pairs.
        brief: What is said of the corpus.
    """

    def __init__(self, name: str, pairs: object, brief: Brief) -> None:
        self.name = name
        loose, sketches, words = [np.empty(0, np.uint64)], [np.empty((0, 28), np.uint32)], no_rows()
        for batch in batches([(name, islice(pairs, _MOST_HELD_OUT))], size=BATCH_PAIRS):  # type: ignore[call-overload]
            loose.append(batch.source.loose)
            sketches.append(batch.source.sketch)
            words = words.joined(batch.source.plain)
        all_loose = np.concatenate(loose)
        has_text = words.lengths > 0
        self.num_sentences = len(np.unique(all_loose[has_text]))
        self._loose, self._rows = np.unique(all_loose[has_text], return_index=True)
        self._words = words
        sketch = np.concatenate(sketches)
        self._judges = judges(sketch)
        self._bands = [np.unique(keys, return_index=True) for keys in bands(sketch).T]
        self._found, self._near = set[int](), set[int]()  # of this set's sentences
        self._same, self._alike = Collected(brief.num_examples), Collected(brief.num_examples)

    def compare(self, batch: Batch) -> None:
        """Looks for the batch's source sentences among the set's."""
        if not len(self._loose):
            return
        at = np.minimum(np.searchsorted(self._loose, batch.source.loose), len(self._loose) - 1)
        same = self._loose[at] == batch.source.loose
        rows = np.flatnonzero(same)
        self._same.add(batch, rows)
        self._found.update(at[rows].tolist())
        self._compare_nearly(batch, np.flatnonzero(~same & (batch.source.plain.lengths >= _FEWEST_WORDS)))

    def _compare_nearly(self, batch: Batch, rows: NDArray[np.int64]) -> None:
        sketch = batch.source.sketch[rows]
        mine = judges(sketch)
        found: dict[int, int] = {}
        for (keys, where), own in zip(self._bands, bands(sketch).T, strict=True):
            at = np.minimum(np.searchsorted(keys, own), len(keys) - 1)
            for number in np.flatnonzero(keys[at] == own).tolist():
                other = int(where[at[number]])
                if number in found or not are_similar(mine[number : number + 1], self._judges[other : other + 1])[0]:
                    continue
                if _similarity(batch.source, int(rows[number]), self._words, other) >= _LEAST_SIMILARITY:
                    found[number] = other
        for number in sorted(found):
            other = found[number]
            self._near.add(other)
            self._alike.add(batch, [rows[number]], f"much like sentence {other + 1:,} of {self.name}")

    def findings(self, brief: Brief) -> list[Finding]:
        """Returns what was found, measured by how much of the set is concerned."""
        found = []
        total = max(1, self.num_sentences)
        if self._same.count:
            share = len(self._found) / total
            found.append(
                Finding(
                    f"{self.name} leakage",
                    _severity(share, _LOUD_SHARE),
                    len(self._found),
                    self.num_sentences,
                    f"{counted(len(self._found), 'sentence')} of {self.name} ({percent(share)}) found in the training "
                    f"set, in {counted(self._same.count, 'pair')}.",
                    "'prepare' leaves these training pairs out, also where case or punctuation differ. Ask where they "
                    f"come from: what else of {self.name} may be in the training set, translated differently?",
                    tuple(self._same.examples),
                )
            )
        if self._near:
            share = len(self._near) / total
            found.append(
                Finding(
                    f"{self.name} near-leakage",
                    Severity.WARNING if share >= _LOUD_NEAR_SHARE else Severity.NOTE,
                    len(self._near),
                    self.num_sentences,
                    f"{counted(len(self._near), 'sentence')} of {self.name} ({percent(share)}) with 80 % of the words "
                    "or more in common with a training sentence.",
                    "Scores on this set will flatter the model. Test on sentences of another source.",
                    tuple(self._alike.examples),
                )
            )
        return found


def _severity(share: float, loud: float) -> Severity:
    if share >= _SPOILED_SHARE:
        return Severity.SERIOUS
    return Severity.WARNING if share >= loud else Severity.NOTE


def _similarity(side: Side, row: int, others: Ragged, other: int) -> float:
    """Returns the Jaccard similarity of two sentences' words; 0 where one has too few."""
    mine = np.unique(side.plain.part(row, row + 1).values)
    theirs = np.unique(others.part(other, other + 1).values)
    if min(len(mine), len(theirs)) < _FEWEST_WORDS:
        return 0.0
    shared = len(np.intersect1d(mine, theirs, assume_unique=True))
    return shared / (len(mine) + len(theirs) - shared)
