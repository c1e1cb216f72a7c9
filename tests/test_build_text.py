"""From a recipe to tokenizers and samplers, with the settings that it gives."""

from __future__ import annotations

from functools import partial

import pytest

from seq2seq import build
from seq2seq.errors import UserError
from seq2seq.recipe.decode import complete
from seq2seq.recipe.schema import Choice, Data, Recipe, Text, Training
from seq2seq.text.pairs import plain
from seq2seq.text.segmentation import Draws, SubwordSampler
from seq2seq.text.special import UNK
from seq2seq.text.subwords import Subwords
from seq2seq.text.true_case import TrueCase

ENGLISH = ["The hand and the mill are old.", "We see the mill and a hand."] * 4
GERMAN = ["Die Hand und die Mühle sind alt.", "Wir sehen die Mühle und eine Hand."] * 4


def learned(recipe: Recipe):
    return build.tokenizers(recipe, partial(iter, ENGLISH), partial(iter, GERMAN))


@pytest.mark.parametrize("case", ["keep", "true"])
def test_one_vocabulary_or_two(case) -> None:
    joint = learned(Recipe(text=Text(vocabulary_size=320, case=case)))
    assert joint.joint and plain(joint.source) is plain(joint.target)
    apart = learned(Recipe(text=Text(vocabulary_size=320, case=case, joint=False)))
    assert not apart.joint
    assert "Mühle" in "".join(joint.source.pieces(range(joint.source.vocabulary_size)))
    assert "Mühle" not in "".join(apart.source.pieces(range(apart.source.vocabulary_size)))
    assert "mill" not in "".join(apart.target.pieces(range(apart.target.vocabulary_size)))
    assert isinstance(joint.source, TrueCase) == isinstance(apart.target, TrueCase) == (case == "true")


@pytest.mark.parametrize("together", [True, False])
def test_each_language_has_its_own_true_case_and_the_vocabulary_is_learned_in_it(together) -> None:
    words = Choice("words")
    pair = learned(Recipe(text=Text(tokenizer=words, vocabulary_size=60, case="true", joint=together)))
    assert {"the", "hand", "mill"} <= pair.source.case.small and "hand" not in pair.target.case.small
    assert pair.source.encode("Hand") == plain(pair.source).encode("hand")
    assert pair.target.encode("Hand") == plain(pair.target).encode("Hand")
    assert "die" in pair.target.pieces(range(pair.target.vocabulary_size))
    assert "Die" not in pair.target.pieces(range(pair.target.vocabulary_size))
    assert UNK not in pair.target.encode(GERMAN[0])


def test_pretokenised_text_is_cut_at_spaces_unless_the_recipe_says_otherwise() -> None:
    def split(choice: Choice, *, pretokenised: bool) -> str:
        text = Text(tokenizer=choice, vocabulary_size=60)
        pair = learned(complete(Recipe(data=Data(pretokenised=pretokenised), text=text)))
        return pair.source.split

    assert split(Choice("words"), pretokenised=False) == "words"
    assert split(Choice("words"), pretokenised=True) == "spaces"
    assert split(Choice("words", {"minimum_count": 2}), pretokenised=True) == "spaces"
    assert split(Choice("words", {"split": "words"}), pretokenised=True) == "words"
    assert split(Choice("words", {"split": "spaces"}), pretokenised=False) == "spaces"
    other = learned(Recipe(data=Data(pretokenised=True), text=Text(vocabulary_size=320)))
    assert isinstance(other.source, Subwords)  # which has no such setting


def test_unknown_words_are_written_where_they_are_placeholders() -> None:
    def writes(name: str, case: str) -> bool:
        pair = learned(Recipe(text=Text(tokenizer=Choice(name), vocabulary_size=320, case=case)))
        return build.writes_unknown(pair)

    assert [writes(name, case) for name in ("words", "characters", "sentencepiece") for case in ("keep", "true")] == [
        *([True] * 4),
        *([False] * 2),
    ]


def test_no_sampling_no_samplers() -> None:
    recipe = Recipe(text=Text(vocabulary_size=320))
    assert build.samplers(recipe, learned(recipe)) is None


@pytest.mark.parametrize("model", ["bpe", "unigram"])
@pytest.mark.parametrize("together", [True, False])
@pytest.mark.parametrize("case", ["keep", "true"])
def test_samplers_of_both_sides(model, together, case) -> None:
    choice = Choice("sentencepiece", {"model": model})
    recipe = Recipe(
        text=Text(tokenizer=choice, vocabulary_size=320, joint=together, case=case),
        training=Training(subword_sampling=0.5, seed=3),
    )
    pair = learned(recipe)
    source, target = build.samplers(recipe, pair)
    for cut, tokenizer, texts in ((source, pair.source, ENGLISH), (target, pair.target, GERMAN)):
        ways = {tuple(cut(texts[0], key=(epoch, 0, 0))) for epoch in range(20)}
        assert len(ways) > 3
        assert {tokenizer.decode(ids) for ids in ways} == {texts[0]}
    again, _ = build.samplers(recipe, pair)
    assert again(ENGLISH[0], key=(1, 2, 0)) == source(ENGLISH[0], key=(1, 2, 0))


@pytest.mark.parametrize("model", ["bpe", "unigram"])
def test_samplers_draw_by_the_recipes_model_probability_and_seed(model) -> None:
    recipe = Recipe(
        text=Text(tokenizer=Choice("sentencepiece", {"model": model}), vocabulary_size=320),
        training=Training(subword_sampling=0.1, seed=3),
    )
    pair = learned(recipe)
    source, _ = build.samplers(recipe, pair)
    wanted = SubwordSampler(pair.source, Draws(plain(pair.source), model=model, probability=0.1, seed=3))
    keys = [(epoch, line, 0) for epoch in range(50) for line in range(2)]
    found = [source(ENGLISH[key[1]], key=key) for key in keys]
    assert found == [wanted(ENGLISH[key[1]], key=key) for key in keys]
    for other in ({"probability": 0.9}, {"model": "bpe" if model == "unigram" else "unigram"}, {"seed": 1}):
        draws = Draws(plain(pair.source), **{"model": model, "probability": 0.1, "seed": 3, **other})
        cut = SubwordSampler(pair.source, draws)
        assert found != [cut(ENGLISH[key[1]], key=key) for key in keys], other


def test_a_wrong_setting_of_a_tokenizer_is_refused() -> None:
    with pytest.raises(UserError, match="'splits'"):
        build.tokenizer(Choice("words", {"splits": "spaces"}), ENGLISH, vocabulary_size=60, seed=1)
