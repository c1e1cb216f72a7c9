"""What is seen in a corpus before its settings are chosen."""

from __future__ import annotations

import json
import random
from pathlib import Path

import pytest

from seq2seq import console
from seq2seq.corpus.pair import Pair
from seq2seq.errors import UserError
from seq2seq.pipeline.prepare.automatic import choose_for, choose_for_files, choose_pair, measure
from seq2seq.pipeline.prepare.sampled import FIRST_SAMPLED, sampled
from seq2seq.recipe.overrides import apply_overrides
from seq2seq.recipe.schema import Choice, Data
from seq2seq.text.subwords import Subwords


def test_pairs_words_and_scripts_are_those_of_pairs_with_both_sides():
    pairs = [Pair(1, "one", "раз два"), Pair(2, "", "no " * 50), Pair(3, "two", " "), Pair(4, "three", "три")]
    assert measure(iter(pairs)) == (2, 1.5, "Latin", "Cyrillic", 8, 4)
    assert measure(iter([])) == (0, 0.0, "", "", 0, 0)


def test_the_first_pairs_and_some_of_the_rest_are_a_sample():
    pairs = [Pair(number, "a", "b" if number % 3 else " ") for number in range(1, 6001)]
    with console.Progress("counting") as progress:
        found = list(sampled(iter(pairs), progress))
    assert [pair for pair, _ in found] == [pair for pair in pairs if pair.target == "b"]
    looked_at = [number for number, (_, is_sampled) in enumerate(found, start=1) if is_sampled]
    assert looked_at == [*range(1, 1001), *range(1100, 4001, 100)]


def test_a_sample_goes_through_the_whole_corpus():
    early, late = Pair(1, "a", "b"), Pair(1, "一" * 1000, "ゆき" * 500)
    measured = measure(iter([early] * FIRST_SAMPLED + [late] * 1000))
    assert (measured.source_script, measured.target_script) == ("Han", "Japanese")


@pytest.mark.parametrize(("reverse", "tokenizer"), [(False, "zh"), (True, "13a")])
def test_files_whose_names_say_nothing_are_chosen_for_by_their_script(tmp_path, reverse, tokenizer):
    (tmp_path / "left").write_text("a dog runs\n" * 30, encoding="utf-8")
    (tmp_path / "right").write_text("一只狗在奔跑\n" * 30, encoding="utf-8")
    found = choose_for_files(tmp_path / "left", tmp_path / "right", name="x", reverse=reverse)
    assert (found.recipe.text.joint, found.recipe.model.tie) == (False, "target")
    assert found.recipe.evaluation.tokenize == tokenizer
    assert reverse or "Han script" in found.reasons["evaluation.tokenize"]


def memory(*codes):
    sides = "".join(f"<tuv xml:lang='{code}'><seg>a</seg></tuv>" for code in codes)
    return f"<tmx><header srclang='*all*'/><body><tu>{sides}</tu></body></tmx>"


@pytest.mark.parametrize(
    ("name", "text", "given", "codes"),
    [
        ("a.jsonl", '{"de": "x", "en": "y"}', ("", ""), ("de", "en")),
        ("a.jsonl", '{"id": 1, "text": "x", "de": "x", "pt-BR": "y"}', ("", ""), ("de", "pt-BR")),
        ("a.jsonl", '{"id": "s0", "en": "x", "cmn": "y"}', ("", ""), ("source", "target")),
        ("a.jsonl", '{"id": "s0", "en": "x", "de": "y"}', ("", ""), ("en", "de")),
        ("a.jsonl", '{"id": "x", "en": "y"}', ("", ""), ("id", "en")),
        ("a.jsonl", '{"translation": {"fr": "x", "en": "y"}}', ("en", ""), ("en", "fr")),
        ("a.jsonl", '{"source": "x", "target": "y"}', ("", ""), ("source", "target")),
        ("a.en-de.jsonl", '{"source": "x", "target": "y"}', ("", ""), ("en", "de")),
        ("a.en-de.jsonl", '{"de": "x", "en": "y"}', ("", ""), ("en", "de")),
        ("a.jsonl", '{"de": "x", "en": "y", "fr": "z"}', ("fr", "de"), ("fr", "de")),
        ("a.tmx", memory("en-GB", "DE"), ("", ""), ("en", "de")),
        ("a.tmx", memory("en", "de"), ("de", ""), ("de", "en")),
        ("a.tmx", memory("en", "de"), ("", "en"), ("de", "en")),
        ("a.tmx", memory("en", "de"), ("en", ""), ("en", "de")),
        ("a.tmx", memory("pt-BR", "pt-PT"), ("", ""), ("pt-BR", "pt-PT")),
        ("a.de-fr.tmx", memory("en", "de", "fr"), ("", ""), ("de", "fr")),
        ("a.tmx", memory("en", "de", "fr"), ("fr", "en"), ("fr", "en")),
    ],
)
def test_languages_are_told_by_the_file_or_its_name(tmp_path, name, text, given, codes):
    (tmp_path / name).write_text(text, encoding="utf-8")
    assert choose_pair(name.rpartition(".")[2], tmp_path / name, given=given) == codes


