"""Eight bytes that stand for a text, so that millions of sentences can be compared in little memory.

Two different texts among n share a fingerprint with a chance of about n^2 / 2^65: one in 370,000 for ten million.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import cache
from hashlib import blake2b
from typing import Final

import numpy as np
from numpy.typing import NDArray

from seq2seq.corpus.pair import Pair
from seq2seq.text.characters import marks

Fingerprints = NDArray[np.uint64]

_NUM_BYTES: Final = 8
_BETWEEN_SIDES: Final = "\n"  # cannot stand inside a line, so no two pairs write the same text
_SMALL_ASCII: Final = bytes(range(256)).lower()
_ASCII_SIGNS: Final = bytes(code for code in range(128) if not chr(code).isalnum())


def of_pairs(pairs: Iterable[Pair]) -> Fingerprints:
    """Returns one fingerprint a pair, of both its sides exactly as they are; shape [pairs]."""
    return _hashed(f"{pair.source}{_BETWEEN_SIDES}{pair.target}" for pair in pairs)


def of_sentences(sentences: Iterable[str], *, seed: int | None = None) -> Fingerprints:
    """Returns one fingerprint a sentence, equal for sentences that `loose_form` finds equal; shape [sentences].

    Args:
        sentences: Normalised text.
        seed: Another seed gives unrelated fingerprints.
    """
    return _hashed(map(loose_form, sentences), key=b"" if seed is None else str(seed).encode())


def loose_form(text: str) -> str:
    """Returns `text` without case, punctuation, symbols and spaces; where nothing else is left, without case only."""
    if text.isascii():  # ten times faster, and most of most corpora
        return text.encode("ascii").translate(_SMALL_ASCII, _ASCII_SIGNS).decode("ascii") or text.lower()
    folded = text.casefold()
    # Finding what to keep is about ten times faster than removing the rest: letters match at the first test.
    return "".join(_words().findall(folded)).replace("_", "") or folded


def _hashed(texts: Iterable[str], *, key: bytes = b"") -> Fingerprints:
    # A lone surrogate cannot come out of a file, but must not stop a stream of strings that holds one.
    digests = [blake2b(t.encode("utf-8", "surrogatepass"), digest_size=_NUM_BYTES, key=key).digest() for t in texts]
    return np.frombuffer(b"".join(digests), dtype="<u8").astype(np.uint64)


@cache
def _words() -> re.Pattern[str]:
    """Runs of letters, digits, underscores and combining marks."""
    return re.compile(f"[\\w{marks()}]+")
