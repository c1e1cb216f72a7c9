"""The mean of the weights at the last looks at the development set."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager

import torch
from torch import Tensor, nn

from seq2seq.training.average import MovingAverage


class LookAverage:
    """The mean of the moving averages at the last n looks, this one included (checkpoint averaging).

    A moving average of decay d spans about 1 / (1 - d) updates; the looks may lie much further apart, so that the mean
    of n of them goes over weights that differ more. Whether that is better depends on the learning rate in between, so
    it is tried at each look beside the moving average alone. It costs the time of one more look, and n copies of the
    weights in memory and in each checkpoint.

    Args:
        model: Whose weights they are.
        count: n, at least 2; 0 for none.
    """

    def __init__(self, model: nn.Module, count: int) -> None:
        self.count = count
        self._weights = dict(model.named_parameters())
        self._looks: list[dict[str, Tensor]] = []

    def __len__(self) -> int:
        return len(self._looks)

    def with_this(self, average: MovingAverage) -> LookAverage:
        """Returns one that holds the look which is taken now as well; this one stays as it is.

        A look may be interrupted, and is then taken again.
        """
        new = LookAverage.__new__(LookAverage)
        new.count, new._weights, new._looks = self.count, self._weights, []
        if self.count:
            now = {name: value.detach().clone() for name, value in average.tensors().items()}
            new._looks = [*self._looks, now][-self.count :]
        return new

    def mean(self) -> dict[str, Tensor]:
        """Returns the mean by name. Taken so that a weight which never moves is its own mean, bit for bit."""
        mean = {name: value.clone() for name, value in self._looks[0].items()}
        for number, look in enumerate(self._looks[1:], start=2):
            torch._foreach_lerp_(list(mean.values()), list(look.values()), 1.0 / number)
        return mean

    @contextmanager
    def swapped_in(self, values: Mapping[str, Tensor]) -> Iterator[None]:
        """Within the block the model computes with `values`."""
        before = {name: weight.data for name, weight in self._weights.items()}
        for name, weight in self._weights.items():
            weight.data = values[name]
        try:
            yield
        finally:
            for name, weight in self._weights.items():
                weight.data = before[name]

    def tensors(self) -> dict[str, Tensor]:
        """Returns all that must be known to go on, by "number of the look/name"; the first is the oldest."""
        return {
            f"{number}/{name}": value.contiguous()
            for number, look in enumerate(self._looks)
            for name, value in look.items()
        }

    def read(self, tensors: Mapping[str, Tensor]) -> list[dict[str, Tensor]]:
        """Returns the looks that `tensors` gave; nothing changes.

        Raises:
            ValueError: One lacks a weight, or has it in another shape; its name.
        """
        looks: dict[int, dict[str, Tensor]] = {}
        for key, value in tensors.items():
            number, _, name = key.partition("/")
            looks.setdefault(int(number), {})[name] = value
        for look in looks.values():
            for name in look.keys() | self._weights.keys():
                if name not in look or name not in self._weights or look[name].shape != self._weights[name].shape:
                    raise ValueError(name)
        return [looks[number] for number in sorted(looks)]

    def restore(self, looks: Sequence[Mapping[str, Tensor]]) -> None:
        """Takes back what `read` returned, as copies; where now fewer looks are averaged, the last ones."""
        kept = looks[-self.count :] if self.count else []
        self._looks = [
            {name: look[name].to(weight.device, copy=True) for name, weight in self._weights.items()} for look in kept
        ]
