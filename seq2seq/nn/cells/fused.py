"""Running torch's fused recurrent kernels, with a state that is exact for rows of different lengths."""

from __future__ import annotations

from torch import Tensor, nn
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

from seq2seq.nn.cells.cell import initialise_input, initialise_recurrent


def initialise_fused(kernel: nn.LSTM | nn.GRU) -> None:
    """Fills the weights gate by gate, and sets to 1 the bias of the gate that keeps what is remembered.

    That gate is torch's second in both: the forget gate of an LSTM, the update gate of a GRU.
    """
    size = kernel.hidden_size
    from_input, from_state, input_bias, state_bias = kernel.all_weights[0]
    initialise_input(from_input.data, size)
    initialise_recurrent(from_state.data, size)
    for bias in (input_bias, state_bias):
        nn.init.zeros_(bias)
    input_bias.data[size : 2 * size] = 1.0


def run_fused(
    kernel: nn.LSTM | nn.GRU,
    sequence: Tensor,
    state: Tensor | tuple[Tensor, ...],
    lengths: Tensor | None,
) -> tuple[Tensor, Tensor | tuple[Tensor, ...]]:
    """Runs `kernel` over `sequence` [batch, time, input] from `state` (tensors [1, batch, hidden]).

    Without `lengths` the input is dense, which on a CPU is what oneDNN's LSTM kernel needs: about three times as fast.
    With `lengths` the input is packed, so that the last state is each row's own; slower, and only worth it where that
    state is needed.
    """
    if lengths is None:
        outputs, last = kernel(sequence, state)
        return outputs, last
    packed = pack_padded_sequence(sequence, lengths.cpu(), batch_first=True, enforce_sorted=False)
    packed_outputs, last = kernel(packed, state)
    outputs, _ = pad_packed_sequence(packed_outputs, batch_first=True, total_length=sequence.shape[1])
    return outputs, last
