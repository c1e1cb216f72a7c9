"""Finding recipes, and that every shipped one is sound."""

from __future__ import annotations

from pathlib import Path

import pytest

from seq2seq.errors import UserError
from seq2seq.recipe.catalog import find_recipe, shipped_recipes
from seq2seq.recipe.schema import Choice
from seq2seq.recipe.toml import load_recipe

SHIPPED = {recipe.name: recipe for recipe in shipped_recipes()}


def test_the_shipped_recipes():
    shipped = {"demo", "iwslt14-100k-de-en", "multi30k-en-de", "multi30k-en-fr", "tatoeba-en-de"}
    assert set(SHIPPED) == shipped | {f"{name}-best" for name in shipped - {"demo"}}


@pytest.mark.parametrize("name", sorted(name for name in SHIPPED if name.endswith("-best")))
def test_the_best_recipe_learns_and_is_scored_on_the_same_text(name):
    best, fast = SHIPPED[name].recipe, SHIPPED[name.removesuffix("-best")].recipe
    assert (best.data, best.evaluation) == (fast.data, fast.evaluation)


@pytest.mark.parametrize("name", SHIPPED)
def test_a_shipped_recipe_says_what_it_is_its_terms_and_how_to_run_it(name):
    shipped = SHIPPED[name]
    text = shipped.path.read_text(encoding="utf-8")
    opening = text.partition("\n\n")[0].splitlines()
    assert all(line.startswith("# ") for line in opening)
    assert any(line.startswith("# Terms of the data: ") for line in opening)
    assert any(line.startswith("# Run:  seq2seq ") for line in opening)
    assert shipped.recipe.name == name
    assert shipped.description.endswith(".")
    assert shipped.languages in name or name == "demo"
    assert set(shipped.sizes) >= {"vocabulary_size", "embedding_size", "encoder_size", "decoder_size"}


def test_what_the_recipes_must_say():
    assert SHIPPED["demo"].recipe.data.reader == Choice("phrasebook")
    multi30k = SHIPPED["multi30k-en-de"].recipe
    assert multi30k.data.hub == "bentrevett/multi30k"
    assert multi30k.training.minutes == 39
    tatoeba = SHIPPED["tatoeba-en-de"].recipe.data
    assert (tatoeba.development_size, tatoeba.test_size) == (2000, 2000)
    iwslt = SHIPPED["iwslt14-100k-de-en"].recipe
    assert (iwslt.data.development_lines, iwslt.data.test_lines) == ((1, 3641), (3642, 7283))
    assert (iwslt.data.pretokenised, iwslt.evaluation.tokenize) == (True, "none")


def test_found_by_name_with_or_without_ending():
    assert find_recipe("demo") == SHIPPED["demo"].path
    assert find_recipe("demo.toml") == SHIPPED["demo"].path


def test_found_by_path_and_a_file_here_wins(tmp_path, monkeypatch):
    mine = tmp_path / "demo.toml"
    mine.write_text('name = "mine"\n', encoding="utf-8")
    assert find_recipe(mine) == mine
    monkeypatch.chdir(tmp_path)
    assert load_recipe(find_recipe("demo.toml")).name == "mine"
    assert find_recipe("demo") == SHIPPED["demo"].path


def test_reversed_languages_are_shown_as_they_translate():
    import msgspec

    shipped = SHIPPED["demo"]
    turned = msgspec.structs.replace(shipped.recipe, data=msgspec.structs.replace(shipped.recipe.data, reverse=True))
    assert type(shipped)("x", Path("x"), turned).languages == "fr-en"


@pytest.mark.parametrize(
    ("given", "message", "hint"),
    [
        ("mutli30k-en-de", "There is no recipe called 'mutli30k-en-de'", "Did you mean 'multi30k-en-de'?"),
        ("zzzz", "There is no recipe called", "Known: demo"),
        ("some/demo.toml", "There is no recipe at some/demo.toml", "Check the path"),
    ],
)
def test_a_wrong_name_is_answered_with_the_nearest(given, message, hint):
    with pytest.raises(UserError) as caught:
        find_recipe(given)
    assert message in caught.value.message
    assert hint in caught.value.hint


def test_a_folder_is_no_recipe(tmp_path):
    with pytest.raises(UserError, match="is a folder"):
        find_recipe(tmp_path)