@pytest.mark.parametrize("codes", [("en", "de", "fr"), ("en",)])
def test_a_memory_that_does_not_tell_its_two_languages_asks(tmp_path, codes):
    (tmp_path / "a.tmx").write_text(memory(*codes), encoding="utf-8")
    with pytest.raises(UserError, match=rf"its languages are: {', '.join(codes)}\..*--from en --into de"):
        choose_pair("tmx", tmp_path / "a.tmx")


def test_pretokenised_text_is_scored_as_it_is(tmp_path):
    for name in ("a.en", "a.de"):
        (tmp_path / name).write_text("a dog runs .\n" * 30, encoding="utf-8")
    found = choose_for_files(tmp_path / "a.en", tmp_path / "a.de", name="x", pretokenised=True)
    assert found.recipe.data.pretokenised
    assert found.recipe.evaluation.tokenize == "none"
    assert "tokenised already" in found.reasons["evaluation.tokenize"]
    plain = choose_for_files(tmp_path / "a.en", tmp_path / "a.de", name="x")
    assert (plain.recipe.data.pretokenised, plain.recipe.evaluation.tokenize) == (False, "13a")


@pytest.mark.parametrize("kind", ["jsonl", "parquet", "csv"])
def test_a_split_without_rows_is_set_aside_as_one_that_is_not_there(tmp_path, kind):
    import pyarrow as pa
    from pyarrow import csv, parquet

    for name, count in (("train", 60), ("validation", 0), ("test", 3)):
        path, rows = tmp_path / f"{name}.{kind}", [{"en": f"a dog {n}", "de": f"ein Hund {n}"} for n in range(count)]
        table = pa.Table.from_pylist(rows, schema=pa.schema([("en", pa.string()), ("de", pa.string())]))
        if kind == "jsonl":
            path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
        elif kind == "csv":
            csv.write_csv(table, path)
        else:
            parquet.write_table(table, path)
    data = Data(reader=Choice("hub"), hub="x/y", source_language="en", target_language="de")
    found = choose_for(data, tmp_path, name="x").recipe.data
    assert found.development_size > 0
    assert found.test_size == 0


def test_what_is_set_of_the_data_counts_before_the_corpus_is_measured(tmp_path):
    (tmp_path / "a.tsv").write_text("word\tслово\tодин два три\n" * 30, encoding="utf-8")
    data = Data(reader=Choice("tsv"), train=("a.tsv",), source_language="ru", target_language="en")
    with pytest.raises(UserError, match="letters are mostly Latin"):
        choose_for(data, tmp_path, name="x")
    found = choose_for(data, tmp_path, name="x", settings=["data.columns=[1,0]", "data.seed=7", "text.joint=true"])
    assert (found.recipe.data.columns, found.recipe.data.seed) == ((1, 0), 7)
    assert not found.recipe.text.joint  # for another section it is too early
    both = choose_for(data, tmp_path, name="x", settings=["data.columns=[1,2]", "data.target_language=bg"])
    assert both.recipe.text.joint  # one script
    (tmp_path / "a.jsonl").write_text('{"m": {"a": "dog", "b": "Hund"}}\n' * 30, encoding="utf-8")
    fields = 'data.fields=["m.a","m.b"]'
    preset = choose_for_files(tmp_path / "a.jsonl", None, name="x", reader="jsonl", settings=[fields])
    assert preset.recipe.data.fields == ("m.a", "m.b")
    sizes = choose_for(data, tmp_path, name="x", settings=["data.columns=[1,0]", "data.development_size=9"])
    assert sizes.recipe.data.development_size == found.recipe.data.development_size  # chosen, with its reason


