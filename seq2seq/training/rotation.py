"""The two checkpoints of a run: the last one, and the one before that training would go back to."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

from seq2seq.errors import UserError
from seq2seq.folders import settle
from seq2seq.training import checkpoint
from seq2seq.training.checkpoint import DamagedError, TrainingState
from seq2seq.training.counters import Counters


class Checkpoints:
    """Two checkpoints, of which the last *good* one is always one.

    Good is a state that training would go back to (`seq2seq.training.recovery`); which those are is a function of the
    updates, whereas others are written when time has passed or someone asks to stop. A new checkpoint takes the place
    of the last one. If that was good, it becomes the one before, by a renaming.

    Args:
        folder: Where they are.
    """

    def __init__(self, folder: Path) -> None:
        self.last, self.previous = folder / "last", folder / "previous"
        self._damaged = folder / "damaged"

    def exist(self) -> bool:
        """Whether there is one. Looks only: another process may be writing."""
        return checkpoint.exists(self.last) or checkpoint.exists(self.previous)

    def save(self, state: TrainingState) -> None:
        """Writes the last checkpoint.

        Raises:
            OSError: It cannot be written.
            WorkError: Likewise.
        """
        settle(self.last)
        before = self.previous if self._is_good(self.last) else None
        checkpoint.save(self.last, state, before=before)

    def load(self, state: TrainingState, say: Callable[[str], None]) -> Counters:
        """Reads the last checkpoint into `state`. Where it is damaged, says so and takes the one before.

        What is damaged is put aside under the name `damaged`, for whoever can mend it.

        Raises:
            UserError: Both are damaged, or what is there does not fit.
        """
        settle(self.last)
        settle(self.previous)
        try:
            return checkpoint.load(self.last, state)
        except DamagedError as damage:
            counters = self._fall_back(damage, state)
            say(f"{damage.message} Going back to the checkpoint before it, of update {counters.update:,}.")
            return counters

    def _fall_back(self, damage: DamagedError, state: TrainingState) -> Counters:
        if not checkpoint.exists(self.previous):
            raise damage
        try:
            counters = checkpoint.load(self.previous, state)
        except DamagedError as second:
            raise UserError(
                f"{damage.message} The checkpoint before it is damaged as well: {second.message}", hint=damage.hint
            ) from None
        if self.last.exists():
            shutil.rmtree(self._damaged, ignore_errors=True)
            self.last.replace(self._damaged)
        self.previous.replace(self.last)
        return counters

    def load_good(self, state: TrainingState) -> Counters:
        """Reads the last good checkpoint into `state`; where that is damaged, the other one.

        Raises:
            UserError: Both are damaged.
        """
        settle(self.last)
        settle(self.previous)
        first, second = self.last, self.previous
        if not self._is_good(first) and checkpoint.exists(second):
            first, second = second, first
        try:
            return checkpoint.load(first, state)
        except DamagedError:
            if not checkpoint.exists(second):
                raise
            return checkpoint.load(second, state)

    @staticmethod
    def _is_good(path: Path) -> bool:
        try:
            counters = checkpoint.read_header(path)["counters"]
        except UserError:
            return False
        return bool(counters["good"] == counters["update"])
