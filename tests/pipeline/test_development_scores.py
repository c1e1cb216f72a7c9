"""A look at the development set: the loss by its formula, and scores by the rules of the target language."""

from __future__ import annotations

import pytest
import torch
from tiny_models import log_prob, tiny

from seq2seq import build
from seq2seq.bundle import RunFolder
from seq2seq.data.store import Row, Store, write_split
from seq2seq.engines.torch_engine import TorchEngine
from seq2seq.evaluation.metrics import score
from seq2seq.pipeline.train.validation import DevelopmentScores, validator
from seq2seq.recipe.schema import Choice, Evaluation, Recipe, Search, Training
from seq2seq.search import Greedy, Limits
from seq2seq.text.pairs import TokenizerPair
from seq2seq.text.special import EOS, UNK

WORDS = ["dog", "cat", "house", "tree", "boat", "bird", "one", "two", "three"]
LIMITS = Limits(max_length_factor=1.0, max_length_constant=2)
SETTINGS = {"sentences": 100, "tokenize": "13a", "lowercase": False, "limits": LIMITS, "precision": "fp32"}
# Of unequal lengths, of the batch and of the sum alike.
PAIRS = [(" ".join(WORDS[n : 2 * n + 1]), " ".join(WORDS[: (3 * n + 2) % 8])) for n in range(5)]
PAIRS += [("dog", ""), (" ".join(WORDS), " ".join(reversed(WORDS)))]


def made(folder, pairs):
    """A run whose development set is `pairs`, what cuts its text, and a network that nobody trained."""
    word = build.tokenizer(Choice("words"), [" ".join(WORDS)] * 3, vocabulary_size=60, seed=1)
    rows = (Row(n, *pair, *map(word.encode, pair)) for n, pair in enumerate(pairs, start=1))
    run = RunFolder(folder)
    write_split(run.split("development"), rows)
    network = tiny(symbols=word.vocabulary_size).eval()
    network.output.bias.data[: min(word.encode(" ".join(WORDS)))] = -9.0  # it says words, and no [URL]
    network.output.bias.data[EOS] = 0.5
    return run, TokenizerPair(word, word), network


@torch.inference_mode()
def test_the_loss_is_the_mean_over_all_target_tokens_and_eos(tmp_path) -> None:
    run, tokenizers, model = made(tmp_path, PAIRS)
    store = Store(run.split("development"))
    sources, targets = ([side[row].tolist() for row in range(len(store))] for side in (store.source, store.target))
    assert len(store) == 7
    assert len(set(map(len, targets))) > 4
    assert UNK not in {token for side in (sources, targets) for ids in side for token in ids}
    total = sum(-log_prob(model, *pair).item() for pair in zip(sources, targets, strict=True))
    for sentences in (1, 100):  # however many of them are translated
        found = DevelopmentScores(store, tokenizers, **{**SETTINGS, "sentences": sentences})(model)
        assert found["loss"] == pytest.approx(total / sum(len(target) + 1 for target in targets), abs=2e-5)


def greedy(run, tokenizers, model) -> list[str]:
    store = Store(run.split("development"))
    engine = TorchEngine(model, allow_unk=build.writes_unknown(tokenizers))
    start = engine.start([store.source[row].tolist() for row in range(len(store))])
    found = Greedy(limits=LIMITS)(engine, start.memory, start.state, start.source_lengths)
    return [tokenizers.target.decode(hypotheses[0].ids) for hypotheses in found]


@torch.inference_mode()
def test_scores_are_of_the_first_sentences_by_the_rules_of_the_target_language(tmp_path) -> None:
    sources = [source for source, _ in PAIRS]
    hypotheses = greedy(*made(tmp_path / "first", [(source, "dog") for source in sources]))
    assert len(set(hypotheses)) > 1
    # What the network says, in capitals and with a letter too many.
    references = [text.upper() + "X" for text in hypotheses]
    run, tokenizers, model = made(tmp_path / "run", list(zip(sources, references, strict=True)))

    def scored(**rules) -> dict[str, float]:
        given = score(hypotheses[:5], references[:5], metrics=("bleu", "chrf"), **rules)
        return {one.name: round(one.value, 3) for one in given}

    recipe = Recipe(
        training=Training(validate_sentences=5),
        search=Search(max_length_factor=1.0, max_length_constant=2),
        evaluation=Evaluation(tokenize="char", lowercase=True),
    )
    found = validator(recipe, run, tokenizers, "fp32", lambda: None)(model)
    wanted = scored(tokenize="char", lowercase=True)
    assert {name: found[name] for name in wanted} == wanted
    for other in ({"tokenize": "13a", "lowercase": True}, {"tokenize": "char", "lowercase": False}):
        assert scored(**other)["bleu"] != wanted["bleu"]
