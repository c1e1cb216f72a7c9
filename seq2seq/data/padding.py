"""Id lists of several lengths as one array: what every engine and every batch begins with. No torch here."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from seq2seq.text.special import EOS, PAD


def pad(rows: Sequence[Sequence[int] | NDArray[np.int32]]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Returns the rows with EOS behind each, padded to the longest, and their lengths with EOS."""
    lengths = np.fromiter((len(row) + 1 for row in rows), np.int64, len(rows))
    padded = np.full((len(rows), int(lengths.max(initial=1))), PAD, np.int64)
    if len(rows):
        words = np.arange(padded.shape[1]) < lengths[:, None] - 1
        padded[words] = np.concatenate(rows, dtype=np.int64, casting="unsafe")
        padded[np.arange(len(rows)), lengths - 1] = EOS
    return padded, lengths
