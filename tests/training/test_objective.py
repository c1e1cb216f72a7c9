"""The objectives against explicit graphs: whole targets, targets in parts, and the words read from guesses."""

from __future__ import annotations

import weakref

import pytest
import torch
from tiny_models import random_batch, tiny
from toy_training import Watcher, single_trainer

from seq2seq import build
from seq2seq.data.batches import collate
from seq2seq.nn.state import map_state
from seq2seq.recipe.schema import Training
from seq2seq.training.objective import CrossEntropy, TruncatedCrossEntropy
from seq2seq.training.schedules import Constant
from seq2seq.training.trainer import Limits

BATCH = collate(*random_batch([4, 1, 6, 3], [6, 2, 0, 4]))
LONGEST = 7  # target tokens with EOS
KINDS = [
    ("parallel", "lstm", "multi-head"),
    ("parallel", "gru", "additive"),
    ("parallel", "lstm", "dot"),
    ("input-feeding", "lstm", "general"),
    ("input-feeding", "gru", "local"),
    ("fixed-vector", "lstm", "none"),
]
SMOOTHING = 0.1


def network(wiring: str, cell: str, attention: str, **changes):
    return tiny(wiring, cell, attention, **changes).double().train()


def gradients(model) -> dict[str, torch.Tensor]:
    return {name: w.grad.clone() for name, w in model.named_parameters() if w.grad is not None}


def added(objective, model, *, num_tokens: int = 5, progress: float = 0.0, seed: int = 3):
    """The loss and the gradients that an objective adds to none."""
    model.zero_grad(set_to_none=True)
    torch.manual_seed(seed)
    loss = objective.add_gradient(model, BATCH, num_tokens=num_tokens, progress=progress, precision="fp32")
    assert not loss.requires_grad
    return loss.item(), gradients(model)


def explicit(model, steps: int, *, num_tokens: int = 5):
    """One graph, one step after another, the state cut off from its past before every `steps`-th step."""
    model.zero_grad(set_to_none=True)
    memory = model.encode(BATCH.source, BATCH.source_lengths)
    owner, state = torch.arange(len(BATCH.source)), model.start(memory)
    total = torch.zeros((), dtype=torch.float64)
    for t in range(LONGEST):
        if t and t % steps == 0:
            state = map_state(torch.Tensor.detach, state)
        features, _, state = model.decoder.step(model.target_embedding(BATCH.target_in[:, t]), memory, owner, state)
        log_probs = model.output(features).log_softmax(dim=-1)
        for row, symbol in enumerate(BATCH.target_out[:, t].tolist()):
            if t < BATCH.target_lengths[row]:
                total = total - (1 - SMOOTHING) * log_probs[row, symbol] - SMOOTHING * log_probs[row].mean()
    (total / num_tokens).backward()
    return total.item() / num_tokens, gradients(model)


def assert_same(found, wanted, *, tolerance: float = 1e-6) -> None:
    assert found[0] == pytest.approx(wanted[0], rel=tolerance)
    assert found[1].keys() == wanted[1].keys()
    for name, gradient in wanted[1].items():
        torch.testing.assert_close(found[1][name], gradient, rtol=tolerance, atol=tolerance, msg=name)


@pytest.mark.parametrize(("wiring", "cell", "attention"), KINDS)
def test_gradients_are_those_of_a_graph_whose_states_are_detached(wiring, cell, attention) -> None:
    model = network(wiring, cell, attention, decoder_layers=2)
    whole = added(CrossEntropy(SMOOTHING), model)
    assert_same(whole, explicit(model, LONGEST))
    for steps in (1, 2, 3, LONGEST - 1):
        found = added(TruncatedCrossEntropy(steps, SMOOTHING), model)
        assert_same(found, explicit(model, steps))
        assert found[0] == pytest.approx(whole[0], rel=1e-6)
        # What is cut off is missed, so the test above compares two different things.
        assert any(not torch.allclose(found[1][name], gradient) for name, gradient in whole[1].items())


