"""By how many lines the two sides are out of step, section by section, from the words alone.

A lexicon is learned from the lines as they are paired (`lexicon`). A line then fits its own translation far better than
the lines around it, also without its own share in what was learned, and where the pairs are shifted it is another line
that fits. `offset_path` finds the course of that shift.
"""

from __future__ import annotations

from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from seq2seq.corpus.doctor.lexicon import Lexicon, Matrix, choose_words, find_words, fit, learn, shared_types
from seq2seq.corpus.doctor.offset_path import best_course, evidence
from seq2seq.corpus.doctor.ragged import Ragged

REACH: Final = 10
"""The largest shift that is looked for, in lines."""
OFFSETS: Final = np.arange(-REACH, REACH + 1)
BLOCK: Final = 32
"""Lines that are confirmed together: their average fit is five to six times steadier than one line's."""
_FAR: Final = 7  # lines from which no translation is expected, nor, as in sorted texts, much likeness
_WINDOW_LINES: Final = 3000  # lines from which a lexicon is learned at all offsets at once: 63,000 pairs
_CLEAR_NATS: Final = 0.5  # least difference between a line's own translation and those around it, on average,
_CLEAR_SIGMAS: Final = 6.0  # and how far from chance it must be
_RELEARN_SHARE: Final = 0.15  # of blocks unconfirmed: another kind of text, or pairs out of step
_LOST_SHARE: Final = 0.25  # of the usual difference to the lines around; a block below it fits nothing near
_SPEAKING_SHARE: Final = 0.5  # least share of lines that hold a word to judge by
_UNTESTED: Final = 5.0  # nats by which other offsets are set below one that was confirmed without looking at them


class Course(NamedTuple):
    """What was found of a section.

    Attributes:
        offsets: Source line i belongs to target line i + offset; shape [lines].
        clear: Whether the words tell the lines apart at all; else the offset is the last one known.
        silent: Whether most lines have no word to judge by, so that it is no wonder if it is not clear.
        lost: Whether a line is in a block that fits no target line near; shape [lines].
    """

    offsets: NDArray[np.int64]
    clear: bool
    lost: NDArray[np.bool_]
    silent: bool = False


class Section(NamedTuple):
    """Lines that follow each other.

    Attributes:
        source: Words of the source lines.
        target: Words of the target lines, and of up to `REACH` lines before and after them.
        before: How many of those come before.
    """

    source: Ragged
    target: Ragged
    before: int

    def inside(self, rows: NDArray[np.int64], offsets: NDArray[np.int64] | int) -> NDArray[np.bool_]:
        """Tells which source lines have a partner at an offset."""
        at = rows + self.before + offsets
        return (at >= 0) & (at < len(self.target))


