"""Reading ahead as far as the input has come, and no further; files that are whole or called a part."""

from __future__ import annotations

import io
import os
import sys

import pytest

from seq2seq.errors import UserError
from seq2seq.pipeline.streams import open_output, read_input, windows_as_they_come


def test_a_line_that_came_is_given_before_the_next_is_there():
    reading, writing = os.pipe()
    with os.fdopen(reading, "rb") as source, os.fdopen(writing, "wb", buffering=0) as sink:
        windows = windows_as_they_come((line.decode().strip() for line in source), 10)
        sink.write(b"one\n")
        assert next(windows) == ["one"]
        sink.write(b"two\nthree\n")
        assert next(windows)[0] == "two"
        sink.close()
        assert [line for window in windows for line in window] in ([], ["three"])


@pytest.mark.parametrize("size", [1, 3, 100])
def test_windows_hold_all_lines_in_order_and_no_more_than_fit(size):
    lines = [str(number) for number in range(50)]
    windows = list(windows_as_they_come(iter(lines), size))
    assert [line for window in windows for line in window] == lines
    assert all(1 <= len(window) <= size for window in windows)
    assert list(windows_as_they_come(iter([]), size)) == []


def test_what_came_before_an_error_is_given_first():
    def lines():
        yield "good"
        raise UserError("bad line")

    windows = windows_as_they_come(lines(), 10)
    assert next(windows) == ["good"]
    with pytest.raises(UserError, match="bad line"):
        next(windows)


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
