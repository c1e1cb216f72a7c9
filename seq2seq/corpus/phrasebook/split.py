"""The four parts of the corpus: train, development, test, and combinations of words that train never shows.

A sentence's part follows from a hash of its words alone (case and punctuation do not count), so sentences that differ
only in those are in the same part, and adding a rule to the grammar moves no other sentence between train and the
rest. A combination (a verb and its object, a noun and its adjective) is held out by the hash of its own name.
"""

from __future__ import annotations

import re
from functools import cache
from hashlib import blake2b
from typing import NamedTuple

from seq2seq.corpus.phrasebook.generate import generate
from seq2seq.corpus.phrasebook.phrase import Sentence
from seq2seq.errors import UserError, nearest

SPLITS = ("train", "development", "test", "combinations")
SEED = "phrasebook split 1"
HELD_OUT_SENTENCES = 1000
HELD_OUT_COMBINATIONS = 0.02
# The README's first example shows what a trained model makes of words it never saw together.
ALWAYS_HELD_OUT = frozenset({"drink > milk"})
SHOWN = "I drink milk."
_WORD = re.compile(r"[^\W_]+(?:['-][^\W_]+)*")


def plain(text: str) -> str:
    """Returns a sentence's words alone: no case, no punctuation."""
    return " ".join(_WORD.findall(text.casefold()))


class Placed(NamedTuple):
    """A sentence and what its words (case and punctuation left out) decide: its order and its part, in [0, 1)."""

    words: str
    order: bytes
    part: float
    sentence: Sentence


def is_held_out(combination: str) -> bool:
    """Tells whether no sentence of train may use a combination."""
    digest = blake2b(f"{SEED} combination: {combination}".encode(), digest_size=8).digest()
    return combination in ALWAYS_HELD_OUT or int.from_bytes(digest, "big") < HELD_OUT_COMBINATIONS * 2**64


@cache
def pairs(split: str) -> list[tuple[str, str]]:
    """Returns the (English, French) pairs of one part, in an order that is shuffled and always the same.

    Raises:
        UserError: There is no such part.
    """
    if split not in SPLITS:
        raise UserError(f"The phrasebook has no split {split!r}.", hint=nearest(split, list(SPLITS)))
    return [(sentence.english, sentence.french) for sentence in parts()[split]]


@cache
def parts() -> dict[str, list[Sentence]]:
    """Returns every part with its sentences."""
    held_out = cache(is_held_out)
    seen: list[Placed] = []
    unseen: list[Placed] = []
    for sentence in generate():
        (unseen if any(map(held_out, sentence.combinations)) else seen).append(_placed(sentence))
    seen.sort(key=_order)
    unseen.sort(key=_order)
    train, development, test = _three(seen)
    words = {word for placed in train for word in (placed.words + " " + placed.sentence.french.casefold()).split()}
    held = {"development": development, "test": test, "combinations": unseen}
    known = {name: [placed.sentence for placed in part if _is_known(placed, words)] for name, part in held.items()}
    # A stable sort: the sentence of the README is always among those kept.
    known["combinations"] = sorted(known["combinations"], key=lambda s: s.english != SHOWN)[:HELD_OUT_SENTENCES]
    return {"train": [placed.sentence for placed in train], **known}


def _placed(sentence: Sentence) -> Placed:
    words = plain(sentence.english)
    digest = blake2b(f"{SEED} sentence: {words}".encode(), digest_size=16).digest()
    return Placed(words, digest[:8], int.from_bytes(digest[8:], "big") / 2**64, sentence)


def _order(placed: Placed) -> tuple[bytes, str]:
    return placed.order, placed.sentence.english


def _three(sentences: list[Placed]) -> tuple[list[Placed], list[Placed], list[Placed]]:
    """Cuts the sentences into train, development and test, each held-out part of about the fixed size."""
    share = HELD_OUT_SENTENCES / len(sentences)
    train: list[Placed] = []
    development: list[Placed] = []
    test: list[Placed] = []
    for placed in sentences:
        (development if placed.part < share else test if placed.part < 2 * share else train).append(placed)
    return train, development, test


def _is_known(placed: Placed, words: set[str]) -> bool:
    """Tells whether train has every word of a sentence, in both languages."""
    return words.issuperset((placed.words + " " + placed.sentence.french.casefold()).split())
