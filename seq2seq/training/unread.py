"""Updates whose loss nobody has read yet: reading one waits until a GPU has computed all it was told to."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor


class Made(NamedTuple):
    """An update that was made.

    Attributes:
        update: Its number.
        epoch: The epoch it belongs to.
        position: Batches of the epoch that were done after it.
        rate: The learning rate.
        loss: Its mean loss, [] on the weights' device.
        norm: The norm of its gradient, likewise.
    """

    update: int
    epoch: int
    position: int
    rate: float
    loss: Tensor
    norm: Tensor


class Unread:
    """Updates in their order, until they are read together."""

    def __init__(self) -> None:
        self._made: list[Made] = []

    def __len__(self) -> int:
        return len(self._made)

    def append(self, made: Made) -> None:
        """Adds an update; nothing is waited for."""
        self._made.append(made)

    def read(self) -> list[tuple[Made, float, float]]:
        """Returns each update with its loss and its norm, and forgets them; waits for the device, once."""
        made, self._made = self._made, []
        if not made:
            return []
        values = torch.stack([one.loss for one in made] + [one.norm for one in made]).tolist()
        return list(zip(made, values[: len(made)], values[len(made) :], strict=True))
