"""Fingerprints on disk, with the numbers of the pairs they stand for: so many that no memory holds them.

Written as they come, in sorted runs of a million; read back range by range of the fingerprints' values, each range from
any number of files. Two equal fingerprints are in one range, so duplicates are found with one range in memory: a 256th
of all, 16 bytes each, and some times that while they are sorted. 64 MB a range for a billion pairs.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import BinaryIO, Final, Self

import numpy as np
from numpy.typing import NDArray

from seq2seq.corpus.fingerprints import Fingerprints

RANGES: Final = 256  # by the first byte
_RUN: Final = 1 << 20
_MEMBER: Final = np.dtype([("hash", "<u8"), ("number", "<u8")])


class HashWriter:
    """Writes fingerprints and numbers to the file `path`, and where its ranges are to a second one beside it."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._file: BinaryIO = path.open("wb")
        self._waiting: list[NDArray[np.void]] = []
        self._num_waiting = 0
        self._bounds: list[NDArray[np.int64]] = []  # of each run, where its ranges begin and the last one ends
        self._written = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, _: object, trace: TracebackType | None) -> None:
        with suppress(OSError) if kind else self._file:
            if not kind:
                self._flush()
        self._file.close()
        if not kind:
            with _index(self.path).open("wb") as file:
                np.save(file, np.array(self._bounds, np.int64).reshape(-1, RANGES + 1))

    def add(self, hashes: Fingerprints, numbers: NDArray[np.uint64]) -> None:
        """Writes the fingerprints of some pairs and the pairs' numbers, both of shape [pairs]."""
        members = np.empty(len(hashes), _MEMBER)
        members["hash"], members["number"] = hashes, numbers
        self._waiting.append(members)
        self._num_waiting += len(members)
        if self._num_waiting >= _RUN:
            self._flush()

    def _flush(self) -> None:
        if not self._num_waiting:
            return
        members = np.concatenate(self._waiting)
        members = members[np.argsort(members["hash"])]
        firsts = (np.arange(RANGES, dtype=np.uint64) << np.uint64(56)).astype(np.uint64)
        bounds = np.append(np.searchsorted(members["hash"], firsts), len(members))
        self._bounds.append(bounds + self._written)
        self._file.write(members.tobytes())
        self._written += len(members)
        self._waiting, self._num_waiting = [], 0


def repeated(paths: Sequence[Path]) -> Iterator[NDArray[np.uint64]]:
    """Yields the numbers of the members whose fingerprint a member with a smaller number has too, range by range.

    Args:
        paths: The files, written by `HashWriter`.
    """
    indices = [np.load(_index(path)) for path in paths]
    for number in range(RANGES):
        parts = []
        for path, bounds in zip(paths, indices, strict=True):
            with path.open("rb") as file:
                for first, last in bounds[:, number : number + 2].tolist():
                    file.seek(first * _MEMBER.itemsize)
                    parts.append(np.frombuffer(file.read((last - first) * _MEMBER.itemsize), _MEMBER))
        if parts:
            members = np.concatenate(parts)
            members = members[np.lexsort((members["number"], members["hash"]))]
            again = members["hash"][1:] == members["hash"][:-1]
            yield members["number"][1:][again].astype(np.uint64)


def _index(path: Path) -> Path:
    return path.with_name(path.name + ".index")


def files_of(path: Path) -> tuple[Path, Path]:
    """Returns the two files that `HashWriter` makes of a path."""
    return path, _index(path)
