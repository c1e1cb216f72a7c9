"""Lines in, lines out: reading ahead as far as the input has come, and no further."""

from __future__ import annotations

import os
import stat
import sys
import threading
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO, Final, TextIO

from seq2seq import console
from seq2seq.corpus.files import OPENERS, check_start, decode_line, open_bytes
from seq2seq.errors import UserError
from seq2seq.pipeline.alone import alone
from seq2seq.translating.windows import WINDOW_CHARACTERS

STDIN = Path("standard input")
_BYTE_ORDER_MARK: Final = b"\xef\xbb\xbf"
_BLOCK: Final = 1 << 20


def raw_input(path: Path | None) -> Iterator[bytes]:
    """Yields the lines of a file (plain or compressed), or of standard input where `path` is None, as they are stored.

    Lines end at a line feed and nowhere else, so that as many come out as went in.

    Raises:
        UserError: The file is missing, no regular file, or its compression is damaged.
    """
    if path is None:
        yield from _standard_input()
    elif not path.is_file() or path.stat().st_size:  # an empty file has no lines: elsewhere it is a mistake, not here
        number = 0
        with open_bytes(path, lambda: number) as file:
            for number, raw in enumerate(file, start=1):
                if number == 1:
                    check_start(raw, path)
                yield raw


def text_of(raw: bytes, path: Path | None, number: int) -> str:
    """Returns a line without its end, and without the byte order mark that may stand before the first.

    Raises:
        UserError: It is not UTF-8; names the file and the line.
    """
    if number == 1:
        raw = raw.removeprefix(_BYTE_ORDER_MARK)
    return decode_line(raw.removesuffix(b"\n").removesuffix(b"\r"), path or STDIN, number)


def num_bytes(path: Path) -> int:
    """Returns how many bytes of text are in a file; a compressed one is unpacked for it.

    Raises:
        UserError: As `raw_input`.
    """
    if path.is_file() and (path.suffix.lower() not in OPENERS or not path.stat().st_size):
        return path.stat().st_size
    counted = lines = 0
    with open_bytes(path, lambda: lines) as file:
        while block := file.read(_BLOCK):
            counted += len(block)
            lines += block.count(b"\n")
    return counted


def is_standard_input_a_file() -> bool:
    """Whether all of standard input is there already, because it is a file."""
    try:
        return stat.S_ISREG(os.fstat(sys.stdin.fileno()).st_mode)
    except (OSError, ValueError):
        return False


def _standard_input() -> BinaryIO:
    """Returns standard input as a file of its own.

    Python closes `sys.stdin` at its end, and aborts where a thread still waits in it for a line: after Ctrl-C, or when
    nobody reads the translations any more.
    """
    try:
        return os.fdopen(sys.stdin.fileno(), "rb", closefd=False)
    except (OSError, ValueError):  # no file of the system: another program put something in its place
        return sys.stdin.buffer


def as_they_come(lines: Iterator[bytes], size: int, most_bytes: int = WINDOW_CHARACTERS) -> Iterator[list[bytes]]:
    """Yields at least one line, and as many as have arrived, up to `size` or so many bytes.

    A person who types gets an answer to each line; a file is read in windows that can be batched. A thread reads, so
    the translating side never waits for a line that has not come while it could be answering one that has.
    """
    arrived = _Arrived(2 * size, 2 * most_bytes)

    def read() -> None:
        try:
            for line in lines:
                arrived.put(line)
            arrived.end(StopIteration())
        except BaseException as error:
            arrived.end(error)

    threading.Thread(target=read, daemon=True).start()
    while True:
        chunk, end = arrived.take(size, most_bytes)
        if chunk:
            yield chunk
        elif isinstance(end, StopIteration):
            return
        elif end is not None:
            raise end


