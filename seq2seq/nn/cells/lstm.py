"""The long short-term memory."""

from __future__ import annotations

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812 - the field's name for it

from seq2seq.nn.cells.cell import Cell
from seq2seq.nn.cells.fused import initialise_fused, run_fused
from seq2seq.nn.state import State


class LSTM(Cell):
    """Long short-term memory with a forget gate (Hochreiter & Schmidhuber 1997; Gers et al. 2000).

    i, f, o = sigmoid(W x + U h + b)    g = tanh(W_g x + U_g h + b_g)
    c' = f * c + i * g                  h' = o * tanh(c')

    The state is (h, c). The forget gate's bias starts at 1 (Gers et al. 2000; Jozefowicz et al. 2015).
    """

    def __init__(self, input_size: int, hidden_size: int) -> None:
        super().__init__(input_size, hidden_size)
        self.kernel = nn.LSTM(input_size, hidden_size, batch_first=True)
        initialise_fused(self.kernel)

    @property
    def state_size(self) -> int:
        """Those of h and c."""
        return 2 * self.hidden_size

    def initial_state(self, values: Float[Tensor, "batch state"]) -> State:
        """Returns (h, c), the two halves of `values`."""
        h, c = values.chunk(2, dim=-1)
        return h.contiguous(), c.contiguous()

    def step(self, x: Float[Tensor, "batch input"], state: State) -> tuple[Float[Tensor, "batch hidden"], State]:
        """One time step; see `Cell.step`."""
        h, c = state
        assert isinstance(h, Tensor)
        assert isinstance(c, Tensor)
        w, u, input_bias, state_bias = self.kernel.all_weights[0]
        gates = F.linear(x, w, input_bias) + F.linear(h, u, state_bias)
        i, f, g, o = gates.chunk(4, dim=-1)
        c = torch.sigmoid(f) * c + torch.sigmoid(i) * torch.tanh(g)
        h = torch.sigmoid(o) * torch.tanh(c)
        return h, (h, c)

    def forward(
        self,
        sequence: Float[Tensor, "batch time input"],
        state: State | None = None,
        lengths: Int[Tensor, " batch"] | None = None,
    ) -> tuple[Float[Tensor, "batch time hidden"], State]:
        """The whole sequence in one fused call; see `Cell.forward`."""
        h, c = self.zero_state(sequence[:, 0]) if state is None else state
        assert isinstance(h, Tensor)
        assert isinstance(c, Tensor)
        # The kernel wants all of its tensors in one type; under autocast it casts them itself.
        start = (h[None].to(sequence.dtype), c[None].to(sequence.dtype))
        outputs, last = run_fused(self.kernel, sequence, start, lengths)
        return outputs, (last[0][0], last[1][0])
