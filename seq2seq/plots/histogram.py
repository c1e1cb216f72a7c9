"""Bars of counts in plain text, the same on a terminal and in a file."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

_EIGHTHS: Final = " ▏▎▍▌▋▊▉█"


def bar(count: int, largest: int, width: int) -> str:
    """Returns a bar of at most `width` columns, exact to an eighth of one; what is not nothing shows as something."""
    if count <= 0 or largest <= 0:
        return ""
    eighths = max(1, round(8 * width * count / largest))
    return _EIGHTHS[8] * (eighths // 8) + _EIGHTHS[eighths % 8].strip()


def histograms(labels: Sequence[str], columns: Sequence[tuple[str, Sequence[int]]], *, width: int) -> list[str]:
    """Returns lines with a row a label and a histogram a column, side by side, under their names.

    Rows above the first and below the last one that holds anything are left out.

    Args:
        labels: What stands before each row.
        columns: The name and the counts of each histogram; counts [labels].
        width: Columns of the terminal for all of it.
    """
    used = [row for row in range(len(labels)) if any(counts[row] for _, counts in columns)]
    if not used:
        return []
    margin = max(len(label) for label in labels)
    figures = [max(len(f"{count:,}") for count in counts) for _, counts in columns]
    room = max(4, (width - margin - sum(figures) - 3 * len(columns)) // len(columns))
    heads = (f"{name:<{room + number + 1}}" for (name, _), number in zip(columns, figures, strict=True))
    lines = [f"{'':<{margin}}  {'  '.join(heads)}".rstrip()]
    for row in range(used[0], used[-1] + 1):
        cells = (
            f"{counts[row]:>{number},} {bar(counts[row], max(counts), room):<{room}}"
            for (_, counts), number in zip(columns, figures, strict=True)
        )
        lines.append(f"{labels[row]:>{margin}}  {'  '.join(cells)}".rstrip())
    return lines
