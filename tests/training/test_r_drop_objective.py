"""R-Drop's objective: against its formula on every kind of network, in parts and in pieces, and what it does."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from tiny_models import random_batch, tiny
from toy_training import copy_store

from seq2seq import build
from seq2seq.data.batches import Batches, collate
from seq2seq.nn.draws import drawing, keep_mask, twice, uniform
from seq2seq.recipe.schema import Training
from seq2seq.training.gradient import Whole
from seq2seq.training.objective import CrossEntropy
from seq2seq.training.pieces import Limit
from seq2seq.training.r_drop import RDrop, doubled

BATCH = collate(*random_batch([4, 1, 6, 3], [6, 2, 0, 4]))
DROPS = {"dropout": 0.3, "word_dropout": 0.2}
SMOOTHING, R_DROP = 0.1, 3.0


def taken(model) -> dict[str, torch.Tensor]:
    return {name: weight.grad.clone() for name, weight in model.named_parameters()}


def added(objective, model, *, num_tokens: int = 5, precision: str = "fp32"):
    """The loss and the gradients that an objective adds to none."""
    model.zero_grad(set_to_none=True)
    with drawing(1, 2, 0, total=len(BATCH.source)):
        loss = objective.add_gradient(model, BATCH, num_tokens=num_tokens, progress=0.0, precision=precision)
    assert not loss.requires_grad
    return loss.item(), taken(model)


def explicit(model, *, num_tokens: int = 5):
    """The formula over the logits of both readings, sentence by sentence, with autograd's gradient."""
    model.zero_grad(set_to_none=True)
    rows = [*range(4), *range(4)]
    with drawing(1, 2, 0, total=8):
        lengths = BATCH.target_lengths[rows]
        logits = model(BATCH.source[rows], BATCH.source_lengths[rows], BATCH.target_in[rows], lengths)
    first, second = logits.log_softmax(-1).chunk(2)
    wanted = [BATCH.target_out[b, t] for b in range(4) for t in range(int(BATCH.target_lengths[b]))]
    total, alone = torch.zeros((), dtype=torch.float64), 0.0
    for one, other, symbol in zip(first, second, wanted, strict=True):
        both = sum(-(1 - SMOOTHING) * side[symbol] - SMOOTHING * side.mean() for side in (one, other)) / 2
        apart = (one.exp() * (one - other)).sum() + (other.exp() * (other - one)).sum()
        total, alone = total + both + R_DROP / 4 * apart, alone + both.item()
    (total / num_tokens).backward()
    return alone / num_tokens, taken(model)


def assert_close(found, wanted, *, tolerance: float = 1e-6) -> None:
    assert found.keys() == wanted.keys()
    for name, gradient in wanted.items():
        torch.testing.assert_close(found[name], gradient, rtol=tolerance, atol=tolerance, msg=name)


@pytest.mark.parametrize(
    ("wiring", "cell", "attention", "changes"),
    [
        ("parallel", "lstm", "multi-head", {}),
        ("parallel", "lstm", "dot", {"lexical": True, "recurrent_weight_dropout": 0.2}),
        ("input-feeding", "gru", "general", {}),
        ("fixed-vector", "lstm", "none", {}),
    ],
)
def test_gradients_are_those_of_the_formula(wiring, cell, attention, changes) -> None:
    model = tiny(wiring, cell, attention, decoder_layers=2, **DROPS, **changes).double().train()
    loss, gradients = added(RDrop(R_DROP, SMOOTHING), model)
    wanted, expected = explicit(model)
    assert loss == pytest.approx(wanted, rel=1e-6)
    assert_close(gradients, expected)


def test_where_nothing_is_dropped_it_is_cross_entropy() -> None:
    model = tiny(**DROPS).double().eval()
    loss, gradients = added(RDrop(R_DROP, SMOOTHING), model)
    wanted, expected = added(CrossEntropy(SMOOTHING), model)
    assert loss == pytest.approx(wanted, rel=1e-6)
    assert_close(gradients, expected)


def test_the_weight_moves_the_gradient_and_not_the_loss_that_is_told() -> None:
    model = tiny(**DROPS).double().train()
    found = [added(RDrop(weight, SMOOTHING), model) for weight in (0.0, 1.0, 3.0)]
    assert len({loss for loss, _ in found}) == 1
    for (name, none), one, three in zip(found[0][1].items(), *(g.values() for _, g in found[1:]), strict=True):
        torch.testing.assert_close(three - none, 3 * (one - none), msg=name)
        assert not torch.equal(one, none)


def test_both_readings_draw_masks_of_their_own_that_no_other_row_changes() -> None:
    like = torch.zeros(1)
    with drawing(1, 2, 0, total=5), twice():
        masks, numbers = keep_mask(10, 64, 0.5, like), uniform(10, 7, like)
    for whole in (masks, numbers):
        assert all(not torch.equal(whole[row], whole[row + 5]) for row in range(5))
    with drawing(1, 2, 0, total=5, rows=torch.tensor([3, 1])), twice():
        assert torch.equal(keep_mask(4, 64, 0.5, like), masks[[3, 1, 8, 6]])
        assert torch.equal(uniform(4, 7, like), numbers[[3, 1, 8, 6]])
    with drawing(1, 2, 0, total=5):
        with twice():
            pass
        assert keep_mask(5, 64, 0.5, like).shape == (5, 64)


