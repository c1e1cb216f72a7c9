"""The recurrence that feeds back its output."""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor, nn

from seq2seq.nn.cells.cell import Matrices, Noise, initialise_recurrent
from seq2seq.nn.cells.elman import check_activation
from seq2seq.nn.cells.gates import GateCell, product
from seq2seq.nn.state import State


class Jordan(GateCell):
    """The network that feeds back its output, not its hidden layer (Jordan 1986).

    h' = f(W x + b + U y + d)    y' = tanh(V h' + e),  f = tanh or relu

    The next step needs of this one its output alone, so the state is (y,), and y is what the cell gives. Deviation:
    Jordan's state also keeps a fading sum of its past outputs; here y_{t-1} alone is fed back.

    With layer norm, W x, U y and V h' are each normalised. No kernel computes it.

    Args:
        input_size: Size of x.
        hidden_size: Size of h and of y.
        activation: f, "tanh" or "relu".
        layer_norm: Whether the three products are normalised.
        recurrent_dropout: Share of the features of y dropped in training on their way into U y.

    Raises:
        ValueError: `activation` is something else.
    """

    num_gates = 1

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
        self.output = nn.Linear(hidden_size, hidden_size)
        self.output_norm = nn.LayerNorm(hidden_size, bias=False) if layer_norm else None
        initialise_recurrent(self.output.weight.data, hidden_size)
        nn.init.zeros_(self.output.bias)

    @property
    def bounded(self) -> bool:
        """The output passes a tanh, whatever f is."""
        return True

    def advance(
        self, projected: Float[Tensor, "batch projected"], state: State, noise: Noise | None = None
    ) -> tuple[Float[Tensor, "batch hidden"], State]:
        """One step after `project`; see `Cell.advance`."""
        (y,) = state
        assert isinstance(y, Tensor)
        h = getattr(torch, self.activation)(projected + self.recur(y, noise))
        y = torch.tanh(product(h, self.output.weight, self.output.bias, self.output_norm))
        return y, (y,)

    def matrices(self) -> Matrices:
        """Returns U and V, both on the way from one output to the next, and W."""
        own = super().matrices()
        return Matrices((*own.recurrent, self.output.weight), own.inputs)
