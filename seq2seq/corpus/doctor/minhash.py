"""How many words two sentences share, from a few numbers of each (Broder 1997).

The least of a random hash over the words of a sentence is the same in two sentences with the chance of their Jaccard
similarity: words in both over words in either. Some hashes find candidates, in bands (Indyk & Motwani 1998), and others
judge them.
"""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

from seq2seq.corpus.doctor.ragged import Ragged, mixed

NUM_BANDS: Final = 4
"""Two sentences that share 80 % of their words agree in a band with 51 %, and in at least one with 94 %."""
_BAND_HASHES: Final = 3
_JUDGES: Final = 16
_AGREE: Final = 12
"""Judges that must agree: of sentences that share 80 % four in five pass, of those that share half one in 25."""
_FACTORS: Final = mixed(np.arange(1, NUM_BANDS * _BAND_HASHES + _JUDGES + 1, dtype=np.uint64)).astype(np.uint32) | 1


def sketches(rows: Ragged) -> NDArray[np.uint32]:
    """Returns the least of each hash over the words of each sentence; shape [rows, hashes]. Those of no word differ."""
    hashed = np.full((len(_FACTORS), len(rows.values) + 1), np.iinfo(np.uint32).max, np.uint32)
    words = mixed(rows.values.astype(np.uint64)).astype(np.uint32)
    np.multiply(words[None, :], _FACTORS[:, None], out=hashed[:, :-1])
    least = np.minimum.reduceat(hashed, rows.starts[:-1], axis=1).T if len(rows) else np.empty((0, len(_FACTORS)))
    found: NDArray[np.uint32] = np.ascontiguousarray(least, np.uint32)
    empty = np.flatnonzero(rows.lengths == 0)
    found[empty] = (empty[:, None] * len(_FACTORS) + np.arange(len(_FACTORS))).astype(np.uint32)
    return found


def bands(sketch: NDArray[np.uint32]) -> NDArray[np.uint64]:
    """Returns keys of which similar sentences share at least one; shape [rows, bands]. No two bands share a key."""
    parts = sketch[:, : NUM_BANDS * _BAND_HASHES].astype(np.uint64).reshape(-1, NUM_BANDS, _BAND_HASHES)
    keys = np.full(parts.shape[:2], 0, np.uint64) + np.arange(NUM_BANDS, dtype=np.uint64)
    for part in range(_BAND_HASHES):
        keys = mixed(keys * np.uint64(_BAND_HASHES) + parts[:, :, part])
    return keys


def judges(sketch: NDArray[np.uint32]) -> NDArray[np.uint8]:
    """Returns what is kept of a sentence to judge by: a byte a hash, 16 bytes; shape [rows, 16]."""
    return (sketch[:, -_JUDGES:] >> np.uint32(24)).astype(np.uint8)


def are_similar(some: NDArray[np.uint8], others: NDArray[np.uint8]) -> NDArray[np.bool_]:
    """Tells by their judges which sentences share some 80 % of their words or more; shape [rows]."""
    agreeing: NDArray[np.int64] = (some == others).sum(axis=1)
    return agreeing >= _AGREE
