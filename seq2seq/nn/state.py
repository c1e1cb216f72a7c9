"""State: nested tuples of batch-first tensors, one row a hypothesis, whatever the cell."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, TypeAlias, Union

import torch
from torch import Tensor

if TYPE_CHECKING:
    State: TypeAlias = Union[Tensor, tuple["State", ...]]  # noqa: UP007 - a recursive alias cannot use | in Python 3.11
else:
    State = Tensor | tuple  # what checks types while running cannot follow an alias into itself


def map_state(function: Callable[[Tensor], Tensor], state: State) -> State:
    """Applies `function` to every tensor of `state`, keeping its nesting."""
    if isinstance(state, Tensor):
        return function(state)
    return tuple(map_state(function, part) for part in state)


def select(state: State, rows: Tensor) -> State:
    """Returns the state whose row i is row `rows[i]` of `state`: reorders, repeats and drops hypotheses.

    Args:
        state: Tensors of shape [old_rows, ...].
        rows: Integers of shape [new_rows].
    """
    return map_state(lambda tensor: tensor.index_select(0, rows), state)


def where(condition: Tensor, new: State, old: State) -> State:
    """Returns `new` in the rows where `condition` (shape [rows]) is True, and `old` elsewhere."""
    if isinstance(new, Tensor):
        assert isinstance(old, Tensor)
        return torch.where(condition.view(-1, *([1] * (new.dim() - 1))), new, old)
    assert isinstance(old, tuple)
    return tuple(where(condition, n, o) for n, o in zip(new, old, strict=True))
