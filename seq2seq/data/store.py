"""Prepared pairs on disk: Arrow, memory-mapped, the normalised text beside its ids.

One file a split. Columns: `line` (int64, in its file), `source` and `target` (string), `source_ids` and `target_ids`
(list of int32, no GO and no EOS). Reading maps the file; nothing is copied until a batch is made of it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from itertools import chain, islice
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from seq2seq.errors import UserError

if TYPE_CHECKING:
    import datasets

ROWS_A_CHUNK = 4096
"""Rows written at once: what bounds the memory of writing."""
END_OF_STREAM = b"\xff\xff\xff\xff\0\0\0\0"


class Row(NamedTuple):
    """A prepared pair."""

    line: int
    source: str
    target: str
    source_ids: Sequence[int]
    target_ids: Sequence[int]


def write_split(path: Path, rows: Iterable[Row]) -> int:
    """Writes `rows` to the Arrow file `path`, in bounded memory. Returns how many there were."""
    iterator = iter(rows)
    with writing(path, schema()) as writer:
        count = 0
        while chunk := list(islice(iterator, ROWS_A_CHUNK)):
            line, source, target, source_ids, target_ids = (list(column) for column in zip(*chunk, strict=True))
            writer.write_batch(record_batch(line, source, target, source_ids, target_ids))
            count += len(chunk)
    return count


@contextmanager
def writing(path: Path, columns: Any) -> Iterator[Any]:  # noqa: ANN401 - pyarrow ships no types
    """Gives a writer of record batches of the schema `columns` to the Arrow file `path`; its folder is made."""
    import pyarrow as pa

    path.parent.mkdir(parents=True, exist_ok=True)
    with pa.OSFile(str(path), "wb") as sink, pa.ipc.new_stream(sink, columns) as writer:
        yield writer


def schema() -> Any:  # noqa: ANN401
    """Returns the columns of a split, as pyarrow describes them."""
    import pyarrow as pa

    ids = pa.list_(pa.int32())
    texts = [("source", pa.string()), ("target", pa.string())]
    return pa.schema([("line", pa.int64()), *texts, ("source_ids", ids), ("target_ids", ids)])


def record_batch(
    lines: Sequence[int] | NDArray[np.int64],
    sources: Sequence[str],
    targets: Sequence[str],
    source_ids: Sequence[Sequence[int]],
    target_ids: Sequence[Sequence[int]],
) -> Any:  # noqa: ANN401
    """Returns rows as a record batch of a split; a split holds `ROWS_A_CHUNK` rows in each but the last.

    Args:
        lines: Their lines.
        sources: Their texts.
        targets: Likewise.
        source_ids: A list of ids a row.
        target_ids: Likewise.
    """
    import pyarrow as pa

    columns = [pa.array(lines, pa.int64()), pa.array(sources, pa.string()), pa.array(targets, pa.string())]
    return pa.record_batch([*columns, _lists(source_ids), _lists(target_ids)], schema=schema())


def _lists(rows: Sequence[Sequence[int]]) -> Any:  # noqa: ANN401
    """Returns lists of ids as an Arrow array; by way of NumPy, which is several times faster than one by one."""
    import pyarrow as pa

    lengths = np.fromiter(map(len, rows), np.int32, len(rows))
    offsets = np.zeros(len(rows) + 1, np.int32)
    np.cumsum(lengths, dtype=np.int32, out=offsets[1:])
    values = np.fromiter(chain.from_iterable(rows), np.int32, int(offsets[-1]))
    return pa.ListArray.from_arrays(pa.array(offsets), pa.array(values))


class Store:
    """One prepared split.

    Args:
        path: The Arrow file.

    Raises:
        UserError: The file is missing or damaged.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._table = _open(path)
        self.source = Ids(self._table.data.column("source_ids"))
        self.target = Ids(self._table.data.column("target_ids"))
        self.source_text = Texts(self._table.data.column("source"))
        self.target_text = Texts(self._table.data.column("target"))

    def __len__(self) -> int:
        return len(self._table)

    def texts(self, column: str, limit: int | None = None) -> list[str]:
        """Returns the normalised texts of "source" or "target", the first `limit` of them."""
        table = self._table.data.column(column)
        texts: list[str] = (table if limit is None else table.slice(0, limit)).to_pylist()
        return texts

    def rows(self) -> Iterator[Row]:
        """Goes through the split once, some thousands of rows at a time."""
        for batch in self._table.data.to_batches(max_chunksize=ROWS_A_CHUNK):
            columns = [batch.column(name).to_pylist() for name in Row._fields]
            yield from map(Row, *columns)

    def texts_between(self, first: int, last: int) -> Iterator[tuple[int, str, str]]:
        """Yields line, source and target of the rows from `first` up to and without `last`, reading no others."""
        part = self._table.data.slice(first, last - first)
        yield from zip(*(part.column(name).to_pylist() for name in ("line", "source", "target")), strict=True)


