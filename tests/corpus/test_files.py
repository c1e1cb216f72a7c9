"""Lines of text files: where they end, how they are decoded, and what each kind of damage says."""

from __future__ import annotations

import bz2
import gzip
import lzma
import os
import subprocess
import sys
import tracemalloc
from functools import partial

import pytest
import zstandard

from seq2seq.corpus.files import OPENERS, decode_line, read_lines, stored_as
from seq2seq.errors import UserError

PACK = {"": bytes, ".txt": bytes, ".gz": partial(gzip.compress, mtime=0), ".xz": lzma.compress, ".bz2": bz2.compress}
PACK[".zst"] = zstandard.ZstdCompressor(write_checksum=True).compress
PACKED = sorted(PACK.keys() - {"", ".txt"})
KINDS = {".gz": "gzip", ".xz": "xz", ".bz2": "bzip2", ".zst": "Zstandard"}


def test_every_way_of_packing_is_tested():
    assert set(PACKED) == set(OPENERS)


@pytest.mark.parametrize("suffix", sorted(PACK))
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
    path.write_bytes(PACK[suffix](raw))
    assert list(read_lines(path)) == lines


@pytest.mark.parametrize("suffix", PACKED)
def test_upper_case_suffix_and_several_members(tmp_path, suffix):
    path = tmp_path / f"text{suffix.upper()}"
    path.write_bytes(PACK[suffix](b"one\ntw") + PACK[suffix](b"o\n"))
    assert list(read_lines(path)) == ["one", "two"]


@pytest.mark.parametrize("suffix", sorted(PACK))
def test_long_files_come_whole(tmp_path, suffix):
    path = tmp_path / f"text{suffix}"
    lines = [f"{n} {n * 7919 % 10007} {'x' * (n % 97)}" for n in range(30_000)]
    path.write_bytes(PACK[suffix]("\n".join(lines).encode()))
    assert list(read_lines(path)) == lines


def test_xz_streams_may_have_zero_bytes_between_and_after_them(tmp_path):
    padded = [PACK[".xz"](part) + bytes(4) for part in (b"one\n", b"two\n", b"three\n")]
    (tmp_path / "text.xz").write_bytes(b"".join(padded))
    assert list(read_lines(tmp_path / "text.xz")) == ["one", "two", "three"]


@pytest.mark.parametrize("suffix", PACKED)
def test_nothing_after_the_first_stream_vanishes_without_an_error(tmp_path, suffix):
    path, (one, two) = tmp_path / f"text{suffix}", (PACK[suffix](b"one\n"), PACK[suffix](b"two\n"))
    for damaged in (b"\xff" + two[1:], two[:2] + b"\xff\xff" + two[4:], b"not packed, and not a little of it"):
        path.write_bytes(one + damaged)
        with pytest.raises(UserError, match=rf"text\{suffix} is not {KINDS[suffix]} data, or is damaged"):
            list(read_lines(path))
    for size in (5, len(two) - 1):
        path.write_bytes(one + two[:size])
        with pytest.raises(UserError, match=rf"text\{suffix} is cut short"):
            list(read_lines(path))


@pytest.mark.parametrize("suffix", [".bz2", ".xz"])
def test_a_file_that_unfolds_to_much_is_unfolded_as_it_is_read(tmp_path, suffix):
    path, content = tmp_path / f"text{suffix}", (b"x" * 99 + b"\n") * 400_000
    path.write_bytes(lzma.compress(content, preset=0) if suffix == ".xz" else bz2.compress(content))
    tracemalloc.start()
    try:
        assert sum(1 for _ in read_lines(path)) == 400_000
        assert tracemalloc.get_traced_memory()[1] < 9_000_000  # of 40; bzip2 itself needs four
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize("log", [10, 27, 28])
def test_zstandard_with_a_long_window_is_read(tmp_path, log):
    # RFC 8878, 3.1.1: magic number, descriptor, window of 2 ** log bytes, one raw block which is the last.
    head, block = b"\x28\xb5\x2f\xfd\x00" + bytes([(log - 10) << 3]), (8 << 3 | 1).to_bytes(3, "little")
    (tmp_path / "text.zst").write_bytes(head + block + b"one\ntwo\n")
    assert list(read_lines(tmp_path / "text.zst")) == ["one", "two"]


