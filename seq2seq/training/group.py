"""Who trains together: one process alone, or several that hold the same weights."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol

from torch import Tensor


class Group(Protocol):
    """The processes that train one model. All of them call each method, in the same order.

    Attributes:
        rank: This process's number, from 0. Only process 0 writes, and shows progress.
        size: How many there are.
    """

    rank: int
    size: int

    def sum_(self, tensors: Sequence[Tensor]) -> None:
        """Replaces each tensor by its sum over all processes, in one exchange; the same bits in all of them."""

    def largest(self, value: float) -> float:
        """Returns the largest of all processes' values: a flag that one has set is set for all."""

    def from_first(self, value: Any) -> Any:  # noqa: ANN401 - any JSON
        """Returns, to everyone, what process 0 gave: a JSON value."""

    def everyone(self, value: Any) -> list[Any]:  # noqa: ANN401 - any JSON
        """Returns, to everyone, what each process gave, in the order of their numbers: JSON values."""


class Alone:
    """One process: nothing to agree on. See `Group`."""

    rank = 0
    size = 1

    def sum_(self, tensors: Sequence[Tensor]) -> None:
        """Leaves the tensors as they are."""

    def largest(self, value: float) -> float:
        """Returns the value."""
        return value

    def from_first(self, value: Any) -> Any:  # noqa: ANN401 - any JSON
        """Returns the value."""
        return value

    def everyone(self, value: Any) -> list[Any]:  # noqa: ANN401 - any JSON
        """Returns the value, as the only one."""
        return [value]
