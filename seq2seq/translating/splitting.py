"""Long texts in parts: at sentence ends, and where a single sentence is still too long, at the next best places.

A sentence ends at ". ! ? …" with white space behind it, or at "。 ！ ？ ｡" with or without, and what closes a quotation
or a bracket there goes with it. There is no end

* where a small letter follows, as in "Really?" she asked, but in a text that has no capitals at all;
* at the stop of an abbreviation ("Mr. Smith", "z. B."), of an initial ("J. R. Smith"), or of a number of one or two
  digits ("am 3. Mai", "1. Introduction"); a stop inside a number or a name ("3.14", "example.org") has no white space
  behind it;
* inside brackets and quotation marks that have two forms, so that their halves stay together, where what they hold is
  not too long itself; nor behind "。」" without white space, where the sentence mostly goes on;
* where the sentence would have fewer than a dozen characters: it stays with the next one.

What is no end and was taken for one costs a little of the sentence's context; an end that is missed costs nothing but
length. So where the rules are in doubt they see no end.

A sentence that is still too long is cut behind a comma, a semicolon, a colon or a dash; else at white space; else
anywhere but before a combining mark. All of it takes time in proportion to the text: every regular expression looks at
each character a bounded number of times, and no stretch of text is tokenised more often than it is halved.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from itertools import pairwise
from typing import Final, NamedTuple
from unicodedata import category

from seq2seq.text.characters import IDEOGRAPHS

CHARACTERS_A_TOKEN: Final = 16
"""More than any tokenizer's tokens have on average: a text of more characters is too long before it is tokenised."""
_ROOM: Final = 0.75
"""The share of the limit that parts are planned to fill, as the places where they may end are not evenly spread."""
_LONGEST_INSIDE: Final = 400
"""Characters that a quotation or a bracket may hold and stay in one part."""
_SHORTEST: Final = 12
"""Characters of a sentence that is a part of its own."""
_SHORTEST_WIDE: Final = 4
"""Likewise, in a script that writes a word in one or two of them."""
_TRIES: Final = 64
"""Places that are tried where one must not be cut at."""

_STOPS: Final = ".!?…‥؟۔।"
_WIDE_STOPS: Final = "。！？｡"
_ALL: Final = _STOPS + _WIDE_STOPS
_CLOSERS: Final = "\"'”’»›)\\]}」』】）〉》〕］｝"
# Possessive, and begun where no stop stands before: so a run of a million stops is looked at once.
_END: Final = re.compile(
    rf"(?<![{_ALL}])(?P<stops>[{_ALL}]++)(?:"
    rf"(?<=[{_WIDE_STOPS}])(?![{_CLOSERS}])\s*+(?=\S)"
    rf"|[{_CLOSERS}“«‹]*+\s++(?=\S)"
    rf"|(?<=[!?])(?=[{IDEOGRAPHS}]))"
)
_CLAUSE: Final = re.compile(rf"[,;:–—][{_CLOSERS}]*+(?=\s)|[，；：、،؛､][{_CLOSERS}]*+")
_WIDE: Final = re.compile(f"[{IDEOGRAPHS}]")
_SPACE: Final = re.compile(r"\s++")
_BEFORE: Final = re.compile(r"[^\W_](?:[\w.·]*[^\W_])?$")
_OPENERS: Final = "\"'“‘„‚«‹»›([{「『【（〈《〔［｛¿¡-–—"
_PAIRS: Final = {
    **{"(": ")", "[": "]", "{": "}", "“": "”", "„": "“”", "«": "»", "»": "«", "‹": "›", "›": "‹", "「": "」"},
    **{"『": "』", "【": "】", "（": "）", "〈": "〉", "《": "》", "〔": "〕", "［": "］", "｛": "｝"},
}
_PAIRED: Final = re.compile("[" + re.escape("".join(_PAIRS) + "".join(_PAIRS.values())) + "]")
_DEEPEST: Final = 8  # brackets inside brackets


def _listed(*lines: str) -> frozenset[str]:
    return frozenset(word for line in lines for word in line.split())


