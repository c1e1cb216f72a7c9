"""Examination: sides in another language than is said, swapped sides, and lines that were not translated."""

from __future__ import annotations

import re
from collections import Counter
from functools import cache
from typing import Any, ClassVar, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from seq2seq.corpus.doctor.batch import Batch, Side, word_id
from seq2seq.corpus.doctor.examination import Brief, Collected, Examination, Finding, Severity, counted, percent
from seq2seq.corpus.doctor.function_words import FUNCTION_WORDS, NAMES, SAME, are_close
from seq2seq.corpus.doctor.ragged import Ragged
from seq2seq.recipe.languages import is_known, script, script_of

LANGUAGES: Final = tuple(FUNCTION_WORDS)
_FEWEST_WORDS: Final = 300  # of a side; below, a few quotations decide
# Of a text's words about a quarter to a half are in its language's list; a related language's list holds up to a tenth.
_LEAST_SHARE: Final = 0.1
_CLEARLY: Final = 1.6  # times as many as of any other language
_LINE_WORDS: Final = 2.0  # function words, shared ones counting less, that make a line's language sure enough,
_LINE_SHARE: Final = 0.25  # among so many of its words,
_LINE_CLEARLY: Final = 3.0  # and so many times those of the language it should be in
_SLOTS: Final = 1 << 16  # places in which a side's words are counted
_MOST_ODDS: Final = 3.0  # nats that one word says at most for one side or the other: twenty to one
_LINE_ODDS: Final = 4.0  # nats that a line's words must say for the other side, all together
_WORD_ODDS: Final = 0.8  # and on average
_LINE_LETTERS: Final = 12  # letters of a line, two words' worth: a line may be a name,
_LINE_LETTERS_SHARE: Final = 0.8  # and share of them in the other side's script, where the sides' scripts differ
_LARGE_SCRIPTS: Final = ((0x3400, 0x4DBF), (0x4E00, 0x9FFF), (0xAC00, 0xD7A3), (0x20000, 0x2FFFF))  # Han, Hangul, Han
_SAMPLED: Final = 64  # lines of each batch whose letters tell the script
_LINES_LOUD, _LINES_NOTE = 0.02, 0.001  # shares of lines in the other side's language
_FEWEST_LINES: Final = 5
# Languages that are written in more than one script, whatever `recipe.languages.script` calls the usual one.
_TWO_SCRIPTS: Final = (
    *("az", "be", "bs", "cr", "ha", "iu", "ja", "kk", "ko", "ks", "ku", "ky", "mn", "mo", "ms", "pa", "ro", "sd"),
    *("sh", "sr", "tg", "tk", "tt", "ug", "uz"),
)


