"""Everything that a training writes, on a disk that may be full for a while."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from torch import Tensor

from seq2seq.errors import WorkError
from seq2seq.training.checkpoint import TrainingState
from seq2seq.training.counters import Counters
from seq2seq.training.metrics_log import MetricsLog
from seq2seq.training.protocols import Keeper
from seq2seq.training.rotation import Checkpoints

SAVE_EVERY_SECONDS = 300.0
"""A crash costs at most this much work; when a checkpoint is written changes nothing in what is computed."""


class Saver:
    """Writes the metrics, the best model and the checkpoints; what cannot be written waits and is tried again.

    The order is what makes a kill harmless at any moment: a checkpoint is written last, so whatever it speaks of (so
    many rows of metrics, such a best score) is on the disk before it.

    Args:
        folder: The run's folder.
        keeper: Who stores the best model.
        say: Tells the user something.
        writes: Whether this process is the one that writes; the others only count.
    """

    def __init__(self, folder: Path, keeper: Keeper, say: Callable[[str], None], *, writes: bool) -> None:
        self.log = MetricsLog(folder / "metrics.jsonl")
        self.checkpoints = Checkpoints(folder / "checkpoints")
        self.rows = 0
        self._keeper, self._say, self._writes = keeper, say, writes
        self._unkept: tuple[Mapping[str, Tensor], dict[str, float], int] | None = None
        self._saved: dict[str, Any] | None = None
        self._failure = ""
        self._tried = time.monotonic()

    def begin(self, counters: Counters) -> None:
        """Makes the metrics those of `counters`: what was logged after its checkpoint is computed and logged again.

        Raises:
            WorkError: They cannot be written.
        """
        self._tried = time.monotonic()
        if self._writes:
            try:
                self.log.rewind(counters.rows, counters.update)
            except OSError as error:
                raise WorkError(_words(error), hint=_ROOM) from None
            self.rows = self.log.count
        else:
            self.rows = counters.rows or 0

    def went_on(self, counters: Counters) -> None:
        """Takes note that `counters` are those of the last checkpoint: as long as they stay so, there is no need."""
        self._saved = counters.to_dict()

    @property
    def is_due(self) -> bool:
        """Whether so much time has passed that what was done since must be saved."""
        return self._writes and time.monotonic() - self._tried > SAVE_EVERY_SECONDS

    def append(self, row: Mapping[str, Any]) -> None:
        """Adds a row to the metrics."""
        self.rows += 1
        if self._writes:
            self._attempt(lambda: self.log.append(row))

    def keep(self, tensors: Mapping[str, Tensor], scores: Mapping[str, float], update: int) -> None:
        """Has the best model stored. Where it cannot be, a copy of it is held until it can or is surpassed."""
        if not self._writes:
            return
        self._unkept = tensors, dict(scores), update
        if not self._attempt(self._keep):
            self._unkept = {name: tensor.detach().clone() for name, tensor in tensors.items()}, dict(scores), update

    def _keep(self) -> None:
        if self._unkept is not None:
            self._keeper(*self._unkept)
            self._unkept = None

    def save(self, state: TrainingState, *, must: bool = False) -> None:
        """Writes a checkpoint, unless the last one is of this very state.

        Args:
            state: What to write.
            must: Whether training cannot go on without.

        Raises:
            WorkError: It must, and cannot be written.
        """
        state.counters.rows = self.rows
        if not self._writes:
            return
        self._tried = time.monotonic()
        if self._unkept is None and state.counters.to_dict() == self._saved:
            return
        if self._attempt(lambda: self._write(state)):
            if self._failure:
                self._say("Saved again: nothing is missing.")
            self._failure = ""
        elif must:
            raise WorkError(
                f"The training could not be saved. {self._failure}",
                hint=_ROOM,
            )

    def _write(self, state: TrainingState) -> None:
        self.log.flush(durable=True)
        self._keep()
        self.checkpoints.save(state)
        self._saved = state.counters.to_dict()

    def _attempt(self, work: Callable[[], None]) -> bool:
        """Does `work`, unless the disk fails, of which the user is told once. Returns whether it is done."""
        try:
            work()
        except (OSError, WorkError) as error:
            reason = error.message if isinstance(error, WorkError) else _words(error)
            if not self._failure:
                self._say(f"warning: {reason} Training goes on; saving is tried again later.")
            self._failure = reason
            return False
        return True


_ROOM = "Make room on the disk, and go on from what was saved last with --resume."


def _words(error: OSError) -> str:
    where = f"{error.filename} cannot be written" if error.filename else "The run cannot be written"
    return f"{where}: {error.strerror or error}."
