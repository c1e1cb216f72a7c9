"""A look at a development set with very long lines: in bounded memory, and the rest as if they were not there."""

from __future__ import annotations

import pytest
import torch
from tiny_bundles import make_bundle
from toy_runs import toy_pairs

from seq2seq import build
from seq2seq.bundle import RunFolder
from seq2seq.data.batches import collate
from seq2seq.data.store import Row, Store, write_split
from seq2seq.engines.torch_engine import TorchEngine, load_engine
from seq2seq.pipeline.train import validation
from seq2seq.pipeline.train.validation import DevelopmentScores, validator
from seq2seq.recipe.decode import complete
from seq2seq.recipe.schema import Data, Recipe, Search
from seq2seq.search import Limits
from seq2seq.text.pairs import TokenizerPair
from seq2seq.training.objective import CrossEntropy
from seq2seq.translating.translation import one_line
from seq2seq.translator import Translator

SHORT = toy_pairs(30)[:30]
LONG = tuple(" ".join(side[i % len(side)] for i in range(40)) for side in zip(*toy_pairs(30), strict=True))
SPLIT_TOKENS = 40
FACTOR, CONSTANT = 0.2, 3


@pytest.fixture(scope="module")
def bundle(tmp_path_factory):
    return make_bundle(tmp_path_factory.mktemp("tiny") / "bundle")


@pytest.fixture(scope="module")
def tokenizers(bundle):
    return TokenizerPair.load(bundle.tokenizers)


@pytest.fixture
def network(bundle, tokenizers):
    return load_engine(bundle, tokenizers, device="cpu").model


def development(path, tokenizers, pairs) -> Store:
    write_split(
        path,
        [
            Row(n, source, target, tokenizers.source.encode(source), tokenizers.target.encode(target))
            for n, (source, target) in enumerate(pairs, start=1)
        ],
    )
    return Store(path)


def scores(store, tokenizers) -> DevelopmentScores:
    return DevelopmentScores(
        store,
        tokenizers,
        sentences=1000,
        tokenize="13a",
        lowercase=False,
        limits=Limits(FACTOR, CONSTANT),
        precision="fp32",
    )


@pytest.fixture
def written(monkeypatch):
    """Every list of translations that was scored."""
    found: list[list[str]] = []
    score = validation.score

    def noting(texts, *more, **named):
        found.append(texts)
        return score(texts, *more, **named)

    monkeypatch.setattr(validation, "score", noting)
    return found


@pytest.fixture
def encoded(network, monkeypatch):
    """Sentences and tokens of every batch that was encoded."""
    found: list[tuple[int, int]] = []
    encode = network.encode

    def noting(source, lengths):
        found.append(tuple(source.shape))
        return encode(source, lengths)

    monkeypatch.setattr(network, "encode", noting)
    return found


@torch.no_grad()
def test_a_long_line_is_translated_in_parts_as_the_translator_does(
    tmp_path, tokenizers, network, written, encoded, monkeypatch
):
    pairs, run = [*SHORT[:7], LONG, *SHORT[7:]], RunFolder(tmp_path)
    development(run.split("development"), tokenizers, pairs)
    monkeypatch.setattr(DevelopmentScores, "_loss", lambda looks, model: 0.0)
    settings = Search(name="greedy", max_length_factor=FACTOR, max_length_constant=CONSTANT, split_tokens=SPLIT_TOKENS)
    validator(complete(Recipe(search=settings)), run, tokenizers, "fp32", lambda: None)(network)
    assert max(time for _, time in encoded) <= SPLIT_TOKENS + 1
    translator = Translator(TorchEngine(network), tokenizers, build.normaliser(Data()), settings)
    expected = [found.text for found in translator.translate([source for source, _ in pairs])]
    assert [one_line(text) for text in written[0]] == expected


@torch.no_grad()
def test_batches_of_a_look_are_bounded_in_tokens(tmp_path, tokenizers, network, written, encoded, monkeypatch):
    store = development(tmp_path / "a.arrow", tokenizers, [*SHORT, LONG])
    monkeypatch.setattr(DevelopmentScores, "_loss", lambda looks, model: 0.0)
    for most in (10**6, 100):
        encoded.clear()
        monkeypatch.setattr(validation, "BATCH_TOKENS", most)
        scores(store, tokenizers)(network)
        assert all(count * time <= most or count == 1 for count, time in encoded)
    assert sum(count for count, _ in encoded) == len(store)
    assert written[0] == written[1]


@pytest.fixture
def looked_at(network, monkeypatch):
    """How many weights of attention every part of a loss needed: sentences x target tokens x source tokens."""
    found: list[int] = []
    read_part = network.read_part

    def noting(target_in, lengths, memory, *more, **named):
        found.append(target_in.numel() * memory.mask.shape[1])
        return read_part(target_in, lengths, memory, *more, **named)

    monkeypatch.setattr(network, "read_part", noting)
    return found


UNEVEN = [*SHORT, LONG, (LONG[0], "lo hund ."), ("the dog", LONG[1])]


@torch.no_grad()
@pytest.mark.parametrize(("tokens", "weights"), [(10**6, 10**9), (400, 10**9), (400, 3000)])
def test_the_loss_of_long_lines_is_the_same_in_bounded_memory(
    tmp_path, tokenizers, network, encoded, looked_at, monkeypatch, tokens, weights
):
    network.eval()
    store = development(tmp_path / "a.arrow", tokenizers, UNEVEN)
    pairs = [(store.source[row].tolist(), store.target[row].tolist()) for row in range(len(store))]
    alone = [float(CrossEntropy()(network, collate([source], [target]))) for source, target in pairs]
    expected = sum(alone) / sum(len(target) + 1 for _, target in pairs)
    encoded.clear()
    looked_at.clear()
    monkeypatch.setattr(validation, "BATCH_TOKENS", tokens)
    monkeypatch.setattr(validation, "BATCH_WEIGHTS", weights)
    looks = scores(store, tokenizers)
    monkeypatch.setattr(looks, "_translate", lambda engine: [""] * len(pairs))
    assert looks(network)["loss"] == pytest.approx(expected, abs=2e-5)
    assert all(count * time <= tokens or count == 1 for count, time in encoded)
    assert max(looked_at) <= max(weights, *(count * time for count, time in encoded))  # or a target token at a time
