"""The order of a beam's rows: sentence by sentence."""

from __future__ import annotations

import numpy as np

from seq2seq.search.step_model import BoolArray, IntArray


def sentence_starts(owner: IntArray) -> IntArray:
    """Returns where each sentence's rows begin; those of one stand side by side."""
    begins: BoolArray = np.ones(len(owner), dtype=np.bool_)
    np.not_equal(owner[1:], owner[:-1], out=begins[1:])
    return begins.nonzero()[0]
