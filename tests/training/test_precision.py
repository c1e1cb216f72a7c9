"""What the products of training are computed in."""

from __future__ import annotations

import pytest
import torch

from seq2seq.errors import UserError
from seq2seq.training import precision

CPU = torch.device("cpu")


@pytest.mark.parametrize(("has", "wanted"), [(True, "bf16"), (False, "fp32")])
def test_auto_is_what_the_machine_computes_natively(monkeypatch, has: bool, wanted: str) -> None:
    monkeypatch.setattr(precision, "cpu_has_bf16", lambda: has)
    assert precision.choose("auto", CPU) == wanted
    assert precision.choose("fp32", CPU) == "fp32"


def test_a_torch_without_onednn_trains_in_32_bits(monkeypatch) -> None:
    monkeypatch.setattr(torch.backends.mkldnn, "is_available", lambda: False)
    monkeypatch.setattr(torch.ops, "mkldnn", object())  # whose operators are not there
    precision.cpu_has_bf16.cache_clear()
    try:
        assert precision.choose("auto", CPU) == "fp32"
        with pytest.raises(UserError, match="does not compute in bf16"):
            precision.choose("bf16", CPU)
    finally:
        precision.cpu_has_bf16.cache_clear()


def test_bf16_by_name_is_refused_where_it_cannot_be(monkeypatch) -> None:
    monkeypatch.setattr(precision, "cpu_has_bf16", lambda: False)
    with pytest.raises(UserError, match="bf16"):
        precision.choose("bf16", CPU)


def test_only_the_gradients_that_float16_would_lose_are_divided_twice() -> None:
    gpu = torch.device("cuda")
    assert precision.first_divisor(100_000, "bf16", CPU) == 100_000
    assert precision.first_divisor(100_000, "fp32", gpu) == 100_000
    assert precision.first_divisor(100_000, "bf16", gpu) == precision.LARGEST_DIVISOR
    assert precision.first_divisor(600, "bf16", gpu) == 600


@pytest.mark.parametrize(("kind", "dtype"), [("fp32", torch.float32), ("bf16", torch.bfloat16)])
def test_products_are_computed_in_it(kind: str, dtype: torch.dtype) -> None:
    with precision.computing(kind, CPU):
        assert torch.nn.Linear(2, 2)(torch.zeros(1, 2)).dtype == dtype
