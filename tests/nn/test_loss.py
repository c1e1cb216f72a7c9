"""The loss against its formula, in plain Python."""

from __future__ import annotations

import math

import pytest
import torch

from seq2seq.nn.loss import cross_entropy

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
