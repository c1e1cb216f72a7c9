"""Which files a recipe means: as named, compressed or not, in the hub's layout; and what a wrong folder is told."""

from __future__ import annotations

import gzip

import pytest

from seq2seq.corpus.pair import Pair
from seq2seq.corpus.readers.hub import Hub
from seq2seq.errors import UserError
from seq2seq.pipeline.sources import open_sources
from seq2seq.recipe.schema import Data

DATA = Data(
    hub="some/name",
    source_language="en",
    target_language="de",
    train=("train.en.gz", "train.de"),
    test=("test.en", "test.de"),
)
ROWS = {"en": "a dog\n", "de": "ein Hund\n"}


def write(path, text):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(gzip.compress(text.encode()) if path.suffix == ".gz" else text.encode())


@pytest.mark.parametrize("english", ["train.en", "train.en.gz"])
@pytest.mark.parametrize("german", ["train.de", "train.de.gz"])
def test_a_file_is_found_compressed_or_not(tmp_path, english, german):
    for name in (english, german, "test.en.gz", "test.de"):
        write(tmp_path / name, ROWS[name.removesuffix(".gz")[-2:]])
    sources = open_sources(DATA, tmp_path)
    assert list(sources.train()) == list(sources.tests["test"]()) == [Pair(1, "a dog", "ein Hund")]
    assert {path.name for path in sources.files} == {english, german, "test.en.gz", "test.de"}


def test_the_file_that_is_named_counts_where_both_are_there(tmp_path):
    for name in ("train.en.gz", "train.de", "test.en", "test.de"):
        write(tmp_path / name, ROWS[name.removesuffix(".gz")[-2:]])
    write(tmp_path / "train.en", "another\n")
    assert next(open_sources(DATA, tmp_path).train()).source == "a dog"


@pytest.mark.parametrize(
    "file", ["train.jsonl", "data/train-00000-of-00001.parquet", "train/0.csv.gz", "my_train.json"]
)
def test_the_hubs_layout_is_known_by_its_training_data(tmp_path, file):
    write(tmp_path / file, "")
    assert isinstance(open_sources(DATA, tmp_path).train, Hub)


@pytest.mark.parametrize("file", ["notes.json", "train.txt", "constrained.jsonl", ".cache/train.jsonl"])
def test_a_folder_without_the_recipes_files_is_told_which_and_what_is_there(tmp_path, file):
    write(tmp_path / file, "")
    with pytest.raises(
        UserError, match=r"lacks files of the recipe: test\.de, test\.en, train\.de, train\.en\.gz\."
    ) as told:
        open_sources(DATA, tmp_path)
    assert file.split("/")[0] + ("/" if "/" in file else "") in told.value.hint
    assert "train.jsonl" not in told.value.hint


def test_one_missing_file_is_named_alone_and_an_empty_folder_is_called_so(tmp_path):
    with pytest.raises(UserError, match="It is empty"):
        open_sources(DATA, tmp_path)
    for name in ("train.en.gz", "train.de", "test.en", *(f"other{n:02}" for n in range(20))):
        write(tmp_path / name, "x\n")
    with pytest.raises(UserError, match=r"recipe: test\.de\..*other00, .*and 11 more") as told:
        open_sources(DATA, tmp_path)
    assert "other19" not in str(told.value)


def test_all_files_of_a_dataset_are_watched_but_hidden_ones_and_runs(tmp_path):
    for name in ("README.md", "data/train-0.parquet", "data/deeper/test.parquet"):
        write(tmp_path / name, "")
    for name in (".cache/x.json", ".hidden", "runs/a/manifest.json", "runs/a/recipe.toml", "runs/a/data/train.arrow"):
        write(tmp_path / name, "")
    sources = open_sources(DATA, tmp_path)
    found = [path.relative_to(tmp_path).as_posix() for path in sources.files]
    assert found == ["README.md", "data/deeper/test.parquet", "data/train-0.parquet"]
    assert sources.folder == tmp_path
