"""A run's manifest: what is read is what was written, by this version, an older one or a newer one."""

from __future__ import annotations

import json
import re

import pytest
from made_manifests import made_manifest, split_of
from msgspec.structs import replace
from toy_runs import toy_pairs, write_pairs

from seq2seq.bundle import RunFolder
from seq2seq.errors import UserError
from seq2seq.manifest import CleaningReport, Inputs, SplitCounts, Synthetic, TrainingCorpus
from seq2seq.pipeline.prepare.inputs import current_inputs
from seq2seq.pipeline.prepare.prepare import prepare
from seq2seq.recipe.schema import Choice, Data, Recipe, Text

SPLIT = {"pairs": 9, "source_tokens": 50, "target_tokens": 55, "longest_source": 7, "longest_target": 8}
EXAMPLE = {"line": 3, "source": "one", "target": "un"}
DROPPED = {"empty": {"count": 2, "examples": [{"corpus": "a", **EXAMPLE}, EXAMPLE]}}
REPORT = {"read": 12, "kept": 10, "dropped": DROPPED, "noticed": {}}
OLDER = {
    "schema_version": 1,
    "name": "mine",
    "source_language": "en",
    "target_language": "fr",
    "inputs": {"settings": "00", "files": {"a.en": "11", "a.fr": "22"}},
    "recipe": "33",
    "splits": {"train": SPLIT, "development": SPLIT},
    "cleaning": {"train": {"read": 12, "kept": 10, "dropped": DROPPED}},
    "vocabulary": {"joint": True, "source": 300, "target": 300},
    "reasons": {"model.dropout": "Few pairs."},
}
"""What the first version wrote, but for the values of the settings."""
TOLD = {"name": "first", "update": 70, "weights": "44", "old_share": 0.5}
FULL = {
    **{key: OLDER[key] for key in ("schema_version", "name", "source_language", "target_language")},
    "inputs": {**OLDER["inputs"], "start": {"weights": "44", "old_share": 0.5, "old": {"train": "55"}}},
    "recipe": "33",
    "splits": OLDER["splits"],
    "corpora": [
        {"name": "a", "pairs": 6, "weight": 1.0},
        {"name": "b", "pairs": 3, "weight": 0.25, "tag": "<bt>", "by": "backtranslate"},
    ],
    "epoch_pairs": 12,
    "cleaning": {"train": REPORT, "development": {**REPORT, "noticed": DROPPED}},
    "vocabulary": OLDER["vocabulary"],
    "reasons": OLDER["reasons"],
    "chosen": {"model.dropout": 0.3},
    "folder": "",
    "synthetic": {
        "by": "backtranslate",
        "of": "runs/a",
        "models": {"model": "66", "--engine": "torch", "beam": 5},
        "search": "beam",
        "name": "b",
        "selected": REPORT,
        "sieved": REPORT,
        "cleaning": {"filters": ["empty", {"name": "length", "maximum": 30}], "deduplicate": True},
    },
    "start": {"weights": "44", "told": TOLD, "command": "seq2seq finetune …", "old": "/runs/old"},
}
"""All that may be said, in the order in which it is written; no run is both fine-tuned and of synthetic pairs."""


@pytest.fixture
def run(tmp_path):
    return RunFolder(tmp_path / "run")


def write(run, told):
    run.path.mkdir(exist_ok=True)
    run.manifest.write_text(json.dumps(told, ensure_ascii=False, indent=2) + "\n", encoding="utf-8")


@pytest.mark.parametrize("told", [OLDER, FULL], ids=["older", "full"])
def test_what_was_read_is_written_as_it_was(run, told):
    write(run, told)
    before = run.manifest.read_bytes()
    found = run.read_manifest()
    assert found.to_dict() == told
    found.write(run.manifest)
    assert run.manifest.read_bytes() == before
    assert run.read_manifest() == found


def test_what_older_runs_lack_has_a_default(run):
    write(run, OLDER)
    found = run.read_manifest()
    assert (found.corpora, found.epoch_pairs, found.chosen, found.folder) == ((), None, None, None)
    assert (found.synthetic, found.start, found.cleaning["train"].noticed) == (None, None, None)
    assert found.corpora_or_one("all") == (TrainingCorpus(name="all", pairs=9, weight=1.0),)


def test_every_part_is_an_attribute(run):
    write(run, FULL)
    found = run.read_manifest()
    assert found.languages == ("en", "fr")
    assert found.inputs.start.old == {"train": "55"}
    assert found.splits["train"] == SplitCounts(**SPLIT)
    assert [(one.name, one.tag, one.by) for one in found.corpora_or_one("all")] == [
        ("a", "", ""),
        ("b", "<bt>", "backtranslate"),
    ]
    assert [one.corpus for one in found.cleaning["train"].dropped["empty"].examples] == ["a", ""]
    assert found.synthetic.sieved.kept == 10
    assert found.start.told.to_dict() == TOLD


