"""Randomness by counters: what update n draws is a function of (seed, n), so no generator's state has to be saved."""

from __future__ import annotations

import torch

from seq2seq.nn.draws import seed_from


def seed_update(seed: int, update: int) -> None:
    """Sets torch's generators to where update `update` of a run with `seed` starts drawing."""
    torch.manual_seed(seed_from(f"{seed}/{update}"))
