"""The loss against its formula, in plain Python."""

from __future__ import annotations

import math

import pytest
import torch

from seq2seq.nn import loss as loss_module
from seq2seq.nn.loss import cross_entropy, output_cross_entropy

LOGITS = [[2.0, -1.0, 0.5, 0.0], [0.0, 0.0, 0.0, 0.0], [-3.0, 1.0, 4.0, 1.5]]
TARGETS = [0, 3, 1]


def by_hand(smoothing: float) -> float:
    total = 0.0
    for logits, target in zip(LOGITS, TARGETS, strict=True):
        normaliser = math.log(sum(math.exp(x) for x in logits))
        log_p = [x - normaliser for x in logits]
        total -= (1 - smoothing) * log_p[target] + smoothing / len(logits) * sum(log_p)
    return total


@pytest.mark.parametrize("smoothing", [0.0, 0.1, 0.5])
def test_it_is_its_formula_summed_over_the_tokens(smoothing: float) -> None:
    loss = cross_entropy(torch.tensor(LOGITS), torch.tensor(TARGETS), label_smoothing=smoothing)
    assert loss.item() == pytest.approx(by_hand(smoothing), rel=1e-6)


def test_it_is_computed_in_32_bits() -> None:
    logits = torch.zeros(1, 3001, dtype=torch.bfloat16)
    loss = cross_entropy(logits, torch.tensor([7]))
    assert loss.dtype == torch.float32
    assert loss.item() == pytest.approx(math.log(3001), rel=1e-6)


SIZES = {"one token": (1, 30), "two parts": (150, 30), "many symbols": (40, 1000), "none": (0, 30)}


def inputs(tokens: int, symbols: int, kind: torch.dtype = torch.float64) -> tuple[torch.Tensor, ...]:
    generator = torch.Generator().manual_seed(1)
    features = torch.randn(tokens, 7, generator=generator, dtype=kind)
    weight = torch.randn(symbols, 7, generator=generator, dtype=kind)
    bias = torch.randn(symbols, generator=generator, dtype=kind)
    targets = torch.randint(symbols, (tokens,), generator=generator)
    return features.requires_grad_(), weight.requires_grad_(), bias.requires_grad_(), targets


@pytest.fixture
def small_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(loss_module, "LOGITS_AT_ONCE", 64 * 30)


@pytest.mark.usefixtures("small_parts")
@pytest.mark.parametrize("smoothing", [0.0, 0.1, 0.5])
@pytest.mark.parametrize("size", SIZES)
def test_the_loss_without_logits_is_the_plain_one_with_its_gradients(size: str, smoothing: float) -> None:
    features, weight, bias, targets = inputs(*SIZES[size])
    plain = cross_entropy_64(features @ weight.t() + bias, targets, smoothing)
    wanted = torch.autograd.grad(0.3 * plain, (features, weight, bias))
    loss = output_cross_entropy(features, weight, bias, targets, label_smoothing=smoothing)
    torch.testing.assert_close(loss, plain)
    for found, gradient in zip(torch.autograd.grad(0.3 * loss, (features, weight, bias)), wanted, strict=True):
        torch.testing.assert_close(found, gradient)


def cross_entropy_64(logits: torch.Tensor, targets: torch.Tensor, smoothing: float) -> torch.Tensor:
    """The formula in the precision of the logits."""
    log_p = logits.log_softmax(-1)
    picked = log_p.gather(1, targets[:, None]).sum()
    return -((1 - smoothing) * picked + smoothing / logits.shape[1] * log_p.sum())


@pytest.mark.usefixtures("small_parts")
def test_in_bf16_it_is_as_near_to_the_truth_as_the_plain_one() -> None:
    features, weight, bias, targets = inputs(150, 30, torch.float32)
    exact = cross_entropy_64(features.double() @ weight.double().t() + bias.double(), targets, 0.1)
    wanted = torch.autograd.grad(exact, (features, weight, bias))
    with torch.autocast("cpu", torch.bfloat16):
        plain = cross_entropy(torch.nn.functional.linear(features, weight, bias), targets, label_smoothing=0.1)
        loss = output_cross_entropy(features, weight, bias, targets, label_smoothing=0.1)
    assert loss.dtype == torch.float32
    # bf16 has 8 bits: a product of its numbers is off by some 2^-8 of its size.
    assert loss.item() == pytest.approx(exact.item(), rel=2**-8)
    rounded = torch.autograd.grad(plain, (features, weight, bias))
    for found, other, gradient in zip(
        torch.autograd.grad(loss, (features, weight, bias)), rounded, wanted, strict=True
    ):
        assert found.dtype == gradient.dtype
        # Both round: ours may be off by as much as the plain one, and no more than by chance beyond it.
        assert (found - gradient).norm() <= 1.5 * (other - gradient).norm() + 1e-6 * gradient.norm()


def test_a_word_thought_impossible_costs_its_full_loss() -> None:
    features = torch.tensor([[1.0]])
    weight, bias = torch.tensor([[0.0], [-500.0]]), torch.zeros(2)
    assert output_cross_entropy(features, weight, bias, torch.tensor([1])).item() == pytest.approx(500.0)


def test_no_gradient_is_computed_where_none_is_recorded(monkeypatch: pytest.MonkeyPatch) -> None:
    products = []
    monkeypatch.setattr(torch, "mm", lambda *arguments, **named: products.append(arguments))
    features, weight, bias, targets = inputs(20, 30)
    with torch.no_grad():
        loss = output_cross_entropy(features, weight, bias, targets)
    assert not products
    assert not loss.requires_grad


def test_memory_holds_a_few_logits_and_never_all(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(loss_module, "LOGITS_AT_ONCE", 1000)
    features, weight, bias, targets = inputs(100, 30)
    seen = []
    addmm = torch.addmm
    monkeypatch.setattr(torch, "addmm", lambda *arguments: seen.append(addmm(*arguments)) or seen[-1])
    output_cross_entropy(features, weight, bias, targets).backward()
    assert sum(len(logits) for logits in seen) == 100
    assert all(logits.numel() <= 1000 for logits in seen)