@pytest.mark.parametrize("steps", [LONGEST, LONGEST + 1, 100])
def test_a_part_as_long_as_the_target_cuts_nothing(steps: int) -> None:
    model = network(*KINDS[0])
    whole, found = added(CrossEntropy(), model), added(TruncatedCrossEntropy(steps), model)
    assert found[0] == whole[0]
    assert all(torch.equal(found[1][name], gradient) for name, gradient in whole[1].items())


def test_a_second_attention_is_reached_across_the_border() -> None:
    model = network("parallel", "lstm", "additive", decoder_layers=3, second_attention=2)
    assert_same(added(TruncatedCrossEntropy(2, SMOOTHING), model), explicit(model, 2))


@pytest.mark.parametrize(("wiring", "cell", "attention"), KINDS[-3:] + KINDS[:1])
def test_dropout_is_locked_over_the_parts(wiring, cell, attention) -> None:
    # The masks of a sentence are drawn once: equal masks, equal loss, however the target is cut.
    model = network(wiring, cell, attention, dropout=0.4, size=16)
    wanted = added(CrossEntropy(), model)[0]
    assert added(CrossEntropy(), model, seed=4)[0] != pytest.approx(wanted, rel=1e-3)
    for steps in (1, 3, 5):
        assert added(TruncatedCrossEntropy(steps), model)[0] == pytest.approx(wanted, rel=1e-6)


def test_an_untouched_embedding_needs_no_gradient() -> None:
    model = network(*KINDS[0], tie="none")
    wanted = added(TruncatedCrossEntropy(2), model)
    for embedding in (model.source_embedding, model.target_embedding):
        embedding.weight.requires_grad_(False)
    found = added(TruncatedCrossEntropy(2), model)
    left_out = {"source_embedding.weight", "target_embedding.weight"}
    assert wanted[1].keys() - found[1].keys() == left_out
    assert_same(found, (wanted[0], {n: g for n, g in wanted[1].items() if n not in left_out}))


class Held:
    """Counts the bytes that autograd holds for backward passes to come, and the most it ever held."""

    def __init__(self) -> None:
        self.now = self.most = 0

    def pack(self, tensor: torch.Tensor):
        size = tensor.numel() * tensor.element_size()
        self.now += size
        self.most = max(self.most, self.now)
        box = Box(tensor)
        weakref.finalize(box, self.free, size)
        return box

    def free(self, size: int) -> None:
        self.now -= size

    def during(self, objective, model, batch) -> int:
        with torch.autograd.graph.saved_tensors_hooks(self.pack, lambda box: box.tensor):
            objective.add_gradient(model, batch, num_tokens=1, progress=0.0, precision="fp32")
        assert self.now == 0
        return self.most


class Box:
    def __init__(self, tensor: torch.Tensor) -> None:
        self.tensor = tensor


@pytest.mark.parametrize(("wiring", "cell", "attention"), [KINDS[0], KINDS[3], KINDS[5]])
@pytest.mark.usefixtures("unchecked_shapes")
def test_what_is_held_falls_with_the_length_of_a_part(wiring, cell, attention) -> None:
    model = tiny(wiring, cell, attention, size=16, decoder_layers=2, symbols=60).train()
    batch = collate(*random_batch([3] * 4, [63] * 4, symbols=60))  # 64 target tokens each
    whole = Held().during(CrossEntropy(), model, batch)
    held = {steps: Held().during(TruncatedCrossEntropy(steps), model, batch) for steps in (32, 16, 8)}
    assert held[32] < 0.65 * whole
    assert held[16] < 0.7 * held[32]
    assert held[8] < 0.85 * held[16]


