"""Which source tokens each target token was made from, as a picture."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from seq2seq.plots.characters import printable
from seq2seq.plots.figure import fonts, new_figure, save

_CELL_INCHES = 0.36
_LARGEST_INCHES = 24.0


def checked(source_tokens: Sequence[str], tokens: Sequence[str], attention: ArrayLike) -> NDArray[np.float64]:
    """Returns `attention` [target, source] as an array with what is not finite set to 0, clipped to 0-1.

    Raises:
        ValueError: Its shape is not (target tokens, source tokens).
    """
    weights = np.asarray(attention, dtype=np.float64)
    if weights.shape != (len(tokens), len(source_tokens)):
        raise ValueError(
            f"attention has shape {weights.shape}, but there are {len(tokens)} target and "
            f"{len(source_tokens)} source tokens"
        )
    return np.clip(np.nan_to_num(weights, nan=0.0), 0.0, 1.0)


def attention_map(source_tokens: Sequence[str], tokens: Sequence[str], attention: ArrayLike, path: Path) -> None:
    """Draws one sentence's attention as a PNG: a row a target token, a column a source token, dark where it looked.

    The scale is always 0 to 1, so pictures compare with each other.

    Args:
        source_tokens: The columns.
        tokens: The rows.
        attention: Weights [target, source]; rows sum to 1.
        path: Where to; replaced at once when the picture is complete.

    Raises:
        ValueError: The shape does not fit, or there are no tokens.
        UserError: The file cannot be written.
    """
    weights = checked(source_tokens, tokens, attention)
    if not weights.size:
        raise ValueError("there is no token to draw")
    inches = [min(_LARGEST_INCHES, 1.6 + _CELL_INCHES * count) for count in (len(source_tokens), len(tokens))]
    size = max(3.0, min(10.0, 72 * 0.7 * min((inches[0] - 1.6) / len(source_tokens), (inches[1] - 1.6) / len(tokens))))
    figure = new_figure(inches[0] + 0.5, inches[1])
    axes = figure.subplots()
    # Drawn as a mesh and not as an image: cells stay sharp at any size, with a thin white line between.
    mesh = axes.pcolormesh(weights, cmap="Blues", vmin=0, vmax=1, edgecolors="white", linewidth=0.6)
    axes.set_aspect("equal")
    axes.invert_yaxis()
    axes.xaxis.tick_top()
    # parse_math: a dollar sign in a token is a dollar sign.
    style: dict[str, Any] = {"fontsize": size, "fontfamily": fonts(), "parse_math": False}
    axes.set_xticks(np.arange(len(source_tokens)) + 0.5, [printable(t) for t in source_tokens], rotation=90, **style)
    axes.set_yticks(np.arange(len(tokens)) + 0.5, [printable(t) for t in tokens], **style)
    axes.tick_params(length=0)
    axes.spines[:].set_visible(False)
    bar = figure.colorbar(mesh, ax=axes, fraction=0.04, pad=0.02, aspect=25, ticks=[0, 0.5, 1])
    bar.outline.set_visible(False)
    bar.ax.tick_params(labelsize=8, length=0)
    save(figure, path)
