"""Reading ahead as far as the input has come, and no further; files that are whole or called a part."""

from __future__ import annotations

import gzip
import io
import lzma
import os
import sys
import time

import pytest

from seq2seq.errors import UserError
from seq2seq.pipeline.translate.streams import as_they_come, num_bytes, open_output, raw_input, text_of
from seq2seq.pipeline.translate.windows import between, numbered
from seq2seq.translating.windows import windows_of


def read_input(path):
    """The lines of a file, or of standard input, as text."""
    for number, raw in enumerate(raw_input(path), start=1):
        yield text_of(raw, path, number)


def test_a_line_that_came_is_given_before_the_next_is_there():
    reading, writing = os.pipe()
    with os.fdopen(reading, "rb") as source, os.fdopen(writing, "wb", buffering=0) as sink:
        chunks = as_they_come(iter(source), 10)
        sink.write(b"one\n")
        assert next(chunks) == [b"one\n"]
        sink.write(b"two\nthree\n")
        assert next(chunks)[0] == b"two\n"
        sink.close()
        assert [line for chunk in chunks for line in chunk] in ([], [b"three\n"])


@pytest.mark.parametrize("size", [1, 3, 100])
@pytest.mark.parametrize("cut", [as_they_come, windows_of])
def test_chunks_hold_all_lines_in_order_and_no_more_than_fit(size, cut):
    lines = [b"%d" % number for number in range(50)]
    chunks = list(cut(iter(lines), size))
    assert [line for chunk in chunks for line in chunk] == lines
    assert all(1 <= len(chunk) <= size for chunk in chunks)
    assert list(cut(iter([]), size)) == []


@pytest.mark.parametrize("cut", [as_they_come, windows_of])
def test_what_came_before_an_error_is_given_first(cut):
    def lines():
        yield b"good"
        raise UserError("bad line")

    chunks = cut(lines(), 10)
    assert next(chunks) == [b"good"]
    with pytest.raises(UserError, match="bad line"):
        next(chunks)


@pytest.mark.parametrize("cut", [as_they_come, windows_of])
def test_many_bytes_make_a_chunk_full(cut):
    lines = [b"x" * 40] * 7 + [b"y" * 500] + [b"z"] * 5
    chunks = list(cut(iter(lines), 1000, 100))
    assert [line for chunk in chunks for line in chunk] == lines
    # None goes on after it has reached a hundred bytes.
    assert all(sum(map(len, chunk[:-1])) < 100 for chunk in chunks)
    if cut is windows_of:
        assert list(map(len, chunks)) == [3, 3, 2, 5]


@pytest.mark.parametrize("length", [1, 1000])
def test_reading_ahead_stops_when_nobody_takes(length):
    """What waits is bounded in lines and in bytes, however slow the translating side is."""
    produced = 0

    def lines():
        nonlocal produced
        for _ in range(1000):
            produced += 1
            yield b"x" * length

    chunks = as_they_come(lines(), 16, 4000)
    taken = 0
    for chunk in chunks:
        taken += len(chunk)
        time.sleep(0.0005 if taken < 300 else 0)  # time to run ahead
        assert produced - taken <= (32 if length == 1 else 8) + 1
    assert taken == produced == 1000


def test_windows_know_their_places():
    windows = list(numbered(windows_of(iter([b"a\n", b"bb\n", b"ccc\n"]), 2)))
    assert [(window.first, window.begin, window.lines) for window in windows] == [
        (0, 0, [b"a\n", b"bb\n"]),
        (2, 5, [b"ccc\n"]),
    ]
    assert [(window.after, window.end) for window in windows] == [(2, 5), (3, 9)]


@pytest.mark.parametrize("count", range(1, 9))
def test_each_window_is_of_one_part(count):
    lines = [b"x" * (number * 7 % 5) + b"\n" for number in range(40)]
    size = sum(map(len, lines))
    windows = list(numbered(windows_of(iter(lines), 3)))
    bounds = [size * number // count for number in range(count + 1)]
    parts = [list(between(iter(windows), *bounds[number : number + 2])) for number in range(count)]
    assert [window for part in parts for window in part] == windows


def test_the_bytes_of_a_file_are_those_of_its_text(tmp_path):
    for name, data in {"a": b"x\n" * 9, "b.gz": gzip.compress(b"x\n" * 9), "c.xz": lzma.compress(b"x\n" * 9)}.items():
        (tmp_path / name).write_bytes(data)
        assert num_bytes(tmp_path / name) == 18
    (tmp_path / "cut.gz").write_bytes(gzip.compress(os.urandom(1000))[:500])
    with pytest.raises(UserError, match=r"cut\.gz is cut short"):
        num_bytes(tmp_path / "cut.gz")
    with pytest.raises(UserError, match="There is no file"):
        num_bytes(tmp_path / "other")


def test_lines_end_at_line_feeds_only(tmp_path, monkeypatch):
    raw = "a\x0bb\u2028c\r\nd\re\n\nlast".encode()
    expected = ["a\x0bb\u2028c", "d\re", "", "last"]
    (tmp_path / "text").write_bytes(raw)
    assert list(read_input(tmp_path / "text")) == expected
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(raw)))
    assert list(read_input(None)) == expected


def test_standard_input_is_left_open_for_others(tmp_path, monkeypatch):
    (tmp_path / "text").write_bytes(b"one\ntwo\n")
    with (tmp_path / "text").open() as file:
        monkeypatch.setattr(sys, "stdin", file)
        assert list(read_input(None)) == ["one", "two"]
        assert file.fileno() > 0


def test_an_empty_file_has_no_lines_and_a_missing_one_is_named(tmp_path):
    (tmp_path / "empty").write_bytes(b"")
    assert list(read_input(tmp_path / "empty")) == []
    with pytest.raises(UserError, match="Did you mean 'empty'"):
        list(read_input(tmp_path / "emty"))


def test_a_file_gets_its_name_when_it_is_whole(tmp_path):
    path = tmp_path / "new" / "out"
    with open_output(path) as file:
        file.write("ü\n")
        assert not path.exists()
    assert path.read_bytes() == "ü\n".encode()
    assert [p.name for p in path.parent.iterdir()] == ["out"]


def test_a_file_that_fails_stays_a_part_and_the_old_one_stays_too(tmp_path, capsys):
    path = tmp_path / "out"
    path.write_text("old")
    with pytest.raises(KeyboardInterrupt), open_output(path) as file:
        file.write("half\n")
        raise KeyboardInterrupt
    assert path.read_text() == "old"
    assert (tmp_path / "out.part").read_text() == "half\n"
    assert str(tmp_path / "out.part") in capsys.readouterr().err.replace("\n", "")


def test_a_folder_is_no_place_to_write(tmp_path):
    with pytest.raises(UserError, match="is a folder"), open_output(tmp_path):
        pass


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="this system has no named pipes")
def test_a_pipe_is_written_to_and_never_replaced(tmp_path):
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    reader = os.open(pipe, os.O_RDONLY | os.O_NONBLOCK)
    with open_output(pipe) as file:
        file.write("one\n")
    assert os.read(reader, 100) == b"one\n"
    os.close(reader)
    assert pipe.is_fifo()
