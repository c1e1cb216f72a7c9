"""In which numbers the products of training are computed.

On a GPU "bf16" is so of all products but the recurrence's. Autocast's wrapper of cuDNN's recurrent kernels casts to
float16 whichever type it is asked for (aten/src/ATen/cudnn/AutocastRNN.cpp, where the type is written out). Its 10 bits
behind the point are more than bf16's 7, but it has no numbers above 65,504, fewer bits below 6e-5, and none below 6e-8.
The mean loss over many tokens has gradients that small at each of them, the summed one has large ones in the weights.
So the loss is divided by at most `LARGEST_DIVISOR` before the way back, and the gradients by the rest afterwards.
"""

from __future__ import annotations

import functools
from contextlib import AbstractContextManager, nullcontext
from typing import Final

import torch
from torch import nn

from seq2seq.errors import UserError

LARGEST_DIVISOR: Final = 1_000
"""Where gradients were rounded to float16 by hand, those of recurrent weights were wrong by 0.02 to 0.03 % at 1,200
tokens, about what float16 costs anyway; by 0.1 to 0.3 % at 16,000 and 0.5 to 1.7 % at 100,000. At 100,000 tokens the
gradients of a loss that is divided by this are 100 times those of the mean, far from the largest number."""


@functools.cache
def cpu_has_bf16() -> bool:
    """Whether this CPU trains an LSTM in bf16.

    Asked by doing: a CPU without the instructions raises "could not create a primitive descriptor" from the fused
    kernel, and one with an emulation would be slower than fp32, which oneDNN's own check leaves out.
    """
    # A torch without oneDNN, such as that of a Mac, does not have the check either.
    there = torch.backends.mkldnn.is_available()  # type: ignore[no-untyped-call]
    if not there or not torch.ops.mkldnn._is_mkldnn_bf16_supported():
        return False
    kernel = nn.LSTM(8, 8, batch_first=True)
    try:
        with torch.autocast("cpu", torch.bfloat16):
            kernel(torch.zeros(2, 3, 8))[0].float().sum().backward()
    except RuntimeError:
        return False
    return True


def choose(precision: str, device: torch.device) -> str:
    """Returns "bf16" or "fp32" for "auto", "bf16" or "fp32": auto is bf16 wherever the device computes it natively.

    Raises:
        UserError: bf16 is asked for by name, and the device does not compute it.
    """
    if precision == "fp32":
        return precision
    fits = cpu_has_bf16() if device.type == "cpu" else torch.cuda.is_bf16_supported(including_emulation=False)
    if precision == "bf16" and not fits:
        raise UserError("This device does not compute in bf16.", hint="Use --set training.precision=auto.")
    return "bf16" if fits else "fp32"


def computing(precision: str, device: torch.device) -> AbstractContextManager[None]:
    """Returns the context in which a forward pass runs; weights, sums and the loss stay in 32 bits."""
    if precision == "fp32":
        return nullcontext()
    return torch.autocast(device.type, torch.bfloat16)


def first_divisor(num_tokens: int, precision: str, device: torch.device) -> int:
    """Returns what a summed loss over `num_tokens` is divided by before the way back: all of them but for cuDNN.

    What is left to divide by is `num_tokens` over it.
    """
    return min(num_tokens, LARGEST_DIVISOR) if precision == "bf16" and device.type == "cuda" else num_tokens
