"""The moving average against its formula."""

from __future__ import annotations

import pytest
import torch
from toy_training import Single

from seq2seq.training.average import MovingAverage


def test_it_is_its_formula() -> None:
    model, decay = Single(1.0), 0.3
    average, expected = MovingAverage(model, decay), 1.0
    for number, weight in enumerate([2.0, -1.0, 5.0, 0.5, 7.0, 3.0], start=1):
        model.weight.data.fill_(weight)
        average.update(number)
        d = min(decay, (1 + number) / (10 + number))
        expected = d * expected + (1 - d) * weight
        assert average.tensors()["weight"].item() == pytest.approx(expected, rel=1e-6)
    # The first decays are the smaller ones: 2/11 and 3/12, then 0.3.


def test_the_model_computes_with_it_only_inside_the_block() -> None:
    model = Single(1.0)
    average = MovingAverage(model, 0.9)
    model.weight.data.fill_(3.0)
    with average.swapped_in():
        assert model.weight.item() == 1.0
    assert model.weight.item() == 3.0
    assert average.tensors()["weight"].item() == 1.0
    with pytest.raises(ValueError, match="within"), average.swapped_in():
        raise ValueError("within")
    assert model.weight.item() == 3.0


def test_the_model_still_learns_after_a_swap() -> None:
    model = Single(1.0)
    average = MovingAverage(model, 0.9)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.5)
    with average.swapped_in(), torch.inference_mode():
        pass
    (model.weight**2).sum().backward()
    optimizer.step()
    assert model.weight.item() == pytest.approx(0.0)
    assert average.tensors()["weight"].item() == 1.0


def test_without_a_decay_the_weights_are_the_average() -> None:
    model = Single(1.0)
    average = MovingAverage(model, 0.0)
    model.weight.data.fill_(4.0)
    average.update(1)
    assert average.tensors()["weight"].item() == 4.0
    with average.swapped_in():
        assert model.weight.item() == 4.0
    assert model.weight.item() == 4.0


def test_what_it_gave_can_be_taken_back() -> None:
    first, second = MovingAverage(Single(2.0), 0.9), MovingAverage(Single(5.0), 0.9)
    second.restore(first.tensors())
    assert second.tensors()["weight"].item() == 2.0


def test_a_tied_weight_is_averaged_once() -> None:
    model = Single(1.0)
    model.again = model.weight
    average = MovingAverage(model, 0.5)
    model.weight.data.fill_(2.0)
    average.update(1)
    assert list(average.tensors()) == ["weight"]
    with average.swapped_in():
        assert model.again.item() == model.weight.item() != 2.0
    assert model.again.item() == 2.0


@pytest.mark.parametrize("decay", [0.3, 0.999])
def test_what_does_not_move_is_its_own_average_bit_for_bit(decay: float) -> None:
    generator = torch.Generator().manual_seed(1)
    model = Single()
    model.weight = torch.nn.Parameter(torch.randn(4000, generator=generator) * torch.logspace(-30, 30, 4000))
    before, average = model.weight.detach().clone(), MovingAverage(model, decay)
    for number in range(1, 60):
        average.update(number)
    assert torch.equal(average.tensors()["weight"], before)