# Without their last stop, in small letters: what is seldom the last word of a sentence.
_ABBREVIATIONS: Final = _listed(
    # English
    "mr mrs ms dr prof st sr jr vs rev hon gov sen rep pres gen col lt sgt capt cmdr adm maj messrs mt ft ave blvd rd",
    "inc ltd co corp bros dept approx appt apt ed eds cf viz resp ca",
    # German
    "hr hrn fr frl str bzw evtl ggf inkl exkl zzgl aufl bsp geb gest jh jhdt mio mrd vgl dipl",
    # French, Spanish, Italian, Portuguese, Dutch
    "mme mmes mlle mlles mgr av env sra srta srs dra ud uds sigg dott avv geom egr gent dhr mevr drs",
)
# These end a sentence often enough: where a capital follows they do.
_OPEN_ABBREVIATIONS: Final = _listed("etc usw u.s.w ecc enz a.m p.m")
# Abbreviations only where a number follows; "no" and "art" are words too.
_BEFORE_NUMBERS: Final = _listed(
    "no nos nr fig figs vol vols pp ch sec art abs bd kap núm págs pág tel",
    "jan feb mar apr jun jul aug sep sept oct okt nov dec dez",
)


class Part(NamedTuple):
    """A part of a text.

    Attributes:
        text: It, without white space at its ends.
        ids: Its ids.
        before: The white space between the part before and this one; empty where there is none.
        torn: Whether it goes on with a word, or a run of other characters, that had to be cut in two.
    """

    text: str
    ids: list[int]
    before: str
    torn: bool


class _Span(NamedTuple):
    """The characters from `start` to before `end`; `torn` as in `Part`."""

    start: int
    end: int
    torn: bool


Encode = Callable[[Sequence[str]], list[list[int]]]
MayCut = Callable[[str, int], bool]
"""(text, place) -> whether the text may be cut before the character at `place`."""


def split(text: str, longest: int, encode: Encode, may_cut: MayCut | None = None) -> list[Part]:
    """Returns the parts of a text that is too long: its sentences, and the pieces of those that are too long.

    Put together, each after its `before`, they are the text without the white space at its ends.

    Args:
        text: It.
        longest: The most ids of a part. A single character may have more.
        encode: From texts to ids. It is given no text of more than `longest` * `CHARACTERS_A_TOKEN` characters.
        may_cut: Forbids places; None: all are allowed.
    """
    allowed = may_cut or (lambda text, place: True)
    found: dict[_Span, list[int]] = {}
    waiting = _sentence_spans(text, allowed)
    while waiting:
        sizes = {span: span.end - span.start for span in waiting}
        short = [span for span in waiting if sizes[span] <= longest * CHARACTERS_A_TOKEN]
        encoded = encode([text[span.start : span.end].strip() for span in short]) if short else []
        ids = dict(zip(short, encoded, strict=True))
        found |= {span: one for span, one in ids.items() if len(one) <= longest or sizes[span] == 1}
        waiting = [
            piece
            for span in waiting
            if span not in found
            for piece in _pieces(text, span, _needed(len(ids[span]) if span in ids else None, span, longest), allowed)
        ]
    return _parts(text, found)


def sentence_ends(text: str) -> Iterator[int]:
    """Yields where sentences end, each by the place of the first character behind it and its closing marks."""
    spans = iter(_sheltered(text))
    nowhere = (len(text), len(text))
    begin, end = next(spans, nowhere)
    last, capitals = 0, not text.islower()
    for match in _END.finditer(text):
        place = match.start() + len(match.group().rstrip())
        while end <= match.start():
            begin, end = next(spans, nowhere)
        shortest = _SHORTEST_WIDE if _WIDE.match(text, max(0, match.start() - 1)) else _SHORTEST
        if place - last >= shortest and not begin < place < end and _ends(text, match, capitals):
            yield place
            last = place


def _ends(text: str, match: re.Match[str], capitals: bool) -> bool:
    """Tells whether what looks like a sentence's end is one; `capitals`: whether the text has any."""
    stops = match["stops"]
    if not set(stops).isdisjoint(_WIDE_STOPS):
        return True
    following = text[match.end() : match.end() + 8].lstrip(_OPENERS)[:1]
    if not following or (following.islower() and capitals):
        return False
    word = _BEFORE.search(text[max(0, match.start() - 24) : match.start()])
    return stops != "." or word is None or not _is_abbreviated(word.group(), following)