def test_zstandard_frames_that_hold_no_data_are_skipped(tmp_path):
    skipped = b"\x50\x2a\x4d\x18" + (5).to_bytes(4, "little") + b"hello"  # RFC 8878, 3.1.2
    (tmp_path / "text.zst").write_bytes(PACK[".zst"](b"one\n") + skipped + PACK[".zst"](b"two\n"))
    assert list(read_lines(tmp_path / "text.zst")) == ["one", "two"]


def test_zstandard_without_its_library_says_what_to_install(tmp_path, monkeypatch):
    (tmp_path / "text.zst").write_bytes(PACK[".zst"](b"one\n"))
    monkeypatch.setitem(sys.modules, "zstandard", None)
    with pytest.raises(UserError, match=r'text\.zst needs the library `zstandard`.*pip install "seq2seq\[train\]"'):
        list(read_lines(tmp_path / "text.zst"))


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
        (gzip.compress(b"one\n" * 9, mtime=0), "is gzip data", "Let its name end in '.gz'"),
        ("one\ntwo\n".encode("utf-16"), "is UTF-16 text", "iconv -f UTF-16 -t UTF-8 wrong.txt"),
        (b"\xfe\xff" + "one\n".encode("utf-16-be"), "is UTF-16 text", "iconv -f UTF-16 -t UTF-8 wrong.txt"),
        ("one\n".encode("utf-32"), "is UTF-32 text", "iconv -f UTF-32 -t UTF-8 wrong.txt"),
        (b"\x00\x00\xfe\xff" + "one\n".encode("utf-32-be"), "is UTF-32 text", "iconv -f UTF-32 -t UTF-8 wrong.txt"),
    ],
)
def test_what_is_packed_or_in_another_encoding_is_named(tmp_path, raw, what, hint, packed):
    path = tmp_path / ("wrong.txt.gz" if packed else "wrong.txt")
    path.write_bytes(gzip.compress(raw, mtime=0) if packed else raw)
    with pytest.raises(UserError, match=rf"wrong\.txt(\.gz)? {what}") as refused:
        list(read_lines(path))
    assert hint in refused.value.hint
    assert refused.value.hint.startswith("Decompress it with gzip -d. ") == packed
    assert "LATIN1" not in refused.value.hint
    with pytest.raises(UserError, match=what):  # as on standard input, which is opened elsewhere
        decode_line(raw.split(b"\n")[0] + b"\xff", path, 1)


@pytest.mark.parametrize("text", ["one two\nthree\n", "née —\n", "Он спит.\n", "ГЛАВА\n", "Ένα\r\nδύο\r\n", "שלום\n"])
@pytest.mark.parametrize("encoding", ["utf-16-le", "utf-16-be"])
def test_utf16_without_its_mark_is_told_by_its_first_line(tmp_path, text, encoding):
    path = tmp_path / "wrong.txt"
    path.write_bytes(text.encode(encoding))
    with pytest.raises(UserError, match=r"wrong\.txt looks like UTF-16 text without a byte order mark") as refused:
        list(read_lines(path))
    assert f"iconv -f {encoding.upper().replace('16-', '16')} -t UTF-8 wrong.txt" in refused.value.hint


@pytest.mark.parametrize("text", ["a\0b", "\0\0\0\0\0\0", "one\0two\x01three", "a\tb\tc\td", "\x01a", ""])
def test_odd_text_is_text(tmp_path, text):
    (tmp_path / "text").write_text(f"{text}\n", encoding="utf-8")
    assert list(read_lines(tmp_path / "text")) == [text]


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-16-be"])
def test_the_advice_for_utf16_is_right(tmp_path, encoding):
    path = tmp_path / "wrong.txt"
    path.write_bytes("née\nゆき\n".encode(encoding))
    with pytest.raises(UserError) as refused:
        list(read_lines(path))
    command = refused.value.hint.removeprefix("Convert it: ").removesuffix(" > NEW")
    path.write_bytes(subprocess.run(command.split(), cwd=tmp_path, capture_output=True, check=True).stdout)
    assert list(read_lines(path)) == ["née", "ゆき"]


