"""What a training will take: counted where it can be counted, measured where it must be."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from toy_runs import toy

import seq2seq
from seq2seq import build
from seq2seq.data.batches import Batches
from seq2seq.data.store import Store
from seq2seq.pipeline.train.estimate import estimate
from seq2seq.recipe.overrides import apply_overrides
from seq2seq.recipe.toml import load_recipe
from seq2seq.text.pairs import TokenizerPair
from seq2seq.training.clock import BUDGET_FOR_UPDATES

__all__ = ["toy"]


@pytest.fixture
def about(toy):
    """Estimates the toy's training with changed settings."""
    store, tokenizers = Store(toy.run / "data" / "train.arrow"), TokenizerPair.load(toy.run / "tokenizer")

    def found(*changes):
        recipe = apply_overrides(load_recipe(toy.run / "recipe.toml"), changes)
        return estimate(recipe, store, tokenizers, device=torch.device("cpu"))

    return found


def test_parameters_and_bytes_are_the_networks(toy, about):
    own = sum(weight.numel() for weight in seq2seq.load(toy.run, engine="torch").engine.model.parameters())
    found = about()
    assert found.parameters == own
    assert found.disk_bytes > 5 * 4 * own
    assert found.memory_bytes > found.disk_bytes
    on_disk = sum(path.stat().st_size for path in toy.run.rglob("*") if path.is_file())
    assert 0.3 < found.disk_bytes / on_disk < 3


def test_the_cells_of_a_transition_are_held_for_the_backward_pass(about):
    plain, deep = about(), about("model.decoder_transition=3")
    copies_of_the_weights = 4 * 6 * (deep.parameters - plain.parameters)
    assert deep.memory_bytes - plain.memory_bytes > copies_of_the_weights


@pytest.mark.parametrize("r_drop", [0.0, 1.0])
def test_a_guided_attention_is_timed_with_its_guide(about, monkeypatch, r_drop):
    seen = []

    def timed(network, objective, trial, kind):
        seen.append((objective.guide, trial[0]))
        return 1.0

    monkeypatch.setattr("seq2seq.pipeline.train.estimate.seconds_a_token", timed)
    more = (f"training.r_drop={r_drop}", "model.dropout=0.1")
    for strength in (0.0, 0.5):
        about(*more, f"training.guided_attention={strength}")
    (nobody, _), (guide, batch) = seen
    assert nobody is None
    assert guide.strength == 0.5
    # The first token is one that the lexicon knows, and EOS translates EOS.
    alignment = guide.alignment(batch)
    assert (alignment[:, 0].sum(dim=1) > 0).all()
    rows = torch.arange(len(alignment))
    assert (alignment[rows, batch.target_lengths - 1, batch.source_lengths - 1] > 0.5).all()


def test_a_lexicon_is_counted_where_it_takes_more_than_training_does(toy, about, monkeypatch):
    rows = list(Store(toy.run / "data" / "train.arrow").rows())
    links = sum((len(row.source_ids) + 1) * (len(row.target_ids) + 1) for row in rows)
    plain, guided = (f"training.guided_attention={strength}" for strength in (0, 1))
    small = "training.batch_tokens=1"  # a sentence a batch is next to nothing
    weights = 900e6 + 4 * 6 * about().parameters
    assert about(guided).memory_bytes == about(plain).memory_bytes
    assert about(guided, small).memory_bytes == pytest.approx(weights + 90 * links + 240 * len(rows))
    assert about(plain, small).memory_bytes < weights + 45 * links
    monkeypatch.setattr("seq2seq.pipeline.train.estimate.MOST_LINKS", links - 1000)
    assert about(guided, small).memory_bytes == pytest.approx(weights + 90 * (links - 1000) + 240 * len(rows))


def test_updates_follow_from_the_first_limit(toy, about):
    batches = Batches(Store(toy.run / "data" / "train.arrow"), batch_tokens=300, seed=1).plan(0)
    assert about().updates == 150
    assert about("training.max_updates=0", "training.max_epochs=3").updates == 3 * len(batches)
    accumulated = about("training.max_updates=0", "training.max_epochs=3", "training.accumulate=4")
    assert accumulated.updates == 3 * math.ceil(len(batches) / 4)
    assert about("training.max_epochs=1").updates == len(batches)


