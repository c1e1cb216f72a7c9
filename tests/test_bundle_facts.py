"""What a bundle says of itself is read as what was written: by this version, an older one or a newer one."""

from __future__ import annotations

import json
import shutil

import pytest
from made_facts import made_facts, made_score
from msgspec.structs import replace
from tiny_bundles import make_bundle
from toy_runs import done, refused

from seq2seq.bundle import open_bundle
from seq2seq.bundle_facts import BUNDLE_VERSION, BundleFacts, LearnedText, facts_of
from seq2seq.errors import UserError
from seq2seq.sections import UNTOLD

OLDER = {
    "schema_version": 1,
    "name": "mine",
    "update": 70,
    "development": {"loss": 1.5, "bleu": 30.0, "chrf": 50.0},
    "scores": {},
    "data": {"files": {"a.en": "11", "a.fr": "22"}, "pairs": 9},
    "vocabulary": {"joint": True, "source": 300, "target": 300},
    "versions": {"python": "3.11.7", "torch": "2.4.0"},
    "files": {"weights.safetensors": {"bytes": 9, "blake2b": "33"}},
}
"""What an early version wrote."""
SCORE = {"name": "bleu", "value": 30.5, "signature": "nrefs:1", "low": 29.0, "high": 32.0}
BEAM = {"name": "beam", "beam": 5, "length_penalty": 1.0}
FLAGGED = {"sentences": 9, "flags": {"copied": 1, "too short": 0}}
FULL = {
    **{key: OLDER[key] for key in ("schema_version", "name")},
    "source_language": "en",
    "target_language": "fr",
    **{key: OLDER[key] for key in ("update", "development")},
    "scores": {"test": [SCORE, {**SCORE, "low": None, "high": None}], "empty": []},
    "data": {
        **OLDER["data"],
        "splits": {"train": 9, "test": 2},
        "dropped": {"ratio": 3},
        "corpora": [
            {"name": "a", "pairs": 6, "weight": 1.0},
            {"name": "b", "pairs": 3, "weight": 0.25, "tag": "<bt>", "by": "backtranslate"},
        ],
        "cleaning": {"filters": ["empty", {"name": "length", "maximum": 30}], "deduplicate": True},
    },
    "vocabulary": OLDER["vocabulary"],
    "vectors": {"source": {"found": 7, "frozen": False}},
    "start": {"name": "first", "update": 50, "weights": "44", "old_share": 0.5},
    "versions": OLDER["versions"],
    "parameters": 1_000,
    "refined": {"from_update": 60, "updates": 10, "before": {"loss": 1.25, "bleu": 29.0, "chrf": 49.0}},
    "files": OLDER["files"],
    "training": {
        **{"torch": "2.4.0", "machine": "x86_64", "device": "cpu", "precision": "fp32", "processes": 1},
        **{"processor": "", "capability": "AVX2", "threads": 2, "seconds": 60.5},
    },
    "tuned": {"update": None, "metric": "bleu", "sentences": 9, "before": BEAM, "after": BEAM},
    "scored_with": {
        "test": {"engine": "int8", "search": BEAM},
        "empty": {"engine": "torch", "search": {**BEAM, "mbr": 8, "mbr_utility": "chrf"}},
    },
    "diagnosis": {"test": FLAGGED},
}
"""All that may be said, in the order in which it is written."""
FORGOTTEN = {**OLDER, "scored_with": {}, "diagnosis": {}}
"""What is left where scores no longer hold."""
LEAST = {"schema_version": 1}


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    return make_bundle(tmp_path_factory.mktemp("facts") / "bundle")


@pytest.fixture
def bundle(made, tmp_path):
    shutil.copytree(made.path, tmp_path / "bundle")
    return tmp_path / "bundle"


def change(bundle, told):
    path = bundle / "bundle.json"
    path.write_text(json.dumps({**json.loads(path.read_text(encoding="utf-8")), **told}, indent=2) + "\n")
    return path


