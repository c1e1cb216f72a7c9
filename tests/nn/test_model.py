"""The whole network: which logits it gives, what is shared, and what is learned."""

from __future__ import annotations

import pytest
import torch
from jaxtyping import TypeCheckError
from tiny_models import GRID, JOINED, SYMBOLS, random_batch, tiny
from torch import nn

from seq2seq.data.batches import collate
from seq2seq.nn.memory import sequence_mask
from seq2seq.nn.output import Output
from seq2seq.training.objective import CrossEntropy
from seq2seq.training.precision import computing, cpu_has_bf16

BATCH = collate(*random_batch([4, 1, 6, 3], [5, 2, 0, 4]))
SHARED = {"none": 3, "target": 2, "all": 1}


def run(model, batch=BATCH):
    return model(batch.source, batch.source_lengths, batch.target_in, batch.target_lengths)


def test_shapes_are_checked_in_these_tests() -> None:
    with pytest.raises(TypeCheckError):
        sequence_mask(torch.tensor([[1, 2]]), 3)


@pytest.mark.parametrize(("wiring", "attention"), JOINED)
@torch.no_grad()
def test_logits_are_those_of_each_real_position_sentence_by_sentence(wiring: str, attention: str) -> None:
    model = tiny(wiring, "lstm", attention).double().eval()
    logits, begin = run(model), 0
    assert logits.shape == (int(BATCH.target_lengths.sum()), SYMBOLS)
    for row, (width, length) in enumerate(zip(BATCH.source_lengths, BATCH.target_lengths, strict=True)):
        own = slice(row, row + 1)
        lengths = BATCH.source_lengths[own], BATCH.target_lengths[own]
        alone = model(BATCH.source[own, :width], lengths[0], BATCH.target_in[own, :length], lengths[1])
        torch.testing.assert_close(logits[begin : begin + length], alone)
        begin += int(length)


@torch.no_grad()
def test_the_objective_pairs_each_logit_with_its_own_symbol() -> None:
    model = tiny().double().eval()
    wanted = 0.0
    for row, (width, length) in enumerate(zip(BATCH.source_lengths, BATCH.target_lengths, strict=True)):
        memory = model.encode(BATCH.source[row : row + 1, :width], BATCH.source_lengths[row : row + 1])
        state = model.start(memory)
        for position in range(int(length)):
            last = BATCH.target_in[row : row + 1, position]
            after = model.step(last, memory, torch.zeros(1, dtype=torch.int64), state)
            state = after.state
            wanted -= after.logits.log_softmax(-1)[0, BATCH.target_out[row, position]].item()
    assert CrossEntropy()(model, BATCH).item() == pytest.approx(wanted, rel=1e-6)


@pytest.mark.parametrize("tie", SHARED)
def test_tied_weights_are_one_parameter(tie: str) -> None:
    model = tiny(tie=tie)
    matrices = [w for w in model.parameters() if w.shape == (SYMBOLS, 6)]
    assert len(matrices) == SHARED[tie]
    assert (model.output.weight is model.target_embedding.weight) == (tie != "none")
    assert (model.source_embedding.weight is model.target_embedding.weight) == (tie == "all")


@pytest.mark.parametrize("tie", SHARED)
@pytest.mark.parametrize(("wiring", "cell", "attention"), GRID)
def test_the_gradient_reaches_every_parameter(wiring: str, cell: str, attention: str, tie: str) -> None:
    model = tiny(wiring, cell, attention, tie=tie, encoder_layers=2)
    CrossEntropy()(model, BATCH).backward()
    for name, weight in model.named_parameters():
        assert weight.grad is not None, name
        assert weight.grad.any(), name


def test_the_output_is_its_equation() -> None:
    embedding = nn.Embedding(5, 3)
    output = Output(4, embedding, tie=True)
    nn.init.normal_(output.bias)
    nn.init.normal_(output.projection.bias)
    features = torch.randn(2, 4)
    wanted = (features @ output.projection.weight.T + output.projection.bias) @ embedding.weight.T + output.bias
    torch.testing.assert_close(output(features), wanted)


def test_word_dropout_and_dropout_change_training_only() -> None:
    model = tiny(dropout=0.3, word_dropout=0.3)
    assert torch.equal(run(model.eval()), run(model))
    model.train()
    assert not torch.equal(run(model), run(model))


@pytest.mark.skipif(not cpu_has_bf16(), reason="this CPU does not compute in bf16")
@pytest.mark.parametrize(("wiring", "cell", "attention"), GRID)
def test_bf16_gives_nearly_the_same_loss_and_gradient(wiring: str, cell: str, attention: str) -> None:
    model, found = tiny(wiring, cell, attention, size=16), {}
    for precision in ("fp32", "bf16"):
        model.zero_grad()
        with computing(precision, torch.device("cpu")):
            loss = CrossEntropy()(model, BATCH)
        assert loss.dtype == torch.float32
        loss.backward()
        assert all(weight.grad.dtype == torch.float32 for weight in model.parameters())
        gradient = torch.cat([weight.grad.flatten() for weight in model.parameters()])
        found[precision] = (loss.item(), gradient)
    # bf16 has 8 bits: each product is off by about 2^-9, and errors add up along a few layers.
    assert found["bf16"][0] == pytest.approx(found["fp32"][0], rel=0.02)
    assert torch.cosine_similarity(found["bf16"][1], found["fp32"][1], dim=0) > 0.99
