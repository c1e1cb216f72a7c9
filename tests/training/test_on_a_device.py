"""What training computes does not depend on where: on a GPU, if there is one, the same as on the CPU."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from toy_training import copy_store, single_trainer

from seq2seq import build
from seq2seq.data.batches import Batches
from seq2seq.device import allow_tf32
from seq2seq.recipe.schema import Choice, Model
from seq2seq.training.across import Across
from seq2seq.training.gradient import Whole
from seq2seq.training.group import Alone
from seq2seq.training.objective import CrossEntropy
from seq2seq.training.optimizer import adamw
from seq2seq.training.randomness import seed_update
from seq2seq.training.trainer import LOG_EVERY, Limits

pytestmark = pytest.mark.usefixtures("unchecked_shapes")
ROWS = [np.arange(9), np.arange(30, 41)]
MOMENT = {"epoch": 0, "update": 1, "progress": 0.0}


class Doubled(Alone):
    """Two processes that always have the same."""

    size = 2

    def sum_(self, tensors) -> None:
        for tensor in tensors:
            tensor.mul_(2)


def network(device: torch.device, dropout: float = 0.0):
    seed_update(3, 0)
    settings = Model(
        attention=Choice("dot"),
        embedding_size=16,
        encoder_size=32,
        decoder_size=32,
        dropout=dropout,
        word_dropout=dropout,
    )
    return build.model(settings, source_symbols=14, target_symbols=14).to(device)


@pytest.fixture
def batches(tmp_path) -> Batches:
    return Batches(copy_store(tmp_path / "train.arrow"), batch_tokens=100, seed=1)


def whole(model, batches: Batches) -> Whole:
    model.train()
    return Whole(model, batches, CrossEntropy(0.1), precision="fp32", seed=1)


def test_the_gradient_is_the_cpus(device, batches):
    gradients, losses = [], []
    for place in (torch.device("cpu"), device):
        model = network(place)
        losses.append(float(whole(model, batches)(ROWS, **MOMENT).loss))
        gradients.append({name: weight.grad.cpu() for name, weight in model.named_parameters()})
    assert losses[1] == pytest.approx(losses[0], rel=1e-4)
    for name, wanted in gradients[0].items():
        error = (gradients[1][name] - wanted).norm() / wanted.norm().clamp(min=1e-3)
        assert error < 1e-2, name  # cuDNN multiplies in TF32


def test_masks_are_a_function_of_the_counters_there_too(device, batches):
    model = network(device, dropout=0.4)
    compute = whole(model, batches)
    losses = [float(compute(ROWS, **{**MOMENT, "update": update}).loss) for update in (1, 2, 1)]
    assert losses[0] == pytest.approx(losses[2], rel=1e-5)
    assert abs(losses[0] - losses[1]) > 1e-4


def test_what_processes_add_up_lies_on_the_device(device, batches):
    model = network(device)
    alone = whole(model, batches)
    wanted = float(alone(ROWS, **MOMENT).loss)
    expected = {name: weight.grad.clone() for name, weight in model.named_parameters()}
    model.zero_grad(set_to_none=True)
    # Each reads every row: the sum over both is twice that of one, and so is their count.
    every = Across(_AllRows(alone), model, Doubled())
    for _ in range(2):
        sums = every(ROWS, **MOMENT)
        assert sums.loss.device.type == device.type
        assert float(sums.loss) == pytest.approx(wanted, rel=1e-5)
        for name, weight in model.named_parameters():
            torch.testing.assert_close(weight.grad, expected[name], rtol=1e-4, atol=1e-6, msg=name)
        adamw(model, weight_decay=0.1).step()  # at a rate of 0: takes gradients that are views of one buffer
        model.zero_grad(set_to_none=True)


class _AllRows:
    def __init__(self, inner: Whole) -> None:
        self.inner = inner

    def add(self, batches, *, epoch, update, progress, part=(0, 1)):
        return self.inner.add(batches, epoch=epoch, update=update, progress=progress)


class Strict:
    """A gradient from whose call on nothing may wait for the GPU, but for the first few updates, which set things up.

    Args:
        inner: Computes it.
    """

    def __init__(self, inner: Whole) -> None:
        self.inner, self.strict = inner, []

    def __call__(self, batches, *, epoch, update, progress):
        if update > 3:
            self.strict.append(update)
            torch.cuda.set_sync_debug_mode("error")
        return self.inner(batches, epoch=epoch, update=update, progress=progress)


@pytest.mark.skipif(not torch.cuda.is_available(), reason="torch finds no GPU here")
@pytest.mark.parametrize("precision", ["fp32", "bf16"])
def test_a_gpu_is_waited_for_only_where_losses_are_read(tmp_path, monkeypatch, precision):
    device = torch.device("cuda")
    model = network(device, dropout=0.3)
    store = copy_store(tmp_path / "train.arrow", num_pairs=2000)
    batches = Batches(store, batch_tokens=200, seed=1)
    gradient = Strict(Whole(model, batches, CrossEntropy(0.1), precision=precision, seed=1))
    run = single_trainer(
        tmp_path,
        model=model,
        batches=batches,
        gradient=gradient,
        optimizer=adamw(model, weight_decay=0.1),
        learning_rate=0.01,
        clip_norm=1.0,
        clip_value=1.0,
        average=0.9,
        limits=Limits(max_updates=3 * LOG_EVERY),
    )
    read = run._unread.read

    def at_ease():
        torch.cuda.set_sync_debug_mode("default")
        reads.append(run.counters.update)
        return read()

    reads = []
    monkeypatch.setattr(run._unread, "read", at_ease)
    try:
        run.run()
    finally:
        torch.cuda.set_sync_debug_mode("default")
    assert gradient.strict == list(range(4, 3 * LOG_EVERY + 1))
    assert set(reads) >= {LOG_EVERY, 2 * LOG_EVERY, 3 * LOG_EVERY}
    assert len(reads) < 10
    assert [row["update"] for row in run.reporter.rows] == list(range(1, 3 * LOG_EVERY + 1))


@pytest.mark.parametrize("kind", ["cpu", "cuda"])  # the setting is there without a GPU as well
def test_tf32_is_for_gpus_and_ends_with_the_training(kind):
    before = torch.get_float32_matmul_precision()
    with pytest.raises(KeyboardInterrupt), allow_tf32(torch.device(kind)):
        assert torch.get_float32_matmul_precision() == ("high" if kind == "cuda" else before)
        raise KeyboardInterrupt
    assert torch.get_float32_matmul_precision() == before