class Languages(Examination):
    """Counts function words of many languages, line by line, and letters by script."""

    kind: ClassVar[str] = "languages"

    def __init__(self, brief: Brief) -> None:
        super().__init__(brief)
        said = (brief.source_language, brief.target_language)
        self._source, self._target = (_SideLanguage(code) for code in said)
        self._untranslated = {name: Collected(brief.num_examples) for name in ("source", "target")}

    def observe(self, batch: Batch) -> None:
        """Counts the batch's words."""
        if not len(batch):
            return
        source, target = self._source.observe(batch.source), self._target.observe(batch.target)
        for name, hits, side, own, other in (
            ("source", source, batch.source, self._source, self._target),
            ("target", target, batch.target, self._target, self._source),
        ):
            self._untranslated[name].add(batch, np.flatnonzero(_in_other(hits, side, own, other)))

    def findings(self) -> list[Finding]:
        """Returns what is said wrongly of the whole sides, and where they are right what is said of single lines."""
        source, target = self._source.verdict(), self._target.verdict()
        if (
            source
            and target
            and are_close(source.code, self._target.code)
            and are_close(target.code, self._source.code)
        ):
            return [self._swapped()]
        found = [
            self._wrong(name, side, verdict)
            for name, side, verdict in (("source", self._source, source), ("target", self._target, target))
            if verdict
        ]
        return found or self._lines()

    def figures(self) -> dict[str, Any]:
        """Returns what each side looks like, "" where nobody knows."""
        return {"source": self._source.looks_like(), "target": self._target.looks_like()}

    def _swapped(self) -> Finding:
        return Finding(
            "swapped sides",
            Severity.SERIOUS,
            self.num_pairs,
            self.num_pairs,
            f"The two sides are swapped: the source is {_name(self._target.code)} and the target is "
            f"{_name(self._source.code)}, said to be the other way round.",
            "Exchange the files, or the languages (--from and --into, data.source_language and data.target_language).",
        )

    def _wrong(self, name: str, side: _SideLanguage, verdict: _Verdict) -> Finding:
        return Finding(
            f"{name} language",
            Severity.SERIOUS,
            self.num_pairs,
            self.num_pairs,
            f"The {name} looks like {verdict.name}, said to be {_name(side.code)}.",
            "Check which file this is, or say the right language: it decides how translations are scored, and more.",
        )

    def _lines(self) -> list[Finding]:
        if min(self._source.num_words, self._target.num_words) < _FEWEST_WORDS:
            return []
        found = []
        for name, other in (("source", self._target), ("target", self._source)):
            collected = self._untranslated[name]
            share = collected.count / max(1, self.num_pairs)
            if collected.count < _FEWEST_LINES or share < _LINES_NOTE:
                continue
            found.append(
                collected.finding(
                    f"untranslated {name} lines",
                    Severity.WARNING if share >= _LINES_LOUD else Severity.NOTE,
                    self.num_pairs,
                    f"{counted(collected.count, f'{name} line')} ({percent(share)}) that look like "
                    f"{NAMES.get(other.known_as, 'the other side')}: not translated?",
                    "Leave those lines out: a model learns to copy from them. Where both sides are the same, the "
                    "filter 'identical' does it.",
                )
            )
        return found


class _Verdict(NamedTuple):
    """Another language than is said, or another script."""

    code: str
    name: str


