"""Reading, refusing and writing recipes."""

from __future__ import annotations

import tomllib
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from seq2seq.errors import UserError
from seq2seq.recipe.decode import complete
from seq2seq.recipe.schema import Choice, Data, Model, Recipe, Text, Training
from seq2seq.recipe.toml import dump_recipe, load_recipe


def refused(tmp_path: Path, text: str) -> UserError:
    path = tmp_path / "recipe.toml"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(UserError) as caught:
        load_recipe(path)
    assert str(path) in caught.value.message
    return caught.value


def loaded(tmp_path: Path, text: str) -> Recipe:
    path = tmp_path / "recipe.toml"
    path.write_text(text, encoding="utf-8")
    return load_recipe(path)


def test_an_empty_file_is_all_defaults_with_members_filled_in(tmp_path):
    recipe = loaded(tmp_path, "")
    assert recipe == complete(Recipe())
    assert recipe.model.attention == Choice("multi-head", {"heads": 4})
    assert recipe.data.filters[1] == Choice("length", {"maximum": 100})


def test_a_member_is_a_name_or_a_table(tmp_path):
    recipe = loaded(
        tmp_path,
        '[model]\ncell = "gru"\nattention = { name = "multi-head", heads = 8 }\n'
        '[data]\nfilters = ["empty", { name = "ratio", maximum = 3 }]\n'
        '[training.schedule]\nshape = { name = "plateau", patience = 4 }\n',
    )
    assert recipe.model.cell == Choice("gru")
    assert recipe.model.attention == Choice("multi-head", {"heads": 8})
    assert recipe.data.filters == (Choice("empty"), Choice("ratio", {"maximum": 3.0}))
    assert isinstance(recipe.data.filters[1].settings["maximum"], float)
    assert recipe.training.schedule.shape == Choice("plateau", {"factor": 0.5, "patience": 4})


@pytest.mark.parametrize(
    ("text", "message", "hint"),
    [
        ("[model]\ncel = 'lstm'", "[model] has no setting 'cel'", "Did you mean 'cell'?"),
        ("[modle]\n", "the top level has no setting 'modle'", "Did you mean 'model'?"),
        ("dropout = 0.1", "the top level has no setting 'dropout'", "'dropout' belongs to [model]."),
        ("[text]\nseed = 1", "[text] has no setting 'seed'", "'seed' belongs to [data] or [training] or [search]."),
        ("[text]\ndescription = ''", "no setting 'description'", "'description' belongs to the top level"),
        ("[training]\nwarmup_updates = 5", "[training] has no setting", "belongs to [training.schedule]."),
        ("model = 3", "model is a section, not a value, and was given 3", "cell"),
        ("[model]\ndropout = 1.5", "[model] dropout must be a number (at least 0 and below 1), not 1.5", ""),
        ("[model]\ndropout = '0.1'", 'not "0.1"', ""),
        ("[model]\nencoder_size = 0", "a whole number (at least 1), not 0", ""),
        ("[model]\nencoder_size = 2.5", "a whole number (at least 1), not 2.5", ""),
        ("[model]\nencoder_size = true", "a whole number (at least 1), not true", ""),
        ("[model]\nbidirectional = 1", "true or false, not 1", ""),
        ("[model]\nbridge = 'lst'", 'one of "last", "mean", "zero", not "lst"', "Did you mean 'last'?"),
        ("[search]\ntop_p = 0.0", "a number (above 0 and at most 1), not 0.0", ""),
        ("[training]\nlearning_rate = inf", "not inf", ""),
        ("[training]\nmax_epochs = nan", "not nan", ""),
        ("[data]\nhub = 1979-05-27", "text in quotes, not 1979-05-27", ""),
        ("[data]\ntrain = 'a'", 'a list, each entry text in quotes, not "a"', ""),
        ("[data]\ncolumns = [1]", "a list of 2, each entry a whole number, not [1]", ""),
        ("[data]\ntest_lines = 'all'", 'or "none", not "all"', ""),
        ("[model]\ncell = 'lstn'", 'model.cell = "lstn": there is no cell of that name', "Did you mean 'lstm'?"),
        ("[model]\ncell = 3", "model.cell must be the name of a cell, not 3", "Known: "),
        ("[model]\ncell = { heads = 3 }", "does not say which cell it is", "Known: "),
        ("[model]\nattention = { name = 'multi-head', heds = 3 }", "has no setting 'heds'", "Did you mean 'heads'?"),
        ("[model]\nattention = { name = 'multi-head', heads = 'x' }", "must be of type int, not 'x'", ""),
        ("[model]\nattention = { name = 'multi-head', heads = true }", "model.attention.heads must be like 4", ""),
        ("[model]\nattention = { name = 'dot', heads = 4 }", "'dot' has no setting 'heads'", "It takes none."),
        ("[data]\nreader = 'tvs'", "there is no reader", "Did you mean 'tsv'?"),
        ("[data]\nfilters = ['emty']", "there is no filter", "Did you mean 'empty'?"),
        ("[data]\nfilters = 'empty'", "", ""),
        ("[text]\ntokenizer = 'word'", "there is no tokenizer", "Did you mean 'words'?"),
        ("[training.schedule]\nshape = 'liner'", "there is no schedule", "Did you mean 'linear'?"),
        ("[evaluation]\nmetrics = ['blue']", "there is no metric", "Did you mean 'bleu'?"),
        ("[search]\nname = 'bean'", "there is no search", "Did you mean 'beam'?"),
    ],
)
def test_a_wrong_setting_is_refused_with_what_is_allowed(tmp_path, text, message, hint):
    error = refused(tmp_path, text)
    assert message in error.message
    assert hint in error.hint


