"""The log-probability of given words: torch's own, with its gradient, without all logits."""

from __future__ import annotations

import pytest
import torch

from seq2seq.nn import draws
from seq2seq.nn import loss as loss_module
from seq2seq.nn.likelihood import output_log_probs


def inputs(tokens: int, kind=torch.float64):
    torch.manual_seed(1)
    features, weight, bias = torch.randn(tokens, 5), torch.randn(7, 5), torch.randn(7)
    made = [x.to(kind).requires_grad_() for x in (features, weight, bias)]
    return made, torch.randint(0, 7, (tokens,)), torch.randn(tokens, dtype=kind)


@pytest.mark.parametrize("tokens", [0, 1, 11])
@pytest.mark.parametrize("at_once", [1, 21, 10**6])  # logits: one token at a time, three, all
def test_it_is_log_softmax_and_so_is_its_gradient(tokens, at_once, monkeypatch):
    monkeypatch.setattr(loss_module, "LOGITS_AT_ONCE", at_once)
    (features, weight, bias), targets, weighing = inputs(tokens)
    wanted = (features @ weight.t() + bias).log_softmax(-1).gather(1, targets[:, None])[:, 0]
    found = output_log_probs(features, weight, bias, targets)
    torch.testing.assert_close(found, wanted)
    wants = torch.autograd.grad((wanted * weighing).sum(), (features, weight, bias))
    gives = torch.autograd.grad((found * weighing).sum(), (features, weight, bias))
    for want, give in zip(wants, gives, strict=True):
        torch.testing.assert_close(give, want)


def test_under_autocast_sums_stay_in_32_bits():
    (features, weight, bias), targets, weighing = inputs(11, torch.float32)
    exact = output_log_probs(features, weight, bias, targets)
    with torch.autocast("cpu", torch.bfloat16):
        found = output_log_probs(features, weight, bias, targets)
    assert found.dtype == torch.float32
    torch.testing.assert_close(found, exact, atol=0.1, rtol=0.1)
    (found * weighing).sum().backward()
    assert weight.grad.dtype == torch.float32


def test_copies_of_a_row_draw_numbers_of_their_own_whichever_are_there():
    like = torch.zeros(1)
    owner, copy = torch.tensor([0, 0, 1, 2]), torch.tensor([0, 2, 1, 0])
    with draws.drawing(1, 2, 0, total=3), draws.repeated(3, owner, copy):
        some = draws.uniform(4, 5, like)
    every = torch.arange(9)
    with draws.drawing(1, 2, 0, total=3), draws.repeated(3, every // 3, every % 3):
        all_of_them = draws.uniform(9, 5, like)
    torch.testing.assert_close(some, all_of_them[3 * owner + copy], rtol=0, atol=0)
    assert len({tuple(row) for row in all_of_them.tolist()}) == 9
    # A part of the batch, rows 0 and 2: its first row is the batch's first, its second the third.
    with draws.drawing(1, 2, 0, total=3, rows=torch.tensor([0, 2])), draws.repeated(3, torch.tensor([1, 0]), copy[:2]):
        part = draws.uniform(2, 5, like)
    torch.testing.assert_close(part, all_of_them[[6, 2]], rtol=0, atol=0)
