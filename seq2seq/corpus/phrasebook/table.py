"""One TSV file of the lexicon: its header, its rows, and errors that name the file, the line and the column."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn

from seq2seq.errors import UserError

ABSENT = "-"


@dataclass(frozen=True, slots=True)
class Row:
    """One entry of one file; `cells` maps a column's name to its text."""

    path: Path
    line: int
    cells: dict[str, str]

    def refuse(self, column: str, expected: str) -> NoReturn:
        """Raises the error that says what this row has in `column` and what it should have."""
        raise UserError(
            f"{self.path.name}, line {self.line}, column {column!r}: "
            f"found {self.cells[column]!r}, expected {expected}.",
            hint="Mend that cell of the lexicon.",
        )

    def text(self, column: str) -> str:
        """Returns a cell that must hold a word."""
        if self.cells[column] == ABSENT:
            self.refuse(column, "a word")
        return self.cells[column]

    def optional(self, column: str) -> str:
        """Returns a cell, or "" where the row says there is none ("-")."""
        return "" if self.cells[column] == ABSENT else self.cells[column]

    def choice(self, column: str, allowed: tuple[str, ...]) -> str:
        """Returns a cell that must be one of `allowed`."""
        if self.cells[column] not in allowed:
            self.refuse(column, "one of " + ", ".join(allowed))
        return self.cells[column]

    def listed(self, column: str, allowed: frozenset[str] | None = None) -> tuple[str, ...]:
        """Returns the parts of a comma-separated cell, each of which must be in `allowed` when that is given."""
        parts = tuple(self.optional(column).split(",")) if self.optional(column) else ()
        for part in parts:
            if not part or (allowed is not None and part not in allowed):
                known = "names separated by commas" if allowed is None else "names among " + ", ".join(sorted(allowed))
                self.refuse(column, known)
        return parts


def rows(path: Path, columns: tuple[str, ...], key: str = "english") -> Iterator[Row]:
    """Yields the entries of one file, in its order.

    Raises:
        UserError: The file is missing, its header is not `columns`, a row has another number of cells, a cell is
            empty or has spaces around it, or a value of `key` comes twice (a word has one translation in its role).
    """
    if not path.is_file():
        raise UserError(f"The lexicon lacks its file {path.name}.", hint=f"Put it into {path.parent}.")
    lines = path.read_text(encoding="utf-8").splitlines()
    header = tuple(lines[0].split("\t")) if lines else ()
    if header != columns:
        raise UserError(f"{path.name}, line 1: found the columns {', '.join(header)}, expected {', '.join(columns)}.")
    seen: dict[str, int] = {}
    for number, line in enumerate(lines[1:], start=2):
        cells = line.split("\t")
        if len(cells) != len(columns):
            raise UserError(f"{path.name}, line {number}: found {len(cells)} cells, expected {len(columns)}.")
        row = Row(path, number, dict(zip(columns, cells, strict=True)))
        for column, cell in row.cells.items():
            if not cell or cell != cell.strip():
                row.refuse(column, "text without spaces around it, or - for none")
        if (first := seen.setdefault(row.cells[key], number)) != number:
            row.refuse(key, f"a word that line {first} does not have already")
        yield row