class Tracker:
    """Follows the two sides of one corpus, section by section, with a lexicon that is learned anew where it must be."""

    def __init__(self) -> None:
        self.offset = 0
        self._lexicon: Lexicon | None = None
        self._enough = 0.0  # fit by that lexicon above which a block is confirmed: half-way to the next lines' fit
        self._difference = 0.0  # by how much a line's translation fits better than lines farther away

    def follow(self, section: Section) -> Course:
        """Returns the course of the shift through the next section."""
        course = self._known(section) or self._anew(section)
        if course.clear:
            self.offset = int(course.offsets[-1])
        return course

    def _known(self, section: Section) -> Course | None:
        """The course by the lexicon of an earlier section; None where it does not confirm nearly all of this one."""
        if self._lexicon is None:
            return None
        scorer = _Scorer(section, self._lexicon)
        usual = scorer.at(self.offset)
        if _doubtful(usual, self._enough).mean() > _RELEARN_SHARE:
            return None
        return self._trace(scorer, usual)

    def _anew(self, section: Section) -> Course:
        """The course by a lexicon of this section itself."""
        num_lines = len(section.source)
        here = np.full(num_lines, self.offset)
        course = self._by(section, here)
        if not course.clear or course.lost.mean() > _RELEARN_SHARE:
            window = self._by_window(section)
            again = self._by(section, window) if window is not None else course
            if again.clear and (not course.clear or again.lost.mean() < course.lost.mean()):
                course = again
        if course.clear and (course.offsets != here).any():
            course = self._by(section, course.offsets)
        return course

    def _by(self, section: Section, offsets: NDArray[np.int64]) -> Course:
        """The course by a lexicon learned along these offsets."""
        scorer = _Scorer(section, _learned(section, offsets), offsets)
        usual = scorer.along(offsets)
        far = (scorer.along(_other(offsets, _FAR)) + scorer.along(_other(offsets, -_FAR))) / 2
        near = (scorer.along(_other(offsets, 1)) + scorer.along(_other(offsets, -1))) / 2
        self._enough, self._difference = float((usual + near).mean()) / 2, float((usual - far).mean())
        error = float((usual - far).std()) / max(1, len(usual)) ** 0.5
        if self._difference < max(_CLEAR_NATS, _CLEAR_SIGMAS * error):
            self._lexicon = None
            silent = bool(((scorer.source.lines >= 0).any(axis=1)).mean() < _SPEAKING_SHARE)
            return Course(np.full(len(usual), self.offset), False, np.zeros(len(usual), np.bool_), silent)
        self._lexicon = scorer.lexicon
        return self._trace(scorer, usual, everywhere=bool((offsets != self.offset).any()))

    def _by_window(self, section: Section) -> NDArray[np.int64] | None:
        """The offsets by a lexicon learned at all of them at once, which is weak but takes no side."""
        num_lines = len(section.source)
        some = np.arange(0, num_lines, max(1, num_lines // _WINDOW_LINES))
        rows, offsets = np.repeat(some, len(OFFSETS)), np.tile(OFFSETS, len(some))
        fits = _Scorer(section, _learned(section, offsets, rows)).everywhere(np.arange(num_lines))
        # Each line's own average is taken away: of weak evidence only what tells the offsets apart counts.
        return OFFSETS[best_course(evidence(fits - fits.mean(axis=1, keepdims=True)), self.offset + REACH)]

    def _trace(self, scorer: _Scorer, usual: Matrix, *, everywhere: bool = False) -> Course:
        """The likeliest course, comparing all offsets where the present one is not confirmed."""
        num_lines = len(usual)
        doubtful = np.ones(num_lines, np.bool_) if everywhere else _doubtful(usual, self._enough)
        gains = np.repeat((evidence(usual) - _UNTESTED)[:, None], len(OFFSETS), axis=1)
        gains[:, self.offset + REACH] = evidence(usual)
        rows = np.flatnonzero(doubtful)
        fits = scorer.everywhere(rows)
        gains[rows] = evidence(fits)
        columns = best_course(gains, self.offset + REACH)
        own = fits[np.arange(len(rows)), columns[rows]]
        others = (fits.sum(axis=1) - own) / (len(OFFSETS) - 1)
        difference = np.full(num_lines, self._difference)
        difference[rows] = own - others
        return Course(OFFSETS[columns], True, _block_means(difference) < _LOST_SHARE * self._difference)


class _Scorer:
    """Compares the lines of a section by a lexicon.

    Args:
        section: The lines.
        lexicon: As learned.
        learned: The offsets along which it was learned from this section; None: from another.
    """

    def __init__(self, section: Section, lexicon: Lexicon, learned: NDArray[np.int64] | None = None) -> None:
        self.section, self.lexicon, self.learned = section, lexicon, learned
        self.source = find_words(section.source, lexicon.source_types)
        self.target = find_words(section.target, lexicon.target_types)

    def at(self, offset: int) -> Matrix:
        """Fits at one offset; shape [lines]."""
        return self._fit(np.arange(len(self.section.source)), np.array([offset]))[:, 0]

    def everywhere(self, rows: NDArray[np.int64]) -> Matrix:
        """Fits of some lines at all offsets; shape [rows, offsets].

        Where the partner is beyond the text's end nobody knows, and the fit is as good as the line's best.
        """
        fits = self._fit(rows, OFFSETS, cautious=self.learned is not None)
        outside = ~self.section.inside(rows[:, None], OFFSETS)
        if outside.any():
            best = np.where(outside, -np.inf, fits).max(axis=1, keepdims=True)
            fits = np.where(outside, best, fits).astype(np.float32)
        return fits

    def along(self, offsets: NDArray[np.int64]) -> Matrix:
        """Fits of each line at its own offset; shape [lines]."""
        fits = np.empty(len(offsets), np.float32)
        for offset in np.unique(offsets):
            rows = np.flatnonzero(offsets == offset)
            fits[rows] = self._fit(rows, np.array([offset]))[:, 0]
        return fits

    def _fit(self, rows: NDArray[np.int64], offsets: NDArray[np.int64], *, cautious: bool = False) -> Matrix:
        return fit(
            self.lexicon,
            self.source,
            self.target,
            rows,
            offsets,
            before=self.section.before,
            learned=self.learned,
            cautious=cautious,
        )


def _learned(section: Section, offsets: NDArray[np.int64], rows: NDArray[np.int64] | None = None) -> Lexicon:
    """Learns from source lines (None: from all) and their partners at `offsets`."""
    rows = np.arange(len(section.source)) if rows is None else rows
    both = section.inside(rows, offsets)
    shared = shared_types(section.source, section.target)
    source, target = choose_words(section.source, shared), choose_words(section.target, shared)
    return learn(source, target, rows[both], (rows + section.before + offsets)[both])


def _other(offsets: NDArray[np.int64], step: int) -> NDArray[np.int64]:
    """Returns offsets that are `step` away, the other way round where that is out of reach."""
    return np.where(np.abs(offsets + step) <= REACH, offsets + step, offsets - step)


def _doubtful(fits: Matrix, enough: float) -> NDArray[np.bool_]:
    """Returns which lines are in or beside a block that fits less well than is enough; shape [lines]."""
    low = _block_means(fits) < enough
    wider = low.copy()
    wider[BLOCK:] |= low[:-BLOCK]
    wider[:-BLOCK] |= low[BLOCK:]
    return wider


def _block_means(values: Matrix) -> Matrix:
    """Returns for each line the average of its block of `BLOCK` lines; shape [lines]."""
    starts = np.arange(0, len(values), BLOCK)
    means = (np.add.reduceat(values, starts) / np.diff(np.append(starts, len(values)))).astype(np.float32)
    return np.repeat(means, BLOCK)[: len(values)]
