"""The gated recurrent unit."""

from __future__ import annotations

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812 - the field's name for it

from seq2seq.nn.cells.cell import Cell
from seq2seq.nn.cells.fused import initialise_fused, run_fused
from seq2seq.nn.state import State


class GRU(Cell):
    """Gated recurrent unit (Cho et al. 2014), with the reset gate after the recurrent product, as in cuDNN.

    r, z = sigmoid(W x + U h + b)    n = tanh(W_n x + b_n + r * (U_n h + b'_n))    h' = (1 - z) * n + z * h

    Cho et al. reset h before the product; resetting after it needs one product a step instead of two. The state is
    (h,). The update gate's bias starts at 1, so that a new cell remembers, as an LSTM with its forget bias of 1 does.
    """

    def __init__(self, input_size: int, hidden_size: int) -> None:
        super().__init__(input_size, hidden_size)
        self.kernel = nn.GRU(input_size, hidden_size, batch_first=True)
        initialise_fused(self.kernel)

    @property
    def state_size(self) -> int:
        """Those of h."""
        return self.hidden_size

    def initial_state(self, values: Float[Tensor, "batch state"]) -> State:
        """Returns (h,)."""
        return (values,)

    def step(self, x: Float[Tensor, "batch input"], state: State) -> tuple[Float[Tensor, "batch hidden"], State]:
        """One time step; see `Cell.step`."""
        (h,) = state
        assert isinstance(h, Tensor)
        w, u, input_bias, state_bias = self.kernel.all_weights[0]
        from_input = F.linear(x, w, input_bias).chunk(3, dim=-1)
        from_state = F.linear(h, u, state_bias).chunk(3, dim=-1)
        r = torch.sigmoid(from_input[0] + from_state[0])
        z = torch.sigmoid(from_input[1] + from_state[1])
        n = torch.tanh(from_input[2] + r * from_state[2])
        h = (1.0 - z) * n + z * h
        return h, (h,)

    def forward(
        self,
        sequence: Float[Tensor, "batch time input"],
        state: State | None = None,
        lengths: Int[Tensor, " batch"] | None = None,
    ) -> tuple[Float[Tensor, "batch time hidden"], State]:
        """The whole sequence in one fused call; see `Cell.forward`."""
        (h,) = self.zero_state(sequence[:, 0]) if state is None else state
        assert isinstance(h, Tensor)
        outputs, last = run_fused(self.kernel, sequence, h[None].to(sequence.dtype), lengths)
        return outputs, (last[0],)
