"""The simple recurrence."""

from __future__ import annotations

from typing import Literal, get_args

import torch
from jaxtyping import Float
from torch import Tensor, nn

from seq2seq.nn.cells.cell import Noise
from seq2seq.nn.cells.gates import GateCell
from seq2seq.nn.state import State

Activation = Literal["tanh", "relu"]
"""What a simple recurrence may put its sum through."""


def check_activation(name: str) -> Activation:
    """Returns `name`.

    Raises:
        ValueError: It is no activation.
    """
    for known in get_args(Activation):
        if name == known:
            return known  # type: ignore[no-any-return]
    raise ValueError(f"activation is {name!r}, and must be one of {', '.join(get_args(Activation))}")


class Elman(GateCell):
    """The simple recurrent network (Elman 1990).

    h' = f(W x + b + U h + d),  f = tanh or relu

    The state is (h,). Elman's f is the logistic function; tanh is its centred form.

    Args:
        input_size: Size of x.
        hidden_size: Size of h.
        activation: f, "tanh" or "relu".
        layer_norm: Whether W x and U h are each normalised.
        recurrent_dropout: Share of the features of h dropped in training on their way into U h.

    Raises:
        ValueError: `activation` is something else.
    """

    num_gates = 1
    kernel_name = "torch RNN"

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        *,
        activation: str = "tanh",
        layer_norm: bool = False,
        recurrent_dropout: float = 0.0,
    ) -> None:
        self.activation = check_activation(activation)
        super().__init__(input_size, hidden_size, layer_norm=layer_norm, recurrent_dropout=recurrent_dropout)

    @property
    def bounded(self) -> bool:
        """Tanh is, relu is not."""
        return self.activation == "tanh"

    def make_kernel(self) -> nn.RNNBase:
        """Makes torch's simple recurrence."""
        return nn.RNN(self.input_size, self.hidden_size, nonlinearity=self.activation, batch_first=True)

    def advance(
        self, projected: Float[Tensor, "batch projected"], state: State, noise: Noise | None = None
    ) -> tuple[Float[Tensor, "batch hidden"], State]:
        """One step after `project`; see `Cell.advance`."""
        (h,) = state
        assert isinstance(h, Tensor)
        h = getattr(torch, self.activation)(projected + self.recur(h, noise))
        return h, (h,)
