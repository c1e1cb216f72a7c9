"""Sequences of ids that no output may hold."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence

import numpy as np

from seq2seq.errors import UserError
from seq2seq.search.constraints import OTHER_IDS, wrong_ids
from seq2seq.search.step_model import BoolArray, IntArray, StepModel

NONE = -1


class Banned:
    """Forbids the last id of each banned sequence to rows that end with all of it before; a `Rule`.

    Rows whose last id is the last but one of no sequence are told by one look into a table; only the others are
    compared, one dictionary a length of sequence.

    Args:
        sequences: The banned ones; those of one id are not this rule's: see `banned_alone`.
        vocabulary_size: The model's.
    """

    def __init__(self, sequences: Sequence[Sequence[int]], vocabulary_size: int) -> None:
        self._nearly = np.zeros(vocabulary_size, dtype=np.bool_)
        self._last: dict[int, dict[tuple[int, ...], set[int]]] = defaultdict(lambda: defaultdict(set))
        for ids in sequences:
            if len(ids) > 1:
                self._nearly[ids[-2]] = True
                self._last[len(ids) - 1][tuple(ids[:-1])].add(ids[-1])

    def __call__(self, written: IntArray) -> IntArray:
        """See `Rule`."""
        if not written.shape[1]:
            return written
        found: dict[int, set[int]] = {}
        for row in np.flatnonzero(self._nearly[written[:, -1]]).tolist():
            ids = written[row].tolist()
            ends = (lasts.get(tuple(ids[-size:])) for size, lasts in self._last.items() if size <= len(ids))
            found[row] = {last for end in ends if end for last in end}
        most = max(map(len, found.values()), default=0)
        forbidden = np.full((len(written), most), NONE, dtype=np.int64)
        for row, lasts in found.items():
            forbidden[row, : len(lasts)] = sorted(lasts)
        return forbidden


def banned_alone(sequences: Sequence[Sequence[int]], vocabulary_size: int) -> BoolArray:
    """Returns [vocabulary], True for ids that are banned sequences by themselves."""
    alone = np.zeros(vocabulary_size, dtype=np.bool_)
    alone[[ids[0] for ids in sequences if len(ids) == 1]] = True
    return alone


def check_banned(sequences: Sequence[Sequence[int]], model: StepModel) -> None:
    """Refuses what cannot be banned.

    Raises:
        UserError: A sequence is empty, or holds GO, EOS or an id outside the vocabulary.
    """
    for number, ids in enumerate(sequences):
        if not len(ids):
            raise UserError(
                f"Banned sequence {number} must hold at least one id: every translation holds the empty one.",
                hint="Leave it out.",
            )
        if wrong := wrong_ids(f"The ids of banned sequence {number}", ids, model):
            raise UserError(wrong, hint=OTHER_IDS)
