"""What every recurrent cell is: an initial state, one step, and a whole sequence."""

from __future__ import annotations

from abc import ABC, abstractmethod

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from seq2seq.nn.state import State, where


class Cell(nn.Module, ABC):
    """A recurrence y_t, s_t = step(x_t, s_{t-1}).

    A member defines `initial_state` and `step`. `forward` over a sequence is given: it is the loop over `step`, slow
    and obvious. A member with a fused kernel overrides `forward`, and the family's tests hold it equal to `loop`.

    Args:
        input_size: Size of x_t.
        hidden_size: Size of y_t.
    """

    def __init__(self, input_size: int, hidden_size: int) -> None:
        super().__init__()
        self.input_size = input_size
        self.hidden_size = hidden_size

    @property
    @abstractmethod
    def state_size(self) -> int:
        """How many numbers a row of the state holds."""

    @abstractmethod
    def initial_state(self, values: Float[Tensor, "batch state"]) -> State:
        """Returns the state made of `values`, laid out in the cell's own order; zeros: the state before any input."""

    @abstractmethod
    def step(self, x: Float[Tensor, "batch input"], state: State) -> tuple[Float[Tensor, "batch hidden"], State]:
        """Reads one input a row. Returns the outputs and the new state."""

    def zero_state(self, like: Tensor) -> State:
        """Returns the state before any input, for `like.shape[0]` rows, on the device of `like`."""
        return self.initial_state(like.new_zeros(like.shape[0], self.state_size))

    def forward(
        self,
        sequence: Float[Tensor, "batch time input"],
        state: State | None = None,
        lengths: Int[Tensor, " batch"] | None = None,
    ) -> tuple[Float[Tensor, "batch time hidden"], State]:
        """Reads a whole sequence.

        Args:
            sequence: The inputs.
            state: Where to start; None starts from zeros.
            lengths: The number of real inputs of each row. The returned state is the one after a row's last real input.
                None: every row is full.

        Returns:
            The outputs, and the last state. Outputs past a row's length are without meaning.
        """
        return self.loop(sequence, state, lengths)

    def loop(
        self,
        sequence: Float[Tensor, "batch time input"],
        state: State | None = None,
        lengths: Int[Tensor, " batch"] | None = None,
    ) -> tuple[Float[Tensor, "batch time hidden"], State]:
        """The reference for `forward`: one `step` after another."""
        current = self.zero_state(sequence[:, 0]) if state is None else state
        outputs = []
        for position in range(sequence.shape[1]):
            output, new = self.step(sequence[:, position], current)
            current = new if lengths is None else where(lengths > position, new, current)
            outputs.append(output)
        return torch.stack(outputs, dim=1), current


def initialise_recurrent(weights: Tensor, hidden_size: int) -> None:
    """Fills a stack of [hidden, hidden] gate matrices with orthogonal ones (Saxe et al. 2014), gate by gate."""
    for gate in torch.split(weights, hidden_size):
        nn.init.orthogonal_(gate)


def initialise_input(weights: Tensor, hidden_size: int) -> None:
    """Fills a stack of [hidden, input] gate matrices uniformly (Glorot & Bengio 2010), gate by gate."""
    for gate in torch.split(weights, hidden_size):
        nn.init.xavier_uniform_(gate)
