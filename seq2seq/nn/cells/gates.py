"""Cells whose weights are two stacks of gate blocks, W on the input and U on the state."""

from __future__ import annotations

from abc import abstractmethod
from typing import ClassVar, cast

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812 - the field's name for it

from seq2seq.nn.cells.cell import Cell, Matrices, Noise, Thinned, initialise_input, initialise_recurrent
from seq2seq.nn.cells.kernel import run_kernel
from seq2seq.nn.draws import weight_mask
from seq2seq.nn.state import State


class Weights(nn.Module):
    """The weights of a cell that no kernel can run, named and laid out as in torch's kernels.

    `weight_ih_l0` [gates * hidden, input] (None without input), `weight_hh_l0` [gates * hidden, hidden], and their
    biases `bias_ih_l0` and `bias_hh_l0` [gates * hidden].
    """

    def __init__(self, num_gates: int, input_size: int, hidden_size: int) -> None:
        super().__init__()
        rows = num_gates * hidden_size
        self.weight_ih_l0 = nn.Parameter(torch.empty(rows, input_size)) if input_size else None
        self.weight_hh_l0 = nn.Parameter(torch.empty(rows, hidden_size))
        self.bias_ih_l0 = nn.Parameter(torch.empty(rows))
        self.bias_hh_l0 = nn.Parameter(torch.empty(rows))


