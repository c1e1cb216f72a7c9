"""A bundle is all that translating needs, and nothing that was private; a run is found by path or name."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
from made_facts import made_facts, made_score, scored_with
from msgspec.structs import replace as changed
from toy_runs import RARE, RARE_TRANSLATION, Toy, refused, toy

import seq2seq
from seq2seq import bundle as bundle_room
from seq2seq.bundle import RunFolder, find_run, open_bundle, write_bundle
from seq2seq.bundle_facts import BUNDLE_VERSION, Flagged
from seq2seq.data.store import Store
from seq2seq.errors import UserError, WorkError
from seq2seq.folders import describe

__all__ = ["toy"]
SENTENCE = "the red dog sees two blue boat."


@pytest.fixture
def alone(toy: Toy, tmp_path):
    """The toy's bundle, moved to where nothing else is."""
    shutil.copytree(toy.run / "bundle", tmp_path / "far" / "away")
    return tmp_path / "far" / "away"


def test_a_bundle_moved_elsewhere_alone_still_translates(toy, alone):
    assert seq2seq.load(alone).translate(SENTENCE).text == seq2seq.load(toy.run).translate(SENTENCE).text


def test_no_training_sentence_is_in_it(toy):
    prepared = Store(toy.run / "data" / "train.arrow")
    assert RARE + "." in prepared.texts("source")
    content = b"\n".join(path.read_bytes() for path in (toy.run / "bundle").rglob("*") if path.is_file())
    for text in (RARE, RARE_TRANSLATION, "xylophonist finds", "xilofonista aurki"):
        assert text.encode() not in content
        assert text.encode() in (toy.run / "data" / "train.arrow").read_bytes()
    for source, target in zip(prepared.texts("source"), prepared.texts("target"), strict=True):
        assert source.encode() not in content
        assert target.encode() not in content


def test_it_says_what_it_is(alone):
    bundle = open_bundle(alone)
    assert bundle.facts.schema_version == BUNDLE_VERSION
    assert bundle.facts.languages == ("en", "eu")
    assert bundle.facts.data.pairs == 379
    assert bundle.facts.vocabulary.joint is True
    assert bundle.recipe.model.encoder_size == 32


def change(folder: Path, **facts):
    path = folder / "bundle.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), **facts}))


def test_a_newer_one_is_refused_by_its_version(alone):
    change(alone, schema_version=BUNDLE_VERSION + 1)
    told = refused("translate", alone)
    assert f"has schema version {BUNDLE_VERSION + 1}; this seq2seq reads versions up to {BUNDLE_VERSION}" in told
    assert "Install a newer seq2seq" in told


@pytest.mark.parametrize("version", [None, 0, -1, "1", 1.5])
def test_what_is_no_version_is_refused(alone, version):
    change(alone, schema_version=version)
    with pytest.raises(UserError, match="schema version"):
        open_bundle(alone)


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("weights.safetensors", b"nonsense"),
        ("weights.safetensors", None),
        ("weights.safetensors", 1000),
        ("tokenizer/sentencepiece.model", b"nonsense"),
        ("bundle.json", b"{"),
        ("recipe.toml", b"[model]\ncell = 'transformer'\n"),
        ("recipe.toml", None),
    ],
)
def test_what_is_damaged_is_named(alone, name, content):
    path = next(alone.rglob(Path(name).name))
    if content is None:
        path.unlink()
    else:
        path.write_bytes(path.read_bytes()[:content] if isinstance(content, int) else content)
    told = refused("translate", alone, stdin=SENTENCE)
    assert path.name in told


def test_every_file_that_a_model_needs_is_watched(alone):
    files = json.loads((alone / "bundle.json").read_text())["files"]
    written = {path.relative_to(alone).as_posix() for path in alone.rglob("*") if path.is_file()}
    read_by_rules_of_their_own = {"bundle.json", "recipe.toml"}
    assert set(files) == written - read_by_rules_of_their_own - {"README.md"}  # the card is for people, who may edit it


