"""Examination: pairs that come again, exactly, loosely or nearly, and sources with many translations."""

from __future__ import annotations

from typing import ClassVar, Final
from zlib import crc32

import numpy as np
from numpy.typing import NDArray

from seq2seq.corpus.doctor.batch import Batch
from seq2seq.corpus.doctor.examination import Brief, Collected, Examination, Finding, Severity, counted, percent
from seq2seq.corpus.doctor.minhash import are_similar, bands, judges
from seq2seq.corpus.doctor.ragged import mixed
from seq2seq.corpus.doctor.sightings import Sightings

_CAPACITY: Final = 1 << 19  # pairs, and sources, remembered: 24 MB together; of larger corpora a fair sample
_COMPARED: Final = 1 << 18  # sentences remembered to compare others with, in each band: 4 x 6 + 4 MB
_FEWEST_WORDS: Final = 8  # below, one word more or less makes another sentence: "I like tea", "I like him"
_SAMPLING_BITS: Final = np.uint64((1 << 20) - 1)
_CHECK_BITS: Final = 20
_LOUD_SHARE: Final = 0.25  # of exact repeats: prepare drops them, but then the corpus is smaller than it seems
_NEAR_SHARE: Final = 0.3  # of near repeats: texts made from a template, or two versions of one text
_MANY: Final = 20  # translations of one source: a phrase like "Come on!" has some ten in everyday collections
_MANY_SHARE: Final = 0.02


