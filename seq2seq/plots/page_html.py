"""The small pieces of HTML that the page is made of; all text goes through `safe`."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

from seq2seq.plots.characters import printable


def safe(text: str) -> str:
    """Returns `text` for any place in HTML: no tag or attribute can begin or end in it, and no control character is."""
    return escape(printable(text), quote=True)


def slug(name: str) -> str:
    """Returns a flag's name without spaces, for attributes."""
    return safe(name.replace(" ", "-"))


def cells(values: Sequence[str]) -> str:
    """Returns the cells of a row; figures to the right."""
    return "".join(f'<td class="n">{safe(v)}</td>' if _is_figure(v) else f"<td>{safe(v)}</td>" for v in values)


def table(
    caption: str, heads: Sequence[str], rows: Sequence[Sequence[str]], *, language: str = "", words: int = 0
) -> str:
    """Returns a table.

    Args:
        caption: What it shows; empty: none.
        heads: Of the columns.
        rows: Their text.
        language: Of the words in the first columns.
        words: How many columns hold words of that language.
    """
    if not rows:
        return f"<p>{safe(caption)}: none.</p>" if caption else ""
    spoken = f' lang="{safe(language)}"' if language else ""
    body = []
    for row in rows:
        own = "".join(f'<td dir="auto"{spoken}>{safe(value)}</td>' for value in row[:words])
        body.append(f"<tr>{own}{cells(row[words:])}</tr>")
    above = f"<caption>{safe(caption)}</caption>" if caption else ""
    head = "".join(f'<th scope="col">{safe(name)}</th>' for name in heads)
    inside = f"{above}<thead><tr>{head}</tr></thead><tbody>{''.join(body)}</tbody>"
    return f'<div class="scroll"><table>{inside}</table></div>'


def _is_figure(value: str) -> bool:
    return bool(value) and value.removesuffix(" %").replace(",", "").replace(".", "", 1).lstrip("-").isdigit()
