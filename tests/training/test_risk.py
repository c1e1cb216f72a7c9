"""Minimum-risk training: its candidates, its loss, and that it lowers the cost."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
import torch
from tiny_models import NETWORKS, ONE_CELL, SECOND, log_prob, tiny

from seq2seq.data.batches import collate
from seq2seq.nn.draws import drawing
from seq2seq.nn.memory import sequence_mask
from seq2seq.training.candidates import Candidates, distinct
from seq2seq.training.objective import CrossEntropy
from seq2seq.training.risk import Risk

GO, EOS = 2, 3
LEXICAL = next(name for name in NETWORKS if "lexical" in name)
SOURCES, TARGETS = [[5, 6, 7], [8], [9, 10, 4, 5]], [[4, 5], [6, 7, 8, 9], [10]]


def sampler(samples=4, longest=6, never=(0, 1, GO), **settings) -> Candidates:
    limits = lambda n: np.full(len(n), longest)  # noqa: E731
    return Candidates(samples=samples, limits=limits, go=GO, eos=EOS, never=never, **settings)


class Fixed:
    """In the place of `Candidates`: what is told."""

    def __init__(self, found) -> None:
        self.found, self.samples = found, max(map(len, found))

    def __call__(self, network, source, lengths):
        return self.found


def by_length(candidates, references):
    """Costs between 0 and 1 that differ."""
    return [[(len(text) * 7 % 5) / 5 for text in of_one] for of_one in candidates]


def slow_risk(model, drawn, *, sharpness, reference, costs=by_length) -> torch.Tensor:
    """Shen et al. 2016, equation 11, one text after the other."""
    total = torch.zeros(())
    for source, target, found in zip(SOURCES, TARGETS, drawn, strict=True):
        texts = {tuple(text) for text in found} | ({tuple(target)} if reference else set())
        powers = {text: (sharpness * log_prob(model, source, text)).exp() for text in texts}
        whole = sum(powers.values())
        risk = sum(power / whole * costs([[text]], [()])[0][0] for text, power in powers.items())
        total = total + risk * (len(target) + 1)
    return total


def gradients(model) -> dict[str, torch.Tensor]:
    found = {n: w.grad if w.grad is not None else torch.zeros_like(w) for n, w in model.named_parameters()}
    model.zero_grad(set_to_none=True)
    return found


def add(model, risk, batch, *, num_tokens=5) -> float:
    return float(risk.add_gradient(model, batch, num_tokens=num_tokens, progress=0.0, precision="fp32"))


DRAWN = [[(4, 5), (6,), (6,), ()], [(7, 8, 9), (6, 7, 8, 9), (5,), (4,)], [(4, 4, 4, 4, 4), (5, 6), (10, 4), (7,)]]


@pytest.mark.parametrize("reference", [True, False])
@pytest.mark.parametrize("share", [0.0, 0.3])
@pytest.mark.parametrize(
    "name", ["parallel lstm multi-head", "input-feeding gru additive", "fixed-vector lstm none", LEXICAL]
)
def test_the_loss_and_its_gradient_are_those_of_the_equation(name, share, reference):
    model = tiny(**NETWORKS[name])
    batch = collate(SOURCES, TARGETS)
    risk = Risk(Fixed(DRAWN), by_length, sharpness=0.3, reference=reference, cross_entropy=share, label_smoothing=0.1)
    loss = add(model, risk, batch)
    found = gradients(model)
    wanted = slow_risk(model, DRAWN, sharpness=0.3, reference=reference) / 5
    if share:
        wanted = wanted + share * CrossEntropy(0.1)(model, batch) / 5
    wanted.backward()
    assert loss == pytest.approx(wanted.item(), rel=1e-5)
    for key, want in gradients(model).items():
        torch.testing.assert_close(found[key], want, rtol=2e-4, atol=1e-6)


def test_the_risk_of_one_candidate_is_its_cost_and_teaches_nothing():
    model = tiny()
    drawn = [[tuple(target)] for target in TARGETS]
    loss = add(model, Risk(Fixed(drawn), by_length, sharpness=0.05), collate(SOURCES, TARGETS))
    assert loss == pytest.approx(sum(by_length([[t]], [()])[0][0] * (len(t) + 1) for t in TARGETS) / 5)
    assert all(gradient.abs().max() < 1e-7 for gradient in gradients(model).values())


def test_a_likelier_candidate_counts_more_the_sharper():
    model, drawn = tiny(), [[(4, 5), (6,)], [(7,)], [(5,)]]
    batch = collate(SOURCES, TARGETS)

    def risk(sharpness):
        only_first = lambda texts, _: [[float(text == (6,)) for text in of_one] for of_one in texts]  # noqa: E731
        found = add(model, Risk(Fixed(drawn), only_first, sharpness=sharpness, reference=False), batch, num_tokens=3)
        gradients(model)
        return found

    gap = (log_prob(model, SOURCES[0], (6,)) - log_prob(model, SOURCES[0], (4, 5))).item()
    for sharpness in (1e-6, 0.5, 2.0):  # two candidates: a logistic function of how much likelier one is
        assert risk(sharpness) == pytest.approx(1 / (1 + math.exp(-sharpness * gap)), rel=1e-4)


@pytest.mark.parametrize("temperature", [1.0, 0.4, 2.5])
def test_samples_come_as_often_as_they_are_likely_at_the_temperature(temperature):
    model = tiny(size=4, symbols=7).eval()
    source = torch.tensor([[5, 6, EOS]]), torch.tensor([3])
    found = sampler(samples=3000, longest=2, temperature=temperature)(model, *source)[0]
    memory = model.encode(*source)
    logits = model.step(torch.tensor([GO]), memory, torch.tensor([0]), model.start(memory)).logits[0]
    logits[[0, 1, GO]] = -torch.inf
    wanted = (logits / temperature).softmax(-1).tolist()
    firsts = [text[0] if text else EOS for text in found]
    for symbol, share in enumerate(wanted):
        # Five standard deviations of a binomial share.
        assert abs(firsts.count(symbol) / 3000 - share) < 5 * math.sqrt(share * (1 - share) / 3000) + 1e-9
    assert not set(itertools.chain(*found)) & {0, 1, GO, EOS}
    assert max(map(len, found)) == 2


@pytest.mark.parametrize("name", [*ONE_CELL[:2], "input-feeding gru additive"])
def test_samples_are_functions_of_their_counters_whatever_stands_beside_them(name):
    model = tiny(**NETWORKS[name], dropout=0.5).train()
    batch = collate(SOURCES, TARGETS)

    def drawn(rows, update=3):
        part = batch.part(torch.tensor(rows))
        with drawing(1, update, 0, total=3, rows=torch.tensor(rows)):
            return sampler()(model, part.source, part.source_lengths)

    whole = drawn([0, 1, 2])
    assert whole == drawn([0, 1, 2])  # dropout is off
    assert [drawn([0])[0], *drawn([1, 2])] == whole
    assert drawn([0, 1, 2], update=4) != whole
    assert len({*whole[0]}) > 1
    assert model.training


def test_a_limit_of_its_own_ends_each_sentence():
    model = tiny()
    candidates = Candidates(samples=9, limits=lambda n: n + 1, go=GO, eos=EOS, never=(0, 1, GO))
    batch = collate(SOURCES, TARGETS)
    found = candidates(model, batch.source, batch.source_lengths)
    assert [max(map(len, of_one)) for of_one in found] == [5, 3, 6]


@pytest.mark.parametrize("changes", [{}, {"recurrent_dropout": 0.4}, {"recurrent_weight_dropout": 0.4}], ids=str)
@pytest.mark.parametrize("name", [ONE_CELL[0], "input-feeding gru additive", *SECOND, LEXICAL])
def test_a_repeated_memory_is_each_sentences_own_with_its_dropout(name, changes):
    model = tiny(**{**NETWORKS[name], "dropout": 0.4, "seed": 2, **changes}).train()
    batch = collate(SOURCES, TARGETS)
    owner = torch.tensor([2, 0, 0, 1])
    memory = model.encode(batch.source, batch.source_lengths)
    features, _ = model.read_part(batch.target_in, batch.target_lengths, memory)
    again, _ = model.read_part(batch.target_in[owner], batch.target_lengths[owner], memory.select(owner))
    rows = sequence_mask(batch.target_lengths, batch.target_in.shape[1])
    grid = torch.zeros(*rows.shape, features.shape[1])
    grid[rows] = features
    torch.testing.assert_close(again, grid[owner][rows[owner]])


def test_pieces_of_a_batch_add_up_to_the_whole():
    model = tiny(dropout=0.3, word_dropout=0.3).train()
    batch = collate(SOURCES, TARGETS)
    risk = Risk(sampler(), by_length, sharpness=0.5, cross_entropy=0.2, label_smoothing=0.1)

    def of(rows):
        part = batch if rows is None else batch.part(torch.tensor(rows))
        with drawing(1, 7, 0, total=3, rows=None if rows is None else torch.tensor(rows)):
            return add(model, risk, part)

    whole, wanted = of(None), gradients(model)
    assert of([0, 2]) + of([1]) == pytest.approx(whole, rel=1e-5)
    for key, found in gradients(model).items():
        torch.testing.assert_close(found, wanted[key], rtol=1e-4, atol=1e-6)


@pytest.mark.usefixtures("unchecked_shapes")
def test_it_makes_translations_cheaper():
    """Of all that the network may say, what costs nothing becomes likelier; no reference tells it."""
    model = tiny(size=8, noise=0.0)
    batch = collate([[5, 6]] * 4, [[4]] * 4)
    without_seven = lambda texts, _: [[float(7 not in text) for text in of_one] for of_one in texts]  # noqa: E731
    risk = Risk(sampler(samples=8), without_seven, sharpness=1.0, reference=False)
    optimizer = torch.optim.Adam(model.parameters(), lr=0.05)
    means = []
    for update in range(25):
        with drawing(1, update, 0, total=4):
            found = risk.candidates(model, batch.source, batch.source_lengths)
        means.append(np.mean([7 not in text for of_one in found for text in of_one]))
        optimizer.zero_grad()
        with drawing(1, update, 0, total=4):
            risk.add_gradient(model, batch, num_tokens=8, progress=0.0, precision="fp32")
        optimizer.step()
    assert np.mean(means[:3]) > 0.3
    assert np.mean(means[-3:]) < 0.15


def test_each_text_once_the_first_first():
    assert distinct((4,), [(5,), (4,), (5,), (6,)]) == [(4,), (5,), (6,)]
