"""Examination: markup, control characters, tokens cut apart, empty and equal sides, and the settings that help."""

from __future__ import annotations

import re
from functools import cache
from typing import ClassVar, Final

import numpy as np
from numpy.typing import NDArray

from seq2seq.corpus.doctor.batch import Batch, Side
from seq2seq.corpus.doctor.examination import Brief, Collected, Examination, Finding, Severity, counted, percent
from seq2seq.text.blank import is_blank

_LOUD_SHARE: Final = 0.01  # of pairs, for what a setting or a filter mends
_EQUAL_SHARE: Final = 0.1  # names, numbers and loan words are the same in both languages
_FEWEST: Final = 5
# Of the sentences with a comma or full stop at a word's end: how many have it apart, as tokenizers write it. French
# puts spaces before other signs, never before these two.
_TOKENISED_SHARE: Final = 0.8
_UNTOKENISED_SHARE: Final = 0.1
_FEWEST_POINTS: Final = 50
_ENTITY: Final = re.compile(r"&(?:[a-zA-Z]{2,8}\d{0,2}|#\d{2,6}|#[xX][0-9a-fA-F]{2,5});")
_TAG: Final = re.compile(r"</?[a-zA-Z][a-zA-Z0-9]{0,10}(?:\s[^<>=\n]{0,40}=[^<>\n]{0,200})?\s?/?>")


class Oddities(Examination):
    """Counts several cheap signs of text that was not made ready."""

    kind: ClassVar[str] = "oddities"

    def __init__(self, brief: Brief) -> None:
        super().__init__(brief)
        self._found = {kind: Collected(brief.num_examples) for kind in _ABOUT}
        self._points = {"source": _Points(brief), "target": _Points(brief)}

    def observe(self, batch: Batch) -> None:
        """Counts the batch's oddities."""
        marked = {kind: np.zeros(len(batch), np.bool_) for kind in _ABOUT}
        marked["identical sides"] = np.fromiter(
            map(str.__eq__, batch.source.texts, batch.target.texts), np.bool_, len(batch)
        )
        for name, side in (("source", batch.source), ("target", batch.target)):
            blank = np.fromiter(map(is_blank, side.texts), np.bool_, len(batch))
            marked["empty sides"] |= blank
            marked["identical sides"] &= ~blank
            if "&" in side.joined:
                marked["HTML entities"][side.matches(_ENTITY)] = True
            if "<" in side.joined:
                marked["markup tags"][side.matches(_TAG)] = True
            marked["control characters"] |= side.codes.count(_is_control()[side.codes.values]) > 0
            self._points[name].observe(batch, side)
        for kind, rows in marked.items():
            self._found[kind].add(batch, np.flatnonzero(rows))

    def findings(self) -> list[Finding]:
        """Returns one finding for each oddity there is."""
        found = []
        for kind, (what, advice, loud) in _ABOUT.items():
            collected = self._found[kind]
            if collected.count:
                share = collected.count / self.num_pairs
                is_loud = share >= loud and collected.count >= _FEWEST
                severity = Severity.WARNING if is_loud else Severity.NOTE
                message = f"{counted(collected.count, 'pair')} ({percent(share)}) with {what}."
                found.append(collected.finding(kind, severity, self.num_pairs, message, advice))
        return [*found, *self._tokenised()]

    def _tokenised(self) -> list[Finding]:
        if self.brief.pretokenised:
            return []
        source, target = (self._points[name] for name in ("source", "target"))
        if min(source.num_lines, target.num_lines) < _FEWEST_POINTS:
            return []
        if min(source.share, target.share) >= _TOKENISED_SHARE:
            message = "The text is tokenised already: nearly every comma and full stop stands apart from its word."
            advice = "Set data.pretokenised=true, so that it passes untouched and is scored as it is."
            return [self._about_tokens("pretokenised text", Severity.NOTE, message, advice)]
        if max(source.share, target.share) <= _UNTOKENISED_SHARE:
            return []
        message = (
            "The text is tokenised in part: the comma or full stop stands apart from its word in "
            f"{percent(source.share)} of the source sentences that have one, and in {percent(target.share)} of the "
            "target's."
        )
        advice = "Bring all of it to one form, best the untokenised one: a model cannot know which one is wanted."
        return [self._about_tokens("mixed tokenisation", Severity.WARNING, message, advice)]

    def _about_tokens(self, kind: str, severity: Severity, message: str, advice: str) -> Finding:
        sides = self._points.values()
        count = max(side.apart.count for side in sides)
        examples = next((side.apart.examples for side in sides if side.apart.examples), [])
        return Finding(kind, severity, count, self.num_pairs, message, advice, tuple(examples))


class _Points:
    """Counts the sentences of a side with a comma or full stop at a word's end, and those where it stands apart."""

    def __init__(self, brief: Brief) -> None:
        self.num_lines = 0
        self.apart = Collected(brief.num_examples)

    @property
    def share(self) -> float:
        return self.apart.count / max(1, self.num_lines)

    def observe(self, batch: Batch, side: Side) -> None:
        codes = side.codes.values
        if len(codes) < 3:
            return
        blank = (codes == ord(" ")) | (codes == ord("\n"))
        point = (codes == ord(",")) | (codes == ord("."))
        ends = np.zeros(len(codes), np.bool_)
        ends[1:-1] = point[1:-1] & blank[2:] & ~point[:-2]  # not the dots of "..."
        apart = np.zeros(len(codes), np.bool_)
        apart[1:] = ends[1:] & (codes[:-1] == ord(" "))
        self.num_lines += int((side.codes.count(ends) > 0).sum())
        self.apart.add(batch, np.flatnonzero(side.codes.count(apart) > 0))


@cache
def _is_control() -> NDArray[np.bool_]:
    """Returns for each code point whether it is a control character; the line feed, which ends a line here, is none."""
    found = np.zeros(0x110000, np.bool_)
    found[[*range(0x20), *range(0x7F, 0xA0)]] = True
    found[[ord("\n"), ord("\t")]] = False
    return found


# What each is called: what is said of it, what to do, and from what share of the pairs on it is a warning.
_ABOUT: Final[dict[str, tuple[str, str, float]]] = {
    "empty sides": (
        "a side without text",
        "'prepare' drops them (the filter 'empty' of data.filters). Where they are many, look for a slip, or a column "
        "that is read wrongly.",
        _LOUD_SHARE,
    ),
    "identical sides": (
        "two equal sides",
        "If those are sentences that nobody translated, add the filter 'identical' to data.filters.",
        _EQUAL_SHARE,
    ),
    "HTML entities": (
        "HTML entities such as &amp; or &#39;",
        'Set data.html_entities="decode": &amp; becomes &, here and in what is translated.',
        _LOUD_SHARE,
    ),
    "markup tags": (
        "markup tags such as <b>",
        "Take the tags out before training, unless they are to be translated too.",
        _LOUD_SHARE,
    ),
    "control characters": (
        "control characters",
        "'prepare' takes them out. Where they are many, the file was damaged or read in a wrong encoding.",
        _LOUD_SHARE,
    ),
}
