"""Every reader of the registry keeps the contract of `seq2seq.corpus.reader`; then each one's own errors."""

from __future__ import annotations

import gzip
import inspect
import json
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import seq2seq.corpus.readers
from seq2seq.corpus.pair import Pair
from seq2seq.corpus.readers.aligned import Aligned
from seq2seq.corpus.readers.hub import Hub
from seq2seq.corpus.readers.tsv import Tsv
from seq2seq.errors import UserError
from seq2seq.registry import READERS

EXPECTED = [
    Pair(1, "The miller sleeps.", "Der Müller schläft."),
    Pair(2, "", "Leer\u2028getrennt"),
    Pair(3, "  Two  spaces ", "Zwei"),
]


def aligned(folder):
    (folder / "a.en").write_bytes("".join(f"{p.source}\n" for p in EXPECTED).encode())
    (folder / "a.de.gz").write_bytes(gzip.compress("".join(f"{p.target}\r\n" for p in EXPECTED).encode()))
    return Aligned(source=folder / "a.en", target=folder / "a.de.gz")


def tsv(folder):
    rows = "".join(f"{p.line}\t{p.target}\t{p.source}\tnote\n" for p in EXPECTED)
    (folder / "a.tsv").write_bytes(b"\xef\xbb\xbf" + rows.encode())
    return Tsv(path=folder / "a.tsv", columns=(2, 1))


def hub(folder):
    write_json_lines(folder / "train.jsonl", [{"en": p.source, "de": p.target} for p in EXPECTED])
    return Hub("some/name", "train", source_language="en", target_language="de", folder=folder)


def phrasebook(folder):
    return READERS.load("phrasebook")(split="train")


def write_json_lines(path, rows):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows), encoding="utf-8")


MAKERS = {"aligned": aligned, "tsv": tsv, "hub": hub, "phrasebook": phrasebook}


@pytest.fixture(params=sorted(READERS))
def reader(request, tmp_path):
    assert request.param in MAKERS, f"give the reader {request.param!r} a maker in this file"
    return MAKERS[request.param](tmp_path)


def test_every_file_of_the_room_is_registered():
    files = {path.stem for path in Path(seq2seq.corpus.readers.__file__).parent.glob("*.py")} - {"__init__"}
    assert files <= {READERS.member(name).path.split(":")[0].rpartition(".")[2] for name in READERS}


def test_gives_pairs_streamed_numbered_and_the_same_again(reader):
    assert isinstance(reader(), Iterator)
    pairs = list(reader())
    assert pairs and all(isinstance(pair, Pair) for pair in pairs)
    assert [pair.line for pair in pairs] == list(range(1, len(pairs) + 1))
    assert all(isinstance(pair.source, str) and isinstance(pair.target, str) for pair in pairs)
    assert list(reader()) == pairs


@pytest.mark.parametrize("name", ["aligned", "tsv", "hub"])
def test_gives_exactly_what_the_files_hold(name, tmp_path):
    assert list(MAKERS[name](tmp_path)()) == EXPECTED


def test_settings_of_the_registry_are_those_of_the_class():
    for name in READERS:
        assert set(READERS.member(name).settings) <= set(inspect.signature(READERS.load(name)).parameters)


# --- ranges of lines


def numbered(folder, num_lines=9):
    for language in ("en", "de"):
        (folder / f"n.{language}").write_text("".join(f"{language}{n + 1}\n" for n in range(num_lines)), "utf-8")
    (folder / "n.tsv").write_text("".join(f"en{n + 1}\tde{n + 1}\n" for n in range(num_lines)), "utf-8")
    return {
        "aligned": lambda lines: Aligned(folder / "n.en", folder / "n.de", lines=lines),
        "tsv": lambda lines: Tsv(folder / "n.tsv", lines=lines),
    }


@pytest.mark.parametrize("kind", ["aligned", "tsv"])
class TestRange:
    @pytest.mark.parametrize("lines", [(1, 1), (1, 9), (3, 5), (9, 9)])
    def test_keeps_both_ends_and_the_lines_numbers(self, kind, lines, tmp_path):
        pairs = list(numbered(tmp_path)[kind](lines)())
        assert pairs == [Pair(n, f"en{n}", f"de{n}") for n in range(lines[0], lines[1] + 1)]

    @pytest.mark.parametrize("lines", [(0, 3), (4, 3), (-2, -1)])
    def test_that_is_none_is_refused(self, kind, lines, tmp_path):
        with pytest.raises(UserError, match="make no range"):
            numbered(tmp_path)[kind](lines)

    @pytest.mark.parametrize("lines", [(3, 10), (10, 12)])
    def test_beyond_the_end_gives_the_number_of_lines(self, kind, lines, tmp_path):
        with pytest.raises(UserError, match="has 9 lines, but lines"):
            list(numbered(tmp_path)[kind](lines)())


