"""Text files, plain or compressed, as a stream of lines in strict UTF-8, with errors that name file and line.

A line ends at a line feed, which a carriage return may precede, and nowhere else: Python's own `splitlines` also cuts
at U+2028, U+0085 and form feeds, which occur inside sentences and would shift every later line against its translation.
"""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final, Protocol

from seq2seq.errors import UserError, nearest

_BYTE_ORDER_MARK: Final = b"\xef\xbb\xbf"
_BUFFER_BYTES: Final = 1 << 18
_PACKED_BYTES: Final = 1 << 12  # at once; of Zstandard even so few may unfold to some megabytes
_LONGEST_WINDOW: Final = 1 << 31  # that `zstd --long=31` writes; memory is taken as the data fills it
# What other files begin with, what they are, and what makes text in UTF-8 of them.
_NOT_TEXT: Final = (
    (b"\xfd7zXZ\x00", "is xz data", "Let its name end in '.xz', or decompress it: xz -dc FILE > NEW"),
    (b"BZh", "is bzip2 data", "Let its name end in '.bz2', or decompress it: bzip2 -dc FILE > NEW"),
    (b"\x28\xb5\x2f\xfd", "is Zstandard data", "Let its name end in '.zst', or decompress it: zstd -dc FILE > NEW"),
    (b"PK\x03\x04", "is a ZIP archive", "Unpack it: unzip -p FILE > NEW"),
    (b"\x1f\x8b", "is gzip data", "Let its name end in '.gz', or decompress it: gzip -dc FILE > NEW"),
    (b"\xff\xfe\x00\x00", "is UTF-32 text", "Convert it: iconv -f UTF-32 -t UTF-8 FILE > NEW"),
    (b"\x00\x00\xfe\xff", "is UTF-32 text", "Convert it: iconv -f UTF-32 -t UTF-8 FILE > NEW"),
    (b"\xff\xfe", "is UTF-16 text", "Convert it: iconv -f UTF-16 -t UTF-8 FILE > NEW"),
    (b"\xfe\xff", "is UTF-16 text", "Convert it: iconv -f UTF-16 -t UTF-8 FILE > NEW"),
)
# The higher bytes of Latin, Greek, Cyrillic, Armenian, Hebrew and Arabic letters in UTF-16: nothing that text holds.
_HIGHER_BYTES: Final = bytes(range(9))
_UTF_16_SHARE: Final = 0.7  # of every second byte; the rest are dashes and quotation marks
_UTF_16_LOOKED_AT: Final = 1000  # bytes
_BZIP2_BLOCK: Final = b"1AY&SY"  # follows "BZh" and a digit: three letters alone may begin a text
# What each suffix stands for, and the program that decompresses it.
_KINDS: Final = {
    ".gz": ("gzip", "gzip"),
    ".xz": ("xz", "xz"),
    ".bz2": ("bzip2", "bzip2"),
    ".zst": ("Zstandard", "zstd"),
}


class _DamagedError(Exception):
    """Compressed data of a kind whose library has an error of its own is damaged."""


class _Decompressor(Protocol):
    """What unpacks one stream, as those of the standard library do."""

    @property
    def eof(self) -> bool: ...

    @property
    def needs_input(self) -> bool: ...

    @property
    def unused_data(self) -> bytes: ...

    def decompress(self, data: bytes, max_length: int = -1) -> bytes: ...


