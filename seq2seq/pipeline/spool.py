"""Clean pairs on disk between two steps of preparing."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path

from seq2seq.corpus.pair import Pair
from seq2seq.data.store import Row, write_split


class Spool:
    """Lists of pairs by name, each an Arrow file that is written and read as a stream.

    Reading maps nothing: pages of a mapped file count as the process' memory, and on a machine that is short of it they
    push out what others need.

    Args:
        folder: Where the files are; made when something is written.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def write(self, name: str, pairs: Iterable[Pair]) -> int:
        """Writes a list, in the place of one that had this name. Returns the number of pairs."""
        return write_split(self._at(name), (Row(line, source, target, (), ()) for line, source, target in pairs))

    def pairs(self, name: str) -> Iterator[Pair]:
        """Yields the pairs of a list, some thousands of them in memory at a time."""
        import pyarrow as pa

        with pa.OSFile(str(self._at(name)), "rb") as file, pa.ipc.open_stream(file) as stream:
            for batch in stream:
                yield from map(Pair, *(batch.column(column).to_pylist() for column in Pair._fields))

    def remove(self, name: str) -> None:
        """Takes a list away."""
        self._at(name).unlink()

    def _at(self, name: str) -> Path:
        return self.folder / f"{name}.arrow"