def test_codes_that_are_the_opposite_of_the_files_names_are_refused():
    with pytest.raises(UserError, match=r"toy\.en is given as 'fr', and toy\.fr as 'en'") as caught:
        choose_pair("aligned", Path("toy.en"), Path("toy.fr"), given=("fr", "en"))
    assert "--from en --into fr" in caught.value.hint


@pytest.mark.parametrize("given", [("fr", ""), ("", "en")])
def test_one_code_that_would_make_both_sides_one_language_is_refused(given):
    with pytest.raises(UserError, match="into itself") as caught:
        choose_pair("aligned", Path("toy.en"), Path("toy.fr"), given=given)
    assert "--from en --into fr" in caught.value.hint


def test_a_vocabulary_has_room_for_the_characters_of_the_text(tmp_path):
    generator = random.Random(1)
    drawn = [chr(0x4E00 + min(int(generator.paretovariate(0.4)), 9000)) for _ in range(20 * 900)]
    lines = ["".join(drawn[start : start + 20]) for start in range(0, len(drawn), 20)]
    (tmp_path / "my.zh").write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
    (tmp_path / "my.en").write_text("".join(f"line {n} of a text\n" for n in range(900)), encoding="utf-8")
    preset = choose_for_files(tmp_path / "my.zh", tmp_path / "my.en", name="x")
    size = preset.recipe.text.vocabulary_size
    assert size > 1000
    assert "characters, each of which needs an id" in preset.reasons["text.vocabulary_size"]
    assert Subwords.train(iter(lines), vocabulary_size=size, seed=1).vocabulary_size <= size
    with pytest.raises(UserError, match="too small"):
        Subwords.train(iter(lines), vocabulary_size=1000, seed=1)


@pytest.mark.parametrize("given", [("en", "fr"), ("de", "en"), ("en", "de"), ("en-GB", "fr-CA"), ("fr", "fr")])
def test_codes_that_the_files_names_do_not_turn_round_are_taken(given):
    assert choose_pair("aligned", Path("toy.en"), Path("toy.fr"), given=given) == given


def test_files_whose_letters_are_each_others_are_refused(tmp_path):
    source, target = tmp_path / "one.txt", tmp_path / "two.txt"
    source.write_text("".join(f"слово {word}\n" for word in ("дом", "лес", "сад")), encoding="utf-8")
    target.write_text("word house\nword wood\nword garden\n", encoding="utf-8")
    with pytest.raises(UserError, match="said to be 'en' and its letters are mostly Cyrillic"):
        choose_for_files(source, target, name="x", from_language="en", into_language="ru")
    choose_for_files(source, target, name="x", from_language="ru", into_language="en")
    # Serbian is written in both: that one side is unlike its language is no reason to refuse it.
    choose_for_files(target, target, name="x", from_language="en", into_language="sr")


@pytest.mark.parametrize(
    ("settings", "lexical", "guided"),
    [
        ([], True, 1.0),
        (["model.attention=additive", "training.truncate = 0"], True, 1.0),
        (["training.truncate=20"], True, 0.0),
        (["model.wiring=fixed-vector", "model.attention = 'none'"], False, 0.0),
        (["model.wiring=fixed-vector", "model.attention.name=none"], False, 0.0),
        (["model.attention={name='none'}", "model.wiring.name=fixed-vector"], False, 0.0),
    ],
)
def test_nothing_is_chosen_that_a_person_would_be_told_to_undo(tmp_path, settings, lexical, guided):
    source, target = tmp_path / "a.en", tmp_path / "a.fr"
    for path, word in ((source, "house"), (target, "maison")):
        path.write_text("".join(f"{word} {number}\n" for number in range(40)), encoding="utf-8")
    found = choose_for_files(source, target, name="x", from_language="en", into_language="fr", settings=settings)
    assert (found.recipe.model.lexical, found.recipe.training.guided_attention) == (lexical, guided)
    assert ("model.lexical" in found.reasons, "training.guided_attention" in found.reasons) == (lexical, guided > 0)
    apply_overrides(found.recipe, settings)  # and so it breaks no rule