@pytest.mark.parametrize("place", [0, 100, -1])
def test_a_single_changed_bit_is_found(alone, place):
    path = alone / "weights.safetensors"
    content = bytearray(path.read_bytes())
    content[place] ^= 1
    path.write_bytes(content)
    with pytest.raises(UserError, match=r"weights\.safetensors is corrupted"):
        open_bundle(alone)


def test_what_is_cut_short_says_how_much_is_there(alone):
    path = alone / "weights.safetensors"
    whole = path.stat().st_size
    path.write_bytes(path.read_bytes()[:1000])
    with pytest.raises(UserError, match=f"has 1,000 bytes, and {whole:,} were written"):
        open_bundle(alone)


def test_a_file_taken_away_makes_it_incomplete(alone):
    (alone / "tokenizer" / "joint" / "sentencepiece.model").unlink()
    with pytest.raises(UserError, match=r"incomplete: tokenizer/joint/sentencepiece\.model is missing"):
        open_bundle(alone)


def test_a_bundle_replaced_while_it_is_opened_is_not_damaged(tmp_path, monkeypatch):
    written(tmp_path / "bundle", name="old")
    (tmp_path / "bundle" / "weights.safetensors").write_bytes(b"of the new")
    real, reads = bundle_room.facts_of, []

    def facts_of(path):
        if len(reads) == 1:
            written(tmp_path / "bundle", name="new")
        reads.append(path)
        return real(path)

    monkeypatch.setattr(bundle_room, "facts_of", facts_of)
    assert open_bundle(tmp_path).facts.name == "new"


def test_weights_of_another_network_are_refused(alone):
    recipe = alone / "recipe.toml"
    recipe.write_text(recipe.read_text().replace("decoder_layers = 2", "decoder_layers = 3"))
    told = refused("translate", alone, "--engine", "torch")
    assert "weights.safetensors" in told
    assert "is not in the file" in told


def test_scores_replace_those_of_the_same_split(alone):
    bundle = open_bundle(alone)
    one = bundle.with_scores("test", [made_score(1.0)])
    two = one.with_scores("development", []).with_scores("test", [made_score(2.0)])
    assert open_bundle(alone).facts == two.facts
    assert two.facts.scores == {"test": (made_score(2.0),), "development": ()}
    assert bundle.facts.scores == {}
    how = scored_with("int8", name="greedy")
    three = two.with_scores("test", [], how=how)
    assert three.facts.scored_with == {"test": how}
    assert three.with_scores("test", []).facts.scored_with == {}  # what is not known is not what it was


def test_without_scores_nothing_is_left_that_was_said_of_them(alone):
    flagged = Flagged(sentences=2, flags={})
    bundle = open_bundle(alone).with_scores("test", [made_score()], diagnosis=flagged, how=scored_with())
    none = bundle.without_scores()
    assert none.facts == open_bundle(alone).facts == changed(bundle.facts, scores={}, diagnosis={}, scored_with={})


def test_the_files_of_a_folder_are_listed_and_those_of_others_stay(alone):
    bundle = open_bundle(alone)
    weights = bundle.facts.files["weights.safetensors"]
    (alone / "new").mkdir()
    (alone / "new" / "file").write_text("x")
    listed = bundle.with_files("new", describe(alone / "new")).facts.described()
    assert listed == {**bundle.facts.described(), "new/file": describe(alone)["new/file"]}
    assert open_bundle(alone).facts.files["weights.safetensors"] == weights
    assert open_bundle(alone).with_files("new", {}).facts == bundle.facts


def test_scores_do_not_undo_what_was_written_meanwhile(alone):
    bundle = open_bundle(alone)
    change(alone, files={**bundle.facts.described(), "onnx/new": {"bytes": 1, "blake2b": "00"}})
    assert "onnx/new" in bundle.with_scores("test", []).facts.files
    assert "onnx/new" in json.loads((alone / "bundle.json").read_text())["files"]