def test_text_that_begins_like_bzip2_is_text(tmp_path):
    (tmp_path / "text").write_text("BZh is how it begins\n", encoding="utf-8")
    assert list(read_lines(tmp_path / "text")) == ["BZh is how it begins"]


@pytest.mark.parametrize("suffix", PACKED)
@pytest.mark.parametrize("share", [0.85, 0.9999])
def test_truncated_data_says_so_and_how_far_it_reached(tmp_path, suffix, share):
    path = tmp_path / f"text{suffix}"
    # Of numbers without a pattern: a file that packs into one block gives no line before its end.
    lines = [f"{n} {n * n * 7919 % 1000003} {n * n * n * 31 % 99991}" for n in range(60_000)]
    whole = PACK[suffix]("\n".join(lines).encode())
    path.write_bytes(whole[: int(len(whole) * share)])
    read = []
    with pytest.raises(UserError, match=rf"text\{suffix} is cut short") as refused:
        for line in read_lines(path):
            read.append(line)
    assert f"after line {len(read)}." in refused.value.message
    assert read == lines[: len(read)]
    assert len(read) > 5000
    assert "again" in refused.value.hint


@pytest.mark.parametrize("suffix", PACKED)
def test_plain_text_with_another_suffix_and_damaged_data_say_so(tmp_path, suffix):
    path = tmp_path / f"text{suffix}"
    path.write_bytes(b"plain text, and not a little of it\n")
    with pytest.raises(UserError, match=rf"text\{suffix} is not {KINDS[suffix]} data.*remove '\{suffix}'"):
        list(read_lines(path))
    whole = PACK[suffix](b"".join(b"%d line\n" % (n * n) for n in range(1000)))
    middle = len(whole) // 2
    path.write_bytes(whole[:middle] + bytes(255 - byte for byte in whole[middle : middle + 9]) + whole[middle + 9 :])
    with pytest.raises(UserError, match=r"damaged, after line \d+: .*download it again"):
        list(read_lines(path))


def test_a_damaged_checksum_is_damage(tmp_path):
    whole = bytearray(gzip.compress(b"line\n" * 100, mtime=0))
    whole[-6] ^= 0xFF
    (tmp_path / "text.gz").write_bytes(bytes(whole))
    with pytest.raises(UserError, match=r"text\.gz is not gzip data, or is damaged, after line 100"):
        list(read_lines(tmp_path / "text.gz"))


@pytest.mark.parametrize("suffix", PACKED)
@pytest.mark.parametrize("real", PACKED)
def test_data_packed_in_another_way_than_its_name_says_is_named(tmp_path, suffix, real):
    path = tmp_path / f"text{suffix}"
    path.write_bytes(PACK[real](b"one\n" * 9))
    if real == suffix:
        assert list(read_lines(path)) == ["one"] * 9
        return
    wanted = rf"text\{suffix} is named like {KINDS[suffix]} data, and is {KINDS[real]} data.*end in '\{real}'"
    with pytest.raises(UserError, match=wanted):
        list(read_lines(path))


@pytest.mark.parametrize("asked", ["a.en", *(f"a.en{suffix}" for suffix in PACKED)])
@pytest.mark.parametrize("there", ["a.en", *(f"a.en{suffix}" for suffix in PACKED)])
def test_a_file_is_found_however_it_is_packed(tmp_path, asked, there):
    (tmp_path / there).write_bytes(b"x")
    assert stored_as(tmp_path / asked) == tmp_path / there
    (tmp_path / asked).write_bytes(b"y")
    assert stored_as(tmp_path / asked) == tmp_path / asked


def test_a_file_that_is_not_there_in_any_form_keeps_its_name(tmp_path):
    assert stored_as(tmp_path / "b.de.gz") == tmp_path / "b.de.gz"


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


def test_a_pipe_is_no_regular_file(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(UserError, match=r"pipe is no regular file.*read more than once.*Save"):
        list(read_lines(tmp_path / "pipe"))


@pytest.mark.parametrize(
    ("name", "raw"), [("text", b""), *((f"text{suffix}", raw) for suffix in PACKED for raw in (b"", PACK[suffix](b"")))]
)
def test_empty_file_is_refused(tmp_path, name, raw):
    (tmp_path / name).write_bytes(raw)
    with pytest.raises(UserError, match=rf"{name} is empty"):
        list(read_lines(tmp_path / name))