def test_a_doubled_batch_is_its_rows_and_then_all_of_them_again() -> None:
    both = doubled(BATCH)
    rows = torch.tensor([0, 1, 2, 3, 0, 1, 2, 3])
    for field in ("source", "source_lengths", "target_in", "target_out", "target_lengths"):
        assert torch.equal(getattr(both, field), getattr(BATCH, field)[rows])
    again = both.target_out.flatten()[both.real]
    assert torch.equal(again, BATCH.target_out.flatten()[BATCH.real].repeat(2))


# Over batches of a store, as an update computes it.

ROWS = [np.arange(0, 13), np.arange(13, 20)]


@pytest.fixture
def source(tmp_path):
    model = tiny(symbols=20, recurrent_dropout=0.2, **DROPS).train()
    batches = Batches(copy_store(tmp_path / "train.arrow", num_pairs=30), batch_tokens=50, seed=1)
    return Whole(model, batches, RDrop(R_DROP, SMOOTHING), precision="fp32", seed=1)


def gradients(source, **changes):
    source.model.zero_grad(set_to_none=True)
    return source(ROWS, epoch=0, update=3, progress=0.5, **changes), taken(source.model)


@pytest.mark.parametrize("parts", [2, 3])
def test_processes_and_accumulated_batches_add_up_to_one(source, parts: int) -> None:
    sums, whole = gradients(source)
    assert sums.num_tokens == sum(source.batches.fill(rows, 0).num_tokens for rows in ROWS)  # each word counts once
    source.model.zero_grad(set_to_none=True)
    found = [source.add(ROWS, epoch=0, update=3, progress=0.5, part=(k, parts)) for k in range(parts)]
    torch.testing.assert_close(sum(loss for loss, _ in found) / sums.num_tokens, sums.loss)
    shares = {name: value / sums.num_tokens for name, value in taken(source.model).items()}
    assert_close(shares, whole, tolerance=1e-4)


class Cramped:
    """An objective with memory for so many tokens."""

    def __init__(self, inner, size: int) -> None:
        self.inner, self.size, self.calls = inner, size, 0

    def add_gradient(self, model, batch, **named):
        self.calls += 1
        if batch.source.numel() + batch.target_in.numel() > self.size:
            raise MemoryError
        return self.inner.add_gradient(model, batch, **named)


def test_pieces_give_the_same_gradient(source) -> None:
    sums, whole = gradients(source)
    source.objective = cramped = Cramped(source.objective, 40)
    source.limit = Limit(lambda message: None)
    again, found = gradients(source)
    assert cramped.calls > 3
    torch.testing.assert_close(again.loss, sums.loss)
    assert_close(found, whole, tolerance=1e-4)


def test_in_bf16_the_gradient_is_nearly_the_same() -> None:
    model = tiny(size=16, **DROPS).train()
    found = {precision: added(RDrop(1.0, 0.1), model, precision=precision) for precision in ("fp32", "bf16")}
    exact, rounded = (torch.cat([g.flatten() for g in found[kind][1].values()]) for kind in ("fp32", "bf16"))
    assert rounded.dtype == torch.float32
    assert found["bf16"][0] == pytest.approx(found["fp32"][0], rel=0.02)
    assert torch.cosine_similarity(rounded, exact, dim=0) > 0.99


def test_training_with_it_makes_two_dropouts_agree(tmp_path) -> None:
    def disagreement(r_drop: float) -> float:
        model = tiny(symbols=20, size=16, **DROPS).train()
        objective = RDrop(r_drop)
        batches = Batches(copy_store(tmp_path / f"{r_drop}.arrow", num_pairs=30), batch_tokens=100, seed=1)
        source = Whole(model, batches, objective, precision="fp32", seed=1)
        optimizer = torch.optim.Adam(model.parameters(), lr=0.01)
        for update in range(1, 26):
            optimizer.zero_grad()
            source(batches.plan(0)[:1], epoch=0, update=update, progress=0.0)
            optimizer.step()
        batch = doubled(batches.fill(np.arange(30)))
        with torch.no_grad(), drawing(1, 0, 0, total=60):
            logits = model(batch.source, batch.source_lengths, batch.target_in, batch.target_lengths)
        first, second = logits.log_softmax(-1).chunk(2)
        return float(((first.exp() - second.exp()) * (first - second)).sum(-1).mean())

    assert disagreement(5.0) < 0.5 * disagreement(0.0)


def test_a_recipe_gets_it_where_it_asks_and_the_plain_loss_elsewhere() -> None:
    asked = build.objective(Training(label_smoothing=0.2, r_drop=2.5))
    assert type(asked) is RDrop
    assert (asked.r_drop, asked.label_smoothing) == (2.5, 0.2)
    assert type(build.objective(Training())) is CrossEntropy
