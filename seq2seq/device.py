"""Choosing where to compute."""

from __future__ import annotations

from typing import TYPE_CHECKING

from seq2seq.errors import UserError

if TYPE_CHECKING:
    import torch


def choose_device(name: str, *, threads: int = 0) -> torch.device:
    """Returns the device called `name`, and limits torch to `threads` CPU cores.

    Args:
        name: "auto" takes a GPU where there is one; "cpu", "cuda".
        threads: CPU cores; 0 leaves it to torch, which takes all physical ones.

    Raises:
        UserError: A GPU is asked for and there is none.
    """
    import torch

    if threads:
        torch.set_num_threads(threads)
    if name == "auto":
        name = "cuda" if torch.cuda.is_available() else "cpu"
    if name == "cuda" and not torch.cuda.is_available():
        raise UserError("No GPU can be used here: torch finds none.", hint="Use --device cpu.")
    return torch.device(name)
