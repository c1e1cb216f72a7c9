"""Searches: from a model that can be asked for its next token to whole translations as ids. Pure NumPy."""

from __future__ import annotations

from seq2seq.search.beam import Beam
from seq2seq.search.force import force_decode, sum_log_probs
from seq2seq.search.greedy import Greedy
from seq2seq.search.hypothesis import Hypothesis
from seq2seq.search.limits import Limits
from seq2seq.search.required import Required
from seq2seq.search.sampling import Sampling
from seq2seq.search.search import Search
from seq2seq.search.step_model import FloatArray, IntArray, Step, StepModel

__all__ = [
    "Beam",
    "FloatArray",
    "Greedy",
    "Hypothesis",
    "IntArray",
    "Limits",
    "Required",
    "Sampling",
    "Search",
    "Step",
    "StepModel",
    "force_decode",
    "sum_log_probs",
]
