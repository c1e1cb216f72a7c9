"""A file to translate in several parts, on as many machines as there are.

The rule: part i of n of a file of b bytes (unpacked) is made of the windows (see
`seq2seq.pipeline.translate.windows`) whose first byte is one of the bytes b (i - 1) / n to b i / n. Each window belongs
to one part, the parts are contiguous and in order, and so what was written for them makes the whole when it is put one
after the other: `cat` does it.

What it costs: a part passes over the lines before it, at some millions a second, and does not read those behind it. A
compressed file is unpacked once more before, for its size. Parts differ by at most a window's work.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from seq2seq.errors import UserError


@dataclass(frozen=True)
class Part:
    """Part `number` of `count`, from 1.

    Raises:
        UserError: There is no such part.
    """

    number: int = 1
    count: int = 1

    def __post_init__(self) -> None:
        if not 1 <= self.number <= self.count:
            raise UserError(
                f"There is no shard {self.number}/{self.count}.",
                hint="Give its number and how many there are, from 1/n to n/n, for instance: --shard 2/8",
            )

    @classmethod
    def parse(cls, text: str) -> Self:
        """Returns the part that a text like "2/8" names.

        Raises:
            UserError: It names none.
        """
        found = re.fullmatch(r"\s*([0-9]{1,6})\s*/\s*([0-9]{1,6})\s*", text)
        if found is None:
            raise UserError(
                f"--shard {text!r} is no shard.", hint="Give its number and how many there are: --shard 2/8"
            )
        return cls(int(found[1]), int(found[2]))

    def __str__(self) -> str:
        return f"{self.number}/{self.count}"

    @property
    def is_whole(self) -> bool:
        """Whether there are no other parts."""
        return self.count == 1

    def range(self, num_bytes: int) -> tuple[int, int]:
        """Returns the first byte of the part's range, and the first behind it, in a file of so many bytes."""
        return num_bytes * (self.number - 1) // self.count, num_bytes * self.number // self.count

    def piece(self, target: Path) -> Path:
        """Returns where a process that is one of several writes its part of `target`."""
        return target.with_name(f"{target.name}.{self.number}-of-{self.count}")
