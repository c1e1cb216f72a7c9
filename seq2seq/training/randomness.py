"""Randomness by counters: what update n draws is a function of (seed, n), so no generator's state has to be saved."""

from __future__ import annotations

import hashlib

import torch


def seed_update(seed: int, update: int) -> None:
    """Sets torch's generators to where update `update` of a run with `seed` starts drawing.

    The two numbers are hashed, because generators seeded with neighbouring numbers can start alike.
    """
    digest = hashlib.blake2b(f"{seed}/{update}".encode(), digest_size=8).digest()
    torch.manual_seed(int.from_bytes(digest, "little", signed=True))
