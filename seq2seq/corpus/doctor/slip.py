"""Examination: lines that slip against their translations from some line on, or that do not belong together."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from seq2seq.corpus.doctor.alignment import REACH, Section, Tracker
from seq2seq.corpus.doctor.batch import Batch
from seq2seq.corpus.doctor.examination import Brief, Examination, Example, Finding, Severity, counted, percent, snippet
from seq2seq.corpus.doctor.ragged import no_rows

_SECTION: Final = 8192  # lines from which one lexicon is learned: some hundred KB of ids, and text for the examples
_FEWEST_TO_ACCUSE: Final = 1000  # translations show in 300 lines already, also in short sentences: see the tests
_FEWEST_LOST: Final = 256  # lines in a row, eight blocks: a list of names or a poem, translated freely, is shorter


class _Held(NamedTuple):
    """What is kept of a batch until its lines are judged."""

    lines: Sequence[int]
    sources: Sequence[str]
    targets: Sequence[str]

    def example(self, row: int, note: str, origin: str) -> Example:
        return Example(int(self.lines[row]), snippet(self.sources[row]), snippet(self.targets[row]), note, origin)


@dataclass(frozen=True)
class Change:
    """Where the shift changes.

    Attributes:
        example: The first pair after it.
        after: The shift from there on.
        last_known: The last line looked at before, where lines were left out in between; else 0.
    """

    example: Example
    after: int
    last_known: int = 0


class Slip(Examination):
    """Follows the shift through each corpus, in sections of some thousand lines that it holds as ids and text."""

    kind: ClassVar[str] = "alignment slip"

    def __init__(self, brief: Brief) -> None:
        super().__init__(brief)
        self.changes: list[Change] = []
        self.num_shifted = self.num_lost = self.num_unclear = self.num_clear = 0
        self._lost: list[Example] = []
        self._origin = ""
        self._tracker, self._last_line, self._next_row = Tracker(), 0, -1
        self._source, self._target, self._held = no_rows(), no_rows(), list[_Held]()
        self._done = 0  # lines held that are judged, and are here for their neighbours only

    def observe(self, batch: Batch) -> None:
        """Takes in the next lines; a section is judged once it is full."""
        if not len(batch):
            return
        if batch.origin != self._origin:
            self._judge_rest()
            self._origin = batch.origin
            self._begin_corpus()
        elif batch.first_row != self._next_row:
            self._judge_rest()
            self._begin_piece()
        self._next_row = batch.first_row + len(batch)
        self._source, self._target = self._source.joined(batch.source.words), self._target.joined(batch.target.words)
        self._held.append(_Held(batch.lines, batch.source.texts, batch.target.texts))
        while len(self._source) - self._done >= 2 * _SECTION:
            self._judge(self._done + _SECTION)

    def findings(self) -> list[Finding]:
        """Returns the slip, stretches that fit nothing, and sides that have nothing to do with each other."""
        self._judge_rest()
        found = []
        if self.changes:
            found.append(self._slipped())
        if self.num_lost and self.num_clear:
            found.append(self._unrelated_stretch())
        if not self.num_clear and self.num_unclear >= _FEWEST_TO_ACCUSE:
            found.append(self._unrelated())
        return found

    def figures(self) -> dict[str, Any]:
        """Returns how many lines could be judged, and every place where the shift changes."""
        changes = [{"line": c.example.line, "origin": c.example.origin, "shift": c.after} for c in self.changes]
        return {"judged": self.num_clear, "unclear": self.num_unclear, "shifted": self.num_shifted, "changes": changes}

    def _begin_corpus(self) -> None:
        """Forgets everything: the next corpus has its own words and its own shift."""
        self._tracker, self._last_line = Tracker(), 0
        self._begin_piece()

    def _begin_piece(self) -> None:
        """Forgets the lines held: what comes next does not follow them."""
        self._source, self._target, self._held = no_rows(), no_rows(), []
        self._done, self._next_row = 0, -1

    def _judge_rest(self) -> None:
        if len(self._source) > self._done:
            self._judge(len(self._source))

    def _judge(self, end: int) -> None:
        """Judges the lines up to `end` of those held, and lets go of what is no longer needed."""
        start, before = self._done, max(0, self._done - REACH)
        after = min(len(self._target), end + REACH)
        section = Section(self._source.part(start, end), self._target.part(before, after), start - before)
        was = self._tracker.offset
        course = self._tracker.follow(section)
        if not course.clear:
            self.num_unclear += 0 if course.silent else end - start
        else:
            self.num_clear += end - start
            self.num_shifted += int((course.offsets != 0).sum())
            for row in np.flatnonzero(np.diff(course.offsets, prepend=was)):
                skipped = self._last_line if start + row == 0 else 0
                self.changes.append(self._change(start + int(row), int(course.offsets[row]), skipped))
            self._collect_lost(course.lost, start)
        held, place = self._at(end - 1)
        self._last_line = int(held.lines[place])
        self._done = end
        self._let_go()

    def _let_go(self) -> None:
        """Drops whole batches that no later line needs."""
        while self._held and self._done - len(self._held[0].lines) >= REACH:
            gone = len(self._held.pop(0).lines)
            self._source, self._target = (side.part(gone, len(side)) for side in (self._source, self._target))
            self._done -= gone

    def _at(self, row: int) -> tuple[_Held, int]:
        """Returns the batch of a line that is held, and the line's place in it."""
        for held in self._held:
            if row < len(held.lines):
                return held, row
            row -= len(held.lines)
        raise IndexError(row)

    def _change(self, row: int, offset: int, skipped: int) -> Change:
        held, place = self._at(row)
        note = "from here on the sides are in step"
        if offset and 0 <= row + offset < len(self._target):
            other, at = self._at(row + offset)
            note = f"fits the target of line {other.lines[at]:,}: {snippet(other.targets[at])}"
        return Change(held.example(place, note, self._origin), offset, skipped)

    def _collect_lost(self, lost: NDArray[np.bool_], start: int) -> None:
        edges = np.flatnonzero(np.diff(np.concatenate(([False], lost, [False])).astype(np.int8)))
        for first, end in edges.reshape(-1, 2).tolist():
            if end - first >= _FEWEST_LOST:
                self.num_lost += end - first
                held, place = self._at(start + first)
                self._lost.append(held.example(place, f"and {end - first - 1:,} lines after it", self._origin))
                del self._lost[self.brief.num_examples :]

    def _slipped(self) -> Finding:
        first, repaired = self.changes[0], next((c for c in self.changes[1:] if c.after == 0), None)
        line, shift = first.example.line, first.after
        where = f"From line {line:,} on"
        if first.last_known:
            where = f"From somewhere between lines {first.last_known:,} and {line:,} on"
        if repaired and repaired.example.origin == first.example.origin:
            where += f", up to line {repaired.example.line - 1:,},"
        lines = "one line" if abs(shift) == 1 else f"{abs(shift)} lines"
        message = f"{where} each source line belongs to the target {lines} {'below' if shift > 0 else 'above'} its own."
        if len(self.changes) > 1:
            message += f" In all the shift changes {len(self.changes)} times."
        surplus, lacking = ("target", "source") if shift > 0 else ("source", "target")
        advice = (
            f"Look at both files at that place: the {surplus} has {_lines(abs(shift))} too many there, or the "
            f"{lacking} has lost {'it' if abs(shift) == 1 else 'them'}. Mend it, or leave out the lines that are out "
            "of step: a model learns nothing from them."
        )
        examples = tuple(change.example for change in self.changes[: self.brief.num_examples])
        return Finding(self.kind, Severity.SERIOUS, self.num_shifted, self.num_pairs, message, advice, examples)

    def _unrelated_stretch(self) -> Finding:
        share = self.num_lost / self.num_pairs
        return Finding(
            "unrelated lines",
            Severity.SERIOUS if share > 0.1 else Severity.WARNING,
            self.num_lost,
            self.num_pairs,
            f"{counted(self.num_lost, 'pair')} ({percent(share)}), {_FEWEST_LOST} or more in a row, whose sides have "
            f"nothing to do with each other, nor with the {REACH} lines before and after.",
            "Read some of them. If they are no translations, leave those lines out, or look for a slip of more lines.",
            tuple(self._lost),
        )

    def _unrelated(self) -> Finding:
        return Finding(
            "unrelated sides",
            Severity.SERIOUS,
            self.num_unclear,
            self.num_pairs,
            "No word of one side goes with any word of the other more often than by chance.",
            "Check that both files belong together, are in the same order and begin with the same sentence.",
        )


def _lines(count: int) -> str:
    return "a line" if count == 1 else f"{count} lines"
