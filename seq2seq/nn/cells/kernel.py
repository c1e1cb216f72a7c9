"""Running torch's fused recurrent kernels, with a state that is exact for rows of different lengths."""

from __future__ import annotations

from torch import Tensor, nn
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence


def run_kernel(
    kernel: nn.RNNBase,
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
