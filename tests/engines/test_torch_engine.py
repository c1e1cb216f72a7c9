"""The torch engine against the whole network, asked from scratch at every position."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from tiny_models import NETWORKS, ONE_CELL, SYMBOLS, random_batch, tiny

from seq2seq.data.batches import collate
from seq2seq.engines.torch_engine import TorchEngine
from seq2seq.search import Greedy, Limits
from seq2seq.text.special import EOS, GO, PAD, UNK

SOURCES = random_batch([4, 1, 6, 3], [0])[0]
FORBIDDEN = [PAD, GO, UNK]


def rescored(model, source: list[int], target: list[int], forbidden=FORBIDDEN) -> np.ndarray:
    """The log-probabilities of what follows `target`, from a forward pass over all of it."""
    batch = collate([source], [target])
    model.eval()
    with torch.no_grad():
        logits = model(batch.source, batch.source_lengths, batch.target_in, batch.target_lengths)[-1].double()
    logits[forbidden] = -torch.inf
    return logits.log_softmax(-1).numpy()


def ints(*values: int) -> np.ndarray:
    return np.array(values, dtype=np.int64)


def test_start_encodes_and_says_how_long_the_sources_are() -> None:
    engine = TorchEngine(tiny().train())
    start = engine.start(SOURCES)
    assert not engine.model.training
    assert start.source_lengths.tolist() == [5, 2, 7, 4]  # EOS counted
    assert start.memory.mask.sum(dim=1).tolist() == [5, 2, 7, 4]
    assert (engine.go, engine.eos, engine.vocabulary_size) == (GO, EOS, SYMBOLS)


@pytest.mark.parametrize("allow_unk", [False, True])
def test_a_step_gives_the_best_and_those_asked_for(allow_unk: bool) -> None:
    model = tiny()
    engine, forbidden = TorchEngine(model, allow_unk=allow_unk), [PAD, GO] if allow_unk else FORBIDDEN
    start = engine.start(SOURCES)
    also = ints(EOS, PAD, UNK, 7, 7, GO, 8, 9).reshape(4, 2)
    step = engine.step(start.memory, ints(0, 1, 2, 3), ints(GO, GO, GO, GO), start.state, 5, also)
    assert step.ids.shape == step.log_probs.shape == (4, 5)
    assert step.ids.dtype == np.int64
    assert step.log_probs.dtype == np.float32
    for row, source in enumerate(SOURCES):
        wanted = rescored(model, source, [], forbidden)
        best = np.argsort(-wanted, kind="stable")[:5]
        assert step.ids[row].tolist() == best.tolist()
        np.testing.assert_allclose(step.log_probs[row], wanted[best], rtol=1e-4, atol=1e-5)
        np.testing.assert_allclose(step.also_log_probs[row], wanted[also[row]], rtol=1e-4, atol=1e-5)
    assert step.also_log_probs[0, 1] == -np.inf  # padding
    assert step.also_log_probs[2, 1] == -np.inf  # GO
    assert np.isfinite(step.also_log_probs[1, 0]) == allow_unk


def test_with_k_the_whole_vocabulary_it_is_a_distribution() -> None:
    engine = TorchEngine(tiny())
    start = engine.start(SOURCES)
    step = engine.step(start.memory, ints(0, 1, 2, 3), ints(GO, GO, GO, GO), start.state, SYMBOLS)
    assert step.also_log_probs is None
    for row in range(4):
        assert sorted(step.ids[row].tolist()) == list(range(SYMBOLS))
        assert np.exp(step.log_probs[row]).sum() == pytest.approx(1.0, rel=1e-5)
        assert (np.diff(step.log_probs[row][:-3]) <= 0).all()
        assert set(step.ids[row][-3:].tolist()) == set(FORBIDDEN)
        assert (step.log_probs[row][-3:] == -np.inf).all()


@pytest.mark.parametrize("k", [1, 3, 9, SYMBOLS])
def test_equals_come_by_id(k: int) -> None:
    model = tiny()
    for weight in model.output.parameters():
        torch.nn.init.zeros_(weight)
    model.output.bias.data[10] = 1.0
    engine = TorchEngine(model)
    start = engine.start(SOURCES[:1] * 40)
    step = engine.step(start.memory, np.arange(40), np.full(40, GO), start.state, k)
    order = [10, EOS, 4, 5, 6, 7, 8, 9, 11, 12]
    for row in step.ids.tolist():
        assert row[:10] == order[:k]


def test_equals_come_by_id_in_a_large_vocabulary() -> None:
    model = tiny(symbols=3000)
    torch.nn.init.zeros_(model.output.weight)
    torch.nn.init.zeros_(model.output.bias)
    model.output.bias.data[2000:] = 1.0
    engine = TorchEngine(model)
    start = engine.start(SOURCES)
    step = engine.step(start.memory, np.arange(4), np.full(4, GO), start.state, 6)
    assert step.ids.tolist() == [list(range(2000, 2006))] * 4


def test_hypotheses_are_reordered_with_select() -> None:
    model = tiny()
    engine = TorchEngine(model)
    start = engine.start(SOURCES)
    one = engine.step(start.memory, ints(0, 1, 2, 3), ints(GO, GO, GO, GO), start.state, 3)
    rows = ints(2, 2, 0)
    first = ints(5, 6, 7)
    two = engine.step(start.memory, rows, first, engine.select(one.state, rows), 3)
    for row, (owner, last) in enumerate(zip(rows, first, strict=True)):
        wanted = rescored(model, SOURCES[owner], [int(last)])
        np.testing.assert_allclose(two.log_probs[row], np.sort(wanted)[::-1][:3], rtol=1e-4, atol=1e-5)


def test_attention_is_a_distribution_over_the_source() -> None:
    engine = TorchEngine(tiny())
    start = engine.start(SOURCES)
    attention = engine.step(start.memory, ints(0, 1, 2, 3), ints(GO, GO, GO, GO), start.state, 1).attention
    assert attention.shape == (4, 7)
    np.testing.assert_allclose(attention.sum(axis=1), 1.0, rtol=1e-5)
    for row, length in enumerate(start.source_lengths):
        assert not attention[row, length:].any()


@pytest.mark.parametrize(
    "kind", [name if name in ONE_CELL else pytest.param(name, marks=pytest.mark.slow) for name in NETWORKS]
)
def test_greedy_search_equals_a_plain_loop_over_the_whole_network(kind: str) -> None:
    model = tiny(**NETWORKS[kind])
    model.output.bias.data[EOS] -= 5.0  # so that sentences do not end at once
    engine = TorchEngine(model)
    start = engine.start(SOURCES)
    limits = Limits(max_length_factor=1.0, max_length_constant=3)
    found = Greedy(limits=limits)(engine, start.memory, start.state, start.source_lengths)
    lengths = set()
    for source, (hypothesis,) in zip(SOURCES, found, strict=True):
        target, total = [], 0.0
        while True:
            log_probs = rescored(model, source, target)
            best = EOS if len(target) == len(source) + 1 + 3 else int(log_probs.argmax())
            total += log_probs[best]
            if best == EOS:
                break
            target.append(best)
        assert list(hypothesis.ids) == target
        assert hypothesis.log_prob == pytest.approx(total, rel=1e-4)
        lengths.add(len(target))
    assert max(lengths) > 1


def test_a_network_without_attention_gives_no_weights() -> None:
    engine = TorchEngine(tiny("fixed-vector", "gru", "none"))
    start = engine.start(SOURCES)
    step = engine.step(start.memory, ints(0, 1, 2, 3), ints(GO, GO, GO, GO), start.state, 3)
    assert step.attention is None
