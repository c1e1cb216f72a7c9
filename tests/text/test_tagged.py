"""Tags: ids that no text is cut into and no search writes, behind all that a vocabulary had before."""

from __future__ import annotations

import json

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from tiny_models import SYMBOLS, tiny

from seq2seq import build
from seq2seq.data.batches import Batches
from seq2seq.data.store import Row, Store, write_split
from seq2seq.engines.torch_engine import TorchEngine
from seq2seq.errors import UserError
from seq2seq.recipe.decode import complete, recipe_from_table
from seq2seq.recipe.overrides import apply_overrides
from seq2seq.recipe.schema import Recipe
from seq2seq.text.pairs import TokenizerPair
from seq2seq.text.segmentation import Draws, SubwordSampler
from seq2seq.text.special import EOS, GO, PAD, UNK
from seq2seq.text.subwords import Subwords
from seq2seq.text.tagged import BACK_TRANSLATED, Tagged, tags_of
from seq2seq.text.true_case import Case, TrueCase
from seq2seq.text.words import Words

TEXTS = ["The mill turns.", "A wheel of the mill.", "the <bt> miller's wheel", "<bt>"]
TAGS = [BACK_TRANSLATED, "<news>"]


def subwords() -> Subwords:
    return Subwords.train(TEXTS, vocabulary_size=300)


KINDS = {
    "subwords": subwords,
    "words": lambda: Words.train(TEXTS, vocabulary_size=30),
    "true case": lambda: TrueCase(subwords(), Case(["the", "a"])),
}
each_kind = pytest.mark.parametrize("inner", [make() for make in KINDS.values()], ids=KINDS)


@each_kind
@given(text=st.one_of(st.sampled_from(TEXTS), st.text(st.characters(exclude_categories=["Cs"]), max_size=12)))
@settings(max_examples=25, deadline=None)
def test_text_has_the_ids_it_had_and_never_a_tag(inner, text) -> None:
    tagged = Tagged(inner, TAGS)
    ids = tagged.encode(text)
    assert ids == inner.encode(text) == tagged.encode_batch([text])[0]
    assert not set(ids) & set(tagged.tags.values())
    assert tagged.surfaces(text) == inner.surfaces(text)
    opened = [tagged.tags["<news>"], *ids]
    assert tagged.decode(opened) == inner.decode(ids)
    assert tagged.pieces(opened) == ["<news>", *inner.pieces(ids)]


@each_kind
def test_tags_come_behind_all_ids(inner) -> None:
    size = inner.vocabulary_size
    tagged = Tagged(inner, TAGS)
    assert dict(tagged.tags) == {"<bt>": size, "<news>": size + 1}
    assert tagged.vocabulary_size == size + 2
    assert (tagged.name, tagged.placeholders) == (inner.name, inner.placeholders)
    with pytest.raises(UserError, match=f"{size + 2}"):
        tagged.decode([size + 2])


def test_what_fills_a_placeholder_moves_with_it() -> None:
    inner = Words.train(TEXTS, vocabulary_size=30)
    tagged = Tagged(inner, TAGS)
    ids = inner.encode("the Zorbing mill")
    assert UNK in ids
    place = ids.index(UNK)
    assert tagged.decode([tagged.tags["<bt>"], *ids], {place + 1: "Zorbing"}) == inner.decode(ids, {place: "Zorbing"})


@pytest.mark.parametrize("wrong", [[], ["<bt>", "<bt>"]])
def test_tags_are_given_once(wrong) -> None:
    with pytest.raises(ValueError, match="once"):
        Tagged(subwords(), wrong)


class TestPair:
    @pytest.mark.parametrize("true_case", [False, True])
    @pytest.mark.parametrize("joint", [False, True])
    def test_comes_back_from_disk(self, tmp_path, joint: bool, true_case: bool) -> None:
        source = subwords()
        sides = [source, source if joint else Words.train(TEXTS, vocabulary_size=30)]
        if true_case:
            sides = [TrueCase(side, Case([word])) for side, word in zip(sides, ("the", "a"), strict=True)]
        pair = TokenizerPair(*sides).with_tags(TAGS)
        pair.save(tmp_path)
        again = TokenizerPair.load(tmp_path)
        assert again.joint is pair.joint is joint
        for side in ("source", "target"):
            one, other = getattr(pair, side), getattr(again, side)
            assert type(one) is type(other)
            assert tags_of(one) == tags_of(other)
            assert [one.encode(text) for text in TEXTS] == [other.encode(text) for text in TEXTS]
        # Only a joint vocabulary gives both sides the same number of ids, as one embedding for both needs.
        assert list(tags_of(again.target)) == (TAGS if joint else [])

    def test_without_tags_it_is_written_as_it_always_was(self, tmp_path) -> None:
        both = subwords()
        TokenizerPair(both, both).save(tmp_path)
        told = json.loads((tmp_path / "joint" / "tokenizer.json").read_text())
        assert told == {"schema_version": 2, "name": "sentencepiece", "case": "keep"}
        TokenizerPair(both, both).with_tags(TAGS).save(tmp_path)
        assert json.loads((tmp_path / "joint" / "tokenizer.json").read_text())["schema_version"] == 3

    def test_new_tags_come_behind_those_it_has(self) -> None:
        both = subwords()
        pair = TokenizerPair(both, both)
        assert pair.with_tags([]) is pair
        once = pair.with_tags(["<b>"])
        assert once.with_tags(["<b>"]) is once
        twice = once.with_tags(["<a>", "<b>", "<a>"])
        assert list(tags_of(twice.source)) == ["<b>", "<a>"]
        assert tags_of(once.source)["<b>"] == tags_of(twice.source)["<b>"] == both.vocabulary_size


