"""Ensembles: the mean of the members' probabilities, and of whole distributions."""

from __future__ import annotations

from dataclasses import replace
from itertools import chain
from pathlib import Path

import hand_made
import numpy as np
import pytest
from made_facts import made_facts
from msgspec.structs import replace as changed
from tiny_models import SYMBOLS, random_batch, tiny

from seq2seq.bundle import Bundle
from seq2seq.engines.ensemble import Ensemble, check_alike, log_mean
from seq2seq.engines.torch_engine import TorchEngine
from seq2seq.errors import UserError
from seq2seq.recipe.decode import complete
from seq2seq.recipe.schema import Recipe
from seq2seq.search import Beam, Greedy, Limits
from seq2seq.text.special import EOS, GO, PAD, UNK

SOURCES = random_batch([4, 1, 6, 3], [0])[0]
OWNER = np.arange(4)
BEGIN = np.full(4, GO)
LIMITS = Limits(max_length_factor=1.0, max_length_constant=3)


def members(count: int = 3, **kind) -> list[TorchEngine]:
    return [TorchEngine(tiny(seed=seed, **kind)) for seed in range(1, count + 1)]


def test_it_is_known_by_all_its_members() -> None:
    class Other(TorchEngine):
        parallel, precision, name = 4, "int8", "OnnxEngine int8 cpu"

    model = tiny()
    mixed = Ensemble([TorchEngine(model), Other(model), TorchEngine(model)])
    assert (mixed.parallel, mixed.precision) == (1, "torch + int8")
    assert mixed.name == "TorchEngine cpu + OnnxEngine int8 cpu + TorchEngine cpu"
    assert Ensemble([Other(model), Other(model)]).parallel == 4


def walked(engine, words=(5, 7)):
    """The distributions of a few steps, rows reordered on the way."""
    start = engine.start(SOURCES)
    found = [engine.distribution(start.memory, OWNER, BEGIN, start.state)]
    for word in words:
        rows = OWNER[::-1]
        state = engine.select(found[-1].state, rows)
        found.append(engine.distribution(start.memory, rows, np.full(4, word), state))
    return found


@pytest.mark.parametrize("weights", [None, [2.0, 1.0, 1.0]])
def test_probabilities_are_averaged_at_every_step(weights) -> None:
    alone = [walked(engine) for engine in members()]
    shares = np.array(weights or [1, 1, 1]) / sum(weights or [1, 1, 1])
    for number, together in enumerate(walked(Ensemble(members(), weights))):
        mean = sum(
            share * np.exp(one[number].log_probs.astype(np.float64)) for share, one in zip(shares, alone, strict=True)
        )
        with np.errstate(divide="ignore"):
            np.testing.assert_allclose(together.log_probs, np.log(mean), rtol=1e-5, atol=1e-6)
        attention = sum(share * one[number].attention for share, one in zip(shares, alone, strict=True))
        np.testing.assert_allclose(together.attention, attention, rtol=1e-5, atol=1e-7)
        assert (together.log_probs[:, [PAD, GO, UNK]] == -np.inf).all()


@pytest.mark.parametrize("k", [1, 3, SYMBOLS])
def test_a_step_gives_the_best_of_the_mean(k: int) -> None:
    engine = Ensemble(members(2))
    start = engine.start(SOURCES)
    also = np.array([[EOS, 6]] * 4)
    step = engine.step(start.memory, OWNER, BEGIN, start.state, k, also)
    whole = engine.distribution(start.memory, OWNER, BEGIN, start.state).log_probs
    assert step.ids.tolist() == np.argsort(-whole, axis=1, kind="stable")[:, :k].tolist()
    assert np.array_equal(step.log_probs, np.take_along_axis(whole, step.ids, axis=1))
    assert np.array_equal(step.also_log_probs, whole[:, [EOS, 6]])


def test_one_model_is_itself_and_so_are_two_of_it() -> None:
    """Searched: the translations and, but for rounding, the scores."""
    for search in (Greedy(limits=LIMITS), Beam(4, nbest=3, limits=LIMITS)):
        results = []
        for engine in (members(1)[0], Ensemble(members(1)), Ensemble([*members(1), *members(1)], [0.7, 0.3])):
            start = engine.start(SOURCES)
            found = search(engine, start.memory, start.state, start.source_lengths, want_attention=True)
            results.append(found)
        for other in results[1:]:
            for one, same in zip(chain(*results[0]), chain(*other), strict=True):
                assert list(one.ids) == list(same.ids)
                assert one.log_prob == pytest.approx(same.log_prob, rel=1e-5)
                np.testing.assert_allclose(one.attention, same.attention, atol=1e-6)


