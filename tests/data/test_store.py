"""Prepared pairs: what is written comes back, mapped, and a damaged file is named."""

from __future__ import annotations

import numpy as np
import pytest

from seq2seq.data import store as store_module
from seq2seq.data.store import Row, Store, write_split
from seq2seq.errors import UserError

ROWS = [
    Row(3, "eins", "one", [5, 6], [7]),
    Row(4, "zwei", "two", [], [8, 9, 10]),
    Row(9, "drei äöü", "three", [11, 12, 13, 14], []),
    Row(10, "vier\tx", "four", [15], [16]),
    Row(11, "", "five", [17, 18], [19, 20]),
]


@pytest.mark.parametrize("rows_a_chunk", [1, 2, 5, 100])
def test_what_is_written_comes_back(tmp_path, monkeypatch, rows_a_chunk: int) -> None:
    monkeypatch.setattr(store_module, "ROWS_A_CHUNK", rows_a_chunk)
    path = tmp_path / "deep" / "train.arrow"
    assert write_split(path, iter(ROWS)) == len(ROWS)
    store = Store(path)
    assert len(store) == len(ROWS)
    for number, row in enumerate(ROWS):
        assert store.source[number].tolist() == row.source_ids
        assert store.target[number].tolist() == row.target_ids
    for rows in ([4, 0, 2, 2], [1], []):
        many = store.source.many(np.array(rows, np.int64))
        assert [ids.tolist() for ids in many] == [list(ROWS[row].source_ids) for row in rows]
        assert not any(ids.flags.owndata for ids in many)
    assert store.source.lengths.tolist() == [2, 0, 4, 1, 2]
    assert store.target.lengths.tolist() == [1, 3, 0, 1, 2]
    assert store.source.lengths.dtype == store.source[0].dtype == np.int32
    assert store.texts("source") == [row.source for row in ROWS]
    assert store.texts("target") == [row.target for row in ROWS]
    assert [Row(*row) for row in store.rows()] == ROWS
    for limit in (0, 1, 3, 99):
        assert store.texts("target", limit) == [row.target for row in ROWS][:limit]


def test_ids_are_views_into_the_file(tmp_path) -> None:
    write_split(tmp_path / "a.arrow", ROWS)
    ids = Store(tmp_path / "a.arrow").source
    assert not ids[0].flags.owndata
    assert np.shares_memory(ids[0], ids[0])
    assert not ids[0].flags.writeable


def test_an_empty_split_is_a_split(tmp_path) -> None:
    assert write_split(tmp_path / "a.arrow", []) == 0
    store = Store(tmp_path / "a.arrow")
    assert len(store) == 0
    assert store.source.lengths.shape == (0,)
    assert store.texts("source") == []


def test_writing_asks_for_no_more_rows_than_a_chunk_at_once(tmp_path, monkeypatch) -> None:
    monkeypatch.setattr(store_module, "ROWS_A_CHUNK", 2)
    asked = []

    def rows():
        for number, row in enumerate(ROWS):
            asked.append(number)
            yield row

    sizes = []
    real = store_module.islice
    monkeypatch.setattr(store_module, "islice", lambda rows, n: sizes.append(len(asked)) or real(rows, n))
    write_split(tmp_path / "a.arrow", rows())
    assert sizes == [0, 2, 4, 5]  # rows drawn before each chunk


def test_a_missing_file_is_named(tmp_path) -> None:
    with pytest.raises(UserError, match=r"none\.arrow is missing\. Run 'seq2seq prepare' again"):
        Store(tmp_path / "none.arrow")


@pytest.mark.parametrize("content", [b"", b"not arrow at all, but long enough to look like something", b"\xff" * 64])
def test_a_file_that_is_no_arrow_file_is_named(tmp_path, content: bytes) -> None:
    path = tmp_path / "bad.arrow"
    path.write_bytes(content)
    with pytest.raises(UserError, match=r"bad\.arrow is damaged.* Run 'seq2seq prepare' again"):
        Store(path)


@pytest.mark.parametrize("share", [0.3, 0.6, 0.9])
def test_a_file_that_was_cut_off_is_named(tmp_path, share: float) -> None:
    path = tmp_path / "cut.arrow"
    write_split(path, ROWS * 100)
    path.write_bytes(path.read_bytes()[: int(path.stat().st_size * share)])
    with pytest.raises(UserError, match=r"cut\.arrow is damaged"):
        Store(path)


def test_an_arrow_file_of_something_else_is_named(tmp_path) -> None:
    import pyarrow as pa

    path = tmp_path / "other.arrow"
    table = pa.table({"text": ["a"]})
    with pa.OSFile(str(path), "wb") as sink, pa.ipc.new_stream(sink, table.schema) as writer:
        writer.write_table(table)
    with pytest.raises(UserError, match=r"other\.arrow is damaged: it has no column 'line'"):
        Store(path)


def test_a_file_cut_off_between_two_chunks_is_named(tmp_path, monkeypatch) -> None:
    monkeypatch.setattr(store_module, "ROWS_A_CHUNK", 2)
    path = tmp_path / "cut.arrow"
    write_split(path, ROWS)
    path.write_bytes(path.read_bytes()[:-8])  # all chunks are whole; only the mark of the end is missing
    with pytest.raises(UserError, match=r"cut\.arrow is damaged: its end is missing"):
        Store(path)
