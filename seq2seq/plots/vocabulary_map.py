"""The words of a vocabulary on a plane, those with like vectors side by side."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from numpy.typing import NDArray

from seq2seq.plots.characters import printable
from seq2seq.plots.figure import BLUE, GREY, VERMILION, fonts, new_figure, save

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from matplotlib.text import Annotation

_FEWEST: Final = 10  # points below which t-SNE has no neighbourhoods to keep
_PERPLEXITY: Final = 30.0  # neighbours a point tries to keep, about: the value of the paper
_EQUAL: Final = 1e-6  # vectors whose coordinates differ by less have no directions to tell apart
_SEED: Final = 0
# Where a label may stand beside its point, in points of type, in the order of trying; far away only with a line to it.
_NEAR: Final = ((0, 4), (5, 0), (-5, 0), (0, -4))
_FAR: Final = tuple((step * x, step * y) for step in (1, 2, 3) for x in (22, -22, 0, 44, -44) for y in (16, -16))
_DOT_PIXELS: Final = 5  # half the side of the square that is kept free around the point of a marked word


def lay_out(directions: NDArray[np.float32]) -> NDArray[np.float64]:
    """Lays vectors of length 1 on a plane so that neighbours stay neighbours: t-SNE (van der Maaten & Hinton 2008).

    It begins with the two main axes and draws nothing by chance: equal vectors give equal maps on one machine. Only
    what is near means something; how far apart two groups lie does not. Fewer than ten vectors, or equal ones, are
    shown along their two main axes.

    Args:
        directions: [words, size].

    Returns:
        [words, 2].
    """
    axes = main_axes(directions)
    spread = float(axes[:, 0].std())
    if len(directions) < _FEWEST or spread < _EQUAL:
        return axes
    from sklearn.manifold import TSNE

    # Our own start and not init="pca", which divides by a spread that may be zero and then crashes.
    start = (axes / spread * 1e-4).astype(np.float32)
    perplexity = min(_PERPLEXITY, (len(directions) - 1) / 3)
    found = TSNE(init=start, perplexity=perplexity, random_state=_SEED).fit_transform(directions)
    return np.asarray(found, np.float64)


def main_axes(vectors: NDArray[Any]) -> NDArray[np.float64]:
    """Returns the coordinates [words, 2] of the vectors along the two axes on which they differ most (PCA).

    The sign of an axis, which means nothing, is such that its largest coordinate is positive.
    """
    centred = vectors.astype(np.float64) - vectors.mean(axis=0, dtype=np.float64)
    left, sizes, _ = np.linalg.svd(centred, full_matrices=False)
    found = np.zeros((len(vectors), 2))
    found[:, : min(2, len(sizes))] = (left * sizes)[:, :2]
    largest = found[np.abs(found).argmax(axis=0), [0, 1]]
    return found * np.where(largest < 0, -1.0, 1.0)


def vocabulary_map(
    words: Sequence[str], points: NDArray[np.float64], path: Path, *, word: str = "", marked: Sequence[str] = ()
) -> int:
    """Draws the map as a PNG. A label that would lie on another is left out, those of frequent words last.

    Args:
        words: The words, the most important one first.
        points: [words, 2].
        path: Where to; replaced at once when the picture is complete.
        word: The one that was asked for.
        marked: Its neighbours.

    Returns:
        How many words are labelled.

    Raises:
        ValueError: There are no words, or not one point each.
        UserError: The file cannot be written.
    """
    figure, labelled = draw(words, points, word=word, marked=marked)
    save(figure, path)
    return labelled


def draw(
    words: Sequence[str], points: NDArray[np.float64], *, word: str = "", marked: Sequence[str] = ()
) -> tuple[Figure, int]:
    """Returns the figure, and how many words are labelled; see `vocabulary_map`."""
    if not words or points.shape != (len(words), 2):
        raise ValueError(f"points has shape {points.shape}, and there are {len(words)} words")
    figure = new_figure(12.0, 9.0)
    axes = figure.subplots()
    axes.set_axis_off()
    colours = [VERMILION if w == word else BLUE if w in marked else GREY for w in words]
    sizes = [36 if w == word else 18 if w in marked else 5 for w in words]
    axes.scatter(points[:, 0], points[:, 1], c=colours, s=sizes, linewidths=0)
    axes.margins(0.06)
    figure.draw_without_rendering()  # settles where each point is, which labels are measured against
    bold = {word, *marked} - {""}
    order = sorted(range(len(words)), key=lambda i: (words[i] != word, words[i] not in bold, i))
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Glyph .* missing", category=UserWarning)  # drawn as a box
        return figure, _label(axes, [words[i] for i in order], points[order], [colours[i] for i in order], bold)


def _label(
    axes: Axes, words: Sequence[str], points: NDArray[np.float64], colours: Sequence[str], bold: set[str]
) -> int:
    """Writes the words beside their points, the first ones first, where there is room. Returns how many."""
    anchors = axes.transData.transform(points)  # in pixels, like all boxes: left, bottom, right, top
    dots = anchors[[word in bold for word in words]]
    taken, count = np.hstack([dots - _DOT_PIXELS, dots + _DOT_PIXELS]), 0
    for word, point, anchor, colour in zip(words, points, anchors, colours, strict=True):
        marked = word in bold
        style: dict[str, Any] = {
            "fontsize": 11 if marked else 8,
            "fontweight": "bold" if marked else "normal",
            "fontfamily": fonts(),
            "color": colour,
            "parse_math": False,
        }
        label = axes.annotate(printable(word), point, _NEAR[0], textcoords="offset points", **style)
        label.set_in_layout(False)  # or it would move the points, and everything measured so far
        size = np.asarray(label.get_window_extent().size)
        for offset in (*_NEAR, *_FAR) if marked else _NEAR:
            box = _box(anchor, offset, size, axes.get_figure().dpi / 72)  # type: ignore[union-attr]
            apart = (box[0] > taken[:, 2]) | (box[2] < taken[:, 0]) | (box[1] > taken[:, 3]) | (box[3] < taken[:, 1])
            if apart.all():
                _move(label, offset)
                if offset in _FAR:
                    line = {"arrowstyle": "-", "color": colour, "linewidth": 0.6, "shrinkA": 0, "shrinkB": 2}
                    axes.annotate("", point, offset, textcoords="offset points", arrowprops=line).set_in_layout(False)
                taken, count = np.vstack([taken, box]), count + 1
                break
        else:
            label.remove()
    return count


def _box(
    anchor: NDArray[np.float64], offset: tuple[int, int], size: NDArray[np.float64], scale: float
) -> NDArray[np.float64]:
    """Returns where a label of `size` pixels would be, on the side of its point that `offset` says."""
    shift = np.asarray(offset, np.float64)
    low = anchor + shift * scale - np.select([shift > 0, shift < 0], [0.0 * size, size], size / 2)
    return np.concatenate([low, low + size])


def _move(label: Annotation, offset: tuple[int, int]) -> None:
    """Puts a label on the side of its point that `offset` says."""
    x, y = offset
    label.xyann = offset
    label.set_horizontalalignment("left" if x > 0 else "right" if x < 0 else "center")
    label.set_verticalalignment("bottom" if y > 0 else "top" if y < 0 else "center")
