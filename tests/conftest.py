"""What every test runs under: shapes checked in the rooms of tensors, and one thread."""

from __future__ import annotations

import sys
from collections.abc import Iterator

import pytest
from jaxtyping import config, install_import_hook

# Before anything imports them: from here on a wrong shape in these rooms is an error at the call.
install_import_hook(["seq2seq.nn", "seq2seq.data"], "beartype.beartype")


@pytest.fixture(autouse=True)
def one_thread() -> None:
    """Keeps torch, where a test has imported it, on one thread: tiny tensors gain nothing from more."""
    torch = sys.modules.get("torch")
    if torch is not None:
        torch.set_num_threads(1)


@pytest.fixture
def unchecked_shapes() -> Iterator[None]:
    """Turns the checking of shapes off: for whole trainings of networks that other tests check."""
    config.update("jaxtyping_disable", True)
    yield
    config.update("jaxtyping_disable", False)


@pytest.fixture(params=["cpu", "cuda"])
def device(request: pytest.FixtureRequest):
    """The CPU, and a GPU where there is one."""
    import torch

    if request.param == "cuda" and not torch.cuda.is_available():
        pytest.skip("torch finds no GPU here")
    return torch.device(request.param)