class Ids:
    """A column of id lists, mapped: row i is a view into the file.

    Attributes:
        lengths: int32 [rows], the length of each list.
    """

    def __init__(self, column: Any) -> None:  # noqa: ANN401 - pyarrow ships no types
        self._chunks: list[tuple[NDArray[np.int32], NDArray[np.int32]]] = []
        starts, lengths = [0], []
        for chunk in column.chunks:
            offsets = np.asarray(chunk.offsets)
            self._chunks.append((offsets, chunk.values.to_numpy(zero_copy_only=True)))
            lengths.append(np.diff(offsets))
            starts.append(starts[-1] + len(chunk))
        self._starts = np.asarray(starts)
        self.lengths: NDArray[np.int32] = np.concatenate(lengths) if lengths else np.zeros(0, np.int32)

    def __getitem__(self, row: int) -> NDArray[np.int32]:
        number = int(np.searchsorted(self._starts, row, side="right")) - 1
        offsets, values = self._chunks[number]
        local = row - int(self._starts[number])
        return values[offsets[local] : offsets[local + 1]]

    def many(self, rows: NDArray[np.int64]) -> list[NDArray[np.int32]]:
        """Returns what `self[row]` gives for each row: several times faster than one after the other."""
        numbers = np.searchsorted(self._starts, rows, side="right") - 1
        local = rows - self._starts[numbers]
        found = []
        for number, row in zip(numbers.tolist(), local.tolist(), strict=True):
            offsets, values = self._chunks[number]
            found.append(values[offsets[row] : offsets[row + 1]])
        return found


class Texts:
    """A column of texts, mapped: only the text that is asked for is read."""

    def __init__(self, column: Any) -> None:  # noqa: ANN401 - pyarrow ships no types
        self._chunks: list[tuple[NDArray[np.int32], memoryview]] = []
        starts = [0]
        for chunk in column.chunks:
            _, offsets, values = chunk.buffers()
            own = np.frombuffer(offsets, np.int32)[chunk.offset : chunk.offset + len(chunk) + 1]
            self._chunks.append((own, memoryview(values or b"")))
            starts.append(starts[-1] + len(chunk))
        self._starts = np.asarray(starts)

    def __getitem__(self, row: int) -> str:
        number = int(np.searchsorted(self._starts, row, side="right")) - 1
        offsets, values = self._chunks[number]
        local = row - int(self._starts[number])
        return str(values[offsets[local] : offsets[local + 1]], "utf-8")


def _open(path: Path) -> datasets.Dataset:
    import datasets
    import pyarrow as pa

    if not path.is_file():
        raise UserError(f"{path} is missing.", hint="Run 'seq2seq prepare' again.")
    try:
        _check_end(path)
        table = datasets.Dataset.from_file(str(path))
        if missing := [name for name in Row._fields if name not in table.column_names]:
            raise pa.ArrowInvalid(f"it has no column {missing[0]!r}")
        return table
    except (pa.ArrowInvalid, OSError) as error:
        raise UserError(f"{path} is damaged: {error}.", hint="Run 'seq2seq prepare' again.") from None


def _check_end(path: Path) -> None:
    """Looks for the mark at the end of the stream: a file cut off between two chunks would pass for a shorter one."""
    with path.open("rb") as file:
        file.seek(max(0, path.stat().st_size - len(END_OF_STREAM)))
        if file.read() != END_OF_STREAM:
            raise OSError("its end is missing")
