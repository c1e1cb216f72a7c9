"""What training needs from outside: a loss, development scores, someone to tell, and a place for the best model."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol

from torch import Tensor, nn

from seq2seq.data.batches import Batch


class Objective(Protocol):
    """What is minimised."""

    def __call__(self, model: nn.Module, batch: Batch) -> Tensor:
        """Returns the loss summed over the real target tokens of `batch`."""


class Validator(Protocol):
    """What says how good a model is."""

    def __call__(self, model: nn.Module) -> Mapping[str, float]:
        """Returns the development scores by name; "loss" at least (nats a token)."""


class Reporter(Protocol):
    """Who watches."""

    def started(self, *, update: int, total: int | None) -> None:
        """Training begins, or goes on, after `update`; `total` is None until it is known."""

    def updated(self, row: Mapping[str, Any]) -> None:
        """An update is done."""

    def validated(self, row: Mapping[str, Any], *, best: bool) -> None:
        """The development set was looked at."""


class Keeper(Protocol):
    """Who stores the best model."""

    def __call__(self, tensors: Mapping[str, Tensor], scores: Mapping[str, float], update: int) -> None:
        """Stores the averaged weights with their development scores."""