class _Streams(io.RawIOBase):
    """Decompressed data, stream after stream: whatever follows one is another, or an error.

    The libraries' own files take what follows for the end where it does not begin like a stream, or (Zstandard) a file
    that ends within a stream for a shorter one. This one raises the decompressor's error, or EOFError.

    Args:
        path: The file.
        start: Makes the decompressor of one stream.
        padding: Bytes that may stand after a stream and mean nothing.
    """

    def __init__(self, path: Path, start: Callable[[], _Decompressor], *, padding: bytes = b"") -> None:
        self._start, self._padding = start, padding
        self._file = path.open("rb")
        self._stream: _Decompressor | None = None  # None between two
        self._is_first = True
        self._packed = b""  # read, and not yet given to a stream
        self._ready = memoryview(b"")

    def readable(self) -> bool:
        return True

    def close(self) -> None:
        self._file.close()
        super().close()

    def readinto(self, buffer: Any) -> int:  # noqa: ANN401 - whatever may be written to, as the base says
        while not self._ready:
            if not self._packed and (self._stream is None or self._stream.needs_input):
                self._packed = self._file.read(_PACKED_BYTES)
                if not self._packed:
                    if self._stream is not None:
                        raise EOFError
                    return 0
            self._ready = memoryview(self._unpacked())
        count = min(len(self._ready), len(buffer))
        buffer[:count], self._ready = self._ready[:count], self._ready[count:]
        return count

    def _unpacked(self) -> bytes:
        if self._stream is None:
            if not self._is_first:
                self._packed = self._packed.lstrip(self._padding)
                if not self._packed:
                    return b""
            self._stream, self._is_first = self._start(), False
        packed, self._packed = self._packed, b""
        unpacked = self._stream.decompress(packed, _BUFFER_BYTES)
        if self._stream.eof:
            self._packed, self._stream = self._stream.unused_data, None
        return unpacked


class _Frame:
    """One stream of Zstandard data, called a frame; the length of what is unpacked cannot be bounded."""

    needs_input = True

    def __init__(self, state: Any, error: type[Exception]) -> None:  # noqa: ANN401 - of a library without types
        self._state, self._error = state, error

    @property
    def eof(self) -> bool:
        return bool(self._state.eof)

    @property
    def unused_data(self) -> bytes:
        return bytes(self._state.unused_data)

    def decompress(self, data: bytes, max_length: int = -1) -> bytes:
        del max_length
        try:
            return bytes(self._state.decompress(data))
        except self._error as error:
            raise _DamagedError(str(error)) from error


def _plain(path: Path) -> io.BufferedReader:
    return io.BufferedReader(io.FileIO(path), _BUFFER_BYTES)


class _Pieces(io.RawIOBase):
    """A gzip file, read as far as it is good: asked for much at once, it would raise and lose what it read."""

    def __init__(self, file: gzip.GzipFile) -> None:
        self._inner = file

    def readable(self) -> bool:
        return True

    def close(self) -> None:
        self._inner.close()
        super().close()

    def readinto(self, buffer: Any) -> int:  # noqa: ANN401
        piece = self._inner.read1(len(buffer))
        buffer[: len(piece)] = piece
        return len(piece)


# The library's own files find lines in Python; a buffer around each finds them in C, which is several times faster.
def _gzip(path: Path) -> io.BufferedReader:
    return io.BufferedReader(_Pieces(gzip.GzipFile(path, "rb")), _BUFFER_BYTES)


def _xz(path: Path) -> io.BufferedReader:
    return io.BufferedReader(_Streams(path, lzma.LZMADecompressor, padding=b"\0"), _BUFFER_BYTES)


def _bzip2(path: Path) -> io.BufferedReader:
    return io.BufferedReader(_Streams(path, bz2.BZ2Decompressor), _BUFFER_BYTES)


def _zstandard(path: Path) -> io.BufferedReader:
    try:
        import zstandard
    except ImportError as error:
        raise UserError(
            f"Reading {path} needs the library `zstandard`.",
            hint='Run: pip install "seq2seq[train]"   Or decompress the file: zstd -d FILE',
        ) from error
    decompressor = zstandard.ZstdDecompressor(max_window_size=_LONGEST_WINDOW)

    def start() -> _Frame:
        return _Frame(decompressor.decompressobj(), zstandard.ZstdError)

    return io.BufferedReader(_Streams(path, start), _BUFFER_BYTES)


# How to open a file, by its last suffix; any other suffix is plain text.
OPENERS: Final[dict[str, Callable[[Path], io.BufferedReader]]] = {
    ".gz": _gzip,
    ".xz": _xz,
    ".bz2": _bzip2,
    ".zst": _zstandard,
}