def test_what_no_member_puts_first_can_win() -> None:
    """Of three symbols two members each hold another for certain, and both the third for nearly as good."""
    first, second = np.log([[0.51, 0.0001, 0.4899]]), np.log([[0.0001, 0.51, 0.4899]])
    mean = log_mean([first.astype(np.float32), second.astype(np.float32)], [0.5, 0.5])
    assert mean[0].argmax() == 2


def test_the_unlikely_keeps_its_order_and_the_impossible_stays_so() -> None:
    logs = np.array([[-300.0, -301.0, -np.inf, 0.0]], np.float32)
    never = np.array([[-400.0, -400.0, -np.inf, 0.0]], np.float32)
    mean = log_mean([logs, never], [0.5, 0.5])[0]
    np.testing.assert_allclose(mean[:2], [-300.0 + np.log(0.5), -301.0 + np.log(0.5)], rtol=1e-6)
    assert mean[2] == -np.inf
    assert mean[3] == pytest.approx(0.0, abs=1e-7)


def test_members_may_be_of_any_engine(tmp_path) -> None:
    """Two graphs by hand, of which one has other weights; one row against its own reference."""
    made = []
    for seed in (5, 6):
        (tmp_path / str(seed)).mkdir()
        made.append(hand_made.engine(tmp_path / str(seed), seed=seed))
    engine, source = Ensemble(made, [3, 1]), [5, 6, 7]
    start = engine.start([source, [9]])
    step = engine.step(start.memory, np.arange(2), np.full(2, GO), start.state, 2)
    two = engine.step(start.memory, np.zeros(1, np.int64), np.array([8]), engine.select(step.state, np.array([0])), 3)
    apart = [hand_made.log_probs_of(source, [8], hand_made.weights(seed))[0] for seed in (5, 6)]
    with np.errstate(divide="ignore"):
        wanted = np.log(0.75 * np.exp(apart[0]) + 0.25 * np.exp(apart[1]))
    np.testing.assert_allclose(two.log_probs[0], np.sort(wanted)[::-1][:3], atol=1e-5)


def test_attention_is_the_mean_of_those_that_have_any() -> None:
    attending, blind = TorchEngine(tiny()), TorchEngine(tiny("fixed-vector", "gru", "none"))
    wanted = walked(attending)[0].attention
    np.testing.assert_allclose(walked(Ensemble([attending, blind]))[0].attention, wanted, atol=1e-7)
    assert walked(Ensemble([blind, blind]))[0].attention is None


@pytest.mark.parametrize(
    ("engines", "weights", "message"),
    [
        (lambda: [], None, "at least one"),
        (lambda: members(2), [1.0], "each of the 2 models, not 1"),
        (lambda: members(2), [1.0, 0.0], "above 0, not 0.0"),
        (lambda: members(2), [1.0, float("nan")], "above 0, not nan"),
        (lambda: [*members(1), TorchEngine(tiny(symbols=SYMBOLS + 1))], None, "one target vocabulary"),
    ],
)
def test_what_cannot_be_one(engines, weights, message: str) -> None:
    with pytest.raises(UserError, match=message):
        Ensemble(engines(), weights)


def test_models_that_read_differently_are_refused(tmp_path) -> None:
    def bundle(name: str, text: str = "same") -> Bundle:
        folder = tmp_path / name / "tokenizer"
        folder.mkdir(parents=True)
        (folder / "tokenizer.json").write_text(text)
        return Bundle(Path(tmp_path / name), complete(Recipe()))

    first, alike, other = bundle("first"), bundle("alike"), bundle("other", "another")
    check_alike([first, alike])
    with pytest.raises(UserError, match=r"first and .*other have different tokenizers"):
        check_alike([first, alike, other])
    data = changed(alike.recipe.data, quotes="straight")
    with pytest.raises(UserError, match=r"data\.quotes is 'keep' in the one and 'straight'"):
        check_alike([first, replace(alike, recipe=changed(alike.recipe, data=data))])
    there, back = (made_facts(source_language=a, target_language=b) for a, b in ("ab", "ba"))
    check_alike([replace(first, facts=there), replace(alike, facts=there), other_facts(alike)])
    with pytest.raises(UserError, match=r"first translates from a to b, and .*alike from b to a"):
        check_alike([replace(first, facts=there), replace(alike, facts=back)])


def other_facts(bundle: Bundle) -> Bundle:
    """The bundle as an older version wrote it, which said nothing of languages."""
    return replace(bundle, facts=made_facts())
