"""Text files, plain or compressed, as a stream of lines in strict UTF-8, with errors that name file and line.

A line ends at a line feed, which a carriage return may precede, and nowhere else: Python's own `splitlines` also cuts
at U+2028, U+0085 and form feeds, which occur inside sentences and would shift every later line against its translation.
"""

from __future__ import annotations

import gzip
import io
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import BinaryIO, Final

from seq2seq.errors import UserError, nearest

_BYTE_ORDER_MARK: Final = b"\xef\xbb\xbf"
_BUFFER_BYTES: Final = 1 << 18
# What other files begin with, what they are, and what makes text in UTF-8 of them.
_NOT_TEXT: Final = (
    (b"\xfd7zXZ\x00", "is xz data", "Decompress it: xz -dc FILE > NEW"),
    (b"BZh", "is bzip2 data", "Decompress it: bzip2 -dc FILE > NEW"),
    (b"\x28\xb5\x2f\xfd", "is Zstandard data", "Decompress it: zstd -dc FILE > NEW"),
    (b"PK\x03\x04", "is a ZIP archive", "Unpack it: unzip -p FILE > NEW"),
    (b"\x1f\x8b", "is gzip data", "Let its name end in '.gz', or decompress it: gzip -dc FILE > NEW"),
    (b"\xff\xfe\x00\x00", "is UTF-32 text", "Convert it: iconv -f UTF-32 -t UTF-8 FILE > NEW"),
    (b"\xff\xfe", "is UTF-16 text", "Convert it: iconv -f UTF-16 -t UTF-8 FILE > NEW"),
    (b"\xfe\xff", "is UTF-16 text", "Convert it: iconv -f UTF-16 -t UTF-8 FILE > NEW"),
)
_BZIP2_BLOCK: Final = b"1AY&SY"  # follows "BZh" and a digit: three letters alone may begin a text


def _plain(path: Path) -> BinaryIO:
    return path.open("rb", buffering=_BUFFER_BYTES)


def _gzip(path: Path) -> BinaryIO:
    # GzipFile finds lines in Python; a buffer around it finds them in C, which is several times faster.
    return io.BufferedReader(gzip.GzipFile(path, "rb"), _BUFFER_BYTES)


# How to open a file, by its last suffix; any other suffix is plain text.
OPENERS: Final[dict[str, Callable[[Path], BinaryIO]]] = {".gz": _gzip}


def require_file(path: Path) -> None:
    """Checks that `path` is a file with something in it.

    Raises:
        UserError: It is missing, a folder, or empty; a missing file is answered with the nearest name in its folder.
    """
    if path.is_dir():
        raise UserError(f"{path} is a folder where a file is needed.", hint=_listing(path))
    if not path.exists():
        folder = path.parent
        if not folder.is_dir():
            raise UserError(f"There is no file {path}: its folder {folder} does not exist.", hint="Check the path.")
        raise UserError(f"There is no file {path}.", hint=_nearest_file(path.name, folder))
    if path.stat().st_size == 0:
        raise UserError(f"The file {path} is empty.", hint="Check how it was made.")


def read_raw_lines(path: Path) -> Iterator[bytes]:
    """Yields the lines of a file as bytes, without their terminators and without a byte order mark.

    Raises:
        UserError: The file is missing, a folder, empty, unreadable, packed in a way that is not read here, in UTF-16,
            or its compression is cut short or damaged.
    """
    require_file(path)
    line = 0
    try:
        with OPENERS.get(path.suffix.lower(), _plain)(path) as file:
            for line, raw in enumerate(file, start=1):
                if line == 1:
                    _check_start(raw, path)
                text = raw.removeprefix(_BYTE_ORDER_MARK) if line == 1 else raw
                yield text[:-2] if text.endswith(b"\r\n") else text.removesuffix(b"\n")
    except EOFError as error:
        raise UserError(
            f"{path} is cut short: its compressed data ends early, after line {line}.",
            hint="Copy or download it again.",
        ) from error
    except (gzip.BadGzipFile, zlib.error) as error:
        raise UserError(
            f"{path} is not gzip data, or is damaged, after line {line}: {error}.",
            hint="If it is plain text, remove '.gz' from its name; otherwise copy or download it again.",
        ) from error
    except OSError as error:
        raise UserError(f"{path} cannot be read: {error.strerror or error}.") from error
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
            _check_start(raw, path)
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


def _check_start(raw: bytes, path: Path) -> None:
    """Refuses what is known by its first bytes to be no text in UTF-8."""
    for start, what, hint in _NOT_TEXT:
        if raw.startswith(start) and (start != b"BZh" or raw[4:10] == _BZIP2_BLOCK):
            first, name = (
                ("Decompress it with gzip -d. ", path.stem) if path.suffix.lower() == ".gz" else ("", path.name)
            )
            raise UserError(f"{path} {what}, and text in UTF-8 is needed.", hint=first + hint.replace("FILE", name))


def _nearest_file(name: str, folder: Path) -> str:
    return nearest(name, sorted(p.name for p in folder.iterdir() if p.is_file())[:1000]) or "Its folder has no files."


def _listing(folder: Path) -> str:
    names = sorted(p.name for p in folder.iterdir() if p.is_file())[:10]
    return f"It holds: {', '.join(names)}." if names else "It holds no files."
