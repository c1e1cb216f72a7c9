"""What training needs from outside: a loss, development scores, someone to tell, and a place for the best model."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol

from torch import Tensor, nn

from seq2seq.data.batches import Batch


class Objective(Protocol):
    """What is minimised."""

    def add_gradient(
        self, model: nn.Module, batch: Batch, *, num_tokens: int, progress: float, precision: str
    ) -> Tensor:
        """Adds the gradient of this batch's share of an update's loss to the gradients of the weights.

        The backward pass is the objective's own, since one that reads a target in parts makes several.

        Args:
            model: The network.
            batch: The pairs.
            num_tokens: Real target tokens of the whole update: the summed loss of `batch` is divided by it.
            progress: Share of the training's updates that are done after this one; 0 while their number is not known.
            precision: "bf16" or "fp32", of the forward pass (`seq2seq.training.precision.computing`).

        Returns:
            The divided loss, without a gradient, on the device of the weights.
        """


class Validator(Protocol):
    """What says how good a model is."""

    def __call__(self, model: nn.Module) -> Mapping[str, float]:
        """Returns the development scores by name; "loss" at least (nats a token).

        "variety", where it is there, is 0 where all sentences were translated alike and 1 where no two were.

        Raises:
            StoppedError: Someone asked to stop meanwhile; the look is taken again when training goes on.
        """


class Reporter(Protocol):
    """Who watches."""

    def started(self, *, update: int, total: int | None) -> None:
        """Training begins, or goes on, after `update`; `total` is None until it is known."""

    def updated(self, row: Mapping[str, Any]) -> None:
        """An update is done."""

    def validated(self, row: Mapping[str, Any], *, best: bool) -> None:
        """The development set was looked at."""

    def said(self, message: str) -> None:
        """Something happened that a person should know, in a sentence."""


class Keeper(Protocol):
    """Who stores the best model."""

    def __call__(self, tensors: Mapping[str, Tensor], scores: Mapping[str, float], update: int) -> None:
        """Stores the averaged weights with their development scores."""