def _is_abbreviated(word: str, following: str) -> bool:
    """Tells whether the stop behind `word` belongs to the word, where a capital or a digit is `following`."""
    if word.isdigit():
        return len(word) <= 2
    small = word.lower()
    if small in _BEFORE_NUMBERS:
        return following.isdigit()
    return small not in _OPEN_ABBREVIATIONS and (len(word) == 1 or _dotted(word) or small in _ABBREVIATIONS)


def _dotted(word: str) -> bool:
    """Tells whether a word is single letters with stops between: "U.S", "z.B", "e.g"."""
    return "." in word and all(part.isalpha() and len(part) <= 2 for part in word.split("."))


def _sheltered(text: str) -> list[tuple[int, int]]:
    """Returns the outermost brackets and quotations, from mark to mark, that are short enough to stay whole.

    A mark that nothing closes within that length shelters nothing.
    """
    found: list[tuple[int, int]] = []
    open_marks: list[tuple[int, str]] = []
    for match in _PAIRED.finditer(text):
        mark, place = match.group(), match.start()
        while open_marks and (place - open_marks[0][0] > _LONGEST_INSIDE or len(open_marks) > _DEEPEST):
            del open_marks[0]
        closed = next((n for n in reversed(range(len(open_marks))) if mark in open_marks[n][1]), None)
        if closed is not None:
            begin = open_marks[closed][0]
            del open_marks[closed:]
            while found and found[-1][0] > begin:
                found.pop()
            found.append((begin, place + 1))
        elif mark in _PAIRS:
            open_marks.append((place, _PAIRS[mark]))
    return found


def _sentence_spans(text: str, may_cut: MayCut) -> list[_Span]:
    places = [0, *(place for place in sentence_ends(text) if may_cut(text, place)), len(text)]
    return [_Span(begin, end, torn=False) for begin, end in pairwise(places)]


def _needed(num_ids: int | None, span: _Span, longest: int) -> int:
    """Returns how many pieces a span that is too long is cut into, at least 2; `num_ids` is None where not known."""
    size, most = (num_ids, longest) if num_ids else (span.end - span.start, longest * CHARACTERS_A_TOKEN)
    return max(2, min(span.end - span.start, int(size / (_ROOM * most)) + 1))


def _pieces(text: str, span: _Span, num_pieces: int, may_cut: MayCut) -> Iterator[_Span]:
    """Yields the pieces of a span of two characters or more, at least two, none longer than 5/4 of an even share."""
    size = -(-(span.end - span.start) // num_pieces)
    begin, torn = span.start, span.torn
    while span.end - begin > size * 5 // 4:
        end, next_torn = _place(text, begin, size, may_cut)
        yield _Span(begin, end, torn)
        begin, torn = end, next_torn
    yield _Span(begin, span.end, torn)


def _place(text: str, begin: int, size: int, may_cut: MayCut) -> tuple[int, bool]:
    """Returns where the piece that starts at `begin` ends, and whether that tears something apart."""
    ideal, lowest, highest = begin + size, begin + max(1, size // 2), begin + max(1, size * 5 // 4)
    for pattern in (_CLAUSE, _SPACE):
        # The pattern may look at what stands behind the last place.
        ends = [match.end() for match in pattern.finditer(text, lowest - 1, highest + 1)]
        near = sorted((end for end in ends if lowest <= end <= highest), key=lambda end: abs(end - ideal))
        for end in near[:_TRIES]:
            if may_cut(text, end):
                return end, False
    for end in range(ideal, max(lowest, ideal - _TRIES), -1):
        if not _belongs(text, end) and may_cut(text, end):
            return end, True
    return ideal, True


def _belongs(text: str, place: int) -> bool:
    """Tells whether the character at `place` changes the one before it: an accent, a vowel sign, a part of an emoji."""
    joiner = "\u200d"
    return category(text[place])[0] == "M" or joiner in (text[place], text[place - 1])


def _parts(text: str, found: dict[_Span, list[int]]) -> list[Part]:
    """Returns the spans in order as parts; those of nothing but white space belong to what stands between."""
    parts = []
    last = len(text) - len(text.lstrip())
    for span in sorted(found):
        whole = text[span.start : span.end]
        if own := whole.strip():
            start = span.start + len(whole) - len(whole.lstrip())
            before = text[last:start]
            parts.append(Part(own, found[span], before, span.torn and not before))
            last = start + len(own)
    return parts
