"""Attention and confidence in the terminal, for dark and light backgrounds, with colours and without."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

from numpy.typing import ArrayLike
from rich.cells import cell_len
from rich.console import Console, ConsoleOptions, RenderResult
from rich.style import Style
from rich.text import Text

from seq2seq.plots.attention_map import checked
from seq2seq.plots.characters import printable

# The map brings its own canvas, so it looks alike on any background: cividis in ten steps, dark blue to yellow, which
# colour-blind readers see nearly as others do (Nuñez, Anderton & Renslow 2018).
_SHADES = (
    (0, 34, 78),
    (18, 53, 112),
    (59, 73, 108),
    (87, 93, 109),
    (112, 113, 115),
    (138, 134, 120),
    (165, 156, 116),
    (195, 179, 105),
    (225, 204, 85),
    (254, 232, 56),
)
_CELL = 2  # columns of the terminal: a wide character fits above, and the cell is about square
_LONGEST_HEADER = 12
_WIDEST_LABEL = 20
# From what probability on, how it looks, what the legend says. Marks differ in more than colour, and the colours are
# of middle lightness, so they can be read on black and on white.
_LEVELS = (
    (0.9, Style(), "sure (90 %+)"),
    (0.6, Style(color="color(33)"), "fairly (60 %+)"),
    (0.3, Style(color="color(172)", underline=True), "unsure (30 %+)"),
    (0.0, Style(color="color(197)", bold=True, underline=True), "guessed"),
)


class AttentionGrid:
    """A heat map for a rich console: a row a target token, a column a source token, written downwards above.

    Where the console is too narrow the source is shown in several bands, one under the other. On a console without
    colours each cell is a digit, tenths of attention rounded down.

    Args:
        source_tokens: The columns.
        tokens: The rows.
        attention: Weights [target, source]; rows sum to 1.

    Raises:
        ValueError: The shape does not fit.
    """

    def __init__(self, source_tokens: Sequence[str], tokens: Sequence[str], attention: ArrayLike) -> None:
        self._tenths = [
            [min(9, int(10 * w + 1e-6)) for w in row] for row in checked(source_tokens, tokens, attention).tolist()
        ]
        self._headers = [downwards(printable(token)) for token in source_tokens]
        self._labels = [shortened(printable(token), _WIDEST_LABEL) for token in tokens]

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        coloured = console.color_system in {"256", "truecolor"} and not console.no_color
        margin = max((cell_len(label) for label in self._labels), default=0)
        room = max(1, (options.max_width - margin - 1) // _CELL)
        for start in range(0, len(self._headers), room):
            if start:
                yield Text()
            yield from self._band(start, start + room, margin, coloured=coloured)

    def _band(self, start: int, stop: int, margin: int, *, coloured: bool) -> Iterator[Text]:
        headers = self._headers[start:stop]
        height = max(len(header) for header in headers)
        for line in range(height):
            above = (header[line - height + len(header)] if line >= height - len(header) else "" for header in headers)
            yield _line(" " * (margin + 1) + "".join(padded(character, _CELL) for character in above))
        for label, row in zip(self._labels, self._tenths, strict=True):
            text = _line(" " * (margin - cell_len(label)) + label + " ")
            for tenth in row[start:stop]:
                text.append(_CELL * " " if coloured else f" {tenth}", _shade(tenth) if coloured else None)
            yield text


def confidence_text(
    tokens: Sequence[str], log_probs: Sequence[float], *, legend: bool = True, colour: bool = True
) -> Text:
    """Returns the tokens, a blank between, each in the style of the probability the model gave it.

    Args:
        tokens: What is shown.
        log_probs: The natural log-probability of each.
        legend: Whether a line that explains the styles is appended.
        colour: False for a console without styles: each token is then followed by its probability in per cent.

    Raises:
        ValueError: There are not as many log-probabilities as tokens.
    """
    text = Text()
    for token, log_prob in zip(tokens, log_probs, strict=True):
        text.append(" " if text else "")
        probability = 0.0 if math.isnan(log_prob) else math.exp(min(0.0, log_prob))
        shown = printable(token)
        if colour:
            text.append(shown, next(style for least, style, _ in _LEVELS if probability >= least))
        else:
            text.append(f"{shown} ({100 * probability:.0f}%)")
    if legend and colour:
        text.append("\n").append_text(confidence_legend())
    return text


def confidence_legend() -> Text:
    """Returns the line that explains the styles of `confidence_text`."""
    entries = [Text(meaning, style) for _, style, meaning in _LEVELS]
    return Text.assemble(("confidence: ", "dim"), Text("  ").join(entries))


def downwards(token: str) -> list[str]:
    """Returns what stands on each line when `token` is written downwards: a character with the marks that belong to it.

    At most 12 lines; a longer one ends in an ellipsis.
    """
    lines: list[str] = []
    for character in token:
        if lines and not cell_len(character):
            lines[-1] += character
        else:
            lines.append(character)
    return lines if len(lines) <= _LONGEST_HEADER else [*lines[: _LONGEST_HEADER - 1], "…"]


def shortened(token: str, width: int) -> str:
    """Returns `token` cut to `width` columns of the terminal, an ellipsis last where something was cut."""
    if cell_len(token) <= width:
        return token
    kept = ""
    for character in token:
        if cell_len(kept + character) > width - 1:
            break
        kept += character
    return kept + "…"


def padded(text: str, width: int) -> str:
    """Returns `text` filled up with blanks to `width` columns of the terminal."""
    return text + " " * (width - cell_len(text))


def _line(content: str) -> Text:
    return Text(content, no_wrap=True, overflow="crop", end="\n")


def _shade(tenth: int) -> Style:
    red, green, blue = _SHADES[tenth]
    return Style(bgcolor=f"rgb({red},{green},{blue})")
