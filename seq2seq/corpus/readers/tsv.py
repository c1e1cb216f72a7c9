"""One text file with a pair a line, its columns separated by tabs."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import cast

from seq2seq.corpus.files import check_range, check_reached, decode_line, num_lines, read_raw_lines, require_file
from seq2seq.corpus.pair import Pair
from seq2seq.errors import UserError


class Tsv:
    """Reads two columns of a tab-separated file; the file may be compressed. Quotes mean nothing special.

    Args:
        path: The file, UTF-8.
        columns: Which column holds the source and which the target, counted from 0.
        lines: Keep only these lines, both ends included, counted from 1; None keeps all. Reading stops after the last.

    Raises:
        UserError: The file is missing, a folder or empty, or the range or the columns are none; while reading, a line
            has too few columns or is not UTF-8, or the file ends before the range does.
    """

    def __init__(self, path: Path, *, columns: tuple[int, int] = (0, 1), lines: tuple[int, int] | None = None) -> None:
        self.path, self.columns, self.lines = Path(path), columns, lines
        check_range(lines)
        if min(columns) < 0 or columns[0] == columns[1]:
            raise UserError(
                f"The columns {columns[0]} and {columns[1]} are not two columns.",
                hint="Give the source's and the target's column, counted from 0.",
            )
        require_file(self.path)

    def __call__(self) -> Iterator[Pair]:
        """Yields the pairs from the first line to the last."""
        return cast(Iterator[Pair], self.picked(lambda _: True))

    def picked(self, wanted: Callable[[int], bool]) -> Iterator[Pair | None]:
        """Yields the pairs whose numbers, from 0, are `wanted`, and None for the others, whose text nobody looks at."""
        first, last = self.lines or (1, None)
        source, target = self.columns
        needed = max(self.columns) + 1
        line = 0
        for line, raw in enumerate(read_raw_lines(self.path), start=1):
            if line < first:
                continue
            if wanted(line - first):
                columns = decode_line(raw, self.path, line).split("\t")
                if len(columns) < needed:
                    self._refuse_columns(line, found=len(columns), needed=needed)
                yield Pair(line, columns[source], columns[target])
            else:
                yield None
            if line == last:
                return
        check_reached(self.path, self.lines, line)

    def num_pairs(self) -> int | None:
        """Returns how many pairs there are; see `seq2seq.corpus.reader.num_pairs`."""
        return num_lines(self.path, self.lines)

    def _refuse_columns(self, line: int, *, found: int, needed: int) -> None:
        """Raises the error about a line with too few columns."""
        raise UserError(
            f"{self.path}, line {line}: {found} column{'s' if found != 1 else ''} found, {needed} needed "
            f"(source is column {self.columns[0]}, target is column {self.columns[1]}, counted from 0).",
            hint="Columns are separated by tabs; mend or delete the line.",
        )
