"""The gradient of an update: whole, in parts, and in pieces where memory is short."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from toy_training import copy_store

from seq2seq import build
from seq2seq.data.batches import Batches, collate
from seq2seq.errors import WorkError, is_out_of_memory
from seq2seq.recipe.schema import Choice, Model
from seq2seq.training.gradient import Whole
from seq2seq.training.objective import CrossEntropy, TruncatedCrossEntropy
from seq2seq.training.pieces import Limit, Piece

ROWS = [np.arange(0, 13), np.arange(13, 20)]
NETWORK = {"embedding_size": 8, "encoder_size": 8, "decoder_size": 8, "dropout": 0.3, "word_dropout": 0.2}


@pytest.fixture
def source(tmp_path):
    torch.manual_seed(1)
    settings = Model(**NETWORK, recurrent_dropout=0.2, attention=Choice("multi-head", {"heads": 2}))
    model = build.model(settings, source_symbols=20, target_symbols=20).train()
    batches = Batches(copy_store(tmp_path / "train.arrow", num_pairs=30), batch_tokens=50, seed=1)
    return Whole(model, batches, CrossEntropy(0.1), precision="fp32", seed=1)


def gradients(source, *, update=3, **changes):
    for weight in source.model.parameters():
        weight.grad = None
    sums = source(ROWS, epoch=0, update=update, progress=0.5, **changes)
    return sums, taken(source)


def taken(source):
    return {name: weight.grad.clone() for name, weight in source.model.named_parameters()}


def assert_close(one, other):
    assert one.keys() == other.keys()
    for name, value in one.items():
        torch.testing.assert_close(value, other[name], rtol=1e-4, atol=1e-6, msg=name)


def test_it_is_the_gradient_of_the_mean_over_all_real_tokens(source) -> None:
    source.model.eval()  # no masks: the formula can be asked directly
    sums, found = gradients(source)
    for weight in source.model.parameters():
        weight.grad = None
    batches = [source.batches.fill(rows, 0) for rows in ROWS]
    tokens = sum(int(batch.target_lengths.sum()) for batch in batches)
    loss = sum(CrossEntropy(0.1)(source.model, batch) for batch in batches) / tokens
    loss.backward()
    assert sums.num_tokens == tokens
    torch.testing.assert_close(sums.loss, loss.detach())
    assert_close(found, taken(source))


def test_what_is_divided_by_afterwards_makes_it_the_same(source, monkeypatch) -> None:
    sums, whole = gradients(source)
    monkeypatch.setattr("seq2seq.training.gradient.first_divisor", lambda tokens, precision, device: 7)
    source.limit.lower([Piece(source.batches.fill(ROWS[0], 0), 0, 13, torch.arange(13))])  # in pieces too
    again, found = gradients(source)
    assert again.num_tokens == sums.num_tokens > 7
    torch.testing.assert_close(again.loss, sums.loss)
    assert_close(found, whole)


@pytest.mark.parametrize("parts", [2, 3, 25])
def test_parts_add_up_to_the_whole_masks_included(source, parts: int) -> None:
    sums, whole = gradients(source)
    for weight in source.model.parameters():
        weight.grad = None
    found = [source.add(ROWS, epoch=0, update=3, progress=0.5, part=(k, parts)) for k in range(parts)]
    count = sum(tokens for _, tokens in found)
    assert count == sums.num_tokens
    torch.testing.assert_close(sum(loss for loss, _ in found) / count, sums.loss)
    assert_close({name: value / count for name, value in taken(source).items()}, whole)


def test_another_update_meets_other_masks(source) -> None:
    assert gradients(source, update=3)[0].loss != gradients(source, update=4)[0].loss


class Cramped:
    """An objective with memory for so many tokens; beyond them it fails, half of its work done."""

    def __init__(self, inner, size: int, error: Exception) -> None:
        self.inner, self.size, self.error, self.sizes = inner, size, error, []

    def add_gradient(self, model, batch, **named):
        self.sizes.append(batch.source.numel() + batch.target_in.numel())
        loss = self.inner.add_gradient(model, batch, **named)
        if self.sizes[-1] > self.size:
            raise self.error
        return loss


ERRORS = [
    MemoryError(),
    torch.OutOfMemoryError("CUDA out of memory."),
    RuntimeError("[enforce fail at alloc_cpu.cpp:121] err == 0. DefaultCPUAllocator: can't allocate memory"),
    RuntimeError("CUDA error: CUBLAS_STATUS_ALLOC_FAILED when calling `cublasCreate(handle)`"),
]


@pytest.mark.parametrize("error", ERRORS, ids=lambda error: type(error).__name__)
@pytest.mark.parametrize("objective", [CrossEntropy(0.1), TruncatedCrossEntropy(3, 0.1)], ids=["whole", "truncated"])
def test_where_memory_runs_out_pieces_give_the_same_gradient(source, objective, error) -> None:
    source.objective = objective
    _, whole = gradients(source)
    told = []
    cramped = source.objective = Cramped(objective, 40, error)
    source.limit = Limit(told.append)
    _, found = gradients(source)
    assert_close(found, whole)
    tries = len(cramped.sizes)
    assert max(cramped.sizes) > 40
    # The next time the batch is read in pieces from the start, and nothing more is said.
    said = len(told)
    assert said >= 1
    assert "batch_tokens" in told[0]
    _, again = gradients(source)
    assert_close(again, whole)
    assert max(cramped.sizes[tries:]) <= 40
    assert len(told) == said


def test_a_single_pair_that_does_not_fit_is_an_error_that_says_what_to_do(source) -> None:
    source.objective = Cramped(CrossEntropy(), 3, MemoryError())
    with pytest.raises(WorkError, match="single pair") as caught:
        gradients(source)
    assert "decoder_size" in caught.value.hint


def test_other_errors_pass(source) -> None:
    source.objective = Cramped(CrossEntropy(), 0, RuntimeError("mat1 and mat2 shapes cannot be multiplied"))
    with pytest.raises(RuntimeError, match="shapes"):
        gradients(source)
    assert not is_out_of_memory(ValueError("DefaultGPU"))


def test_halves_are_the_rows_of_a_piece_cropped_to_what_they_need() -> None:
    piece = Piece(collate([[4] * n for n in (5, 1, 2)], [[5] * n for n in (1, 7, 1)]), 0, 9, torch.tensor([2, 4, 8]))
    even, odd = piece.halves()
    assert even.rows.tolist() == [2, 8]
    assert odd.rows.tolist() == [4]
    assert (even.batch.source.shape, even.batch.target_in.shape) == ((2, 6), (2, 2))
    assert (odd.batch.source.shape, odd.batch.target_out.shape) == ((1, 2), (1, 8))
    assert even.batch.target_lengths.tolist() == [2, 2]
