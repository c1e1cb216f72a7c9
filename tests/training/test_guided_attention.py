"""Guided attention: the alignment by its formula, the gradient against single steps, and what it does."""

from __future__ import annotations

import math
from functools import partial

import numpy as np
import pytest
import torch
from tiny_models import random_batch, tiny
from toy_training import copy_store

from seq2seq import build
from seq2seq.data.batches import Batches, collate
from seq2seq.data.lexicon import counted_rows, learn_lexicon
from seq2seq.nn.draws import drawing
from seq2seq.recipe.schema import Choice, Model, Training
from seq2seq.text.special import EOS
from seq2seq.training.gradient import Whole
from seq2seq.training.guidance import FLOOR, Guide, watched
from seq2seq.training.objective import CrossEntropy
from seq2seq.training.r_drop import RDrop, doubled

PAIRS = random_batch([4, 1, 6, 3], [6, 2, 0, 4])
BATCH = collate(*PAIRS)
LEXICON = learn_lexicon(*PAIRS)
STRENGTH = 0.7
WATCHED = [("parallel", "multi-head"), ("parallel", "additive"), ("input-feeding", "dot"), ("input-feeding", "local")]


def taken(model) -> dict[str, torch.Tensor]:
    return {name: weight.grad.clone() for name, weight in model.named_parameters() if weight.grad is not None}


def added(objective, model, batch=BATCH, *, progress: float = 0.0) -> tuple[float, dict[str, torch.Tensor]]:
    model.zero_grad()
    with drawing(1, 2, 0, total=len(batch.source)):
        loss = objective.add_gradient(model, batch, num_tokens=5, progress=progress, precision="fp32")
    return loss.item(), taken(model)


def assert_close(found, wanted) -> None:
    assert found.keys() == wanted.keys()
    for name, gradient in wanted.items():
        torch.testing.assert_close(found[name], gradient, rtol=1e-6, atol=1e-6, msg=name)


def test_the_alignment_is_where_both_directions_agree() -> None:
    entries = dict(zip(LEXICON.keys.tolist(), zip(LEXICON.forward, LEXICON.backward, strict=True), strict=True))
    found = Guide(lambda: LEXICON, 1.0).alignment(BATCH)
    wanted = torch.zeros_like(found)
    for b, (source, target) in enumerate(zip(*PAIRS, strict=True)):
        fs, es = [*source, EOS], [*target, EOS]
        scores = np.zeros((2, len(es), len(fs)))
        for t, e in enumerate(es):
            for s, f in enumerate(fs):
                apart = abs((t + 0.5) / len(es) - (s + 0.5) / len(fs))
                scores[:, t, s] = entries.get(f * LEXICON.num_targets + e, (0.0, 0.0))
                scores[:, t, s] *= math.exp(-4.0 * apart)
        both = scores[0] / scores[0].sum(1, keepdims=True) * scores[1] / scores[1].sum(0, keepdims=True)
        wanted[b, : len(es), : len(fs)] = torch.from_numpy(np.sqrt(both))
    torch.testing.assert_close(found, wanted, rtol=1e-4, atol=1e-6)
    assert found.amax(dim=2)[:, 0].min() > 0.1


def test_tokens_that_the_lexicon_never_saw_are_not_guided() -> None:
    batch = collate([[900, 4], [5]], [[800, 7], [901]])
    alignment = Guide(lambda: LEXICON, 1.0).alignment(batch)
    assert alignment.isfinite().all()
    assert alignment[0, 0].sum() == 0.0
    assert alignment[0, :, 0].sum() == 0.0
    assert alignment[1, 1, 1] > 0.5


