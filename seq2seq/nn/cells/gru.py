"""The gated recurrent unit."""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor, nn

from seq2seq.nn.cells.cell import Noise
from seq2seq.nn.cells.gates import GateCell
from seq2seq.nn.state import State


class GRU(GateCell):
    """Gated recurrent unit (Cho et al. 2014), with the reset gate after the recurrent product, as in cuDNN.

    r, z = sigmoid(W x + b + U h + d)    n = tanh(W_n x + b_n + r * (U_n h + d_n))    h' = (1 - z) * n + z * h

    Cho et al. reset h before the product; resetting after it needs one product a step instead of two. The state is
    (h,). The update gate's bias starts at 1, so that a new cell remembers, as an LSTM with its forget bias of 1 does.

    With layer norm, LN(W x) and LN(U h) are each taken over the three gates together; Ba et al. 2016 normalise the
    candidate's apart from the other two.
    """

    num_gates = 3
    remembering_gate = 1
    kernel_name = "torch GRU"

    @property
    def bounded(self) -> bool:
        """A mean of a tanh and of h is."""
        return True

    def make_kernel(self) -> nn.RNNBase:
        """Makes torch's GRU."""
        return nn.GRU(self.input_size, self.hidden_size, batch_first=True)

    def advance(
        self, projected: Float[Tensor, "batch projected"], state: State, noise: Noise | None = None
    ) -> tuple[Float[Tensor, "batch hidden"], State]:
        """One step after `project`; see `Cell.advance`."""
        (h,) = state
        assert isinstance(h, Tensor)
        from_input = projected.chunk(3, dim=-1)
        from_state = self.recur(h, noise).chunk(3, dim=-1)
        r = torch.sigmoid(from_input[0] + from_state[0])
        z = torch.sigmoid(from_input[1] + from_state[1])
        n = torch.tanh(from_input[2] + r * from_state[2])
        h = (1.0 - z) * n + z * h
        return h, (h,)
