"""Attention as inline SVG: a row a target token, a column a source token, the darker the more it was looked at.

Cells of about equal weight are one path, so that a map takes some kilobytes and not one rectangle a cell.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass

from seq2seq.plots.attention_map import checked
from seq2seq.plots.page_html import safe

_CELL = 18
_CHARACTER = 7.3  # width of a letter, about
_WIDE = 12  # width of one of Chinese, Japanese and Korean, which is as wide as the text is high
_SHADES = 10
_LONGEST = 18  # characters of a token that are shown


@dataclass(frozen=True)
class Map:
    """Where one translation looked.

    Attributes:
        source_tokens: The columns.
        tokens: The rows.
        weights: [tokens, source tokens], 0-1.
    """

    source_tokens: Sequence[str]
    tokens: Sequence[str]
    weights: Sequence[Sequence[float]]


def attention_svg(shown: Map, name: str) -> str:
    """Returns the map as a picture.

    Args:
        shown: The map.
        name: What it is, for screen readers.

    Raises:
        ValueError: The shape does not fit.
    """
    weights = checked(shown.source_tokens, shown.tokens, shown.weights)
    columns, rows = _labels(shown.source_tokens), _labels(shown.tokens)
    left, top = (round(max(map(_width, labels), default=0)) + 8 for labels in (rows, columns))
    width, height = left + _CELL * len(columns) + 4, top + _CELL * len(rows) + 4
    paths: list[list[str]] = [[] for _ in range(_SHADES + 1)]
    for row, values in enumerate(weights.tolist()):
        for column, weight in enumerate(values):
            # Square roots: attention is sharp, and a scale of the weights themselves would show one cell a row.
            paths[round(_SHADES * weight**0.5)].append(f"M{left + _CELL * column} {top + _CELL * row}h17v17h-17z")
    drawn = [
        f'<path class="cell" fill-opacity="{shade / _SHADES:g}" d="{"".join(path)}"/>'
        for shade, path in enumerate(paths)
        if path and shade > 1
    ]
    drawn += [
        f'<text transform="translate({left + _CELL * n + 13} {top - 5}) rotate(-90)">{safe(label)}</text>'
        for n, label in enumerate(columns)
    ]
    drawn += [
        f'<text x="{left - 6}" y="{top + _CELL * n + 13}" text-anchor="end">{safe(label)}</text>'
        for n, label in enumerate(rows)
    ]
    return (
        f'<svg class="map" role="img" aria-label="{safe(name)}" viewBox="0 0 {width} {height}" width="{width}" '
        f'height="{height}">{"".join(drawn)}</svg>'
    )


def _labels(tokens: Sequence[str]) -> list[str]:
    return [token if len(token) <= _LONGEST else token[: _LONGEST - 1] + "…" for token in tokens]


def _width(label: str) -> float:
    return sum(map(_width_of_character, label))


def _width_of_character(character: str) -> float:
    if unicodedata.category(character) in {"Mn", "Me", "Cf"}:  # drawn over the letter before, or not at all
        return 0
    return _WIDE if unicodedata.east_asian_width(character) in "WF" else _CHARACTER
