"""Going through the corpus: which batches are an update's, epoch after epoch."""

from __future__ import annotations

import math
from collections.abc import Sequence
from contextlib import suppress
from functools import partial

import numpy as np
from numpy.typing import NDArray

from seq2seq.data.batches import Batches
from seq2seq.errors import UserError
from seq2seq.training.counters import Counters
from seq2seq.training.group import Group
from seq2seq.training.stop import Stop, StoppedError, interruptibly

Rows = Sequence[NDArray[np.int64]]


class Epochs:
    """The plan of the epoch under way; where in it training stands is in the counters.

    Every epoch has as many batches as the first one, so a limit in epochs is one number of updates.

    Args:
        batches: What plans.
        accumulate: Batches an update.
        group: The processes that train; all of them plan.
        stop: Who may ask to stop meanwhile.
    """

    def __init__(self, batches: Batches, *, accumulate: int, group: Group, stop: Stop) -> None:
        self.batches, self.accumulate = batches, accumulate
        self._group, self._stop = group, stop
        self._plan: Rows = []

    def start(self, counters: Counters) -> None:
        """Plans the epoch that `counters` say is under way.

        Raises:
            StoppedError: Someone asked to stop meanwhile.
            UserError: There is nothing to train on.
        """
        self._plan = self._planned(counters.epoch)
        if not self._plan:
            raise UserError("There are no pairs to train on.", hint="Look at what 'seq2seq prepare' dropped, and why.")

    @property
    def num_updates(self) -> int:
        """Updates of an epoch."""
        return math.ceil(len(self._plan) / self.accumulate)

    def is_over(self, counters: Counters) -> bool:
        """Whether all batches of the epoch have been read."""
        return counters.position >= len(self._plan)

    def next(self, counters: Counters) -> Rows:
        """Returns the rows of each batch of the next update, and moves `counters` behind them.

        The last update of an epoch may have fewer batches than `accumulate`.

        Raises:
            StoppedError: Someone asked to stop while the next epoch was planned; nothing has moved.
        """
        if self.is_over(counters):
            self._plan = self._planned(counters.epoch + 1)
            counters.epoch, counters.position = counters.epoch + 1, 0
        rows = self._plan[counters.position : counters.position + self.accumulate]
        counters.position += len(rows)
        return rows

    def _planned(self, epoch: int) -> Rows:
        """Plans an epoch. Of millions of pairs that takes seconds, so it can be interrupted, in all processes."""
        plan: Rows | None = None
        with suppress(StoppedError):
            plan = interruptibly(partial(self.batches.plan, epoch), self._stop.check)
        if self._group.largest(float(plan is None)) or plan is None:
            raise StoppedError
        return plan
