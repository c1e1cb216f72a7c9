"""Clean pairs on disk between two steps of preparing."""

from __future__ import annotations

from collections.abc import Generator, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from seq2seq.corpus.cleaning import in_batches
from seq2seq.corpus.fingerprints import Fingerprints
from seq2seq.corpus.pair import Pair
from seq2seq.data import store

BATCH_PAIRS = 4096


class Spool:
    """Lists of pairs by name, each an Arrow file that is written and read as a stream.

    Columns: those of a pair, and `place` (uint64), the fingerprint that decides into which split a pair goes; 0 where
    nobody asks. Reading maps nothing: pages of a mapped file count as the process' memory, and on a machine that is
    short of it they push out what others need.

    Args:
        folder: Where the files are; made when something is written.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def write(self, name: str, pairs: Iterable[Pair]) -> int:
        """Writes a list, in the place of one that had this name. Returns the number of pairs."""
        count = 0
        with self.writing(name) as writer:
            for batch in in_batches(pairs, BATCH_PAIRS):
                writer.write_batch(as_batch(batch))
                count += len(batch)
        return count

    @contextmanager
    def writing(self, name: str) -> Iterator[Any]:
        """Gives a writer of record batches, for a list in the place of one that had this name."""
        with store.writing(self.at(name), schema()) as writer:
            yield writer

    def batches(self, name: str) -> Generator[Any]:
        """Yields the record batches of a list as they were written."""
        import pyarrow as pa

        with pa.OSFile(str(self.at(name)), "rb") as file, pa.ipc.open_stream(file) as stream:
            yield from stream

    def pairs(self, name: str) -> Iterator[Pair]:
        """Yields the pairs of a list, some thousands of them in memory at a time."""
        for batch in self.batches(name):
            yield from as_pairs(batch)

    def remove(self, name: str) -> None:
        """Takes a list away."""
        self.at(name).unlink()

    def at(self, name: str) -> Path:
        """Returns the file of a list."""
        return self.folder / f"{name}.arrow"


def schema() -> Any:  # noqa: ANN401 - pyarrow ships no types
    """Returns the columns of a list."""
    import pyarrow as pa

    return pa.schema([("line", pa.int64()), ("source", pa.string()), ("target", pa.string()), ("place", pa.uint64())])


def as_batch(pairs: list[Pair], places: Fingerprints | None = None) -> Any:  # noqa: ANN401
    """Returns pairs as a record batch of a list."""
    import numpy as np
    import pyarrow as pa

    sides = ([getattr(pair, side) for pair in pairs] for side in Pair._fields)
    columns = [*sides, np.zeros(len(pairs), np.uint64) if places is None else places]
    return pa.record_batch(
        [pa.array(column, field.type) for column, field in zip(columns, schema(), strict=True)], schema=schema()
    )


def as_pairs(batch: Any) -> Iterator[Pair]:  # noqa: ANN401
    """Yields the pairs of a record batch."""
    return map(Pair, *(batch.column(column).to_pylist() for column in Pair._fields))


def in_chunks(batches: Iterable[Any], size: int) -> Iterator[Any]:
    """Yields the rows of some record batches in record batches of `size`, the last one shorter."""
    import pyarrow as pa

    waiting: list[Any] = []
    count = 0
    for batch in batches:
        waiting.append(batch)
        count += len(batch)
        while count >= size:
            rows = pa.concat_batches(waiting)
            yield rows.slice(0, size)
            waiting, count = [rows.slice(size)], count - size
    if count:
        yield pa.concat_batches(waiting)