def require_file(path: Path) -> None:
    """Checks that `path` is a regular file with something in it.

    Raises:
        UserError: It is missing, a folder, a pipe or the like, or empty; a missing file is answered with the nearest
            name in its folder.
    """
    if path.is_dir():
        raise UserError(f"{path} is a folder where a file is needed.", hint=_listing(path))
    if not path.exists():
        folder = path.parent
        if not folder.is_dir():
            raise UserError(f"There is no file {path}: its folder {folder} does not exist.", hint="Check the path.")
        raise UserError(f"There is no file {path}.", hint=_nearest_file(path.name, folder))
    if not path.is_file():
        raise UserError(
            f"{path} is no regular file, and is read more than once.", hint="Save what it gives in a file first."
        )
    if path.stat().st_size == 0:
        raise UserError(f"The file {path} is empty.", hint="Check how it was made.")


@contextmanager
def open_bytes(path: Path, line: Callable[[], int]) -> Iterator[io.BufferedReader]:
    """Opens a file for reading, decompressed where its suffix says so, and turns what fails into errors for people.

    Args:
        path: The file.
        line: Tells how many lines have been read, for the errors.

    Raises:
        UserError: The file is missing, a folder, empty or unreadable, or its compression is cut short or damaged.
    """
    require_file(path)
    try:
        with OPENERS.get(path.suffix.lower(), _plain)(path) as file:
            yield file
    except EOFError as error:
        raise UserError(
            f"{path} is cut short: its compressed data ends early, after line {line()}.",
            hint="Copy or download it again.",
        ) from error
    except (zlib.error, lzma.LZMAError, _DamagedError) as error:
        raise _damaged(path, line(), error) from error
    except OSError as error:
        if error.errno is None:  # gzip's and bzip2's way of saying that the data is wrong
            raise _damaged(path, line(), error) from error
        raise UserError(f"{path} cannot be read: {error.strerror or error}.") from error


def read_raw_lines(path: Path) -> Iterator[bytes]:
    """Yields the lines of a file as bytes, without their terminators and without a byte order mark.

    Raises:
        UserError: As `open_bytes`, or the file is packed in a way that its name does not say, or in UTF-16.
    """
    line = 0
    with open_bytes(path, lambda: line) as file:
        for line, raw in enumerate(file, start=1):
            if line == 1:
                check_start(raw, path)
            text = raw.removeprefix(_BYTE_ORDER_MARK) if line == 1 else raw
            yield text[:-2] if text.endswith(b"\r\n") else text.removesuffix(b"\n")
    if line == 0:
        raise UserError(f"The file {path} is empty once decompressed.", hint="Check how it was made.")


def decode_line(raw: bytes, path: Path, line: int) -> str:
    """Returns one line's text.

    Raises:
        UserError: The bytes are not UTF-8; the message names file, line and the first wrong byte, or what the file is.
    """
    try:
        return raw.decode("utf-8")
    except UnicodeDecodeError as error:
        if line == 1:
            check_start(raw, path)
        raise UserError(
            f"{path}, line {line}: byte {error.start + 1} of the line (0x{raw[error.start]:02x}) is not UTF-8.",
            hint="Convert the file to UTF-8, for instance with: iconv -f LATIN1 -t UTF-8.",
        ) from error


def read_lines(path: Path) -> Iterator[str]:
    """Yields the lines of a text file, plain or compressed, without their terminators.

    Raises:
        UserError: As `read_raw_lines` and `decode_line`.
    """
    for line, raw in enumerate(read_raw_lines(path), start=1):
        yield decode_line(raw, path, line)


def num_lines(path: Path, lines: tuple[int, int] | None = None) -> int | None:
    """Returns how many of a plain file's lines are in the range `lines`, at about a gigabyte a second.

    None of a compressed file: unpacking it costs as much as reading it.

    Raises:
        UserError: As `open_bytes`.
    """
    if path.suffix.lower() in OPENERS:
        return None
    count, end = 0, b"\n"
    with open_bytes(path, lambda: count) as file:
        while block := file.read(_BUFFER_BYTES):
            count += block.count(b"\n")
            end = block[-1:]
    count += end != b"\n"
    first, last = lines or (1, count)
    return max(0, min(count, last) - first + 1)