class Duplicates(Examination):
    """Remembers fingerprints of pairs and sources, and sketches of their words."""

    kind: ClassVar[str] = "duplicates"

    def __init__(self, brief: Brief) -> None:
        super().__init__(brief)
        self._pairs, self._sources = Sightings(_CAPACITY), Sightings(_CAPACITY)
        self._bands = Sightings(4 * _COMPARED)
        self._judges = np.zeros((_COMPARED, 16), np.uint8)
        self._compared_lines = np.zeros(_COMPARED, np.int64)
        self._num_compared = self._num_near_looked = 0
        self._exact, self._loose, self._near, self._many = (Collected(brief.num_examples) for _ in range(4))

    def observe(self, batch: Batch) -> None:
        """Looks up each pair and remembers it."""
        pair = mixed(batch.source.loose + np.uint64(3) * batch.target.loose)
        # Pairs of one source are remembered, or ignored, together.
        source = mixed(batch.source.loose)
        pair = (pair & ~_SAMPLING_BITS) | (source & _SAMPLING_BITS)
        lines = np.asarray(batch.lines, np.int64)
        check = np.fromiter(map(_checksum, batch.source.texts, batch.target.texts), np.int64, len(batch))
        before = self._pairs.add(pair, lines << _CHECK_BITS | check)
        again = before >= 0
        exact = again & ((before & ((1 << _CHECK_BITS) - 1)) == check)
        for collected, rows in ((self._exact, exact), (self._loose, again & ~exact)):
            self._collect(collected, batch, np.flatnonzero(rows), before >> _CHECK_BITS, "like")
        self._sources.thin(self._pairs.scale)
        new = np.flatnonzero(~again & self._pairs.samples(pair))
        first = self._sources.add(source[new], lines[new])
        self._collect_many(batch, new, source[new], first)
        fresh = np.zeros(len(batch), np.bool_)
        fresh[new[first < 0]] = True  # another translation of a sentence is no near repeat of it
        self._look_near(batch, fresh)

    def findings(self) -> list[Finding]:
        """Returns the repeats, by how alike they are."""
        # Of those remembered, which are a fair sample; how alike they are was seen only when they came again.
        repeats = self._pairs.scale * int((self._pairs.counts() - 1).sum())
        exact = round(repeats * self._exact.count / max(1, self._exact.count + self._loose.count))
        loose = repeats - exact
        return [
            *self._repeats(
                "exact duplicates",
                exact,
                "",
                "'prepare' drops them (data.deduplicate).",
                self._exact,
            ),
            *self._repeats(
                "loose duplicates",
                loose,
                " but for case, punctuation or spaces",
                "Harmless in small numbers; 'prepare' keeps them, all on one side of a split.",
                self._loose,
            ),
            *self._near_findings(),
            *self._many_findings(),
        ]

    def _repeats(self, kind: str, count: int, how: str, advice: str, collected: Collected) -> list[Finding]:
        if not count:
            return []
        share = count / self.num_pairs
        about = "About " if self._pairs.scale > 1 else ""
        message = f"{about}{counted(count, 'pair')} ({percent(share)}) like an earlier one{how}."
        severity = Severity.WARNING if share >= _LOUD_SHARE else Severity.NOTE
        return [Finding(kind, severity, count, self.num_pairs, message, advice, tuple(collected.examples))]

    def _near_findings(self) -> list[Finding]:
        if not self._near.count:
            return []
        share = self._near.count / self._num_near_looked
        return [
            self._near.finding(
                "near duplicates",
                Severity.WARNING if share >= _NEAR_SHARE else Severity.NOTE,
                self._num_near_looked,
                f"{counted(self._near.count, 'longer source sentence')} ({percent(share)} of them) with about 80 % of "
                "the words or more in common with an earlier one.",
                "Many sentences from one mould teach little more than one of them, and a test set split off from them "
                "flatters the model: take test sentences from another text.",
            )
        ]

    def _many_findings(self) -> list[Finding]:
        counts = self._sources.counts()
        many = counts >= _MANY
        if not many.any():
            return []
        scale = self._sources.scale
        concerned = int(counts[many].sum()) * scale
        share = concerned / max(1, self.num_pairs)
        return [
            Finding(
                "many translations",
                Severity.WARNING if share >= _MANY_SHARE else Severity.NOTE,
                concerned,
                self.num_pairs,
                f"{counted(int(many.sum()) * scale, 'source sentence')} with {_MANY} different translations or more; "
                f"the most is {int(counts.max())}.",
                "Read them: a sentence that everything translates is a place-holder or a slip; leave it out.",
                tuple(self._many.examples),
            )
        ]

    def _collect(
        self, collected: Collected, batch: Batch, rows: NDArray[np.int64], before: NDArray[np.int64], how: str
    ) -> None:
        for row in rows[: max(0, collected.limit - len(collected.examples))]:
            collected.add(batch, [row], f"{how} line {before[row]:,}")
            collected.count -= 1
        collected.count += len(rows)

    def _collect_many(
        self, batch: Batch, rows: NDArray[np.int64], source: NDArray[np.uint64], first: NDArray[np.int64]
    ) -> None:
        """Takes an example of each source at the moment when it has got too many translations."""
        if len(self._many.examples) >= self._many.limit:
            return
        again = np.flatnonzero(first >= 0)
        keys, at = np.unique(source[again], return_index=True)
        counts = self._sources.counts_of(keys)
        for place in np.flatnonzero(counts >= _MANY)[: self._many.limit]:
            row = int(rows[again[at[place]]])
            note = f"the source of line {first[again[at[place]]]:,} again"
            if batch.source.texts[row] not in {one.source for one in self._many.examples}:
                self._many.add(batch, [row], note)

    def _look_near(self, batch: Batch, fresh: NDArray[np.bool_]) -> None:
        """Compares the longer new source sentences with those remembered, and remembers them while there is room."""
        rows = np.flatnonzero(fresh & (batch.source.plain.lengths >= _FEWEST_WORDS))
        room = _COMPARED - self._num_compared
        rows = rows[:room]
        if not len(rows):
            return
        sketch = batch.source.sketch[rows]
        numbers = self._num_compared + np.arange(len(rows))
        self._judges[numbers], self._compared_lines[numbers] = judges(sketch), np.asarray(batch.lines)[rows]
        self._num_compared += len(rows)
        self._num_near_looked += len(rows)
        like = np.full(len(rows), -1, np.int64)
        for keys in bands(sketch).T:
            before = self._bands.add(keys, numbers)
            candidates = np.flatnonzero((before >= 0) & (like < 0))
            alike = are_similar(self._judges[numbers[candidates]], self._judges[before[candidates]])
            like[candidates[alike]] = before[candidates[alike]]
        near = np.flatnonzero(like >= 0)
        before = np.full(len(batch), -1, np.int64)
        before[rows[near]] = self._compared_lines[like[near]]
        self._collect(self._near, batch, rows[near], before, "much like")


def _checksum(source: str, target: str) -> int:
    """20 bits that tell whether two loosely equal pairs are equal exactly."""
    text = f"{source}\n{target}".encode("utf-8", "surrogatepass")
    return crc32(text) & ((1 << _CHECK_BITS) - 1)
