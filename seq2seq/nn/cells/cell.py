"""What every recurrent cell is: an initial state, one step, and a whole sequence."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple, TypeAlias, Union

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from seq2seq.nn.dropout import LockedDropout
from seq2seq.nn.state import State, map_state, where


@dataclass(frozen=True)
class Thinned:
    """The noise of a cell that reads its state through a matrix from which numbers are dropped.

    Attributes:
        matrix: [gates * hidden, hidden], what stands for U.
        state: [rows, hidden], the mask of recurrent dropout; None: no features are dropped.
    """

    matrix: Tensor
    state: Tensor | None = None


if TYPE_CHECKING:
    Noise: TypeAlias = Union[Tensor, Thinned, tuple["Noise", ...]]  # noqa: UP007 - see `State`
else:
    Noise = Tensor | Thinned | tuple
"""What recurrent dropout does to a cell: one mask [rows, hidden] of the state, and where the cell's matrix is dropped
from, a `Thinned`; a tuple of them in a cell made of cells."""


class Matrices(NamedTuple):
    """The matrices that a cell owns, each a stack of gate blocks [gates * hidden, columns], by what they read."""

    recurrent: tuple[Tensor, ...] = ()
    inputs: tuple[Tensor, ...] = ()


class Cell(nn.Module, ABC):
    """A recurrence y_t, s_t = step(x_t, s_{t-1}).

    A member defines `state_size`, `bounded`, `initial_state`, `advance`, `matrices` and, for speed, `project`: what of
    a step needs x_t alone, which `loop` then computes for the whole sequence in one product. A member with a kernel
    over whole sequences says in `fused` when it may be used, and defines `run`; the family's tests hold it equal to
    `loop`.

    Most cells have their weights in two stacks of gate blocks: see `seq2seq.nn.cells.gates.GateCell`, which leaves
    `advance` and `bounded` to be written.

    Args:
        input_size: Size of x_t; 0 for a cell that reads no input, as those inside a deep transition.
        hidden_size: Size of y_t.
        layer_norm: Whether the products inside the cell are normalised (Ba et al. 2016).
        recurrent_dropout: Share of the fed-back features dropped in training, locked (Gal & Ghahramani 2016).

    Attributes:
        recurrent_weight_dropout: Share of the numbers of the matrix that reads the state dropped in training, anew each
            update (DropConnect of Wan et al. 2013, in recurrences Merity et al. 2018). 0 until it is set: it changes no
            equation, only the matrix, and so no cell's constructor has to know of it.
    """

    def __init__(
        self, input_size: int, hidden_size: int, *, layer_norm: bool = False, recurrent_dropout: float = 0.0
    ) -> None:
        super().__init__()
        self.recurrent_weight_dropout = 0.0
        self.input_size = input_size
        self.hidden_size = hidden_size
        self.layer_norm = layer_norm
        self.recurrent_dropout = LockedDropout(recurrent_dropout)

    @property
    @abstractmethod
    def state_size(self) -> int:
        """How many numbers a row of the state holds."""

    @property
    @abstractmethod
    def bounded(self) -> bool:
        """Whether all outputs lie between -1 and 1, so that 8 bits hold them without a scale of their own."""

    @abstractmethod
    def initial_state(self, values: Float[Tensor, "batch state"]) -> State:
        """Returns the state made of `values`, laid out in the cell's own order; zeros: the state before any input."""

    def project(self, x: Float[Tensor, "*rest input"]) -> Float[Tensor, "*rest projected"]:
        """Returns what a step needs of its input, for one step as for many at once; x itself unless overridden."""
        return x

    @abstractmethod
    def advance(
        self, projected: Float[Tensor, "batch projected"], state: State, noise: Noise | None = None
    ) -> tuple[Float[Tensor, "batch hidden"], State]:
        """The rest of a step, after `project`. Returns the outputs and the new state."""

    @abstractmethod
    def matrices(self) -> Matrices:
        """Returns the matrices that this cell itself owns, for an initialisation to fill; not those of cells in it."""

    def step(
        self, x: Float[Tensor, "batch input"], state: State, noise: Noise | None = None
    ) -> tuple[Float[Tensor, "batch hidden"], State]:
        """Reads one input a row. Returns the outputs and the new state.

        Args:
            x: The inputs.
            state: One row a sentence or hypothesis.
            noise: The masks of recurrent dropout, from `noise`: drawn once for a sequence and given to every step.
        """
        return self.advance(self.project(x), state, noise)

    def noise(self, rows: int, like: Tensor) -> Noise | None:
        """Draws the masks of recurrent dropout for one whole sequence of `rows` rows; None where nothing is dropped.

        Args:
            rows: Number of sentences.
            like: A tensor of the wanted device and type.
        """
        mask = self.recurrent_dropout.mask(rows, self.hidden_size, like) if self.drops else None
        matrix = self.thinned()
        return mask if matrix is None else Thinned(matrix, mask)

    def thinned(self) -> Tensor | None:
        """Draws from the matrix that reads the state, and returns what is left of it; None where nothing is dropped.

        The product with the mask has a graph of its own. A gradient that goes back through several readings with the
        same noise, one after another, must cross it once.
        """
        return None

    @property
    def drops(self) -> bool:
        """Whether recurrent dropout is at work now."""
        return self.training and self.recurrent_dropout.share > 0.0

    @property
    def fused(self) -> bool:
        """Whether `forward` may use a kernel over whole sequences now."""
        return False

    @property
    def execution(self) -> str:
        """How `forward` runs, and what keeps it from a kernel, in words for `info`."""
        return "step by step: this kind of cell has no kernel"

    def zero_state(self, like: Tensor) -> State:
        """Returns the state before any input, for `like.shape[0]` rows, on the device of `like`."""
        return self.initial_state(like.new_zeros(like.shape[0], self.state_size))

    def forward(
        self,
        sequence: Float[Tensor, "batch time input"],
        state: State | None = None,
        lengths: Int[Tensor, " batch"] | None = None,
        noise: Noise | None = None,
    ) -> tuple[Float[Tensor, "batch time hidden"], State]:
        """Reads a whole sequence: by the kernel where `fused`, else by `loop`.

        Args:
            sequence: The inputs.
            state: Where to start; None starts from zeros.
            lengths: The number of real inputs of each row. The returned state is the one after a row's last real input.
                None: every row is full.
            noise: What `noise` drew for these sentences. None: it is drawn here.

        Returns:
            The outputs, and the last state. Outputs past a row's length are without meaning.
        """
        noise = self.noise(sequence.shape[0], sequence) if noise is None else noise
        if self.fused and (noise is None or (isinstance(noise, Thinned) and noise.state is None)):
            start = self.zero_state(sequence[:, 0]) if state is None else state
            return self.run(sequence, start, lengths, noise)
        return self.loop(sequence, state, lengths, noise)

    def run(
        self,
        sequence: Float[Tensor, "batch time input"],
        state: State,
        lengths: Int[Tensor, " batch"] | None,
        noise: Noise | None = None,
    ) -> tuple[Float[Tensor, "batch time hidden"], State]:
        """The kernel over the whole sequence; only asked where `fused`."""
        raise NotImplementedError

    def loop(
        self,
        sequence: Float[Tensor, "batch time input"],
        state: State | None = None,
        lengths: Int[Tensor, " batch"] | None = None,
        noise: Noise | None = None,
    ) -> tuple[Float[Tensor, "batch time hidden"], State]:
        """The reference for `forward`: one `advance` after another, with the inputs projected all at once.

        One product over the sequence instead of one a step; and positions are taken by `unbind`, whose gradient is one
        stack, where indexing would fill a zero tensor of the whole sequence at every position.
        """
        start = self.zero_state(sequence[:, 0]) if state is None else state
        # In the type of the weights, whatever it was made in: a long sum of bf16 numbers would lose its small terms.
        kind = next(self.parameters()).dtype
        current = map_state(lambda part: part.to(kind), start)
        outputs = []
        for position, projected in enumerate(self.project(sequence).unbind(1)):
            output, new = self.advance(projected, current, noise)
            current = new if lengths is None else where(lengths > position, new, current)
            outputs.append(output)
        return torch.stack(outputs, dim=1), current


CellFactory = Callable[[int, int], Cell]
"""Makes a cell from its input size and its hidden size."""


def initialise_recurrent(weights: Tensor, hidden_size: int) -> None:
    """Fills a stack of [hidden, hidden] gate matrices with orthogonal ones (Saxe et al. 2014), gate by gate."""
    for gate in torch.split(weights, hidden_size):
        nn.init.orthogonal_(gate)


def initialise_input(weights: Tensor, hidden_size: int) -> None:
    """Fills a stack of [hidden, input] gate matrices uniformly (Glorot & Bengio 2010), gate by gate."""
    for gate in torch.split(weights, hidden_size):
        nn.init.xavier_uniform_(gate)