class _Arrived:
    """The lines between a thread that reads and one that takes them, bounded in number and in bytes.

    Args:
        most_lines: So many may wait; reading then waits too.
        most_bytes: Likewise of their bytes.
    """

    def __init__(self, most_lines: int, most_bytes: int) -> None:
        self._most_lines, self._most_bytes = most_lines, most_bytes
        self._lines: deque[bytes] = deque()
        self._num_bytes = 0
        self._end: BaseException | None = None
        self._news = threading.Condition()

    def put(self, line: bytes) -> None:
        """Adds a line, when there is room."""
        with self._news:
            self._news.wait_for(self._has_room)
            self._lines.append(line)
            self._num_bytes += len(line)
            self._news.notify_all()

    def _has_room(self) -> bool:
        return len(self._lines) < self._most_lines and self._num_bytes < self._most_bytes

    def end(self, why: BaseException) -> None:
        """Says that no more lines come, and why."""
        with self._news:
            self._end = why
            self._news.notify_all()

    def take(self, size: int, most_bytes: int) -> tuple[list[bytes], BaseException | None]:
        """Waits for a line. Returns it with what else is there; with no line left, what ended them."""
        with self._news:
            self._news.wait_for(lambda: self._lines or self._end is not None)
            taken: list[bytes] = []
            num_bytes = 0
            while self._lines and len(taken) < size and num_bytes < most_bytes:
                taken.append(self._lines.popleft())
                num_bytes += len(taken[-1])
            self._num_bytes -= num_bytes
            self._news.notify_all()
            return taken, self._end


def part_of(path: Path) -> Path:
    """Returns the file beside `path` that is written until it is whole."""
    return path.with_name(path.name + ".part")


def record_of(path: Path) -> Path:
    """Returns the file that says what the part of `path` was made of; see `seq2seq.pipeline.translate.resuming`."""
    return path.with_name(path.name + ".part.json")


def is_a_folder(path: Path) -> UserError:
    """Returns what is said of an output that is a folder."""
    return UserError(f"{path} is a folder.", hint="Give the name of a file to write.")


def is_replaced(path: Path) -> bool:
    """Whether what is written takes the place of the file `path` at the end; a device or a pipe is written to."""
    return path.is_file() or not path.exists()


def spare(path: Path) -> None:
    """Refuses to overwrite what a run that can be gone on with has left of `path`: it may be hours of work.

    Raises:
        UserError: There is such a part, with the record of what it was made of.
    """
    part = part_of(path)
    if record_of(path).is_file() and part.is_file() and part.stat().st_size:
        raise UserError(
            f"{part} holds what was translated before an interruption.",
            hint=f"Go on with it: the same command as then, and --resume. To start again, delete {part}.",
        )


@contextmanager
def open_output(path: Path | None) -> Iterator[TextIO]:
    """Gives a file to write to, which takes the name `path` when all is written; None: standard output.

    What was written before an interruption stays in `path.part`, and that is said. It is not gone on with: what can be
    is written by `seq2seq.pipeline.translate.resuming.open_resumable`.

    Raises:
        UserError: `path` is a folder, another process is writing it, or the work of an earlier run would be lost.
    """
    if path is None:
        yield sys.stdout
        sys.stdout.flush()
        return
    if path.is_dir():
        raise is_a_folder(path)
    if not is_replaced(path):
        with path.open("w", encoding="utf-8", newline="\n") as file:
            yield file
        return
    with alone(path):
        spare(path)
        part = part_of(path)
        record_of(path).unlink(missing_ok=True)  # it speaks of another part, which is gone or empty
        try:
            with part.open("w", encoding="utf-8", newline="\n") as file:
                yield file
        except BaseException:
            say_where(part)
            raise
        part.replace(path)


def say_where(part: Path, *, more: str = "") -> None:
    """Says where the beginning is that was written; where nothing was, there is no need to."""
    if part.is_file() and part.stat().st_size:
        console.say(f"what was translated is in {part}{more}")
    else:
        part.unlink(missing_ok=True)
