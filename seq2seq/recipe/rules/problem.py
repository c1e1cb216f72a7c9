"""What a rule is, and what it says where it is broken."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from seq2seq.recipe.schema import Recipe


class Problem(NamedTuple):
    """A broken rule: what is wrong, and what to do."""

    message: str
    hint: str


Rule = Callable[[Recipe], Problem | None]
