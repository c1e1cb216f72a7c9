"""Where a setting stands: the file it was read from, and its line there."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

_HEADING: Final = re.compile(r"\s*(\[\[?)\s*([^\[\]]+?)\s*\]\]?\s*(#.*)?$")
_KEY: Final = re.compile(r"""\s*([A-Za-z0-9_\-."' ]+?)\s*=""")
_SETTING: Final = re.compile(r"[a-z_]+(?:\.[a-z_]+(?:\[\d+\])?)+|^[a-z_]+(?= = )")
_NUMBER: Final = re.compile(r"\[\d+\]$")
_QUOTES: Final = re.compile(r'"""|' + "'''")


@dataclass(frozen=True)
class Place:
    """What an error about a setting names first.

    Attributes:
        name: A file, or an assignment of the command line.
        lines: The line of each setting and section in the file, by "section.key".
    """

    name: str
    lines: Mapping[str, int] = field(default_factory=dict)

    def at(self, trail: str) -> str:
        """Returns the name with the line of a setting, or of the nearest section around it that has one."""
        while trail:
            for held in (trail, _NUMBER.sub("", trail)):  # an inline list has one line for all its entries
                if held in self.lines:
                    return f"{self.name}, line {self.lines[held]}"
            trail = trail.rpartition(".")[0]
        return self.name

    def mentioned(self, message: str) -> str:
        """Returns the name with the line of the first setting which `message` speaks of and the file holds.

        An entry of an inline list has the line of the list.
        """
        settings = _SETTING.findall(message)
        lists = [found.partition("[")[0] for found in settings if "[" in found]
        return next((self.at(found) for found in (*settings, *lists) if found in self.lines), self.name)


def lines_of(text: str) -> dict[str, int]:
    """Returns where the settings of a valid TOML text stand, by "section.key"; entries of a list count from 1.

    A line ends at a line feed alone, as TOML has it.

    What stands deeper, in an inline table, has the line of its setting.
    """
    lines: dict[str, int] = {}
    section, counts, quote = "", dict[str, int](), ""
    for number, line in enumerate(text.split("\n"), start=1):
        if quote:  # within a text of several lines
            quote = "" if quote in line else quote
        elif heading := _HEADING.match(line):
            section = _trail(heading[2])
            if heading[1] == "[[":
                lines.setdefault(section, number)
                counts[section] = counts.get(section, 0) + 1
                section = f"{section}[{counts[section]}]"
            lines.setdefault(section, number)
        elif key := _KEY.match(line):
            trail = _trail(key[1])
            lines.setdefault(f"{section}.{trail}" if section else trail, number)
            marks = _QUOTES.findall(line)
            quote = marks[-1] if len(marks) % 2 else ""
    return lines


def _trail(written: str) -> str:
    return ".".join(part.strip().strip("\"'") for part in written.split("."))
