"""Asking the memory for hypotheses laid side by side equals asking for each with a memory of its own."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from tiny_models import ATTENTION_SETTINGS, scramble

from seq2seq.nn.memory import attend_rows
from seq2seq.registry import ATTENTIONS

SENTENCES, SOURCE, SIZE = 4, 5, 8
LENGTHS = torch.tensor([5, 2, 1, 3])


def check(name: str, owner: list[int]) -> None:
    generator = torch.Generator().manual_seed(len(owner))
    torch.manual_seed(1)
    attention = scramble(ATTENTIONS.load(name)(SIZE, SIZE, **ATTENTION_SETTINGS.get(name, {}))).double()
    outputs = torch.randn(SENTENCES, SOURCE, SIZE, dtype=torch.float64, generator=generator)
    mask = torch.arange(SOURCE)[None] < LENGTHS[:, None]
    query = torch.randn(len(owner), SIZE, dtype=torch.float64, generator=generator)
    position = torch.randint(0, SOURCE, (len(owner),), generator=generator)
    context, weights = attend_rows(attention, query, attention.prepare(outputs), mask, position, torch.tensor(owner))
    for row, sentence in enumerate(owner):
        own = slice(sentence, sentence + 1)
        keys = attention.prepare(outputs[own])
        alone, alone_weights = attention(query[row : row + 1, None], keys, mask[own], position[row : row + 1, None])
        torch.testing.assert_close(context[row], alone[0, 0])
        torch.testing.assert_close(weights[row], alone_weights[0, 0])


@pytest.mark.parametrize("name", list(ATTENTIONS))
@pytest.mark.parametrize(
    "owner",
    [[0, 1, 2, 3], [3, 0, 2, 0, 3, 3], [1, 1, 1], [2], [0, 0, 1, 1, 2, 2, 3, 3]],
    ids=["one each", "unsorted and uneven", "one sentence only", "one row", "a beam of two"],
)
def test_equals_asking_for_each_row(name: str, owner: list[int]) -> None:
    check(name, owner)


@settings(max_examples=25, deadline=None)
@given(st.lists(st.integers(0, SENTENCES - 1), min_size=1, max_size=9))
def test_equals_asking_for_each_row_whoever_owns_it(owner: list[int]) -> None:
    check("local", owner)