def written(path, **facts):
    def save_tokenizers(folder):
        folder.mkdir()

    write_bundle(
        path,
        facts=made_facts(**facts),
        recipe_text="",
        save_weights=lambda file: file.write_bytes(b"w"),
        save_tokenizers=save_tokenizers,
    )
    return path


def test_every_place_is_looked_at_before_anything_is_refused(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    written(Path("runs/mine/bundle"), name="by name")
    Path("runs/mine/manifest.json").write_text("{}")
    Path("mine").mkdir()
    assert open_bundle(Path("mine")).facts.name == "by name"
    assert find_run(Path("mine")).path == Path("runs/mine")
    for given in ("runs/mine", "runs/mine/bundle", str(tmp_path / "runs" / "mine")):
        assert open_bundle(Path(given)).facts.name == "by name"


def test_reading_changes_nothing(tmp_path):
    # A training that replaces its bundle has it under this name alone for an instant; somebody's copy has it for good.
    written(tmp_path / ".bundle.old", name="old")
    assert open_bundle(tmp_path).facts.name == "old"
    assert (tmp_path / ".bundle.old").is_dir()
    written(tmp_path / "copy" / "bundle", name="new")
    written(tmp_path / "copy" / ".bundle.old", name="old")
    assert open_bundle(tmp_path / "copy").facts.name == "new"
    assert (tmp_path / "copy" / ".bundle.old").is_dir()


def test_what_cannot_be_found_says_what_to_do(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UserError, match="seq2seq demo"):
        open_bundle(Path("nothing"))
    with pytest.raises(UserError, match="seq2seq prepare"):
        find_run(Path("nothing"))
    written(Path("runs/mine/bundle"))
    Path("runs/mine/manifest.json").write_text("{}")
    with pytest.raises(UserError, match="Did you mean 'mine'"):
        open_bundle(Path("main"))
    with pytest.raises(UserError, match="Did you mean 'mine'"):
        find_run(Path("mnie"))
    Path("file").write_text("")
    with pytest.raises(UserError, match="neither a bundle nor a run"):
        open_bundle(Path("file"))


def test_a_run_is_known_by_its_bundle_too(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    written(Path("runs/mine/bundle"))
    Path("runs/mine/manifest.json").write_text("{}")
    for given in ("runs/mine/bundle", "mine/bundle"):
        assert find_run(Path(given)).path == Path("runs/mine")
    Path("runs/mine/data").mkdir()
    with pytest.raises(UserError, match="holds no prepared run"):
        find_run(Path("runs/mine/data"))


def test_nobody_is_told_to_prepare_a_run_in_a_bundle(tmp_path):
    written(tmp_path / "alone")
    with pytest.raises(UserError, match="is a bundle without its run") as error:
        find_run(tmp_path / "alone")
    assert "seq2seq prepare" not in error.value.hint


def test_a_command_in_a_hint_can_be_pasted_whatever_the_folder_is_called(tmp_path):
    folder = tmp_path / "my runs"
    folder.mkdir()
    with pytest.raises(UserError) as error:
        find_run(folder)
    assert error.value.hint.endswith(f"--run '{folder}'")
    (folder / "manifest.json").write_text("{}")
    with pytest.raises(UserError) as error:
        open_bundle(folder)
    assert error.value.hint.endswith(f"seq2seq train '{folder}'")


def test_the_products_of_a_run_are_all_that_training_writes(toy):
    mine = {toy.run / "recipe.toml", toy.run / "manifest.json", *RunFolder(toy.run).products()}
    assert set(toy.run.glob("[!.]*")) <= mine  # hidden: the lock


def test_scores_are_not_given_to_another_model(alone):
    opened = open_bundle(alone)
    change(alone, update=999)  # a training went on meanwhile
    with pytest.raises(WorkError, match="was replaced by another model"):
        opened.with_scores("test", [])
