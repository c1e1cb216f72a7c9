"""What stands behind the placeholders of a translation: each takes an original of the source, found by attention.

After Luong et al. 2015, "Addressing the rare word problem", with attention in the place of an aligner (Jean et al.
2015). Pure NumPy.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

UNKNOWN: Final = "unk"

_PREFERENCE: Final = 2.0
"""What a source word that is itself unknown has over a known one: more than any attention, which is at most 1.

A word that this vocabulary does not know is mostly a name, which both languages write alike; a known word has a
translation, and copying it is the last resort.
"""
_ORDER: Final = 1e-3
"""The price of crossing: it decides where attentions are equal, and only there."""


def originals(
    target: Sequence[str | None],
    source: Sequence[str | None],
    surfaces: Sequence[str],
    attention: NDArray[np.floating[Any]] | None,
    *,
    used: Collection[int] = (),
) -> dict[int, str]:
    """Returns the text for each placeholder of the target, by position.

    A number takes a number of the source and an address an address, one to one, so that the sum of the attentions is
    the greatest; where attention is equal, or there is none, in order of occurrence. An unknown word takes an unknown
    word of the source in the same way. What is left over takes what it attends to most, if that has more than an even
    share of its attention: a number or an address once more, or for an unknown word any word. What finds nothing to
    copy gets the empty text: a mark like "[NUM]" means nothing to a reader.

    Args:
        target: The kind of each target token: "unk", "num", "url", or None for an ordinary one.
        source: The kind of each source token.
        surfaces: The original text of each source token.
        attention: [target tokens or more, source tokens or more], what each target token attends to.
        used: Source tokens that are not to be copied: something else translates them.
    """
    filled: dict[int, str] = {}
    for kind in sorted({one for one in target if one is not None}):
        places = [place for place, one in enumerate(target) if one == kind]
        copied = [
            place
            for place, one in enumerate(source)
            if place not in used and surfaces[place].strip() and _may_copy(kind, one, surfaces[place])
        ]
        alike = np.array([source[place] == kind for place in copied], dtype=np.bool_)
        given = np.zeros((len(places), len(copied))) if attention is None else attention[np.ix_(places, copied)]
        even_share = 1.0 if attention is None else 1 / attention.shape[1]
        for place, column in zip(places, _chosen(given, alike, even_share), strict=True):
            filled[place] = "" if column is None else surfaces[copied[column]].strip()
    return filled


def _may_copy(kind: str, source: str | None, surface: str) -> bool:
    """Tells whether a placeholder of this kind may take that source token: its like, or for [UNK] a known word too."""
    return source == kind or (kind == UNKNOWN and source is None and any(c.isalnum() for c in surface))


def _chosen(given: NDArray[np.floating[Any]], alike: NDArray[np.bool_], even_share: float) -> list[int | None]:
    """Returns the column that each row takes; None where none will do.

    Args:
        given: [rows, columns], the attention.
        alike: [columns], whether it is a placeholder of the same kind.
        even_share: More attention than this says something.
    """
    if not given.size:
        return [None] * len(given)
    attended = given > even_share
    possible = alike | attended
    pairs = assign(np.where(possible, given + _PREFERENCE * alike, -1.0))
    chosen = {row: column for row, column in pairs if possible[row, column]}
    for row, best in enumerate(given.argmax(axis=1)):
        if row not in chosen and attended[row, best]:
            chosen[row] = int(best)
    return [chosen.get(row) for row in range(len(given))]


def assign(weights: NDArray[np.float64]) -> list[tuple[int, int]]:
    """Pairs rows with columns one to one, as many as there are of the fewer, so that the sum of weights is greatest.

    Where sums are equal, pairs that keep the order win. By shortest augmenting paths (Jonker & Volgenant 1987), in time
    cubic in the number of rows or columns.

    Args:
        weights: [rows, columns], finite.

    Returns:
        The pairs (row, column), by row.
    """
    if weights.shape[0] > weights.shape[1]:
        return sorted((row, column) for column, row in assign(weights.T))
    num_rows, num_columns = weights.shape
    crossing = (np.arange(num_rows)[:, None] - np.arange(num_columns)) / max(num_columns, 1)
    cost = _ORDER * crossing**2 - weights
    row_price, column_price = np.zeros(num_rows), np.zeros(num_columns)
    taken_by = np.full(num_columns, -1)
    for first in range(num_rows):
        distance, came_from = np.full(num_columns, np.inf), np.full(num_columns, -1)
        closed = np.zeros(num_columns, dtype=np.bool_)
        row, column, length = first, -1, 0.0
        while row >= 0:
            reached = length + cost[row] - row_price[row] - column_price
            nearer = ~closed & (reached < distance)
            distance[nearer], came_from[nearer] = reached[nearer], column
            column = int(np.where(closed, np.inf, distance).argmin())
            length = float(distance[column])
            closed[column] = True
            row = int(taken_by[column])
        row_price[first] += length
        passed = np.flatnonzero(closed & (taken_by >= 0))
        row_price[taken_by[passed]] += length - distance[passed]
        column_price[passed] -= length - distance[passed]
        while column >= 0:  # each column on the way goes to the row that came through it
            before = int(came_from[column])
            taken_by[column] = taken_by[before] if before >= 0 else first
            column = before
    return sorted((int(row), column) for column, row in enumerate(taken_by) if row >= 0)
