"""Lines in, lines out: reading ahead as far as the input has come, and no further."""

from __future__ import annotations

import os
import queue
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO, TextIO

from seq2seq import console
from seq2seq.corpus.files import decode_line, read_raw_lines
from seq2seq.errors import UserError

STDIN = Path("standard input")


def read_input(path: Path | None) -> Iterator[str]:
    """Yields the lines of a file (plain or compressed), or of standard input where `path` is None.

    Lines end at a line feed and nowhere else, so that as many come out as went in.

    Raises:
        UserError: The file is missing, or a line is not UTF-8; names the line.
    """
    if path is not None and path.is_file() and not path.stat().st_size:
        return  # no lines in, no lines out: elsewhere an empty file is a mistake, here it is none
    raw_lines = _standard_input() if path is None else read_raw_lines(path)
    for number, raw in enumerate(raw_lines, start=1):
        yield decode_line(raw.rstrip(b"\n").removesuffix(b"\r"), path or STDIN, number)


def _standard_input() -> BinaryIO:
    """Returns standard input as a file of its own.

    Python closes `sys.stdin` at its end, and aborts where a thread still waits in it for a line: after Ctrl-C, or when
    nobody reads the translations any more.
    """
    try:
        return os.fdopen(sys.stdin.fileno(), "rb", closefd=False)
    except (OSError, ValueError):  # no file of the system: another program put something in its place
        return sys.stdin.buffer


def windows_as_they_come(lines: Iterator[str], size: int) -> Iterator[list[str]]:
    """Yields at least one line, and as many as have arrived, up to `size`.

    A person who types gets an answer to each line; a file is read in windows that can be batched. A thread reads, so
    the translating side never waits for a line that has not come while it could be answering one that has.
    """
    arrived: queue.Queue[str | BaseException | None] = queue.Queue(maxsize=2 * size)

    def read() -> None:
        try:
            for line in lines:
                arrived.put(line)
            arrived.put(None)
        except BaseException as error:
            arrived.put(error)

    threading.Thread(target=read, daemon=True).start()
    while True:
        window, end = _drain(arrived, size)
        if window:
            yield window
        if isinstance(end, BaseException):
            raise end
        if end is _END:
            return


_END = object()


def _drain(arrived: queue.Queue[str | BaseException | None], size: int) -> tuple[list[str], object]:
    """Waits for one line, then takes what else is there. Returns the lines, and what ended them, if anything did."""
    window: list[str] = []
    item = arrived.get()
    while True:
        if item is None:
            return window, _END
        if isinstance(item, BaseException):
            return window, item
        window.append(item)
        if len(window) >= size or arrived.empty():
            return window, None
        item = arrived.get()


def part_of(path: Path) -> Path:
    """Returns the file beside `path` that is written until it is whole."""
    return path.with_name(path.name + ".part")


def is_a_folder(path: Path) -> UserError:
    """Returns what is said of an output that is a folder."""
    return UserError(f"{path} is a folder.", hint="Give the name of a file to write.")


@contextmanager
def open_output(path: Path | None) -> Iterator[TextIO]:
    """Gives a file to write to, which takes the name `path` when all is written; None: standard output.

    What was written before an interruption stays in `path.part`, and that is said.

    Raises:
        UserError: `path` is a folder.
    """
    if path is None:
        yield sys.stdout
        sys.stdout.flush()
        return
    if path.is_dir():
        raise is_a_folder(path)
    if path.exists() and not path.is_file():  # a device or a pipe is written to, never replaced
        with path.open("w", encoding="utf-8", newline="\n") as file:
            yield file
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    part = part_of(path)
    try:
        with part.open("w", encoding="utf-8", newline="\n") as file:
            yield file
    except BaseException:
        console.say(f"what was translated is in {part}")
        raise
    part.replace(path)
