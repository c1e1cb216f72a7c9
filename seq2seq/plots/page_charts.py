"""Bars as inline SVG, in the page's colours and with their figures as text."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from seq2seq.plots.page_html import safe

_ROW, _LABEL, _WIDTH, _NOTE = 24, 96, 220, 200  # in units of the picture


@dataclass(frozen=True)
class Bar:
    """A bar.

    Attributes:
        label: What stands before it.
        value: Its length, 0-100.
        text: Its figure.
        note: What it was computed from.
    """

    label: str
    value: float
    text: str
    note: str


def bars(identity: str, title: str, rows: Sequence[Bar]) -> str:
    """Returns a chart of horizontal bars on a scale from 0 to 100.

    Args:
        identity: A name that is its own on the page.
        title: What it shows; read out with the figures by screen readers.
        rows: The bars, from top to bottom.
    """
    height, width = _ROW * len(rows) + 4, _LABEL + _WIDTH + _NOTE
    said = "; ".join(f"{row.label}: {row.text} ({row.note})" for row in rows)
    drawn = []
    for number, row in enumerate(rows):
        top = _ROW * number + 4
        length = _WIDTH * min(100.0, max(0.0, row.value)) / 100
        middle = top + 12
        drawn.append(
            f'<text x="{_LABEL - 8}" y="{middle}" text-anchor="end">{safe(row.label)}</text>'
            f'<rect class="rail" x="{_LABEL}" y="{top}" width="{_WIDTH}" height="16"/>'
            f'<rect class="bar" x="{_LABEL}" y="{top}" width="{length:.1f}" height="16"/>'
            f'<text x="{_LABEL + _WIDTH + 8}" y="{middle}">{safe(row.text)}'
            f'<tspan class="note" dx="8">{safe(row.note)}</tspan></text>'
        )
    return (
        f"<figcaption>{safe(title)}</figcaption>"
        f'<svg role="img" aria-labelledby="{identity}t {identity}d" viewBox="0 0 {width} {height}" width="{width}" '
        f'height="{height}"><title id="{identity}t">{safe(title)}</title><desc id="{identity}d">{safe(said)}</desc>'
        f"{''.join(drawn)}</svg>"
    )
