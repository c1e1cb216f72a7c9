"""Terms as ids: how a target term is written inside a sentence, and where it stands in one that was written."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from seq2seq.text.glossary import joins_words
from seq2seq.text.placeholders import assign
from seq2seq.text.special import NUM_SPECIAL, UNK
from seq2seq.text.tokenizer import Tokenizer

_ANCHORS: Final = ("0", "a", ",", "。")
"""What may stand before a term so that it is encoded as within a sentence: one of them will be a token of its own.

A digit comes first: nothing follows it with a capital of its own, and no true case changes what stands after it.
"""


@dataclass(frozen=True)
class Phrase:
    """A term as a tokenizer writes it within a sentence.

    Attributes:
        ids: Its ids.
        surfaces: The text of each.
    """

    ids: tuple[int, ...]
    surfaces: tuple[str, ...]


def phrase(tokenizer: Tokenizer, text: str) -> Phrase:
    """Returns `text` as it stands within a sentence: after a space, where its script puts spaces between words."""
    space = "" if text[0].isalnum() and not joins_words(text[0]) else " "
    for anchor in _ANCHORS:
        before, ids = tokenizer.encode(anchor), tokenizer.encode(anchor + space + text)
        if ids[: len(before)] == before and len(ids) > len(before):
            surfaces = tokenizer.surfaces(anchor + space + text)
            return Phrase(tuple(ids[len(before) :]), tuple(surfaces[len(before) :]))
    return Phrase(tuple(tokenizer.encode(text)), tuple(tokenizer.surfaces(text)))


def continuing_ids(tokenizer: Tokenizer) -> frozenset[int]:
    """Returns the ids that go on with the word before them, so that it is no longer the word it was.

    A byte of a character counts as one: what it will become is not known yet.
    """
    before = tokenizer.encode("0")
    fill = dict.fromkeys(range(len(before) + 1), "0")
    start = len(tokenizer.decode(before, fill))
    found = []
    for i in (UNK, *range(NUM_SPECIAL, tokenizer.vocabulary_size)):
        more = tokenizer.decode([*before, i], fill)[start : start + 1]
        if more and (more == "\ufffd" or joins_words(more)):
            found.append(i)
    return frozenset(found)


def opening_ids(tokenizer: Tokenizer) -> tuple[int, ...]:
    """Returns the id of a space if that is a token of its own: the beginning of an output counts as one."""
    ids = tokenizer.encode(" ")
    return tuple(ids) if len(ids) == 1 and tokenizer.decode(ids) == " " else ()


def positions(text: str, surfaces: Sequence[str], start: int, end: int) -> list[int]:
    """Returns the tokens that have a part of the characters from `start` to before `end` of `text`.

    Args:
        text: The text.
        surfaces: The text of each token; spaces of `text` between two of them may be missing.
        start: The first character.
        end: The one after the last.
    """
    found, place = [], 0
    for position, surface in enumerate(surfaces):
        while surface and place < len(text) and text[place].isspace() and not surface[0].isspace():
            place += 1
        inner = place + len(surface) - len(surface.lstrip())
        place += len(surface)
        if inner < end and start < place:
            found.append(position)
    return found


def placed(
    phrases: Sequence[Phrase],
    sources: Sequence[Sequence[int]],
    ids: Sequence[int],
    attention: NDArray[np.floating[Any]] | None,
) -> dict[int, str]:
    """Returns the text of each id that a phrase put into an output, by position.

    Terms that look alike as ids, as all unknown words do, share out their places by attention, or else by order; longer
    terms come first.

    Args:
        phrases: Those that the output holds.
        sources: For each, the source tokens it stands for.
        ids: The output.
        attention: [output tokens or more, source tokens or more], or None.
    """
    filled: dict[int, str] = {}
    for alike in sorted(dict.fromkeys(one.ids for one in phrases), key=lambda one: -len(one)):
        own = [number for number, one in enumerate(phrases) if one.ids == alike]
        size = len(alike)
        starts = [
            i
            for i in range(len(ids) - size + 1)
            if tuple(ids[i : i + size]) == alike and filled.keys().isdisjoint(range(i, i + size))
        ]
        weights = np.zeros((len(own), len(starts)))
        if attention is not None:
            for row, number in enumerate(own):
                for column, begin in enumerate(starts):
                    weights[row, column] = attention[begin : begin + size, list(sources[number])].sum()
        for row, column in assign(weights):
            filled |= {starts[column] + i: s.strip() for i, s in enumerate(phrases[own[row]].surfaces)}
    return filled