class _SideLanguage:
    """What language one side is in.

    Args:
        said: The code it is said to have.
    """

    def __init__(self, said: str) -> None:
        self.code = re.split("[-_]", said.lower(), maxsplit=1)[0]
        self.known_as = SAME.get(self.code, self.code)
        self.column = LANGUAGES.index(self.known_as) if self.known_as in LANGUAGES else -1
        several = self.code in _TWO_SCRIPTS or not is_known(self.code)
        self.script = "" if several else script(self.code)
        self.counts = np.zeros(_SLOTS, np.int64)
        self.hits = np.zeros(len(LANGUAGES))
        self.num_words = 0
        self._letters: Counter[str] = Counter()

    def observe(self, side: Side) -> NDArray[np.float32]:
        """Counts one batch, and returns its hits; shape [lines, languages]."""
        hits = _hits(side)
        self.counts += np.bincount(_slots(side.plain), minlength=_SLOTS)
        self.hits += hits.sum(axis=0)
        self.num_words += int(side.plain.lengths.sum())
        for text in side.texts[:: max(1, len(side) // _SAMPLED)]:
            self._letters.update(text)
        return hits

    def shares(self, words: Ragged) -> NDArray[np.float64]:
        """Returns how much of this side's text each of some words is, a little more than nothing at least.

        Shape [values].
        """
        shares: NDArray[np.float64] = (self.counts[_slots(words)] + 0.5) / (self.num_words + 1)
        return shares

    def looks_like(self) -> str:
        """Returns the code of the language that the words show; empty where they show none clearly."""
        if self.num_words < _FEWEST_WORDS:
            return ""
        order = np.argsort(-self.hits)
        best = LANGUAGES[order[0]]
        rival = next(i for i in order[1:] if not are_close(LANGUAGES[i], best))
        sure = self.hits[order[0]] >= max(_LEAST_SHARE * self.num_words, _CLEARLY * self.hits[rival])
        return best if sure else ""

    def verdict(self) -> _Verdict | None:
        """Returns what the side is instead of what is said; None where that may be right, or nobody can tell."""
        if self.num_words < _FEWEST_WORDS or not is_known(self.code):
            return None
        seen = script_of(self._letters)
        found = self.looks_like()
        if found and self.column >= 0 and not are_close(found, self.known_as) and not are_close(found, self.code):
            own = self.hits[self.column]
            return _Verdict(found, NAMES[found]) if self.hits[LANGUAGES.index(found)] >= _CLEARLY * own else None
        expected = script(self.code)
        if seen and self.script and seen != expected and {seen, expected} != {"Han", "Japanese"}:
            name = NAMES.get(found, f"a language in {seen} letters") if found != self.known_as else f"{seen} letters"
            return _Verdict(found or seen, name)
        return None


def _slots(words: Ragged) -> NDArray[np.int64]:
    """Returns where each word is counted: few share a place, and those with a frequent word are few again."""
    return (words.values >> np.uint32(1)).astype(np.int64) % _SLOTS


def _hits(side: Side) -> NDArray[np.float32]:
    """Returns how many function words of each language each line holds, shared ones counting less.

    Shape [lines, languages].
    """
    ids, weights = _table()
    at = np.minimum(np.searchsorted(ids, side.words.values), len(ids) - 1)
    found = np.flatnonzero(ids[at] == side.words.values)
    before = np.zeros((len(found) + 1, len(LANGUAGES)), np.float32)
    np.cumsum(weights[at[found]], axis=0, out=before[1:])
    ends = np.searchsorted(found, side.words.starts)
    return before[ends[1:]] - before[ends[:-1]]


def _in_other(hits: NDArray[np.float32], side: Side, own: _SideLanguage, other: _SideLanguage) -> NDArray[np.bool_]:
    """Tells which lines are clearly in the other side's language; shape [lines].

    By their letters where the sides have different scripts; else by function words, or by which side uses the line's
    words how often: the latter needs no table of languages.
    """
    if own.script and other.script and own.script != other.script:
        letters = side.codes.count(_letters_of("")[side.codes.values])
        foreign = side.codes.count(_letters_of(other.script)[side.codes.values])
        return (letters >= _LINE_LETTERS) & (foreign >= _LINE_LETTERS_SHARE * letters)
    odds = np.clip(np.log(other.shares(side.plain) / own.shares(side.plain)), -_MOST_ODDS, _MOST_ODDS)
    before = np.concatenate((np.zeros(1), np.cumsum(odds)))
    total = before[side.plain.starts[1:]] - before[side.plain.starts[:-1]]
    found: NDArray[np.bool_] = (total >= _LINE_ODDS) & (total >= _WORD_ODDS * side.plain.lengths)
    if min(own.column, other.column) < 0 or are_close(LANGUAGES[own.column], LANGUAGES[other.column]):
        return found
    there, here = hits[:, other.column], hits[:, own.column]
    found |= (there >= _LINE_WORDS) & (there >= _LINE_SHARE * side.plain.lengths) & (there >= _LINE_CLEARLY * here)
    return found


@cache
def _letters_of(script_name: str) -> NDArray[np.bool_]:
    """Returns for each code point whether it is a letter of a script, as `script_of` names them; empty: of any."""
    found = np.zeros(0x110000, np.bool_)
    for point in range(_LARGE_SCRIPTS[0][0]):
        found[point] = _is_letter_of(point, script_name)
    for first, last in _LARGE_SCRIPTS:  # 90,000 letters, of which one tells what all of them are
        found[first : last + 1] = _is_letter_of(first, script_name)
    return found


def _is_letter_of(point: int, script_name: str) -> bool:
    if not chr(point).isalpha():
        return False
    own = script_of({chr(point): 1})
    return not script_name or own == script_name or {own, script_name} == {"Han", "Japanese"}


@cache
def _table() -> tuple[NDArray[np.uint32], NDArray[np.float32]]:
    """Returns the ids of all function words, ascending, and what each counts for each language."""
    languages_of: dict[int, list[int]] = {}
    for column, words in enumerate(FUNCTION_WORDS.values()):
        for word in dict.fromkeys(words.split()):
            languages_of.setdefault(word_id(word), []).append(column)
    ids = np.array(sorted(languages_of), np.uint32)
    weights = np.zeros((len(ids), len(LANGUAGES)), np.float32)
    for row, number in enumerate(ids.tolist()):
        columns = languages_of[number]
        # Half of a word that two languages share speaks for neither; one that five share says next to nothing.
        weights[row, columns] = 1 / len(columns) ** 0.5
    return ids, weights


def _name(code: str) -> str:
    return NAMES.get(SAME.get(code, code) if code not in NAMES else code, repr(code))
