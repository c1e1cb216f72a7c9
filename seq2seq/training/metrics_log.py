"""metrics.jsonl: one row an event, appended as it happens."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from seq2seq.folders import write_text

UNDONE = frozenset({"train", "validation"})
"""Kinds of rows that are undone where training goes back; advice once given, and the going back itself, are not."""


class MetricsLog:
    """Rows of JSON, each with the number of the update it belongs to.

    A row that cannot be written, because the disk is full, waits for the next that can.

    Args:
        path: The file; made on the first row.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._waiting: list[bytes] = []
        self._written: int | None = None  # rows in the file; counted where it is first asked for

    @property
    def count(self) -> int:
        """Rows so far, those that wait included."""
        if self._written is None:
            self._written = len(self._lines())
        return self._written + len(self._waiting)

    def rewind(self, rows: int | None, update: int) -> None:
        """Forgets what was written after a checkpoint: a resumed run writes it again.

        Args:
            rows: Rows that there were then; None where that is not known:
            update: the rows up to this update, by their own words.
        """
        lines = self._lines()
        kept = lines[:rows] if rows is not None else [line for line in lines if json.loads(line)["update"] <= update]
        self._waiting, self._written = [], len(kept)
        wanted = b"".join(kept)
        if self.path.exists() and self.path.read_bytes() == wanted:
            return
        write_text(self.path, wanted.decode("utf-8"))

    def append(self, row: Mapping[str, Any]) -> None:
        """Adds a row.

        Raises:
            OSError: It cannot be written now, and waits.
        """
        if self._written is None:
            self._written = len(self._lines())
        self._waiting.append(json.dumps(row).encode("utf-8") + b"\n")
        self.flush()

    def flush(self, *, durable: bool = False) -> None:
        """Writes what waits, all or nothing.

        Args:
            durable: Whether to wait until the disk has it.

        Raises:
            OSError: It cannot be written.
        """
        if not self._waiting and not (durable and self.path.exists()):
            return
        self.path.parent.mkdir(parents=True, exist_ok=True)
        with self.path.open("ab", buffering=0) as file:
            before, left = file.seek(0, os.SEEK_END), memoryview(b"".join(self._waiting))
            try:
                while left:
                    left = left[file.write(left) :]
                if durable:
                    os.fsync(file.fileno())
            except OSError:
                file.truncate(before)  # no half row, which would end the file for every reader
                raise
        self._written = self.count
        self._waiting = []

    def rows(self) -> list[dict[str, Any]]:
        """Returns the whole rows, without those of updates that training went back behind.

        A last row that was cut off is left out.
        """
        found: list[dict[str, Any]] = []
        for line in self._lines():
            row = json.loads(line)
            if row["kind"] == "rollback":
                found = [old for old in found if old["update"] <= row["update"] or old["kind"] not in UNDONE]
            found.append(row)
        return found

    def _lines(self) -> list[bytes]:
        """Returns the whole lines, up to the first that is none."""
        if not self.path.exists():
            return []
        lines = []
        for line in self.path.read_bytes().splitlines(keepends=True):
            try:
                json.loads(line)
            except ValueError:
                break
            if not line.endswith(b"\n"):
                break
            lines.append(line)
        return lines
