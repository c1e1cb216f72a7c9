"""One call of torch's fused recurrent kernels, with a state that is exact for rows of different lengths."""

from __future__ import annotations

import warnings
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.utils.rnn import PackedSequence, pack_padded_sequence, pad_packed_sequence

FUNCTIONS = {"LSTM": torch.lstm, "GRU": torch.gru, "RNN_TANH": torch.rnn_tanh, "RNN_RELU": torch.rnn_relu}

# A GPU's kernel wants its weights in one piece, and says so wherever they are not: at each look with averaged weights,
# and in each update that drops from a matrix, where the copy costs little. Said once: a filter around each call has
# Python forget which other warnings it has shown.
warnings.filterwarnings("ignore", message="RNN module weights are not part of single contiguous chunk")


def run_kernel(
    kernel: nn.RNNBase,
    sequence: Tensor,
    state: Tensor | tuple[Tensor, ...],
    lengths: Tensor | None,
    matrix: Tensor | None = None,
) -> tuple[Tensor, Tensor | tuple[Tensor, ...]]:
    """Runs `kernel` over `sequence` [batch, time, input] from `state` (tensors [1, batch, hidden]).

    Without `lengths` the input is dense, which on a CPU is what oneDNN's LSTM kernel needs: about three times as fast.
    With `lengths` the input is packed, so that the last state is each row's own; slower, and only worth it where that
    state is needed. `matrix` stands for the kernel's own matrix that reads the state.
    """
    if lengths is None:
        outputs, last = _call(kernel, sequence, state, matrix)
        return outputs, last
    packed = pack_padded_sequence(sequence, lengths.cpu(), batch_first=True, enforce_sorted=False)
    packed_outputs, last = _call(kernel, packed, state, matrix)
    outputs, _ = pad_packed_sequence(packed_outputs, batch_first=True, total_length=sequence.shape[1])
    return outputs, last


def _call(kernel: nn.RNNBase, sequence: Tensor | PackedSequence, state: Any, matrix: Tensor | None) -> Any:  # noqa: ANN401
    """Calls the kernel; with `matrix` by torch's function, as the module would with its own weights."""
    if matrix is None:
        return kernel(sequence, state)
    weights = [kernel.weight_ih_l0, matrix, kernel.bias_ih_l0, kernel.bias_hh_l0]
    rest = (True, 1, 0.0, kernel.training, False)  # biases, layers, dropout between them, training, both ways
    function: Any = FUNCTIONS[kernel.mode]
    if not isinstance(sequence, PackedSequence):
        outputs, *last = function(sequence, state, weights, *rest, True)
        return outputs, tuple(last) if len(last) > 1 else last[0]
    data, sizes, order, back = sequence
    state = _rows(state, order)
    outputs, *last = function(data, sizes, state, weights, *rest)
    found = tuple(last) if len(last) > 1 else last[0]
    return PackedSequence(outputs, sizes, order, back), _rows(found, back)


def _rows(state: Tensor | tuple[Tensor, ...], order: Tensor | None) -> Tensor | tuple[Tensor, ...]:
    """Returns the rows of a state [1, batch, hidden] in another order: packing sorts sentences by their lengths."""
    if order is None:
        return state
    if isinstance(state, Tensor):
        return state.index_select(1, order)
    return tuple(part.index_select(1, order) for part in state)
