"""Random numbers that are functions of counters, not of a generator that advances.

The number for (seed, sentence, sample, position) is the same in any batch, in any order and in any process.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from seq2seq.search.step_model import DoubleArray, IntArray

_GOLDEN = np.uint64(0x9E3779B97F4A7C15)
_WORD = 2**64


def uniforms(seed: int, *counters: IntArray | int) -> DoubleArray:
    """Returns one number in [0, 1) for each (broadcast) tuple of counters.

    A chain of the finaliser of SplitMix64 (Steele, Lea & Flood 2014), once a counter. NumPy's own counter-based
    Philox takes one key a generator, and so one Python object a row and step; this is a dozen array operations.
    """
    word = _mix(np.array([seed % _WORD], dtype=np.uint64))
    for counter in counters:
        word = _mix(word + (np.atleast_1d(counter).astype(np.uint64) + np.uint64(1)) * _GOLDEN)
    return (word >> np.uint64(11)).astype(np.float64) * 2.0**-53


def _mix(word: NDArray[np.uint64]) -> NDArray[np.uint64]:
    """Scrambles 64 bits, one to one."""
    word = (word ^ (word >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    word = (word ^ (word >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return word ^ (word >> np.uint64(31))
