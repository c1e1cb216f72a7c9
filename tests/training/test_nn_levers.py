"""Dropped words and weights, and the lexical model, in training: in parts of a batch, and in parts of a target."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from tiny_models import random_batch, tiny
from toy_training import copy_store

from seq2seq import build
from seq2seq.data.batches import Batches, collate
from seq2seq.nn.cells import Cell
from seq2seq.nn.draws import drawing
from seq2seq.nn.state import map_state
from seq2seq.recipe.schema import Choice, Model
from seq2seq.training.gradient import Whole
from seq2seq.training.objective import CrossEntropy, TruncatedCrossEntropy

ROWS = [np.arange(0, 13), np.arange(13, 20)]
LEVERS = {"dropout": 0.3, "word_dropout": 0.1, "target_word_dropout": 0.4, "recurrent_weight_dropout": 0.3}
SMALL = {"embedding_size": 8, "encoder_size": 8, "decoder_size": 8}
BATCH = collate(*random_batch([4, 1, 6, 3], [6, 2, 0, 4]))


def taken(model) -> dict[str, torch.Tensor]:
    return {name: weight.grad.clone() for name, weight in model.named_parameters() if weight.grad is not None}


def assert_close(one, other, tolerance: float = 1e-4) -> None:
    assert one.keys() == other.keys()
    for name, value in one.items():
        torch.testing.assert_close(value, other[name], rtol=tolerance, atol=tolerance / 100, msg=name)


@pytest.mark.parametrize("parts", [2, 25])
@pytest.mark.parametrize("wiring", ["parallel", "input-feeding"])
def test_parts_of_a_batch_add_up_to_the_whole(tmp_path, wiring: str, parts: int) -> None:
    """As two processes read it, or one with little memory: the masks of words, of weights and of the lexical model."""
    torch.manual_seed(1)
    settings = Model(**SMALL, **LEVERS, lexical=True, wiring=Choice(wiring), attention=Choice("dot"))
    model = build.model(settings, source_symbols=20, target_symbols=20).train()
    batches = Batches(copy_store(tmp_path / "train.arrow", num_pairs=30), batch_tokens=50, seed=1)
    source = Whole(model, batches, CrossEntropy(0.1), precision="fp32", seed=1)
    sums = source(ROWS, epoch=0, update=3, progress=0.5)
    whole = taken(model)
    model.zero_grad()
    found = [source.add(ROWS, epoch=0, update=3, progress=0.5, part=(k, parts)) for k in range(parts)]
    count = sum(tokens for _, tokens in found)
    torch.testing.assert_close(sum(loss for loss, _ in found) / count, sums.loss)
    assert_close({name: value / count for name, value in taken(model).items()}, whole)
    assert source(ROWS, epoch=0, update=4, progress=0.5).loss != sums.loss


@pytest.mark.parametrize(("wiring", "attention"), [("parallel", "multi-head"), ("input-feeding", "local")])
def test_a_target_in_parts_misses_only_what_flows_between_them(wiring: str, attention: str) -> None:
    """Against one graph that goes back once: what all parts share, words and thinned matrices too, is crossed once."""
    model = tiny(wiring, "lstm", attention, lexical=True, **LEVERS).double().train()
    found = {}
    for name in ("truncated", "explicit"):
        model.zero_grad(set_to_none=True)
        with drawing(1, 1, 0, total=len(BATCH.source)):
            if name == "truncated":
                loss = TruncatedCrossEntropy(2).add_gradient(model, BATCH, num_tokens=1, progress=0.0, precision="fp32")
            else:
                loss = explicit(model, 2)
                loss.backward()
        found[name] = (loss.item(), taken(model))
    assert found["truncated"][0] == pytest.approx(found["explicit"][0])
    assert_close(found["truncated"][1], found["explicit"][1], 1e-6)
    assert "output.lexical.weight" in found["truncated"][1]


def explicit(model, steps: int) -> torch.Tensor:
    memory, state = model.encode(BATCH.source, BATCH.source_lengths), None
    total = torch.zeros((), dtype=torch.float64)
    for begin in range(0, BATCH.target_in.shape[1], steps):
        part = slice(begin, begin + steps)
        lengths = (BATCH.target_lengths - begin).clamp(0, BATCH.target_in[:, part].shape[1])
        logits, state = model.decode_part(BATCH.target_in[:, part], lengths, memory, state)
        real = torch.arange(BATCH.target_in[:, part].shape[1]) < lengths[:, None]
        total = total + torch.nn.functional.cross_entropy(logits, BATCH.target_out[:, part][real], reduction="sum")
        state = map_state(torch.Tensor.detach, state)
    return total


def heard(model) -> tuple[torch.Tensor, torch.Tensor]:
    """Which words of many sources and of many targets a network in training does not get to see."""
    batch, seen = collate([[5, 6, 7]] * 500, [[8, 9, 10]] * 500), {}
    hooks = [
        module.register_forward_hook(lambda _module, given, _made, name=name: seen.__setitem__(name, given[0]))
        for name, module in (("source", model.encoder), ("target", model.decoder))
    ]
    memory = model.encode(batch.source, batch.source_lengths)
    model.read_part(batch.target_in, batch.target_lengths, memory)
    for hook in hooks:
        hook.remove()
    return tuple((seen[name] == 0).all(-1) for name in ("source", "target"))


@pytest.mark.parametrize(
    ("settings", "shares"),
    [
        ({"word_dropout": 0.2}, (0.2, 0.2)),
        ({"word_dropout": 0.2, "target_word_dropout": 0.0}, (0.2, 0.0)),
        ({"target_word_dropout": 0.3}, (0.0, 0.3)),
        ({"word_dropout": 0.1, "target_word_dropout": 0.4}, (0.1, 0.4)),
    ],
)
def test_each_side_drops_its_own_share_of_words(settings, shares) -> None:
    model = tiny(**settings).train()
    for gone, share in zip(heard(model), shares, strict=True):
        # 2,000 words: five standard deviations.
        assert gone.double().mean().item() == pytest.approx(share, abs=5 * (share * (1 - share) / gone.numel()) ** 0.5)
    assert not any(gone.any() for gone in heard(model.eval()))


def test_unset_the_targets_share_draws_what_the_sources_drew() -> None:
    """A recipe from before the setting meets the same masks."""
    found = []
    for changes in ({}, {"target_word_dropout": 0.3}):
        model = tiny(word_dropout=0.3, **changes).train()
        with drawing(1, 1, 0, total=500):
            found.append(heard(model))
    assert all(torch.equal(one, other) for one, other in zip(*found, strict=True))


def test_a_recipe_sets_every_lever() -> None:
    made = Model(**SMALL, **LEVERS, lexical=True, encoder_transition=2, cell=Choice("gru"))
    model = build.model(made, source_symbols=9, target_symbols=11)
    assert (model.word_dropout.share, model.target_word_dropout.share) == (0.1, 0.4)
    cells = [module for module in model.modules() if isinstance(module, Cell)]
    assert len(cells) == 2 * 3 + 2  # two directions of a transition through two cells, and two decoder layers
    assert {cell.recurrent_weight_dropout for cell in cells} == {0.3}
    assert model.output.lexical.weight.shape == (11, 8)
    plain = build.model(Model(**SMALL), source_symbols=9, target_symbols=11)
    assert {m.recurrent_weight_dropout for m in plain.modules() if isinstance(m, Cell)} == {0.0}
