"""What a training will take: counted where it can be counted, measured where it must be."""

from __future__ import annotations

import math

import pytest
import torch
from toy_runs import toy

import seq2seq
from seq2seq.data.batches import Batches
from seq2seq.data.store import Store
from seq2seq.pipeline.estimate import estimate
from seq2seq.recipe.overrides import apply_overrides
from seq2seq.recipe.toml import load_recipe
from seq2seq.text.pairs import TokenizerPair

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
    own = sum(weight.numel() for weight in seq2seq.load(toy.run).engine.model.parameters())
    found = about()
    assert found.parameters == own
    assert found.disk_bytes > 5 * 4 * own
    assert found.memory_bytes > found.disk_bytes
    on_disk = sum(path.stat().st_size for path in toy.run.rglob("*") if path.is_file())
    assert 0.3 < found.disk_bytes / on_disk < 3


def test_updates_follow_from_the_first_limit(toy, about):
    batches = Batches(Store(toy.run / "data" / "train.arrow"), batch_tokens=300, seed=1).plan(0)
    assert about().updates == 150
    assert about("training.max_updates=0", "training.max_epochs=3").updates == 3 * len(batches)
    accumulated = about("training.max_updates=0", "training.max_epochs=3", "training.accumulate=4")
    assert accumulated.updates == 3 * math.ceil(len(batches) / 4)
    assert about("training.max_epochs=1").updates == len(batches)


def test_a_time_budget_is_what_it_takes(about):
    found = about("training.max_updates=0", "training.minutes=2")
    assert found.updates is None
    assert found.seconds == 120
    assert about("training.minutes=0.001").seconds <= 0.06
    assert about().seconds > 0
    assert about().tokens_per_second > 0
