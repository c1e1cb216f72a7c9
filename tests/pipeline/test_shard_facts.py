"""What a shard says of itself: what is read is what was written, and what is damaged is named, with what to do."""

from __future__ import annotations

import json

import pytest
from toy_runs import done, refused, sets, toy_pairs, write_pairs

from seq2seq.bundle import RunFolder
from seq2seq.errors import UserError
from seq2seq.pipeline.prepare.prepare import prepare
from seq2seq.pipeline.prepare.prepare_shard import prepare_shard
from seq2seq.pipeline.prepare.shards.facts import FACTS, read_facts
from seq2seq.pipeline.prepare.shards.shard import Shard
from seq2seq.recipe.schema import Choice, Data, Recipe, Text

EXAMPLE = {"block": 4, "corpus": "", "line": 17, "source": "", "target": "nada"}
EMPTY = {"count": 2, "first": [4, 0], "examples": [EXAMPLE, {**EXAMPLE, "block": 7, "line": 30}]}
TOLD = {
    "schema_version": 1,
    "shard": 2,
    "shards": 3,
    "inputs": {"settings": "00", "files": {"a.en": "11", "a.fr": "22"}},
    "corpora": [{"name": "a", "pairs": 150}],
    "read": 48,
    "kept": 46,
    "dropped": {"empty": EMPTY},
    "files": {"pairs.arrow": "33", "hashes.bin": "44"},
}
"""What the first version wrote of a shard; it names the corpus of each example, also where there is only one."""


def write(place, told):
    place.mkdir(parents=True, exist_ok=True)
    (place / FACTS).write_text(json.dumps(told, ensure_ascii=False, indent=2) + "\n", encoding="utf-8")


@pytest.mark.parametrize("more", [{}, {"weather": {"was": [1, None]}}], ids=["first", "newer"])
def test_what_was_read_is_written_as_it_was(tmp_path, more):
    write(tmp_path, {**TOLD, **more})
    before = (tmp_path / FACTS).read_bytes()
    facts = read_facts(Shard(2, 3), tmp_path)
    assert facts.to_dict() == {**TOLD, **more}
    facts.write(tmp_path)
    assert (tmp_path / FACTS).read_bytes() == before


@pytest.fixture
def prepared(tmp_path):
    """A recipe, and a run with both of two shards."""
    pairs = [*toy_pairs(40), ("", "nothing")]
    data = Data(
        train=tuple(map(str, write_pairs(tmp_path, pairs))),
        development_size=5,
        source_language="en",
        target_language="eu",
    )
    recipe, run = Recipe(name="x", data=data, text=Text(tokenizer=Choice("words"))), RunFolder(tmp_path / "run")
    for number in (1, 2):
        prepare_shard(recipe, run, Shard(number, 2), threads=1)
    return recipe, run


def check_refused(prepared, found):
    """What merging says names the file and what to do, and the shard may then be prepared again, unforced."""
    recipe, run = prepared
    path = Shard(2, 2).folder(run.path) / FACTS
    with pytest.raises(UserError, match=found) as error:
        prepare(recipe, run, merge=True, threads=1)
    assert error.value.message.startswith(str(path))
    assert "Prepare it again: --shard 2/2" in error.value.hint
    assert prepare_shard(recipe, run, Shard(2, 2), threads=1).changed
    assert prepare(recipe, run, merge=True, threads=1).changed


@pytest.mark.parametrize(
    ("changes", "found"),
    [
        ({"schema_version": "1"}, "the schema version is '1', not a whole number"),
        ({"shard": "2"}, 'damaged: shard is "2", not a whole number'),
        ({"inputs": "00"}, 'damaged: inputs is "00", not an object'),
        ({"inputs": {"settings": "00"}}, r"damaged: inputs\.files is missing"),
        ({"inputs": {"settings": "00", "files": {"a": 1}}}, r"damaged: inputs\.files\.a is 1, not text"),
        ({"corpora": {"a": 9}}, "damaged: corpora is .*, not a list"),
        ({"corpora": [{"name": "a"}]}, r"damaged: corpora\[1\]\.pairs is missing"),
        ({"read": None}, "damaged: read is null, not a whole number"),
        ({"kept": 4.5}, r"damaged: kept is 4\.5, not a whole number"),
        ({"dropped": []}, "damaged: dropped is .*, not an object"),
        ({"dropped": {"empty": 2}}, r"damaged: dropped\.empty is 2, not an object"),
        ({"dropped": {"empty": {**EMPTY, "first": [4]}}}, r"damaged: dropped\.empty\.first is \[4\], not a list of 2"),
        ({"dropped": {"empty": {**EMPTY, "first": [4, "0"]}}}, r'first\[2\] is "0", not a whole number'),
        ({"dropped": {"empty": {**EMPTY, "examples": [{"line": 1}]}}}, r"examples\[1\]\.block is missing"),
        ({"files": ["pairs.arrow"]}, "damaged: files is .*, not an object"),
        ({"files": {"pairs.arrow": None}}, r"damaged: files\.pairs\.arrow is null, not text"),
    ],
)
def test_a_field_of_a_wrong_kind_is_named(prepared, changes, found):
    place = Shard(2, 2).folder(prepared[1].path)
    write(place, {**json.loads((place / FACTS).read_text(encoding="utf-8")), **changes})
    check_refused(prepared, found)


@pytest.mark.parametrize("key", TOLD)
def test_a_field_that_is_missing_is_named(prepared, key):
    place = Shard(2, 2).folder(prepared[1].path)
    told = json.loads((place / FACTS).read_text(encoding="utf-8"))
    del told[key]
    write(place, told)
    check_refused(prepared, "schema version is None" if key == "schema_version" else f"damaged: {key} is missing")


@pytest.mark.parametrize(("end", "found"), [(-9, "damaged: .* line"), (0, "damaged: .* line 1")])
def test_a_file_that_was_copied_in_part_is_named(prepared, end, found):
    path = Shard(2, 2).folder(prepared[1].path) / FACTS
    path.write_bytes(path.read_bytes()[:end])
    check_refused(prepared, found)


def test_a_file_of_something_else_is_named(prepared):
    write(Shard(2, 2).folder(prepared[1].path), [TOLD])
    check_refused(prepared, "damaged: it holds list, not an object")


def test_a_newer_shard_is_refused(tmp_path):
    write(tmp_path, {**TOLD, "schema_version": 2})
    with pytest.raises(UserError, match=r"has schema version 2.*Install a newer"):
        read_facts(Shard(2, 3), tmp_path)


def test_the_command_tells_what_the_file_says(tmp_path):
    source, target = write_pairs(tmp_path, [*toy_pairs(120), ("", "nothing")])
    options = ("--source", source, "--target", target, *sets("text.vocabulary_size=420"), "--run", tmp_path / "run")
    told = done("prepare", *options, "--shard", "1/1", "--json").json
    path = Shard(1, 1).folder(tmp_path / "run") / FACTS
    written = json.loads(path.read_text(encoding="utf-8"))
    assert list(written) == list(TOLD)
    shared = ["shard", "shards", "corpora", "read", "kept", "dropped"]
    assert list(told) == ["run", "folder", "changed", "missing", *shared]
    assert {key: told[key] for key in shared} == {key: written[key] for key in shared}
    (dropped,) = written["dropped"]["empty"]["examples"]
    assert (list(dropped), dropped["corpus"]) == (list(EXAMPLE), "")
    del written["kept"]
    write(path.parent, written)
    message = refused("prepare", *options, "--merge")
    assert "shard.json is damaged: kept is missing" in message
    assert "--shard 1/1" in message