# --- aligned


@pytest.mark.parametrize(("num_source", "num_target"), [(3, 5), (5, 3), (4, 5)])
@pytest.mark.parametrize("lines", [None, (1, 2)])
def test_files_of_different_length_give_both_counts(tmp_path, num_source, num_target, lines):
    (tmp_path / "a.en").write_text("x\n" * num_source, "utf-8")
    (tmp_path / "a.de").write_text("x\n" * num_target, "utf-8")
    with pytest.raises(UserError, match=rf"a\.en has {num_source} lines, .*a\.de has {num_target}\."):
        list(Aligned(tmp_path / "a.en", tmp_path / "a.de", lines=lines)())


def test_aligned_refuses_a_missing_file_at_once(tmp_path):
    (tmp_path / "a.en").write_text("x\n", "utf-8")
    with pytest.raises(UserError, match=r"no file .*a\.de"):
        Aligned(tmp_path / "a.en", tmp_path / "a.de")


def test_aligned_names_the_file_that_is_not_utf8(tmp_path):
    (tmp_path / "a.en").write_text("x\ny\n", "utf-8")
    (tmp_path / "a.de").write_bytes(b"x\n\xe9\n")
    with pytest.raises(UserError, match=r"a\.de, line 2"):
        list(Aligned(tmp_path / "a.en", tmp_path / "a.de")())


# --- tsv


@pytest.mark.parametrize(("text", "line", "found"), [("a\tb\tc\na\tb\n", 2, "2 columns"), ("\n", 1, "1 column ")])
def test_too_few_columns_name_line_found_and_needed(tmp_path, text, line, found):
    (tmp_path / "a.tsv").write_text(text, "utf-8")
    wanted = rf"a\.tsv, line {line}: {found}.*3 needed \(source is column 0, target is column 2"
    with pytest.raises(UserError, match=wanted):
        list(Tsv(tmp_path / "a.tsv", columns=(0, 2))())


def test_quotes_mean_nothing_special(tmp_path):
    (tmp_path / "a.tsv").write_text('"open\tsay ""x""\n', "utf-8")
    assert list(Tsv(tmp_path / "a.tsv")()) == [Pair(1, '"open', 'say ""x""')]


@pytest.mark.parametrize("columns", [(0, 0), (-1, 1)])
def test_columns_that_are_not_two_are_refused(tmp_path, columns):
    (tmp_path / "a.tsv").write_text("a\tb\n", "utf-8")
    with pytest.raises(UserError, match="not two columns"):
        Tsv(tmp_path / "a.tsv", columns=columns)


# --- hub


def test_hub_reads_the_multi30k_layout_by_any_name_of_a_split(tmp_path):
    for name in ("train", "val", "test"):
        write_json_lines(tmp_path / f"{name}.jsonl", [{"en": f"{name} {n}", "de": f"{name}{n}"} for n in range(1500)])
    for split, name in {"train": "train", "validation": "val", "dev": "val", "test": "test"}.items():
        pairs = list(Hub("x/y", split, source_language="de", target_language="en", folder=tmp_path)())
        assert pairs == [Pair(n + 1, f"{name}{n}", f"{name} {n}") for n in range(1500)]


def test_hub_reads_nested_translations_and_counts_missing_ones_as_empty(tmp_path):
    rows = [{"id": 1, "translation": {"en": "a", "fr": "b"}}, {"id": 2, "translation": {"en": "c", "fr": None}}]
    write_json_lines(tmp_path / "train.jsonl", rows)
    reader = Hub("x/y", "train", source_language="fr", target_language="en", folder=tmp_path)
    assert list(reader()) == [Pair(1, "b", "a"), Pair(2, "", "c")]


@pytest.mark.parametrize("row", [{"en": "a", "ger": "b"}, {"translation": {"en": "a", "ger": "b"}}])
def test_hub_names_the_columns_found(tmp_path, row):
    write_json_lines(tmp_path / "train.jsonl", [row])
    with pytest.raises(UserError, match="no column 'de'; its columns are: en, ger"):
        list(Hub("x/y", "train", source_language="en", target_language="de", folder=tmp_path)())