def write(folder, told):
    folder.mkdir(exist_ok=True)
    (folder / "bundle.json").write_text(json.dumps(told, ensure_ascii=False, indent=2) + "\n", encoding="utf-8")
    return folder / "bundle.json"


@pytest.mark.parametrize("told", [LEAST, OLDER, FORGOTTEN, FULL], ids=["least", "older", "forgotten", "full"])
def test_what_was_read_is_written_as_it_was(tmp_path, told):
    path = write(tmp_path, told)
    before = path.read_bytes()
    found = facts_of(tmp_path)
    assert found.to_dict() == told
    found.write(tmp_path)
    assert path.read_bytes() == before
    assert facts_of(tmp_path) == found


@pytest.mark.parametrize("key", [key for key in FULL if key != "schema_version"])
def test_each_may_be_missing_and_stays_so(tmp_path, key):
    told = {name: value for name, value in FULL.items() if name != key}
    write(tmp_path, told)
    assert facts_of(tmp_path).to_dict() == told


def test_every_part_is_an_attribute(tmp_path):
    write(tmp_path, FULL)
    found = facts_of(tmp_path)
    assert found.languages == ("en", "fr")
    assert (found.update, found.parameters, found.development["bleu"]) == (70, 1_000, 30.0)
    assert [(one.low, one.high) for one in found.scores["test"]] == [(29.0, 32.0), (None, None)]
    assert [(one.name, one.by) for one in found.data.corpora] == [("a", ""), ("b", "backtranslate")]
    assert (found.start.name, found.refined.from_update, found.refined.before["chrf"]) == ("first", 60, 49.0)
    assert (found.training.threads, found.training.gpu, found.training.seconds) == (2, None, 60.5)
    assert [(how.engine, how.search.mbr) for how in found.scored_with.values()] == [("int8", 0), ("torch", 8)]
    assert found.diagnosis["test"].flags["copied"] == 1
    assert found.described() == FULL["files"]


def test_what_a_bundle_does_not_say_is_empty(tmp_path):
    write(tmp_path, LEAST)
    found = facts_of(tmp_path)
    assert found == made_facts() == BundleFacts(schema_version=BUNDLE_VERSION)
    assert found.languages == ("", "")
    assert (dict(found.scores), list(found.files), found.scored_with.get("test")) == ({}, [], None)
    assert not found.development
    assert LearnedText().splits == UNTOLD != {}
    with pytest.raises(KeyError):
        found.scores["test"]


def test_what_a_newer_version_added_is_kept(tmp_path):
    told = {**FULL, "weather": {"was": [1, None]}, "others": 7}
    told["scores"] = {"test": [{**SCORE, "draws": 9}]}
    told["files"] = {"a": {"bytes": 1, "blake2b": "0", "sha3": "1"}}
    told["training"] = {**FULL["training"], "host": "abacus"}
    path = write(tmp_path, told)
    found = replace(facts_of(tmp_path), name="another")
    assert found.others == {"weather": {"was": [1, None]}, "others": 7}
    assert found.described() == told["files"]
    found.write(tmp_path)
    assert json.loads(path.read_text(encoding="utf-8")) == {**told, "name": "another"}


def test_numbers_that_are_none_are_the_same_when_read_again(tmp_path):
    """A bundle that is opened is read again where a file is wrong, and compared with what it said before."""
    write(tmp_path, {**OLDER, "development": {"loss": float("nan")}, "scores": {"x": [{**SCORE, "low": float("nan")}]}})
    assert facts_of(tmp_path) == facts_of(tmp_path)


def test_a_newer_layout_is_refused(tmp_path):
    path = write(tmp_path, {"schema_version": BUNDLE_VERSION + 1, "name": 3})
    with pytest.raises(UserError, match="has schema version") as error:
        facts_of(tmp_path)
    assert str(path) in error.value.message


