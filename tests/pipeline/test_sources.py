"""Which files a recipe means: as named, compressed or not, in the hub's layout; and what a wrong folder is told."""

from __future__ import annotations

import gzip
import json
import lzma
from itertools import islice

import pytest

from seq2seq.corpus.pair import Pair
from seq2seq.corpus.reader import num_pairs
from seq2seq.corpus.readers.hub import Hub
from seq2seq.errors import UserError
from seq2seq.pipeline.prepare.sources import open_sources
from seq2seq.recipe.schema import Choice, Corpus, Data

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


def test_a_file_is_found_however_it_is_packed(tmp_path):
    (tmp_path / "train.en.xz").write_bytes(lzma.compress(ROWS["en"].encode()))
    for name in ("train.de", "test.en", "test.de"):
        write(tmp_path / name, ROWS[name[-2:]])
    assert list(open_sources(DATA, tmp_path).train()) == [Pair(1, "a dog", "ein Hund")]


@pytest.mark.parametrize(
    ("reader", "text", "more"),
    [
        ("tsv", "x\tein Hund\ta dog\n", {"columns": (2, 1)}),
        ("jsonl", '{"de": "ein Hund", "en": "a dog"}\n', {}),
        ("jsonl", '{"t": "ein Hund", "s": "a dog"}\n', {"fields": ("s", "t")}),
        (
            "tmx",
            "<tmx><tu><tuv lang='DE'><seg>ein Hund</seg></tuv><tuv lang='EN'><seg>a dog</seg></tuv></tu></tmx>",
            {},
        ),
    ],
)
def test_one_file_with_both_languages_is_read_as_the_recipe_says(tmp_path, reader, text, more):
    write(tmp_path / "a.gz", text)
    write(tmp_path / "v", text)
    files = {"train": ("a",), "development": ("v",), "development_lines": (1, 1), "reader": Choice(reader)}
    data = Data(source_language="en", target_language="de", **files, **more)
    sources = open_sources(data, tmp_path)
    assert list(sources.train()) == list(sources.development()) == [Pair(1, "a dog", "ein Hund")]
    assert [(corpus.name, corpus.weight) for corpus in sources.corpora] == [("a", 1.0)]
    back = open_sources(Data(source_language="en", target_language="de", reverse=True, **files, **more), tmp_path)
    assert list(back.train()) == list(back.development()) == [Pair(1, "ein Hund", "a dog")]


def several(folder, **more):
    """Four corpora, one of each kind, and their recipe."""
    write(folder / "a.en.gz", "one\ntwo\n")
    write(folder / "a.de", "eins\nzwei\n")
    write(folder / "deep" / "b.jsonl", json.dumps({"en": "three", "de": "drei"}) + "\n")
    write(folder / "set" / "train.jsonl", json.dumps({"en": "four", "de": "vier"}) + "\n")
    write(folder / "v.en", "five\n")
    write(folder / "v.de", "fünf\n")
    return Data(
        source_language="en",
        target_language="de",
        development=("v.en", "v.de"),
        corpora=(
            Corpus(train=("a.en", "a.de")),
            Corpus(name="lines", reader=Choice("jsonl"), train=("deep/b.jsonl",), weight=3.0),
            Corpus(reader=Choice("hub"), hub="owner/set"),
            Corpus(train=("a.en", "a.de"), weight=0.5),
            Corpus(reader=Choice("phrasebook")),
        ),
        **more,
    )


def test_several_corpora_each_with_its_reader_name_and_weight(tmp_path):
    sources = open_sources(several(tmp_path), tmp_path)
    assert [(corpus.name, corpus.weight) for corpus in sources.corpora] == [
        ("a.en", 1.0),
        ("lines", 3.0),
        ("set", 1.0),
        ("a.en-2", 0.5),
        ("phrasebook", 1.0),
    ]
    files = [Pair(1, "one", "eins"), Pair(2, "two", "zwei")]
    local = [*files, Pair(1, "three", "drei"), Pair(1, "four", "vier"), *files]
    assert [pair for corpus in sources.corpora[:4] for pair in corpus.reader()] == local
    together = sources.train()
    assert [next(together) for _ in local] == local
    assert next(together).line == 1  # of the phrasebook
    assert list(islice(sources.train(), len(local))) == local  # and again
    assert list(sources.development()) == [Pair(1, "five", "fünf")]
    found = {path.relative_to(tmp_path).as_posix() for path in sources.files}
    assert found == {"a.en.gz", "a.de", "deep/b.jsonl", "set/train.jsonl", "v.en", "v.de"}
    assert len(sources.files) == len(found)


def test_several_corpora_the_other_way_round(tmp_path):
    sources = open_sources(several(tmp_path, reverse=True), tmp_path)
    assert [next(iter(corpus.reader())) for corpus in sources.corpora[:3]] == [
        Pair(1, "eins", "one"),
        Pair(1, "drei", "three"),
        Pair(1, "vier", "four"),
    ]
    assert next(sources.train()) == Pair(1, "eins", "one")


def test_several_corpora_lie_in_the_working_folder_too(tmp_path, monkeypatch):
    data = several(tmp_path)
    monkeypatch.chdir(tmp_path)
    assert [pair.source for pair in open_sources(data, None).corpora[0].reader()] == ["one", "two"]
    (tmp_path / "a.de").unlink()
    with pytest.raises(UserError, match=r"a\.de is not in the working folder.*--data FOLDER"):
        open_sources(data, None)


def test_what_is_missing_of_the_working_folder_is_named(tmp_path, monkeypatch):
    data = several(tmp_path)
    (tmp_path / "deep" / "b.jsonl").unlink()
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UserError, match=r"^deep/b\.jsonl is not in the working folder"):
        open_sources(data, None)


def test_a_missing_file_of_one_corpus_is_named(tmp_path):
    data = several(tmp_path)
    (tmp_path / "deep" / "b.jsonl").unlink()
    with pytest.raises(UserError, match=r"lacks files of the recipe: deep/b\.jsonl\."):
        open_sources(data, tmp_path)


def test_corpora_beside_a_datasets_own_sets(tmp_path):
    several(tmp_path)
    for name in ("train", "validation", "test"):
        write(tmp_path / f"{name}.jsonl", json.dumps({"en": name, "de": "x"}) + "\n")
    data = Data(
        reader=Choice("hub"),
        hub="some/name",
        source_language="en",
        target_language="de",
        corpora=(Corpus(train=("a.en", "a.de")),),
    )
    sources = open_sources(data, tmp_path)
    assert [pair.source for pair in sources.train()] == ["one", "two"]
    assert [pair.source for pair in sources.development()] == ["validation"]
    assert [pair.source for pair in sources.tests["test"]()] == ["test"]


def test_no_training_files_at_all(tmp_path):
    with pytest.raises(UserError, match="names no training files"):
        open_sources(Data(), tmp_path)


def test_all_pairs_are_counted_where_all_files_are_plain(tmp_path):
    for name, text in {"a.en": "x\n" * 5, "a.de": "y\n" * 5, "b.tsv": "x\ty\n" * 3, "c.tsv.gz": "x\ty\n"}.items():
        write(tmp_path / name, text)
    plain = (Corpus(train=("a.en", "a.de")), Corpus(train=("b.tsv",), reader=Choice("tsv")))
    packed = Corpus(train=("c.tsv.gz",), reader=Choice("tsv"))
    for reverse in (False, True):
        assert num_pairs(open_sources(Data(corpora=plain, reverse=reverse), tmp_path).train) == 8
        assert num_pairs(open_sources(Data(corpora=(*plain, packed), reverse=reverse), tmp_path).train) is None
