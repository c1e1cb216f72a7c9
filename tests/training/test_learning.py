"""A whole training, small: it learns to copy what it has not seen."""

from __future__ import annotations

import math

import pytest
import torch
from toy_training import Development, Shelf, Watcher, copy_store

from seq2seq import build
from seq2seq.data.batches import Batches
from seq2seq.recipe.schema import Model
from seq2seq.training import precision
from seq2seq.training.gradient import Whole
from seq2seq.training.objective import CrossEntropy
from seq2seq.training.optimizer import adamw
from seq2seq.training.randomness import seed_update
from seq2seq.training.schedules import Linear
from seq2seq.training.trainer import Limits, Trainer


@pytest.mark.usefixtures("unchecked_shapes")
def test_it_learns_to_copy(tmp_path) -> None:
    seed_update(1, 0)
    settings = Model(embedding_size=24, encoder_size=32, decoder_size=32, dropout=0.0)
    model = build.model(settings, source_symbols=14, target_symbols=14)
    (tmp_path / "new").mkdir()
    development = copy_store(tmp_path / "new" / "dev.arrow", num_pairs=100, longest=4)
    batches = Batches(copy_store(tmp_path / "train.arrow", num_pairs=2000, longest=4), batch_tokens=600, seed=1)
    trainer = Trainer(
        model,
        batches,
        gradient=Whole(model, batches, CrossEntropy(), precision="fp32", seed=1),
        validator=Development(Batches(development, batch_tokens=500, seed=0)),
        reporter=Watcher(),
        keeper=Shelf(),
        folder=tmp_path,
        optimizer=adamw(model, weight_decay=0.0),
        schedule=Linear(warmup_updates=10),
        limits=Limits(max_updates=180),
        learning_rate=1e-2,
        clip_norm=1.0,
        average=0.9,
        stop_on="loss",
    )
    counters = trainer.run()
    # Whoever knows the lengths but not the letters pays ln 10 for each letter: at least half of all tokens.
    assert -counters.best < 0.1 < math.log(10) / 2
    first, *_, last = (row["loss"] for row in trainer.reporter.rows)
    assert last < 0.1 < first


def test_only_matrices_decay() -> None:
    model = build.model(Model(embedding_size=8, encoder_size=8, decoder_size=8), source_symbols=9, target_symbols=9)
    groups = adamw(model, weight_decay=0.3).param_groups
    assert [group["weight_decay"] for group in groups] == [0.3, 0.0]
    assert all(w.dim() > 1 for w in groups[0]["params"])
    assert all(w.dim() == 1 for w in groups[1]["params"])
    assert sum(len(group["params"]) for group in groups) == len(list(model.parameters()))
    assert all(group["betas"] == (0.9, 0.98) for group in groups)


def test_weights_decay_apart_from_the_gradient() -> None:
    """Algorithm 2 of Loshchilov & Hutter 2019, step by step: the decay is not divided by the gradient's size."""
    model = torch.nn.Linear(2, 1, bias=False)
    rate, decay, (first, second), tiny = 0.1, 0.3, (0.9, 0.98), 1e-8
    optimizer = adamw(model, weight_decay=decay)
    wanted = model.weight.detach().clone()
    moment, square = torch.zeros(1, 2), torch.zeros(1, 2)
    for step, gradient in enumerate(torch.tensor([[[5.0, 0.0]], [[-1.0, 0.0]], [[0.25, 0.0]]]), start=1):
        moment = first * moment + (1 - first) * gradient
        square = second * square + (1 - second) * gradient**2
        direction = (moment / (1 - first**step)) / ((square / (1 - second**step)).sqrt() + tiny)
        wanted = wanted - rate * (direction + decay * wanted)
        model.weight.grad = gradient.clone()
        for group in optimizer.param_groups:
            group["lr"] = rate
        optimizer.step()
    torch.testing.assert_close(model.weight.detach(), wanted)


def test_precision_is_what_was_asked_for_or_what_the_machine_has(monkeypatch) -> None:
    cpu = torch.device("cpu")
    assert precision.choose("fp32", cpu) == "fp32"
    assert precision.choose("bf16", cpu) == "bf16"
    for has, wanted in ((True, "bf16"), (False, "fp32")):
        monkeypatch.setattr(precision, "cpu_has_bf16", lambda has=has: has)
        assert precision.choose("auto", cpu) == wanted


def test_products_are_computed_in_the_chosen_precision() -> None:
    cpu, x = torch.device("cpu"), torch.ones(2, 2)
    with precision.computing("fp32", cpu):
        assert (x @ x).dtype == torch.float32
    with precision.computing("bf16", cpu):
        assert (x @ x).dtype == torch.bfloat16
        assert (x + x).dtype == torch.float32


def test_a_matrix_may_be_spared_and_what_needs_no_gradient_is_left_out() -> None:
    model = build.model(Model(embedding_size=8, encoder_size=8, decoder_size=8), source_symbols=9, target_symbols=9)
    spared, still = model.source_embedding.weight, model.output.projection.weight
    still.requires_grad_(False)
    groups = adamw(model, weight_decay=0.3, undecayed=[spared]).param_groups
    placed = [{id(weight) for weight in group["params"]} for group in groups]
    assert id(spared) not in placed[0]
    assert id(spared) in placed[1]
    assert id(still) not in placed[0] | placed[1]
    assert sum(map(len, placed)) == len(list(model.parameters())) - 1
