"""In which numbers the products of training are computed."""

from __future__ import annotations

import functools
from contextlib import AbstractContextManager, nullcontext

import torch
from torch import nn

from seq2seq.errors import UserError


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