def test_an_empty_folder_is_written_and_none_is_not():
    """As is the settings' table: of an older run it is not known, and one that chose nothing has an empty one."""
    assert "folder" not in made_manifest().to_dict()
    told = made_manifest(folder="", chosen={}, synthetic=Synthetic()).to_dict()
    assert (told["folder"], told["chosen"], told["synthetic"]) == ("", {}, {})


def test_what_a_newer_version_added_is_kept(run):
    told = {**FULL, "weather": {"was": [1, None]}, "others": 7}
    told["splits"] = {"train": {**SPLIT, "shortest_source": 1}, "development": SPLIT}
    told["corpora"] = [{**FULL["corpora"][0], "licence": "CC0"}]
    write(run, told)
    found = replace(run.read_manifest(), name="another")
    assert found.others == {"weather": {"was": [1, None]}, "others": 7}
    found.write(run.manifest)
    assert json.loads(run.manifest.read_text(encoding="utf-8")) == {**told, "name": "another"}


def test_a_newer_layout_is_refused(run):
    for version, message in ((2, "has schema version 2"), (None, "the schema version is None")):
        write(run, {**OLDER, "schema_version": version})
        with pytest.raises(UserError, match=message) as error:
            run.read_manifest()
        assert str(run.manifest) in error.value.message


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"name": 3}, "name is 3, not text"),
        ({"splits": [SPLIT]}, "splits is .*, not an object"),
        ({"splits": {"train": {**SPLIT, "pairs": "9"}}}, r'splits\.train\.pairs is "9", not a whole number'),
        ({"splits": {"train": {"pairs": 9}}}, r"splits\.train\.source_tokens is missing"),
        ({"corpora": {}}, "corpora is .*, not a list"),
        ({"corpora": ["a"]}, r'corpora\[1\] is "a", not an object'),
        (
            {"corpora": [FULL["corpora"][0], {"name": "b", "pairs": 1, "weight": "2"}]},
            r'corpora\[2\]\.weight is "2", not a number',
        ),
        ({"vocabulary": {"joint": 1, "source": 3, "target": 3}}, r"vocabulary\.joint is 1, not true or false"),
        ({"start": None}, "start is null, not an object"),
        ({"reasons": {"model.dropout": 1}}, r"reasons\.model\.dropout is 1, not text"),
    ],
)
def test_what_is_damaged_is_named(run, changes, told):
    write(run, {**OLDER, **changes})
    with pytest.raises(UserError, match=told) as error:
        run.read_manifest()
    assert error.value.message.startswith(f"{run.manifest} is damaged: ")
    assert "in another folder" in error.value.hint


@pytest.mark.parametrize("text", ["", '{"schema_version": 1,', "[]", "{}"], ids=["empty", "cut", "list", "no-version"])
def test_what_is_no_manifest_at_all_says_what_to_do_too(run, text):
    run.path.mkdir()
    run.manifest.write_text(text, encoding="utf-8")
    with pytest.raises(UserError, match=re.escape(str(run.manifest))) as error:
        run.read_manifest()
    assert "in another folder" in error.value.hint


@pytest.mark.parametrize("key", [key for key in OLDER if key != "schema_version"])
def test_what_every_run_must_say_is_missed(run, key):
    write(run, {name: value for name, value in OLDER.items() if name != key})
    with pytest.raises(UserError, match=f"damaged: {key} is missing"):
        run.read_manifest()


def test_a_split_of_another_run_comes_with_its_counts():
    report = CleaningReport(read=5, kept=5, dropped={}, noticed={})
    other = made_manifest(splits={"x": split_of(5)}, cleaning={"x": report})
    found = made_manifest(splits={"train": split_of(9)}).with_split_of(other, "x")
    assert found.splits == {"train": split_of(9), "x": split_of(5)}
    assert found.cleaning == {"x": report}


def test_what_prepare_writes_is_what_is_read(tmp_path, run):
    files = tuple(map(str, write_pairs(tmp_path, toy_pairs(60))))
    data = Data(train=files, development_size=5, source_language="en", target_language="eu")
    recipe = Recipe(name="toy", data=data, text=Text(tokenizer=Choice("words")))
    made = prepare(recipe, run, threads=1, reasons={"data.development_size": "Few pairs."}).manifest
    written = json.loads(run.manifest.read_text(encoding="utf-8"))
    assert run.read_manifest() == made
    assert made.to_dict() == written
    assert list(written) == [
        *("schema_version", "name", "source_language", "target_language", "inputs", "recipe", "splits", "corpora"),
        *("cleaning", "vocabulary", "reasons", "chosen", "folder"),
    ]
    assert (made.chosen, made.folder) == ({"data.development_size": 5}, "")
    assert made.inputs == current_inputs(recipe) == Inputs(**written["inputs"])
