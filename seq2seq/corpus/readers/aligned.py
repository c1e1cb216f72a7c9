"""Two text files whose lines correspond: line n of one translates line n of the other."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import zip_longest
from pathlib import Path
from typing import cast

from seq2seq.corpus.files import check_range, check_reached, decode_line, num_lines, read_raw_lines, require_file
from seq2seq.corpus.pair import Pair
from seq2seq.corpus.parting import find_parting
from seq2seq.errors import UserError


class Aligned:
    """Reads a source file and a target file side by side; each may be compressed.

    Args:
        source: The file in the source language, UTF-8, one sentence a line.
        target: The file in the target language.
        lines: Keep only these lines, both ends included, counted from 1; None keeps all. Both files are still read to
            their ends, since files of different length are misaligned somewhere, perhaps inside the range.

    Raises:
        UserError: A file is missing, a folder or empty, or the range is none; while reading, a line is not UTF-8, the
            files differ in length (both counts are given, and where they part if that can be told), or they end
            before the range does.
    """

    def __init__(self, source: Path, target: Path, *, lines: tuple[int, int] | None = None) -> None:
        self.source, self.target, self.lines = Path(source), Path(target), lines
        check_range(lines)
        for path in (self.source, self.target):
            require_file(path)

    def __call__(self) -> Iterator[Pair]:
        """Yields the pairs from the first line to the last."""
        return cast(Iterator[Pair], self.picked(lambda _: True))

    def picked(self, wanted: Callable[[int], bool]) -> Iterator[Pair | None]:
        """Yields the pairs whose numbers, from 0, are `wanted`, and None for the others, whose text nobody looks at."""
        first, last = self.lines or (1, None)
        line = 0
        sides = zip_longest(read_raw_lines(self.source), read_raw_lines(self.target))
        for line, (source, target) in enumerate(sides, start=1):
            if source is None or target is None:
                self._refuse_lengths(line - 1, longer=1 + sum(1 for _ in sides), source_ended=source is None)
            if first <= line and (last is None or line <= last):
                if wanted(line - first):
                    yield Pair(line, decode_line(source, self.source, line), decode_line(target, self.target, line))
                else:
                    yield None
        check_reached(self.source, self.lines, line)

    def num_pairs(self) -> int | None:
        """Returns how many pairs there are; see `seq2seq.corpus.reader.num_pairs`."""
        return num_lines(self.source, self.lines)

    def _refuse_lengths(self, shorter: int, *, longer: int, source_ended: bool) -> None:
        """Raises the error that gives both files' numbers of lines; `longer` counts the lines left over."""
        counts = (shorter, shorter + longer) if source_ended else (shorter + longer, shorter)
        raise UserError(
            f"The files differ in length: {self.source} has {counts[0]} lines, {self.target} has {counts[1]}. "
            f"{self._parting(longer, source_ended=source_ended)}",
            hint="Line n of one must translate line n of the other; mend them from where they part.",
        )

    def _parting(self, shift: int, *, source_ended: bool) -> str:
        """Returns what a second look at both files, at the lengths of their lines, tells about where they part."""
        paths = (self.source, self.target) if source_ended else (self.target, self.source)
        shorter_lengths, longer_lengths = ((len(line) for line in read_raw_lines(path)) for path in paths)
        found = find_parting(shorter_lengths, longer_lengths, shift)
        if found is None:
            return "The lengths of the lines do not tell where they part."
        if found.at_end:
            return f"By the lengths of the lines they agree to the end of {paths[0]}: its last lines are missing."
        return f"By the lengths of the lines they part near line {found.line}, or before it."
