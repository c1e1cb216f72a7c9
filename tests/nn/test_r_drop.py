"""The loss of two readings against its formula, with the gradients that autograd finds for it."""

from __future__ import annotations

import pytest
import torch

from seq2seq.nn import r_drop as r_drop_module
from seq2seq.nn.loss import output_cross_entropy
from seq2seq.nn.r_drop import r_drop_cross_entropy

SIZES = {"one token": (1, 30), "several parts": (75, 30), "many symbols": (20, 1000), "none": (0, 30)}


def inputs(tokens: int, symbols: int, kind: torch.dtype = torch.float64) -> tuple[torch.Tensor, ...]:
    generator = torch.Generator().manual_seed(1)
    features = torch.randn(2 * tokens, 7, generator=generator, dtype=kind)
    weight = torch.randn(symbols, 7, generator=generator, dtype=kind)
    bias = torch.randn(symbols, generator=generator, dtype=kind)
    targets = torch.randint(symbols, (tokens,), generator=generator)
    return features.requires_grad_(), weight.requires_grad_(), bias.requires_grad_(), targets


def plain(features, weight, bias, targets, *, r_drop: float, label_smoothing: float):
    """Liang et al. 2021, equations 1 to 4, halved: CE + CE' + a/2 (KL(p || p') + KL(p' || p)), and the CE alone."""
    log_p = (features @ weight.t() + bias).log_softmax(-1)
    picked = log_p.gather(1, targets.repeat(2)[:, None]).sum()
    cross_entropy = -((1 - label_smoothing) * picked + label_smoothing / len(weight) * log_p.sum())
    first, second = log_p.chunk(2)
    apart = (first.exp() * (first - second)).sum() + (second.exp() * (second - first)).sum()
    return (cross_entropy + r_drop / 2 * apart) / 2, cross_entropy / 2


@pytest.fixture
def small_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(r_drop_module, "LOGITS_AT_ONCE", 64 * 30)


@pytest.mark.usefixtures("small_parts")
@pytest.mark.parametrize(("r_drop", "smoothing"), [(0.0, 0.1), (1.0, 0.0), (5.0, 0.1), (0.7, 0.5)])
@pytest.mark.parametrize("size", SIZES)
def test_it_is_its_formula_with_its_gradients(size: str, r_drop: float, smoothing: float) -> None:
    *given, targets = inputs(*SIZES[size])
    settings = {"r_drop": r_drop, "label_smoothing": smoothing}
    wanted, wanted_part = plain(*given, targets, **settings)
    loss, part = r_drop_cross_entropy(*given, targets, **settings)
    torch.testing.assert_close(loss, wanted)
    torch.testing.assert_close(part, wanted_part)
    assert not part.requires_grad
    expected = torch.autograd.grad(0.3 * wanted, given)
    for found, gradient in zip(torch.autograd.grad(0.3 * loss, given), expected, strict=True):
        torch.testing.assert_close(found, gradient)


def test_where_both_readings_are_one_it_is_the_ordinary_loss_and_gradient() -> None:
    *given, targets = inputs(75, 30)
    once = given[0][:75].detach().requires_grad_()
    loss, part = r_drop_cross_entropy(once.repeat(2, 1), *given[1:], targets, r_drop=5.0, label_smoothing=0.1)
    ordinary = output_cross_entropy(once, *given[1:], targets, label_smoothing=0.1)
    torch.testing.assert_close(loss, ordinary)
    torch.testing.assert_close(part, ordinary)
    wanted = torch.autograd.grad(ordinary, (once, *given[1:]))
    for found, gradient in zip(torch.autograd.grad(loss, (once, *given[1:])), wanted, strict=True):
        torch.testing.assert_close(found, gradient)


@pytest.mark.usefixtures("small_parts")
def test_in_bf16_it_is_as_near_to_the_truth_as_the_plain_one() -> None:
    *given, targets = inputs(75, 30, torch.float32)
    settings = {"r_drop": 2.0, "label_smoothing": 0.1}
    exact = [tensor.detach().double().requires_grad_() for tensor in given]
    truth, _ = plain(*exact, targets, **settings)
    with torch.autocast("cpu", torch.bfloat16):
        rounded, _ = plain(*given, targets, **settings)
        loss, _ = r_drop_cross_entropy(*given, targets, **settings)
    assert loss.dtype == torch.float32
    assert loss.item() == pytest.approx(truth.item(), rel=2**-7)
    grads = (torch.autograd.grad(one, of) for one, of in ((loss, given), (rounded, given), (truth, exact)))
    for found, other, wanted in zip(*grads, strict=True):
        assert found.dtype == torch.float32
        assert (found - wanted).norm() <= 1.5 * (other - wanted).norm() + 1e-6 * wanted.norm()


def test_words_thought_impossible_cost_their_full_loss_and_no_nan() -> None:
    # p = (1, e^-500), p' = (e^-500, 1): each cross-entropy 500 or 0, each divergence 500.
    features = torch.tensor([[1.0], [-1.0]]).requires_grad_()
    weight, bias = torch.tensor([[250.0], [-250.0]]), torch.zeros(2)
    loss, part = r_drop_cross_entropy(features, weight, bias, torch.tensor([1]), r_drop=1.0)
    assert part.item() == pytest.approx((500 + 0) / 2)
    assert loss.item() == pytest.approx((500 + 0) / 2 + (500 + 500) / 4)
    assert torch.autograd.grad(loss, features)[0].isfinite().all()


def test_no_gradient_is_computed_where_none_is_recorded(monkeypatch: pytest.MonkeyPatch) -> None:
    made = []
    monkeypatch.setattr(r_drop_module, "_side", lambda *arguments, **named: made.append(arguments))
    with torch.no_grad():
        loss, _ = r_drop_cross_entropy(*inputs(20, 30), r_drop=1.0)
    assert not made
    assert not loss.requires_grad


def test_memory_holds_a_few_logits_and_never_all(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(r_drop_module, "LOGITS_AT_ONCE", 1000)
    seen = []
    addmm = torch.addmm
    monkeypatch.setattr(torch, "addmm", lambda *arguments: seen.append(addmm(*arguments)) or seen[-1])
    r_drop_cross_entropy(*inputs(100, 30), r_drop=1.0)[0].backward()
    assert sum(len(logits) for logits in seen) == 200
    assert all(logits.numel() <= 1000 for logits in seen)


def test_features_of_one_reading_are_refused() -> None:
    features, weight, bias, targets = inputs(6, 30)
    with pytest.raises(ValueError, match="6 tokens read twice have 12 features, not 6"):
        r_drop_cross_entropy(features[:6], weight, bias, targets, r_drop=1.0)
