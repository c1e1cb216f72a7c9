"""Lines of text files: where they end, how they are decoded, and what each kind of damage says."""

from __future__ import annotations

import bz2
import gzip
import lzma
import subprocess

import pytest

from seq2seq.corpus.files import decode_line, read_lines
from seq2seq.errors import UserError


@pytest.mark.parametrize("suffix", ["", ".txt", ".gz"])
@pytest.mark.parametrize(
    ("content", "lines"),
    [
        ("one\ntwo\n", ["one", "two"]),
        ("one\r\ntwo\r\n", ["one", "two"]),
        ("one\ntwo", ["one", "two"]),
        ("one\n\n\ntwo\n", ["one", "", "", "two"]),
        ("a\u2028b\u0085c\x0cd\x0be\x1cf\u2029g\rh\n", ["a\u2028b\u0085c\x0cd\x0be\x1cf\u2029g\rh"]),
        ("\ufeffone\n\ufefftwo\n", ["one", "\ufefftwo"]),  # a byte order mark is one at the file's start only
        ("\n", [""]),
        ("  é漢😀 \n", ["  é漢😀 "]),
    ],
)
def test_lines(tmp_path, suffix, content, lines):
    path = tmp_path / f"text{suffix}"
    raw = content.encode("utf-8")
    path.write_bytes(gzip.compress(raw) if suffix == ".gz" else raw)
    assert list(read_lines(path)) == lines


def test_upper_case_suffix_and_several_members(tmp_path):
    path = tmp_path / "text.GZ"
    path.write_bytes(gzip.compress(b"one\n") + gzip.compress(b"two\n"))
    assert list(read_lines(path)) == ["one", "two"]


def test_reading_is_lazy(tmp_path):
    path = tmp_path / "text"
    path.write_bytes(b"good\n" * 3 + b"\xff\n")
    lines = read_lines(path)
    assert [next(lines) for _ in range(3)] == ["good"] * 3


@pytest.mark.parametrize(
    ("raw", "line", "byte", "value"),
    [
        (b"fine\ncaf\xe9\n", 2, 4, "0xe9"),  # Latin-1
        (b"fine\n\xff\xfeo\x00n\x00", 2, 1, "0xff"),  # a byte order mark is one at the file's start only
        (b"a\nb\ncut \xe6\xbc", 3, 5, "0xe6"),
        (b"\xed\xa0\x80\n", 1, 1, "0xed"),  # half of a surrogate pair
    ],
)
def test_what_is_not_utf8_names_file_line_and_byte(tmp_path, raw, line, byte, value):
    path = tmp_path / "wrong.txt"
    path.write_bytes(raw)
    with pytest.raises(UserError, match=rf"wrong\.txt, line {line}: byte {byte} .*{value}") as refused:
        list(read_lines(path))
    assert "UTF-8" in refused.value.hint


@pytest.mark.parametrize("packed", [False, True])
@pytest.mark.parametrize(
    ("raw", "what", "hint"),
    [
        (lzma.compress(b"one\n" * 9), "is xz data", "xz -dc wrong.txt > NEW"),
        (bz2.compress(b"one\n" * 9), "is bzip2 data", "bzip2 -dc wrong.txt > NEW"),
        (b"\x28\xb5\x2f\xfd\x24\x04", "is Zstandard data", "zstd -dc wrong.txt > NEW"),
        (b"PK\x03\x04\x14\x00", "is a ZIP archive", "unzip -p wrong.txt > NEW"),
        (gzip.compress(b"one\n" * 9), "is gzip data", "Let its name end in '.gz'"),
        ("one\ntwo\n".encode("utf-16"), "is UTF-16 text", "iconv -f UTF-16 -t UTF-8 wrong.txt"),
        (b"\xfe\xff" + "one\n".encode("utf-16-be"), "is UTF-16 text", "iconv -f UTF-16 -t UTF-8 wrong.txt"),
        ("one\n".encode("utf-32"), "is UTF-32 text", "iconv -f UTF-32 -t UTF-8 wrong.txt"),
    ],
)
def test_what_is_packed_or_in_another_encoding_is_named(tmp_path, raw, what, hint, packed):
    path = tmp_path / ("wrong.txt.gz" if packed else "wrong.txt")
    path.write_bytes(gzip.compress(raw) if packed else raw)
    with pytest.raises(UserError, match=rf"wrong\.txt(\.gz)? {what}") as refused:
        list(read_lines(path))
    assert hint in refused.value.hint
    assert refused.value.hint.startswith("Decompress it with gzip -d. ") == packed
    assert "LATIN1" not in refused.value.hint
    with pytest.raises(UserError, match=what):  # as on standard input, which is opened elsewhere
        decode_line(raw.split(b"\n")[0] + b"\xff", path, 1)


def test_the_advice_for_utf16_is_right(tmp_path):
    path = tmp_path / "wrong.txt"
    path.write_bytes("née\nゆき\n".encode("utf-16"))
    with pytest.raises(UserError) as refused:
        list(read_lines(path))
    command = refused.value.hint.removeprefix("Convert it: ").removesuffix(" > NEW")
    path.write_bytes(subprocess.run(command.split(), cwd=tmp_path, capture_output=True, check=True).stdout)
    assert list(read_lines(path)) == ["née", "ゆき"]


def test_text_that_begins_like_bzip2_is_text(tmp_path):
    (tmp_path / "text").write_text("BZh is how it begins\n", encoding="utf-8")
    assert list(read_lines(tmp_path / "text")) == ["BZh is how it begins"]


def test_truncated_gzip_says_so(tmp_path):
    path = tmp_path / "text.gz"
    whole = gzip.compress(b"".join(b"line %d\n" % n for n in range(1000)))
    path.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(UserError, match=r"text\.gz is cut short") as refused:
        list(read_lines(path))
    assert "again" in refused.value.hint


def test_plain_text_called_gz_and_damaged_gzip_say_so(tmp_path):
    path = tmp_path / "text.gz"
    path.write_bytes(b"plain\n")
    with pytest.raises(UserError, match=r"text\.gz is not gzip data"):
        list(read_lines(path))
    whole = bytearray(gzip.compress(b"line\n" * 100))
    whole[-6] ^= 0xFF  # the checksum
    path.write_bytes(bytes(whole))
    with pytest.raises(UserError, match="damaged"):
        list(read_lines(path))


def test_missing_file_offers_the_nearest_name(tmp_path):
    (tmp_path / "train.en").write_text("x\n", encoding="utf-8")
    with pytest.raises(UserError, match=r"no file .*trian\.en.*Did you mean 'train\.en'"):
        list(read_lines(tmp_path / "trian.en"))
    with pytest.raises(UserError, match=r"folder .*nowhere does not exist"):
        list(read_lines(tmp_path / "nowhere" / "train.en"))


def test_folder_lists_what_it_holds(tmp_path):
    (tmp_path / "train.en").write_text("x\n", encoding="utf-8")
    with pytest.raises(UserError, match=r"is a folder where a file is needed.*It holds: train\.en"):
        list(read_lines(tmp_path))


@pytest.mark.parametrize(("name", "raw"), [("text", b""), ("text.gz", gzip.compress(b"")), ("text.gz", b"")])
def test_empty_file_is_refused(tmp_path, name, raw):
    (tmp_path / name).write_bytes(raw)
    with pytest.raises(UserError, match=rf"{name} is empty"):
        list(read_lines(tmp_path / name))