def check_range(lines: tuple[int, int] | None) -> None:
    """Checks a range of lines: both ends included, counted from 1.

    Raises:
        UserError: It is empty, or starts before line 1.
    """
    if lines is not None and not 1 <= lines[0] <= lines[1]:
        raise UserError(
            f"The lines {lines[0]} to {lines[1]} make no range.",
            hint="Give the first and the last line, counted from 1, the first not after the last.",
        )


def check_reached(path: Path, lines: tuple[int, int] | None, num_lines: int) -> None:
    """Checks that a file which ended after `num_lines` holds the whole range `lines`.

    Raises:
        UserError: It does not.
    """
    if lines is not None and num_lines < lines[1]:
        raise UserError(
            f"{path} has {num_lines} lines, but lines {lines[0]} to {lines[1]} are asked for.",
            hint=f"Ask for lines up to {num_lines}.",
        )


def stored_as(path: Path) -> Path:
    """Returns the file, or where it is not there the same one compressed (in another way) or decompressed."""
    if path.exists():
        return path
    plain = path.with_suffix("") if path.suffix.lower() in OPENERS else path
    others = (plain, *(plain.with_name(plain.name + suffix) for suffix in OPENERS))
    return next((other for other in others if other.is_file()), path)


def _damaged(path: Path, line: int, error: Exception) -> UserError:
    """Returns the error about compressed data that is none, or no longer: what else it is, where that is known."""
    suffix = path.suffix.lower()
    kind = _KINDS[suffix][0]
    with path.open("rb") as file:
        found = _known_start(file.read(16)) if line == 0 else None
    if found and found[0] != f"is {kind} data":
        return UserError(f"{path} is named like {kind} data, and {found[0]}.", hint=found[1].replace("FILE", path.name))
    return UserError(
        f"{path} is not {kind} data, or is damaged, after line {line}: {error}.",
        hint=f"If it is plain text, remove '{suffix}' from its name; otherwise copy or download it again.",
    )


def _known_start(raw: bytes) -> tuple[str, str] | None:
    """Returns what begins with these bytes, and what to do with it; None where it may be text."""
    for start, what, hint in _NOT_TEXT:
        if raw.startswith(start) and (start != b"BZh" or raw[4:10] == _BZIP2_BLOCK):
            return what, hint
    return None


def _unmarked_utf_16(raw: bytes) -> tuple[str, str] | None:
    """Returns what a first line is that looks like UTF-16 without a byte order mark, and what to do with it."""
    start = raw[:_UTF_16_LOOKED_AT]
    halves = {"BE": start[0::2], "LE": start[1::2]}
    counts = {order: len(half) - len(half.translate(None, _HIGHER_BYTES)) for order, half in halves.items()}
    for order, other in (("BE", "LE"), ("LE", "BE")):
        is_higher = counts[order] >= max(2, _UTF_16_SHARE * len(halves[order]))
        if is_higher and counts[other] <= (1 - _UTF_16_SHARE) * len(halves[other]):
            what = "looks like UTF-16 text without a byte order mark"
            return what, f"Convert it: iconv -f UTF-16{order} -t UTF-8 FILE > NEW"
    return None


def check_start(raw: bytes, path: Path) -> None:
    """Refuses what is known by its first bytes to be no text in UTF-8.

    Args:
        raw: They, at best the whole first line.
        path: The file, for the message.

    Raises:
        UserError: It is; the message says what the file is and what makes text of it.
    """
    found = _known_start(raw) or _unmarked_utf_16(raw)
    if found:
        program = _KINDS.get(path.suffix.lower(), ("", ""))[1]
        first, name = (f"Decompress it with {program} -d. ", path.stem) if program else ("", path.name)
        raise UserError(f"{path} {found[0]}, and text in UTF-8 is needed.", hint=first + found[1].replace("FILE", name))


def _nearest_file(name: str, folder: Path) -> str:
    return nearest(name, sorted(p.name for p in folder.iterdir() if p.is_file())[:1000]) or "Its folder has no files."


def _listing(folder: Path) -> str:
    names = sorted(p.name for p in folder.iterdir() if p.is_file())[:10]
    return f"It holds: {', '.join(names)}." if names else "It holds no files."