def test_scores_are_left_out_by_set_with_all_that_goes_with_them(tmp_path):
    write(tmp_path, FULL)
    found = facts_of(tmp_path).with_scores_of(lambda name: name == "empty").to_dict()
    ways = {"empty": FULL["scored_with"]["empty"]}
    assert found == {**FULL, "scores": {"empty": []}, "scored_with": ways, "diagnosis": {}}
    assert made_facts(update=3).with_scores_of(lambda _: False) == made_facts(update=3)


def test_what_is_written_into_a_bundle_leaves_the_rest_as_it_was(bundle):
    change(bundle, {key: told for key, told in FULL.items() if key not in ("schema_version", "files", "update")})
    path = change(bundle, {"weather": "fine"})
    before = json.loads(path.read_text(encoding="utf-8"))
    added = {"a": {"bytes": 1, "blake2b": "0"}}
    opened = open_bundle(bundle).with_facts(parameters=7).with_files("onnx", added)
    opened.with_scores("test", [made_score(2.0)])
    assert json.loads(path.read_text(encoding="utf-8")) == {
        **before,
        "parameters": 7,
        "files": {**before["files"], "onnx/a": added["a"]},
        "scores": {"test": [made_score(2.0).to_dict()], "empty": []},
        "scored_with": {"empty": FULL["scored_with"]["empty"]},
    }


def test_info_tells_scores_and_refinement_as_the_bundle_has_them(bundle):
    change(bundle, {key: FULL[key] for key in ("scores", "refined", "development")})
    told = done("info", bundle, "--json").json
    assert told["scores"] == FULL["scores"]
    assert told["refined"] == {**FULL["refined"], "development": FULL["development"]}
    shown = done("info", bundle).out
    assert "refined for minimum risk, 10 updates: development BLEU 29.00 -> 30.00, chrF 49.00 -> 50.00" in shown
    assert "test: bleu 30.50 (nrefs:1)" in shown


DAMAGED = [
    ({"files": []}, "files is [], not an object"),
    ({"files": {"a": 3}}, "files.a is 3, not an object"),
    ({"files": {"a": {"bytes": 3}}}, "files.a.blake2b is missing"),
    ({"scores": 3}, "scores is 3, not an object"),
    ({"scores": {"test": [3]}}, "scores.test[1] is 3, not an object"),
    ({"scores": {"test": [{"name": "bleu", "value": 1.5, "low": None, "high": None}]}}, "signature is missing"),
    ({"scored_with": {"test": "int8"}}, 'scored_with.test is "int8", not an object'),
    ({"diagnosis": {"test": {"sentences": 9, "flags": {"copied": "1"}}}}, 'copied is "1", not a whole number'),
    ({"data": {"pairs": "9"}}, 'data.pairs is "9", not a whole number'),
    ({"training": {"seconds": "60"}}, 'training.seconds is "60", not a number'),
    ({"development": {"bleu": "30"}}, 'development.bleu is "30", not a number'),
    ({"refined": {"from_update": 3, "updates": 1}}, "refined.before is missing"),
    ({"update": "70"}, 'update is "70", not a whole number'),
    ({"name": ["mine"]}, 'name is ["mine"], not text'),
]


@pytest.mark.parametrize("command", ["translate", "info", "evaluate"])
@pytest.mark.parametrize(("changes", "message"), DAMAGED, ids=[message.split()[0] for _, message in DAMAGED])
def test_what_is_damaged_is_named(bundle, tmp_path, command, changes, message):
    path = change(bundle, changes)
    files = [tmp_path / "a.en", tmp_path / "a.eu"]
    for file in files:
        file.write_text("one\n")
    asked = ["--source", files[0], "--reference", files[1]] if command == "evaluate" else []
    told = refused(command, bundle, *asked, stdin="one\n")
    assert f"{path} is damaged: " in told
    assert message in told
    assert "from where it was whole, or train again" in told
