"""Pulling weights back to where they were: against the equation, and against AdamW's own decay."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import nn
from toy_training import Single, single_trainer

from seq2seq.training.hold import hold
from seq2seq.training.optimizer import adamw
from seq2seq.training.trainer import Limits


def network(seed: int = 3) -> nn.Sequential:
    torch.manual_seed(seed)
    return nn.Sequential(nn.Linear(3, 5), nn.Tanh(), nn.Linear(5, 2))


def weights(model: nn.Module) -> dict[str, torch.Tensor]:
    return {name: weight.detach().clone() for name, weight in model.named_parameters()}


def learn(model: nn.Module, optimizer: torch.optim.Optimizer, *, steps: int = 6, rate: float = 0.05) -> None:
    draw = torch.Generator().manual_seed(5)
    for number in range(steps):
        for group in optimizer.param_groups:
            group["lr"] = rate / (number + 1)
        model(torch.randn(4, 3, generator=draw)).square().mean().backward()
        optimizer.step()
        optimizer.zero_grad()


def test_gradient_descent_is_that_of_the_equation():
    model, rate, strength = Single(2.0), 0.1, 3.0
    optimizer = torch.optim.SGD(model.parameters(), lr=rate)
    hold(optimizer, model, {"weight": torch.tensor([0.5])}, strength)
    expected = 2.0
    for _ in range(4):
        model.weight.grad = 2 * model.weight.detach()  # of w^2
        gradient = 2 * expected
        expected = expected - rate * strength * (expected - 0.5)
        expected -= rate * gradient
        optimizer.step()
        # What the two lines are together, to first order: a step along the gradient of w^2 + s / 2 (w - w0)^2.
    np.testing.assert_allclose(float(model.weight.detach()), expected, rtol=1e-6)


def test_at_rest_it_minimises_the_loss_and_the_penalty_together():
    model, strength = Single(2.0), 3.0
    optimizer = torch.optim.SGD(model.parameters(), lr=0.01)
    hold(optimizer, model, {"weight": torch.tensor([0.5])}, strength)
    for _ in range(2000):
        model.weight.grad = 2 * model.weight.detach()
        optimizer.step()
    # d/dw (w^2 + s / 2 (w - w0)^2) = 0 at w = s w0 / (2 + s); taking the two steps in turn moves that by O(rate).
    np.testing.assert_allclose(float(model.weight.detach()), strength * 0.5 / (2 + strength), rtol=0.02)


def test_towards_zero_it_is_the_decay_of_adamw():
    held, decayed = network(), network()
    optimizer = torch.optim.AdamW(held.parameters(), betas=(0.9, 0.98), weight_decay=0.0, fused=True)
    hold(optimizer, held, {name: torch.zeros_like(w) for name, w in held.named_parameters()}, 0.7)
    learn(held, optimizer)
    learn(decayed, torch.optim.AdamW(decayed.parameters(), betas=(0.9, 0.98), weight_decay=0.7, fused=True))
    for ours, theirs in zip(held.parameters(), decayed.parameters(), strict=True):
        torch.testing.assert_close(ours, theirs, rtol=1e-5, atol=1e-7)


def test_the_stronger_it_is_the_nearer_weights_stay():
    distances = []
    for strength in (0.0, 5.0, 50.0):
        model = network()
        origins = weights(model)
        optimizer = adamw(model, weight_decay=0.0)
        if strength:
            hold(optimizer, model, origins, strength)
        learn(model, optimizer, steps=30)
        distances.append(
            sum(float((w.detach() - origins[name]).square().sum()) for name, w in model.named_parameters())
        )
    assert distances[0] > 1.2 * distances[1] > 1.2 * distances[2] > 0


def test_weights_that_do_not_move_stay_to_the_bit():
    model = network()
    origins = weights(model)
    optimizer = adamw(model, weight_decay=0.0)
    hold(optimizer, model, origins, 17.0)
    for weight in model.parameters():
        weight.grad = torch.zeros_like(weight)
    optimizer.param_groups[0]["lr"] = optimizer.param_groups[1]["lr"] = 0.03
    optimizer.step()
    for name, weight in model.named_parameters():
        assert torch.equal(weight, origins[name])


def test_what_is_held_on_to_is_a_copy():
    model = network()
    optimizer = adamw(model, weight_decay=0.0)
    hold(optimizer, model, dict(model.named_parameters()), 17.0)  # the moving weights themselves
    before = weights(model)
    with torch.no_grad():
        for weight in model.parameters():
            weight.add_(1.0)
            weight.grad = torch.zeros_like(weight)
    for group in optimizer.param_groups:
        group["lr"] = 0.01
    optimizer.step()
    for name, weight in model.named_parameters():
        torch.testing.assert_close(weight.detach(), before[name] + 1.0 - 0.17)


def test_every_weight_needs_an_origin():
    with pytest.raises(KeyError, match=r"2\.bias"):
        hold(torch.optim.SGD(network().parameters()), network(), dict(list(weights(network()).items())[:-1]), 1.0)


def held_trainer(folder, updates: int):
    model = Single(2.0)
    optimizer = torch.optim.AdamW(model.parameters(), weight_decay=0.0)
    hold(optimizer, model, {"weight": torch.tensor([1.5])}, 2.0)
    return single_trainer(folder, model=model, optimizer=optimizer, limits=Limits(max_updates=updates))


def test_a_resumed_training_holds_on_as_if_it_had_not_stopped(tmp_path):
    through = held_trainer(tmp_path / "through", 9)
    through.run()
    held_trainer(tmp_path / "halves", 4).run()
    rest = held_trainer(tmp_path / "halves", 9)
    assert rest.resume()
    rest.run()
    assert torch.equal(rest.model.weight, through.model.weight)
    assert float(through.model.weight.detach()) != 2.0