@pytest.mark.parametrize("progress", [0.0, 0.75])
@pytest.mark.parametrize(("wiring", "attention"), WATCHED)
def test_its_gradient_is_that_of_the_weights_of_single_steps(wiring: str, attention: str, progress: float) -> None:
    model = tiny(wiring, "lstm", attention).double().train()
    guide = Guide(lambda: LEXICON, STRENGTH)
    plain, _ = added(CrossEntropy(0.1), model)
    loss, found = added(CrossEntropy(0.1, guide=guide), model, progress=progress)
    assert loss == pytest.approx(plain)  # what is reported is the cross-entropy, guided or not

    model.zero_grad()
    memory = model.encode(BATCH.source, BATCH.source_lengths)
    state, rows, seen = model.start(memory), torch.arange(4), []
    for ids in BATCH.target_in.t():
        scored = model.step(ids, memory, rows, state)
        state = scored.state
        seen.append(scored.attention)
    logits = model(BATCH.source, BATCH.source_lengths, BATCH.target_in, BATCH.target_lengths)
    targets = BATCH.target_out.flatten()[BATCH.real]
    cross_entropy = torch.nn.functional.cross_entropy(logits, targets, label_smoothing=0.1, reduction="sum")
    apart = -(guide.alignment(BATCH) * (torch.stack(seen, dim=1) + FLOOR).log()).sum()
    ((cross_entropy + STRENGTH * (1 - progress) * apart) / 5).backward()
    assert_close(found, taken(model))


def test_at_the_end_of_a_training_nothing_of_it_is_left() -> None:
    model = tiny("parallel", "gru", "multi-head", dropout=0.2).double().train()
    plain = added(CrossEntropy(0.1), model, progress=1.0)
    guided = added(CrossEntropy(0.1, guide=Guide(lambda: LEXICON, STRENGTH)), model, progress=1.0)
    assert guided[0] == plain[0]
    assert_close(guided[1], plain[1])


def test_both_readings_of_r_drop_are_guided_by_half() -> None:
    model = tiny("parallel", "gru", "multi-head").double().train()  # no dropout: both readings are one
    guide = Guide(lambda: LEXICON, STRENGTH)
    loss, found = added(RDrop(3.0, 0.1, guide=guide), model)
    wanted, gradient = added(CrossEntropy(0.1, guide=guide), model)
    assert loss == pytest.approx(wanted)
    assert_close(found, gradient)
    assert guide.alignment(doubled(BATCH)).sum() == pytest.approx(2 * float(guide.alignment(BATCH).sum()))


@pytest.mark.parametrize("parts", [2, 25])
@pytest.mark.parametrize("wiring", ["parallel", "input-feeding"])
def test_parts_of_a_batch_add_up_to_the_whole(tmp_path, wiring: str, parts: int) -> None:
    torch.manual_seed(1)
    sizes = {"embedding_size": 8, "encoder_size": 8, "decoder_size": 8, "dropout": 0.2}
    settings = Model(**sizes, wiring=Choice(wiring), attention=Choice("dot"))
    model = build.model(settings, source_symbols=20, target_symbols=20).train()
    batches = Batches(copy_store(tmp_path / "train.arrow", num_pairs=30), batch_tokens=50, seed=1)
    guide = build.guide(Training(guided_attention=1.0), batches.store, lambda message: None)
    source = Whole(model, batches, CrossEntropy(0.1, guide=guide), precision="fp32", seed=1)
    rows = [np.arange(0, 13), np.arange(13, 20)]
    source(rows, epoch=0, update=3, progress=0.5)
    whole = taken(model)
    model.zero_grad()
    counts = [source.add(rows, epoch=0, update=3, progress=0.5, part=(k, parts))[1] for k in range(parts)]
    for name, gradient in taken(model).items():
        torch.testing.assert_close(gradient / sum(counts), whole[name], rtol=1e-4, atol=1e-6, msg=name)