def test_a_recipe_gets_the_objective_that_it_asks_for() -> None:
    whole = build.objective(Training(label_smoothing=0.2, scheduled_sampling=0.3))
    parts = build.objective(Training(label_smoothing=0.2, scheduled_sampling=0.3, truncate=7))
    assert type(whole) is CrossEntropy
    assert type(parts) is TruncatedCrossEntropy
    assert parts.steps == 7
    assert {(one.label_smoothing, one.scheduled_sampling) for one in (whole, parts)} == {(0.2, 0.3)}


def test_a_part_has_at_least_one_step() -> None:
    with pytest.raises(ValueError, match="at least 1 step, not 0"):
        TruncatedCrossEntropy(0)


def test_in_bf16_the_gradient_is_nearly_the_same_and_in_32_bits() -> None:
    model = tiny(size=16).train()
    objective = TruncatedCrossEntropy(3)
    found = {}
    for precision in ("fp32", "bf16"):
        model.zero_grad(set_to_none=True)
        loss = objective.add_gradient(model, BATCH, num_tokens=5, progress=0.0, precision=precision)
        found[precision] = loss.item(), torch.cat([w.grad.flatten() for w in model.parameters()])
    assert found["bf16"][1].dtype == torch.float32
    assert found["bf16"][0] != found["fp32"][0]
    assert found["bf16"][0] == pytest.approx(found["fp32"][0], rel=0.02)
    assert torch.cosine_similarity(found["bf16"][1], found["fp32"][1], dim=0) > 0.99


class Asked:
    """Remembers the share of guesses that a network is asked for."""

    def __init__(self, model, monkeypatch) -> None:
        self.shares: list[float] = []
        whole = model.read_part

        def read_part(*arguments, guess_share=0.0, **named):
            self.shares.append(guess_share)
            return whole(*arguments, guess_share=guess_share, **named)

        monkeypatch.setattr(model, "read_part", read_part)


@pytest.mark.parametrize(("make", "calls"), [(CrossEntropy, 1), (lambda **share: TruncatedCrossEntropy(3, **share), 3)])
def test_the_share_of_guesses_is_the_setting_times_the_progress(monkeypatch, make, calls: int) -> None:
    model = network("input-feeding", "gru", "dot")
    objective = make(scheduled_sampling=0.4)
    asked = Asked(model, monkeypatch)
    for progress in (0.0, 0.25, 1.0):
        added(objective, model, progress=progress)
    assert asked.shares == [0.0] * calls + [0.1] * calls + [0.4] * calls
    whole = added(make(scheduled_sampling=0.999), model, progress=1.0)[0]
    assert whole != pytest.approx(added(make(), model, progress=1.0)[0], rel=1e-6)
    assert added(make(scheduled_sampling=0.4), model)[0] == added(make(), model)[0]
    objective(model, BATCH)  # a loss for a report
    assert asked.shares[-1] == 0.0


class Recorder:
    """An objective that remembers what it was asked."""

    def __init__(self) -> None:
        self.seen = []

    def add_gradient(self, model, batch, *, num_tokens, progress, precision):
        self.seen.append((num_tokens, progress, precision))
        (model.weight**2).sum().backward()
        return torch.tensor(1.0)


def test_progress_rises_in_a_straight_line_to_1_at_the_last_update(tmp_path) -> None:
    recorder = Recorder()
    trainer = single_trainer(tmp_path, objective=recorder, limits=Limits(max_updates=4), precision="fp32", accumulate=2)
    trainer.run()
    assert recorder.seen == [(4, n / 4, "fp32") for n in (1, 2, 3, 4) for _ in range(2)]


def test_without_a_known_end_there_is_no_progress(tmp_path) -> None:
    recorder = Recorder()
    trainer = single_trainer(
        tmp_path,
        objective=recorder,
        limits=Limits(minutes=999.0),
        schedule=Constant(warmup_updates=0),
        reporter=Watcher(lambda row: row["update"] == 5 and trainer.request_stop()),
    )
    trainer.run()
    assert [progress for _, progress, _ in recorder.seen] == [0.0] * 5
