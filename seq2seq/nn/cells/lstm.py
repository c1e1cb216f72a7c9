"""The long short-term memory."""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor, nn

from seq2seq.nn.cells.cell import Noise
from seq2seq.nn.cells.gates import GateCell, normalised
from seq2seq.nn.state import State


class LSTM(GateCell):
    """Long short-term memory with a forget gate (Hochreiter & Schmidhuber 1997; Gers et al. 2000).

    i, f, o = sigmoid(W x + b + U h + d)    g = tanh(W_g x + b_g + U_g h + d_g)
    c' = f * c + i * g                      h' = o * tanh(c')

    The state is (h, c). The forget gate's bias starts at 1 (Gers et al. 2000; Jozefowicz et al. 2015).

    With peepholes (Gers & Schmidhuber 2000) the gates see the cell: p_i * c is added to i before its sigmoid, p_f * c
    to f, and p_o * c' to o. They start at 0, so that a new cell is the one without.

    With layer norm (Ba et al. 2016) W x and U h are each normalised over the four gates together, and the output is
    h' = o * tanh(LN(c') * gain + bias); the c' that is carried on, and that the peepholes see, is not normalised.

    Args:
        input_size: Size of x.
        hidden_size: Size of h and of c.
        peepholes: Whether the gates see the cell.
        layer_norm: Whether the products, and c' on its way out, are normalised.
        recurrent_dropout: Share of the features of h (not of c) dropped in training on their way into U h.
    """

    num_gates = 4
    remembering_gate = 1
    kernel_name = "torch LSTM"

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        *,
        peepholes: bool = False,
        layer_norm: bool = False,
        recurrent_dropout: float = 0.0,
    ) -> None:
        super().__init__(
            input_size,
            hidden_size,
            layer_norm=layer_norm,
            recurrent_dropout=recurrent_dropout,
            steps_because="peepholes" if peepholes else "",
        )
        self.peepholes = nn.Parameter(torch.zeros(3 * hidden_size)) if peepholes else None
        self.cell_norm = nn.LayerNorm(hidden_size) if layer_norm else None

    @property
    def bounded(self) -> bool:
        """The product of a sigmoid and a tanh is."""
        return True

    def make_kernel(self) -> nn.RNNBase:
        """Makes torch's LSTM, which on a CPU is oneDNN's where the input is dense."""
        return nn.LSTM(self.input_size, self.hidden_size, batch_first=True)

    @property
    def state_size(self) -> int:
        """Those of h and c."""
        return 2 * self.hidden_size

    def initial_state(self, values: Float[Tensor, "batch state"]) -> State:
        """Returns (h, c), the two halves of `values`."""
        h, c = values.chunk(2, dim=-1)
        return h.contiguous(), c.contiguous()

    def advance(
        self, projected: Float[Tensor, "batch projected"], state: State, noise: Noise | None = None
    ) -> tuple[Float[Tensor, "batch hidden"], State]:
        """One step after `project`; see `Cell.advance`."""
        h, c = state
        assert isinstance(h, Tensor)
        assert isinstance(c, Tensor)
        i, f, g, o = (projected + self.recur(h, noise)).chunk(4, dim=-1)
        if self.peepholes is not None:
            p_i, p_f, p_o = self.peepholes.chunk(3)
            i, f = i + p_i * c, f + p_f * c
        c = torch.sigmoid(f) * c + torch.sigmoid(i) * torch.tanh(g)
        if self.peepholes is not None:
            o = o + p_o * c
        h = torch.sigmoid(o) * torch.tanh(c if self.cell_norm is None else normalised(self.cell_norm, c))
        return h, (h, c)