def test_attention_finds_the_words_sooner(tmp_path) -> None:
    """Copying: the weight on the word to be copied, after as many updates."""
    store = copy_store(tmp_path / "train.arrow", num_pairs=200)
    batches = Batches(store, batch_tokens=100, seed=1)
    batch = batches.fill(np.arange(50))

    def found(strength: float) -> float:
        torch.manual_seed(2)
        sizes = {"embedding_size": 16, "encoder_size": 16, "decoder_size": 16, "dropout": 0.0}
        model = build.model(Model(**sizes), source_symbols=20, target_symbols=20).train()
        guide = build.guide(Training(guided_attention=strength), store, lambda message: None)
        objective = CrossEntropy(0.1, guide=guide)
        optimizer = torch.optim.Adam(model.parameters(), 0.01)
        for update in range(40):
            optimizer.zero_grad()
            part = batches.fill(np.arange(update * 5, update * 5 + 20) % 200)
            objective.add_gradient(model, part, num_tokens=part.num_tokens, progress=0.0, precision="fp32")
            optimizer.step()
        with torch.no_grad(), watched(model, Guide(lambda: LEXICON, 1.0)) as weights:
            model(batch.source, batch.source_lengths, batch.target_in, batch.target_lengths)
        return float(torch.cat(weights, dim=1).diagonal(dim1=1, dim2=2).flatten()[batch.real].mean())

    assert found(1.0) > 1.5 * found(0.0)


def test_nothing_is_watched_without_a_guide() -> None:
    model = tiny("parallel", "gru", "multi-head")
    with watched(model, None) as seen:
        model(BATCH.source, BATCH.source_lengths, BATCH.target_in, BATCH.target_lengths)
    assert seen == []
    with watched(model, Guide(lambda: LEXICON, 1.0)) as seen:
        model(BATCH.source, BATCH.source_lengths, BATCH.target_in, BATCH.target_lengths)
    assert len(seen) == 1
    model(BATCH.source, BATCH.source_lengths, BATCH.target_in, BATCH.target_lengths)
    assert len(seen) == 1


def test_a_recipe_gets_it_where_it_asks(tmp_path) -> None:
    store = copy_store(tmp_path / "train.arrow", num_pairs=30)
    told: list[str] = []
    assert build.guide(Training(), store, told.append) is None
    assert told == []
    one, other = (build.guide(Training(guided_attention=0.5), store, told.append) for _ in range(2))
    assert one is not None
    assert other is not None
    assert one.strength == 0.5
    assert told == []
    torch.testing.assert_close(one.alignment(BATCH), other.alignment(BATCH), rtol=0, atol=0)  # as when it goes on
    one.alignment(BATCH)
    assert len(told) == 2


def test_of_a_large_corpus_it_reads_the_counted_sentences_alone(tmp_path, monkeypatch) -> None:
    store = copy_store(tmp_path / "train.arrow", num_pairs=30)
    every = np.arange(30)
    links = [
        (len(s) + 1) * (len(t) + 1) for s, t in zip(store.source.many(every), store.target.many(every), strict=True)
    ]
    monkeypatch.setattr("seq2seq.data.lexicon.counted_rows", partial(counted_rows, most_links=sum(links) // 2))
    guide = build.guide(Training(guided_attention=0.5), store, lambda message: None)
    assert guide is not None
    read: list[list[int]] = []
    for side in (store.source, store.target):
        many = side.many
        monkeypatch.setattr(side, "many", lambda rows, many=many: read.append(rows.tolist()) or many(rows))
    found = guide.alignment(BATCH)
    num_counted = 30 * (sum(links) // 2) // sum(links)
    counted = [number * 30 // num_counted for number in range(num_counted)]
    assert read == [counted, counted]
    sides = [[side[row] for row in counted] for side in (store.source, store.target)]
    torch.testing.assert_close(found, Guide(lambda: learn_lexicon(*sides), 0.5).alignment(BATCH), rtol=0, atol=0)


def test_it_says_where_few_sentences_stand_for_all(tmp_path, monkeypatch) -> None:
    store = copy_store(tmp_path / "train.arrow", num_pairs=30)
    few = partial(counted_rows, most_links=100)
    for counted, told_of in ((few, True), (counted_rows, False)):
        monkeypatch.setattr("seq2seq.data.lexicon.counted_rows", counted)
        told: list[str] = []
        guide = build.guide(Training(guided_attention=0.5), store, told.append)
        assert guide is not None
        guide.alignment(BATCH)
        assert len(told) == 1 + told_of
        if told_of:
            assert f"from {len(few(store.source.lengths, store.target.lengths))} of the 30 pairs" in told[1]