def test_hub_refuses_what_is_not_text(tmp_path):
    write_json_lines(tmp_path / "train.jsonl", [{"en": "a", "de": 3}])
    with pytest.raises(UserError, match="row 1: 3 is not text"):
        list(Hub("x/y", "train", source_language="en", target_language="de", folder=tmp_path)())


def test_hub_folder_without_the_split_or_without_data(tmp_path):
    write_json_lines(tmp_path / "full" / "train.jsonl", [{"en": "a", "de": "b"}])
    (tmp_path / "bare").mkdir()
    languages = {"source_language": "en", "target_language": "de"}
    with pytest.raises(UserError, match=r"cannot give the split 'test'.*train"):
        list(Hub("x/y", "test", folder=tmp_path / "full", **languages)())
    with pytest.raises(UserError, match="bare holds no such data"):
        list(Hub("x/y", "test", folder=tmp_path / "bare", **languages)())
    with pytest.raises(UserError, match=r"no folder .*nowhere.*--data"):
        list(Hub("x/y", "test", folder=tmp_path / "nowhere", **languages)())


def test_hub_damaged_file_says_where_reading_stopped(tmp_path):
    (tmp_path / "train.jsonl").write_text('{"en": "a", "de": "b"}\n{"en": "a", "de\n', "utf-8")
    with pytest.raises(UserError, match=r"cannot be read|could not be opened"):
        list(Hub("x/y", "train", source_language="en", target_language="de", folder=tmp_path)())


def test_hub_out_of_reach_says_how_to_give_a_folder(monkeypatch):
    import datasets

    def unreachable(name, *, split):
        assert (name, split) == ("x/y", "validation")
        raise ConnectionError("no route")

    monkeypatch.setattr(datasets, "load_dataset", unreachable)
    with pytest.raises(UserError, match=r"'x/y' could not be opened: no route.*--data FOLDER"):
        list(Hub("x/y", "dev", source_language="en", target_language="de")())


def test_hub_blames_the_split_only_where_the_library_does(monkeypatch, tmp_path):
    import datasets

    def ambiguous(name, **options):
        raise ValueError("Config name is missing. Please pick one among: ['cs-en', 'de-en']")

    monkeypatch.setattr(datasets, "load_dataset", ambiguous)
    with pytest.raises(UserError, match=r"'x/y' could not be opened: Config name is missing.*--data FOLDER"):
        list(Hub("x/y", "test", source_language="en", target_language="de")())
    with pytest.raises(UserError, match=r"could not be opened: Config name is missing.*Check the files"):
        list(Hub("x/y", "test", source_language="en", target_language="de", folder=tmp_path)())


def test_hub_names_its_splits(monkeypatch, tmp_path):
    import datasets

    for name in ("train", "val"):
        write_json_lines(tmp_path / "data" / f"{name}.jsonl", [{"en": "a", "de": "b"}])
    languages = {"source_language": "en", "target_language": "de"}
    assert sorted(Hub("x/y", "test", folder=tmp_path, **languages).splits()) == ["train", "validation"]
    monkeypatch.setattr(datasets, "load_dataset", lambda name: {"train": None, "test": None})
    assert Hub("x/y", "train", **languages).splits() == ["train", "test"]
    monkeypatch.undo()
    with pytest.raises(UserError, match=r"no folder .*nowhere"):
        Hub("x/y", "test", folder=tmp_path / "nowhere", **languages).splits()


def test_hub_dataset_that_is_not_there_says_so(monkeypatch):
    import datasets

    def missing(name, *, split):
        raise datasets.exceptions.DatasetNotFoundError("Dataset 'x/y' doesn't exist on the Hub")

    monkeypatch.setattr(datasets, "load_dataset", missing)
    with pytest.raises(UserError, match=r"doesn't exist.*--data FOLDER"):
        list(Hub("x/y", "test", source_language="en", target_language="de")())


def test_hub_without_a_folder_reads_what_the_library_gives(monkeypatch):
    import datasets

    table = datasets.Dataset.from_dict({"en": ["a", "b"], "de": ["c", "d"]})
    monkeypatch.setattr(datasets, "load_dataset", lambda name, *, split: table)
    reader = Hub("x/y", "test", source_language="en", target_language="de")
    assert list(reader()) == [Pair(1, "a", "c"), Pair(2, "b", "d")]


def test_hub_without_the_library_says_what_to_install(monkeypatch, tmp_path):
    monkeypatch.setitem(sys.modules, "datasets", None)
    with pytest.raises(UserError, match=r"pip install 'seq2seq\[train\]'"):
        list(Hub("x/y", "test", source_language="en", target_language="de", folder=tmp_path)())