@pytest.mark.parametrize(
    ("text", "place"),
    [('name = "a"\n[model\n', ", line 2, column"), ("name = ", ": not valid TOML"), ("a = 1\na = 2\n", "line 2")],
)
def test_broken_toml_names_the_line(tmp_path, text, place):
    error = refused(tmp_path, text)
    assert place in error.message
    assert "not valid TOML" in error.message


def test_unreadable_files(tmp_path):
    with pytest.raises(UserError, match="cannot be read: No such file"):
        load_recipe(tmp_path / "absent.toml")
    with pytest.raises(UserError, match="cannot be read"):
        load_recipe(tmp_path)
    path = tmp_path / "latin.toml"
    path.write_bytes(b'name = "caf\xe9"')
    with pytest.raises(UserError, match="byte 11: not UTF-8"):
        load_recipe(path)


def test_a_byte_order_mark_and_windows_line_ends_are_read(tmp_path):
    path = tmp_path / "recipe.toml"
    path.write_bytes(b'\xef\xbb\xbfname = "mine"\r\n[model]\r\ndropout = 0.1\r\n')
    recipe = load_recipe(path)
    assert (recipe.name, recipe.model.dropout) == ("mine", 0.1)


TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=12)
LINES = st.none() | st.tuples(st.integers(1, 50), st.integers(50, 99))
RECIPES = st.builds(
    Recipe,
    name=TEXTS,
    description=TEXTS,
    data=st.builds(Data, train=st.tuples(TEXTS, TEXTS) | st.just(()), test_lines=LINES, reverse=st.booleans()),
    text=st.builds(Text, tokenizer=st.sampled_from([Choice("words", {"minimum_count": 3}), Choice("sentencepiece")])),
    model=st.builds(Model, dropout=st.floats(0, 1, exclude_max=True), cell=st.sampled_from([Choice("gru")])),
    training=st.builds(Training, learning_rate=st.floats(0, exclude_min=True, allow_infinity=False)),
)


@settings(max_examples=40, deadline=None)
@given(recipe=RECIPES, reason=TEXTS)
def test_what_is_written_reads_back_the_same(tmp_path_factory, recipe, reason):
    path = tmp_path_factory.mktemp("round") / "recipe.toml"
    reasons = {"model.dropout": reason, "training.schedule.shape": reason}
    path.write_text(dump_recipe(recipe, reasons), encoding="utf-8")
    assert load_recipe(path) == complete(recipe)


def test_every_value_is_written_with_its_reason_above_it():
    text = dump_recipe(Recipe(), {"model.dropout": "Because\nof this. " + "Very long. " * 20})
    table = tomllib.loads(text)
    assert table["model"]["attention"] == {"name": "multi-head", "heads": 4}
    assert table["data"]["development_lines"] == "none"
    assert set(table["training"]) == set(Training.__struct_fields__)
    lines = text.splitlines()
    at = lines.index("dropout = 0.3")
    assert lines[at - 1].startswith("# ")
    assert "# Because of this. Very long." in text
    assert max(map(len, lines)) <= 120


@pytest.mark.parametrize("trail", ["model.dropuot", "model", "nothing"])
def test_a_reason_for_no_setting_is_a_mistake_of_the_caller(trail):
    with pytest.raises(ValueError, match=trail):
        dump_recipe(Recipe(), {trail: "why"})