class GateCell(Cell):
    """A cell made of gates, each a function of its block of W x + b and of its block of U h + d.

    With layer norm (Ba et al. 2016) the two are LN(W x) * gain + b and LN(U h) * gain' + d, each normalised over the
    whole stack of gates, so that the scales of input and state stay apart. Recurrent dropout multiplies the h that
    enters U h, and nothing else: what a gate carries over from the last step is never dropped. Recurrent weight dropout
    takes U * m / (1 - p) for U, m ~ Bernoulli(1 - p) for each number, the same at every step and for every sentence: a
    kernel is given that matrix like any other.

    A member gives `num_gates`, `bounded` and `advance`, and where torch has a kernel of the same equations,
    `kernel_name` and `make_kernel`.

    Args:
        input_size: Size of x; 0: no input, and b alone stands where W x + b does.
        hidden_size: Size of h.
        layer_norm: Whether both products are normalised.
        recurrent_dropout: Share of the features of h dropped in training on their way into U h.
        steps_because: What of a member's own settings no kernel computes; empty: nothing.
    """

    num_gates: ClassVar[int]
    remembering_gate: ClassVar[int | None] = None
    """The place of the gate that keeps what is remembered; its bias starts at 1."""
    kernel_name: ClassVar[str] = ""
    """What `info` calls the kernel."""

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        *,
        layer_norm: bool = False,
        recurrent_dropout: float = 0.0,
        steps_because: str = "",
    ) -> None:
        super().__init__(input_size, hidden_size, layer_norm=layer_norm, recurrent_dropout=recurrent_dropout)
        reasons = [
            "" if self.kernel_name else "this kind of cell has no kernel",
            steps_because,
            "layer norm inside the cell" if layer_norm else "",
            "" if input_size else "no input",
        ]
        self._steps_because = ", ".join(reason for reason in reasons if reason)
        stepping = bool(self._steps_because)
        # Torch's kernels hold their weights under the same names, so that all but `run` need not know which it is.
        self.kernel = (
            Weights(self.num_gates, input_size, hidden_size) if stepping else cast("Weights", self.make_kernel())
        )
        stack = self.num_gates * hidden_size
        self.input_norm = nn.LayerNorm(stack, bias=False) if layer_norm and input_size else None
        self.state_norm = nn.LayerNorm(stack, bias=False) if layer_norm else None
        self._initialise()

    def _initialise(self) -> None:
        """Fills the weights gate by gate, and sets to 1 the bias of the gate that keeps what is remembered."""
        kernel, size = self.kernel, self.hidden_size
        if kernel.weight_ih_l0 is not None:
            initialise_input(kernel.weight_ih_l0.data, size)
        initialise_recurrent(kernel.weight_hh_l0.data, size)
        for bias in (kernel.bias_ih_l0, kernel.bias_hh_l0):
            nn.init.zeros_(bias)
        if self.remembering_gate is not None:
            kernel.bias_ih_l0.data[self.remembering_gate * size :][:size] = 1.0

    def make_kernel(self) -> nn.RNNBase:
        """Makes torch's kernel of the same equations; only asked where `kernel_name` is given."""
        raise NotImplementedError

    @property
    def state_size(self) -> int:
        """Those of h."""
        return self.hidden_size

    def initial_state(self, values: Float[Tensor, "batch state"]) -> State:
        """Returns (h,)."""
        return (values,)

    def project(self, x: Float[Tensor, "*rest input"]) -> Float[Tensor, "*rest projected"]:
        """Returns W x + b of all gates."""
        weight, bias = self.kernel.weight_ih_l0, self.kernel.bias_ih_l0
        if weight is None:
            return bias.expand(*x.shape[:-1], -1)
        return product(x, weight, bias, self.input_norm)

    def recur(self, h: Float[Tensor, "batch hidden"], noise: Noise | None) -> Float[Tensor, "batch projected"]:
        """Returns U h + d of all gates, with recurrent dropout where there is `noise`."""
        assert not isinstance(noise, tuple)
        matrix, mask = (noise.matrix, noise.state) if isinstance(noise, Thinned) else (self.kernel.weight_hh_l0, noise)
        return product(h if mask is None else h * mask, matrix, self.kernel.bias_hh_l0, self.state_norm)

    def thinned(self) -> Tensor | None:
        """See `Cell.thinned`."""
        if not self.training or self.recurrent_weight_dropout == 0.0:
            return None
        matrix = self.kernel.weight_hh_l0
        return matrix * weight_mask(matrix.detach(), self.recurrent_weight_dropout)

    @abstractmethod
    def advance(
        self, projected: Float[Tensor, "batch projected"], state: State, noise: Noise | None = None
    ) -> tuple[Float[Tensor, "batch hidden"], State]:
        """One step after `project`; see `Cell.advance`."""

    def matrices(self) -> Matrices:
        """Returns U, and W where there is an input."""
        weight = self.kernel.weight_ih_l0
        return Matrices((self.kernel.weight_hh_l0,), () if weight is None else (weight,))

    @property
    def fused(self) -> bool:
        """Whether there is a kernel, and nothing is dropped from the states now."""
        return not self._steps_because and not self.drops

    @property
    def execution(self) -> str:
        """See `Cell.execution`."""
        if self._steps_because:
            return f"step by step: {self._steps_because}"
        if self.recurrent_dropout.share > 0.0:
            return f"step by step in training: recurrent dropout; else {self.kernel_name}, whole sequences"
        return f"{self.kernel_name}, whole sequences"

    def run(
        self,
        sequence: Float[Tensor, "batch time input"],
        state: State,
        lengths: Int[Tensor, " batch"] | None,
        noise: Noise | None = None,
    ) -> tuple[Float[Tensor, "batch time hidden"], State]:
        """The whole sequence in one fused call; see `Cell.run`. No kernel drops from the states."""
        kernel = self.kernel
        assert isinstance(kernel, nn.RNNBase)
        assert noise is None or (isinstance(noise, Thinned) and noise.state is None)
        matrix = None if noise is None else noise.matrix
        # The kernel wants all of its tensors in one type; under autocast it casts them itself.
        start = tuple(part[None].to(sequence.dtype) for part in state if isinstance(part, Tensor))
        outputs, last = run_kernel(kernel, sequence, start if len(start) > 1 else start[0], lengths, matrix)
        parts = last if isinstance(last, tuple) else (last,)
        return outputs, tuple(part[0] for part in parts)


def product(x: Tensor, weight: Tensor, bias: Tensor, norm: nn.LayerNorm | None) -> Tensor:
    """Returns `weight` x + `bias`; with a norm, LN(`weight` x) * gain + `bias`."""
    if norm is None:
        return F.linear(x, weight, bias)
    return normalised(norm, F.linear(x, weight)) + bias


def normalised(norm: nn.LayerNorm, x: Tensor) -> Tensor:
    """Returns LN(x), whose gradient at a row of zeros is passed on as it is.

    There torch's LN is steepest, by 1 / sqrt(epsilon) = 316, and a sentence whose first words are dropped gives rows of
    zeros at every norm of every step until a word comes: their product is a gradient without bound. The value is LN's.
    """
    flat = x if norm.bias is None else x + norm.bias
    return torch.where((x == 0).all(-1, keepdim=True), flat, norm(x))
