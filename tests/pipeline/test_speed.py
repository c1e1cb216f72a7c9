"""How fast a training would be, before there is data: measured on sentences of the right length and number."""

from __future__ import annotations

import pytest

from seq2seq.pipeline.train.speed import tokens_per_second
from seq2seq.recipe.decode import recipe_from_table
from seq2seq.recipe.schema import Recipe
from seq2seq.text.special import NUM_SPECIAL


def recipe(**training: object) -> Recipe:
    model = {"embedding_size": 16, "encoder_size": 32, "decoder_size": 32}
    return recipe_from_table({"text": {"vocabulary_size": 300}, "model": model, "training": training}, where="test")


def test_it_times_batches_like_those_of_the_training(monkeypatch):
    seen = []

    def timed(network, objective, trial, kind):
        seen.append((network.target_embedding.weight.shape, objective.label_smoothing, trial))
        return 0.25

    monkeypatch.setattr("seq2seq.pipeline.train.speed.seconds_a_token", timed)
    assert tokens_per_second(recipe(batch_tokens=600, label_smoothing=0.2), 13.4, device="cpu") == 4.0
    (shape, smoothing, trial) = seen[0]
    assert (shape, smoothing) == ((300, 16), 0.2)
    assert {batch.num_tokens for batch in trial} == {600 // 14 * 14}  # 13 words and EOS, as many as there is room for
    assert all(batch.source.min() >= min(NUM_SPECIAL, 3) for batch in trial)  # no padding: EOS is 3


@pytest.mark.parametrize("strength", [0.0, 0.5])
def test_a_guided_attention_is_timed_with_its_guide(monkeypatch, strength):
    seen = []

    def timed(network, objective, trial, kind):
        seen.append((objective.guide, trial[0]))
        return 0.25

    monkeypatch.setattr("seq2seq.pipeline.train.speed.seconds_a_token", timed)
    tokens_per_second(recipe(batch_tokens=600, guided_attention=strength), 13.4, device="cpu")
    ((guide, batch),) = seen
    assert (guide is not None) == bool(strength)
    if guide is not None:
        assert guide.strength == strength
        assert (guide.alignment(batch).sum(dim=2) > 0).all()  # each token is one that the lexicon knows


def test_a_batch_smaller_than_a_sentence_is_still_timed():
    assert tokens_per_second(recipe(batch_tokens=1), 20.0, device="cpu", threads=1) > 0.0
    guided = recipe(batch_tokens=1, guided_attention=1.0)
    assert tokens_per_second(guided, 20.0, device="cpu", threads=1) > 0.0


@pytest.mark.parametrize("tokens", [0.2, 1.0])
def test_short_sentences(tokens):
    assert tokens_per_second(recipe(), tokens, device="cpu", threads=1) > 0.0
