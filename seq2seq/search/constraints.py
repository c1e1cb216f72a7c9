"""What a sentence's output must hold at a position: its forced prefix, and EOS at its length limit."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np

from seq2seq.errors import SentenceError
from seq2seq.search.step_model import IntArray, StepModel

FREE = -1
"""In the place of an id: none."""
OTHER_IDS: Final = "Encode it with the tokenizer of the model's own bundle."
"""What helps against ids that are none of the model's."""


class Constraints:
    """Forced ids of a batch, by sentence and position.

    A prefix longer than the limit lifts the limit to its own length: what is forced is never cut.

    Args:
        limits: [sentences], the most tokens of each, without EOS.
        prefixes: The ids each sentence's output must begin with, empty or not, of any lengths; None: all empty.
        model: Whose ids they are.

    Raises:
        ValueError: There are not as many prefixes as sentences.
        SentenceError: A prefix holds GO, EOS or an id outside the vocabulary.
    """

    def __init__(self, limits: IntArray, prefixes: Sequence[Sequence[int]] | None, model: StepModel) -> None:
        if prefixes is None:
            prefixes = [()] * len(limits)
        if len(prefixes) != len(limits):
            raise ValueError(f"There must be one prefix for each of the {len(limits)} sentences, not {len(prefixes)}.")
        check_ids("prefix", prefixes, model)
        lengths = np.array([len(prefix) for prefix in prefixes], dtype=np.int64)
        self.limits: IntArray = np.maximum(limits, lengths)
        self._first_limit = int(self.limits.min(initial=np.iinfo(np.int64).max))
        self._eos = model.eos
        self._prefixes = np.full((len(limits), int(lengths.max(initial=0))), FREE, dtype=np.int64)
        for row, prefix in zip(self._prefixes, prefixes, strict=True):
            row[: len(prefix)] = prefix

    def forced(self, owner: IntArray, position: int) -> IntArray | None:
        """Returns the id each row must take at `position` (from 0), or FREE, [rows]; None where all are free."""
        in_prefix = position < self._prefixes.shape[1]
        if not in_prefix and position < self._first_limit:
            return None
        ids = self._prefixes[owner, position] if in_prefix else np.full(len(owner), FREE, dtype=np.int64)
        forced = np.where(position >= self.limits[owner], self._eos, ids)
        return forced if bool((forced >= 0).any()) else None


def check_ids(what: str, sequences: Sequence[Sequence[int]], model: StepModel) -> None:
    """Refuses ids that cannot stand inside a sentence.

    Args:
        what: What the ids are, for the message.
        sequences: The ids of each sentence.
        model: Whose ids they are.

    Raises:
        SentenceError: A sequence holds GO, EOS or an id outside the vocabulary.
    """
    for number, ids in enumerate(sequences):
        if wrong := wrong_ids(f"The {what} of {{sentence}}", ids, model):
            raise SentenceError(wrong, sentence=number, hint=OTHER_IDS)


def wrong_ids(what: str, ids: Sequence[int], model: StepModel) -> str:
    """Returns what is said of ids that hold GO, EOS or one outside the vocabulary; "" where they hold none."""
    for value in ids:
        if not 0 <= value < model.vocabulary_size or value in (model.go, model.eos):
            return (
                f"{what} must hold ids from 0 to {model.vocabulary_size - 1} without GO ({model.go}) and "
                f"EOS ({model.eos}), not {value}."
            )
    return ""