@pytest.mark.parametrize(
    ("weight", "temperature", "pairs"), [(1.0, 1.0, None), (40.0, 1.0, None), (1.0, 5.0, None), (4.0, 1.0, 90)]
)
def test_a_mixture_has_the_batches_and_the_tokens_of_its_epochs(toy, monkeypatch, weight, temperature, pairs):
    store = Store(toy.run / "data" / "train.arrow")
    # The first corpus has the shortest sentences: drawn often, they make fewer tokens of the same number of rows.
    corpora = [(len(store) // 3, weight), (len(store) - len(store) // 3, 1.0)]
    first = np.arange(len(store)) < corpora[0][0]
    monkeypatch.setattr(store.target, "lengths", np.where(first, 3, 30).astype(np.int32))
    monkeypatch.setattr("seq2seq.pipeline.train.estimate.seconds_a_token", lambda *_: 1.0)
    limits = (
        "training.max_updates=0",
        "training.max_epochs=3",
        "training.batch_tokens=50",
    )
    changes = (*limits, f"data.temperature={temperature}")
    recipe = apply_overrides(load_recipe(toy.run / "recipe.toml"), changes)
    tokenizers = TokenizerPair.load(toy.run / "tokenizer")
    found = estimate(recipe, store, tokenizers, device=torch.device("cpu"), corpora=corpora, epoch_pairs=pairs)
    batches = Batches(store, batch_tokens=50, seed=1, corpora=corpora, temperature=temperature, epoch_pairs=pairs)
    plans = [batches.plan(epoch) for epoch in range(3)]
    assert found.updates == sum(map(len, plans))
    tokens = sum(int(store.target.lengths[rows].sum()) + len(rows) for plan in plans for rows in plan)
    assert found.seconds == pytest.approx(tokens, rel=0.01)


@pytest.mark.parametrize("share", [0.0, 0.5])
def test_sampled_subwords_are_more_tokens_in_as_many_updates(toy, about, monkeypatch, share):
    monkeypatch.setattr("seq2seq.pipeline.train.estimate.seconds_a_token", lambda *_: 1.0)
    changes = ("training.max_updates=0", "training.max_epochs=1", f"training.subword_sampling={share}")
    found = about(*changes)
    recipe = apply_overrides(load_recipe(toy.run / "recipe.toml"), changes)
    store, tokenizers = Store(toy.run / "data" / "train.arrow"), TokenizerPair.load(toy.run / "tokenizer")
    batches = Batches(store, batch_tokens=300, seed=1, sampler=build.samplers(recipe, tokenizers))
    assert found.updates == len(batches.plan(0))
    tokens = sum(batches.fill(rows, 0).num_tokens for rows in batches.plan(0))
    assert (tokens > 1.2 * batches.num_tokens()) == (share > 0)
    assert found.seconds == pytest.approx(tokens, rel=0.1)


def test_a_large_corpus_is_judged_by_a_part_of_it(about, monkeypatch):
    short = ("training.max_epochs=2", "training.max_updates=0", "training.batch_tokens=50")
    whole = about(*short).updates
    monkeypatch.setattr("seq2seq.pipeline.train.estimate.PAIRS_PLANNED", 150)
    assert about(*short).updates == pytest.approx(whole, rel=0.1)


def test_the_updates_told_are_those_that_the_minutes_have_time_for(about, monkeypatch):
    monkeypatch.setattr("seq2seq.pipeline.train.estimate.seconds_a_token", lambda *_: 1.0)
    whole = about("training.max_updates=0", "training.max_epochs=10")
    assert whole.passes == pytest.approx(10)
    short = about("training.max_updates=0", "training.max_epochs=10", f"training.minutes={whole.seconds / 60 / 4}")
    assert short.updates == int(BUDGET_FOR_UPDATES * whole.updates / 4)
    assert short.passes == pytest.approx(10 * short.updates / whole.updates)
    assert short.seconds == pytest.approx(whole.seconds / 4)
    alone = about("training.max_updates=0", f"training.minutes={whole.seconds / 60 / 4}")
    assert (alone.updates, alone.passes) == (short.updates, short.passes)
    ample = about("training.max_updates=0", "training.max_epochs=10", f"training.minutes={whole.seconds / 60 * 2}")
    assert (ample.updates, ample.seconds) == (whole.updates, whole.seconds)


def test_a_time_budget_is_what_it_takes(about):
    found = about("training.max_updates=0", "training.minutes=2")
    assert found.seconds == 120
    assert found.updates > 1
    assert about("training.minutes=0.001").seconds <= 0.06
    assert about().seconds > 0
    assert about().tokens_per_second > 0


def test_the_second_stage_is_counted(about, monkeypatch):
    monkeypatch.setattr("seq2seq.pipeline.train.estimate.seconds_a_token", lambda *_: 0.5)
    plain, once = about(), about("training.max_updates=0", "training.max_epochs=1")
    assert plain.refining_seconds == 0
    refined = about("training.risk.epochs=2", "training.risk.candidates=4")
    # Of each sentence five texts are read, twice over.
    assert refined.refining_seconds == pytest.approx(2 * 5 * once.seconds)
    assert refined.seconds == pytest.approx(plain.seconds + refined.refining_seconds)
    # Its checkpoints are as large as the first stage's, and its start as large as the bundle.
    assert refined.disk_bytes - plain.disk_bytes == 9 * 4 * plain.parameters
    # Both readings of R-Drop are in what a token takes; the second stage has but one.
    twice = about("training.risk.epochs=2", "training.risk.candidates=4", "training.r_drop=1", "model.dropout=0.1")
    assert twice.refining_seconds == pytest.approx(refined.refining_seconds / 2)


def test_a_time_budget_of_the_second_stage_comes_on_top(about):
    found = about("training.max_updates=0", "training.minutes=2", "training.risk.minutes=3")
    assert (found.seconds, found.refining_seconds) == (300, 180)
    assert about("training.risk.minutes=0.001", "training.risk.epochs=2").refining_seconds <= 0.06
