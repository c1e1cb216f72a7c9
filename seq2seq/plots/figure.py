"""A figure of its own, and its way into a file.

Through the object-oriented interface only: pyplot keeps every figure in a global list, picks a backend by looking for a
screen, and is not safe in threads.
"""

from __future__ import annotations

import os
import tempfile
import warnings
from pathlib import Path
from typing import TYPE_CHECKING

from seq2seq.errors import UserError

if TYPE_CHECKING:
    from matplotlib.figure import Figure

# Okabe & Ito's palette: told apart by colour-blind readers, and in grey by their lightness.
BLUE, VERMILION, GREEN, GREY = "#0072B2", "#D55E00", "#009E73", "#595959"
_DOTS_PER_INCH = 150
_SANS = ("DejaVu Sans", "Noto Sans CJK JP", "Noto Sans CJK SC", "Hiragino Sans", "Yu Gothic", "Microsoft YaHei")


def new_figure(width: float, height: float) -> Figure:
    """Returns an empty figure of `width` x `height` inches that will be drawn without a screen.

    Raises:
        UserError: matplotlib is not installed.
    """
    try:
        from matplotlib.backends.backend_agg import FigureCanvasAgg
        from matplotlib.figure import Figure
    except ImportError as error:
        raise UserError("Drawing needs matplotlib.", hint='Run: pip install "seq2seq[train]".') from error
    figure = Figure(figsize=(width, height), layout="constrained", facecolor="white")
    FigureCanvasAgg(figure)
    return figure


def fonts() -> list[str]:
    """Returns the fonts for any script that this machine has, the Latin one first; matplotlib falls back along them."""
    from matplotlib.font_manager import fontManager

    present = set(fontManager.get_font_names())
    return [name for name in _SANS if name in present]


def save(figure: Figure, path: Path) -> None:
    """Writes `figure` to `path` as PNG: whole or not at all, since it may be replaced while somebody looks at it.

    Equal figures give equal bytes. Missing folders are made.

    Raises:
        UserError: The file cannot be written there.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        descriptor, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.", suffix=".part")
    except OSError as error:
        raise UserError(f"The picture {path} cannot be written: {error.strerror}.") from error
    part = Path(name)
    try:
        with os.fdopen(descriptor, "wb") as file, warnings.catch_warnings():
            warnings.filterwarnings("ignore", message="Glyph .* missing", category=UserWarning)  # drawn as a box
            figure.savefig(file, format="png", dpi=_DOTS_PER_INCH, metadata={"Software": None})
        part.chmod(0o644)  # a temporary file is its owner's only
        part.replace(path)
    except OSError as error:
        raise UserError(f"The picture {path} cannot be written: {error.strerror}.") from error
    finally:
        part.unlink(missing_ok=True)