def test_sampled_subwords_keep_the_tag_of_their_pair(tmp_path) -> None:
    inner = subwords()
    tagged = Tagged(inner, TAGS)
    tag = tagged.tags["<bt>"]
    openings = [[], [tag], [tag], []]
    ids = [inner.encode(text) for text in TEXTS]
    rows = [Row(0, t, t, first + own, own) for t, own, first in zip(TEXTS, ids, openings, strict=True)]
    write_split(tmp_path / "a.arrow", rows)
    draws = Draws(inner, model="bpe", probability=0.5, seed=3)
    cut, plain = SubwordSampler(tagged, draws), SubwordSampler(inner, draws)
    batches = Batches(Store(tmp_path / "a.arrow"), batch_tokens=100, seed=1, sampler=(cut, cut))
    order = np.array([2, 0, 1, 3])
    batch = batches.fill(order, epoch=5)
    for place, number in enumerate(order.tolist()):
        source = batch.source[place, : batch.source_lengths[place]].tolist()
        target = batch.target_out[place, : batch.target_lengths[place]].tolist()
        assert source == [*openings[number], *plain(TEXTS[number], key=(5, number, 0)), EOS]
        assert target == [*plain(TEXTS[number], key=(5, number, 1)), EOS]


def test_no_engine_writes_a_tag() -> None:
    both = subwords()
    pair = TokenizerPair(both, both).with_tags(TAGS)
    size = both.vocabulary_size
    assert build.never_written(pair) == [PAD, GO, UNK, size, size + 1]
    assert build.never_written(TokenizerPair(both, both)) == [PAD, GO, UNK]
    model, tag = tiny(), SYMBOLS - 1
    with torch.no_grad():
        model.output.bias[tag] = 50.0
    for tags in ((), (tag,)):
        engine = TorchEngine(model, tags=tags)
        start = engine.start([[4, 5]])
        step = engine.step(start.memory, np.zeros(1, np.int64), np.array([GO]), start.state, SYMBOLS)
        found = dict(zip(step.ids[0].tolist(), step.log_probs[0].tolist(), strict=True))
        assert (step.ids[0, 0] == tag) == (not tags)
        assert (found[tag] == -np.inf) == bool(tags)


@pytest.mark.parametrize("tag", ["bt", "<b t>", "<bt", "<>", "<eos>", "<a><b>"])
def test_a_recipe_with_a_senseless_tag_is_refused(tag: str) -> None:
    table = {"data": {"corpora": [{"train": ["a", "b"], "tag": tag}]}}
    with pytest.raises(UserError, match=r"data\.corpora\[1\]\.tag .*no tag"):
        recipe_from_table(table, where="mine")
    table["data"]["corpora"][0]["tag"] = "<bt>"
    assert recipe_from_table(table, where="mine").data.corpora[0].tag == "<bt>"


def test_scheduled_sampling_reads_no_tag(tmp_path) -> None:
    both = subwords()
    small = [f"model.{part}_size=8" for part in ("embedding", "encoder", "decoder")]
    recipe = apply_overrides(complete(Recipe()), small)
    write_split(tmp_path / "a.arrow", [Row(1, "a", "a", both.encode("a"), both.encode("a"))])
    batches = Batches(Store(tmp_path / "a.arrow"), batch_tokens=9, seed=1)
    pairs = TokenizerPair(both, both), TokenizerPair(both, both).with_tags(["<bt>"])
    never = [
        build.trainer(
            recipe,
            tokenizers=pair,
            batches=batches,
            validator=None,
            reporter=type("Silent", (), {"said": staticmethod(print)})(),
            keeper=None,
            folder=tmp_path,
            device=torch.device("cpu"),
        ).model.never_guessed
        for pair in pairs
    ]
    assert never == [[PAD, GO], [PAD, GO, both.vocabulary_size]]
