"""Reading, refusing and writing recipes."""

from __future__ import annotations

import tomllib
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from seq2seq.errors import UserError
from seq2seq.recipe.decode import complete
from seq2seq.recipe.place import Place, lines_of
from seq2seq.recipe.schema import Choice, Corpus, Data, Model, Recipe, Text, Training
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
        ("[data]\nfilters = [{name = 'ratio', maximum = nan}]", "maximum must be a number, not nan", ""),
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
        ("[data]\nfilters = 'empty'", "[data] filters must be a list, each entry the name of a filter", ""),
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


@pytest.mark.parametrize(("opening", "closing"), [("[", ""), ("[", "]"), ("{a=", "}")])
def test_toml_that_is_nested_too_deeply_is_refused(tmp_path, opening, closing):
    error = refused(tmp_path, "a=" + opening * 5000 + closing * 5000)
    assert "nested too deeply" in error.message
    assert error.hint


@pytest.mark.parametrize("seed", [-(2**63), -1, 0, 2**63 - 1])
def test_a_seed_may_be_any_number_of_64_bits(tmp_path, seed):
    recipe = loaded(tmp_path, "".join(f"[{section}]\nseed = {seed}\n" for section in ("data", "training", "search")))
    assert recipe.data.seed == recipe.training.seed == recipe.search.seed == seed


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
FIELDS = {
    "aligned": st.just(()),
    "tmx": st.just(()),
    "jsonl": st.tuples(TEXTS.map("s".__add__), TEXTS.map("t".__add__)) | st.just(()),
}
CORPORA = st.one_of(
    st.builds(
        Corpus,
        name=TEXTS,
        reader=st.just(Choice(reader)),
        hub=st.just("a/b"),
        fields=fields,
        weight=st.floats(0, exclude_min=True, allow_infinity=False),
    )
    for reader, fields in FIELDS.items()
)
DATA = st.builds(
    Data, train=st.tuples(TEXTS, TEXTS) | st.just(()), test=st.just(("v", "w")), test_lines=LINES, reverse=st.booleans()
) | st.builds(Data, corpora=st.lists(CORPORA, max_size=3, unique_by=lambda corpus: corpus.name or object()).map(tuple))
RECIPES = st.builds(
    Recipe,
    name=st.text(st.characters(exclude_categories=["Cs"], exclude_characters="/\\\0"), max_size=12).map("n".__add__),
    description=TEXTS,
    data=DATA,
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


SEVERAL = """# mine
name = "several"
[data]
source_language = "en"

[[data.corpora]]
train = ["a.en", "a.de"]

[[data.corpora]]  # the second
name = "memory"
reader = "tmx"
train = [
  "m.tmx",
]
weight = 2

[model]
description = """


def test_several_corpora_are_read_and_written_each_under_its_heading(tmp_path):
    recipe = loaded(tmp_path, SEVERAL.removesuffix("description = "))
    assert recipe.data.corpora == (
        Corpus(train=("a.en", "a.de")),
        Corpus(name="memory", reader=Choice("tmx"), train=("m.tmx",), weight=2.0),
    )
    written = dump_recipe(recipe)
    assert written.count("[[data.corpora]]") == 2
    assert loaded(tmp_path, written) == recipe
    assert "[[data.corpora]]" not in dump_recipe(Recipe())


@pytest.mark.parametrize(
    ("right", "wrong", "line", "message", "hint"),
    [
        ("weight = 2", "weight = 0", 15, "data.corpora[2].weight must be a number (above 0), not 0", ""),
        ("weight = 2", "wieght = 2", 15, "data.corpora[2] has no setting 'wieght'", "Did you mean 'weight'?"),
        ('reader = "tmx"', 'reader = "tmz"', 11, 'data.corpora[2].reader = "tmz": there is no reader', "'tmx'"),
        ('reader = "tmx"', 'reader = { name = "tmx", x = 1 }', 11, "data.corpora[2].reader: The reader", "takes none"),
        ('train = ["a.en", "a.de"]', "train = 1", 7, "data.corpora[1].train must be a list", ""),
        ('train = ["a.en", "a.de"]', 'train = ["a.en"]', 7, "data.corpora[1].train lists 1 file(s)", "Correct"),
        ('train = ["a.en", "a.de"]', 'train = ["a", "b"]\ndropout = 0', 8, "data.corpora[1] has no", "[model]"),
        ('source_language = "en"', 'sauce_language = "en"', 4, "[data] has no setting", "'source_language'"),
        ('source_language = "en"', 'train = ["a", "b"]', 4, "data.train and data.corpora both", "[[data.corpora]]"),
        ('source_language = "en"', 'reader = { name = "tsw" }', 4, "there is no reader", "'tsv'"),
        ('name = "several"', "name = 3", 2, "name must be text in quotes, not 3", ""),
        ('name = "several"', 'name = """\n[data]\nreader = "x"\n"""\nnmae = 1', 6, "no setting 'nmae'", "'name'"),
        ("description = ", "dropout = 2", 18, "[model] dropout must be a number", ""),
        ("[model]\ndescription = ", "[modle]", 17, "the top level has no setting 'modle'", "'model'"),
        ("[model]\ndescription = ", "model.dropout = 2", 17, "[data.corpora[2]]", ""),
        ("[model]", "[training.schedule]\nwarmup_updates = -1\n[text]", 18, "warmup_updates must be", ""),
    ],
)
def test_a_wrong_setting_is_refused_with_its_line(tmp_path, right, wrong, line, message, hint):
    assert SEVERAL.count(right) == 1
    text = SEVERAL.replace(right, wrong)
    error = refused(tmp_path, text.removesuffix("description = "))
    if message != "[data.corpora[2]]":
        assert f"recipe.toml, line {line}: " in error.message
        assert message in error.message
        assert hint in error.hint
    else:  # a dotted key below a heading belongs to that section
        assert "data.corpora[2] has no setting 'model'" in error.message


def test_the_corpora_must_be_sections(tmp_path):
    for text in ("[data]\ncorpora = 3", "[data]\ncorpora = 'a.tsv'"):
        error = refused(tmp_path, text)
        assert "line 2: data.corpora must be a list of sections, not" in error.message
        assert "[[data.corpora]]" in error.hint
    assert "data.corpora[1] is a section, not a value" in refused(tmp_path, "[data]\ncorpora = ['a.tsv']").message
    assert "data.corpora must be a list" in refused(tmp_path, "[data.corpora]\nweight = 1").message


def test_lines_of_settings_by_hand():
    above = "a = 1\n\n[s]\nb.c = 2\nt = '''\nx = 3\n'''\n"
    below = '[ s . u ]\n"d" = [\n  1,\n]\n[[l]]\ne = 1\n[[l]]\ne = 2 # f = 3\n'
    assert lines_of(above + below) == {
        "a": 1,
        "s": 3,
        "s.b.c": 4,
        "s.t": 5,
        "s.u": 8,
        "s.u.d": 9,
        "l": 12,
        "l[1]": 12,
        "l[1].e": 13,
        "l[2]": 14,
        "l[2].e": 15,
    }


def test_lines_end_where_those_of_toml_do():
    assert lines_of('a = "\u2028 \u0085 \x0c"  # \u2029 \x1c\nb = 1\n') == {"a": 1, "b": 2}


INLINE = """# mine
[data]

corpora = [{ train = ["a", "b"] }, { train = ["c", "d"], weight = 1 }]
"""


@pytest.mark.parametrize(
    ("right", "wrong", "message"),
    [
        ("weight = 1", "weight = -1", "data.corpora[2].weight must be"),
        ("weight = 1", "wieght = 1", "data.corpora[2] has no setting"),
        ('train = ["c", "d"], ', "", "data.corpora[2].train names no files"),
        ('"c", "d"', '"c"', "data.corpora[2].train lists 1 file(s)"),
    ],
)
def test_an_entry_of_an_inline_list_has_the_line_of_the_list(tmp_path, right, wrong, message):
    assert INLINE.count(right) == 1
    error = refused(tmp_path, INLINE.replace(right, wrong))
    assert f"recipe.toml, line 4: {message}" in error.message


def test_a_name_that_is_none_is_refused_with_its_line(tmp_path):
    error = refused(tmp_path, "\nname = 'a/b'\n")
    assert 'recipe.toml, line 2: name = "a/b" is no name of a folder' in error.message


def test_a_place_names_the_nearest_line():
    place = Place("f.toml", {"model": 3, "model.cell": 5})
    assert place.at("model.cell.heads") == "f.toml, line 5"
    assert place.at("model.dropout") == "f.toml, line 3"
    assert place.at("data.seed") == place.at("") == "f.toml"
    assert place.mentioned("data.seed and model.cell clash with model.dropout") == "f.toml, line 5"
    assert place.mentioned("nothing here") == "f.toml"
