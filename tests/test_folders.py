"""Files and folders are written whole or not at all."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from seq2seq import folders
from seq2seq.errors import UserError
from seq2seq.folders import (
    check_version,
    copy_files,
    digest_of,
    read_json,
    settle,
    whole_folder,
    write_json,
    write_text,
)


def names(folder) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_text_is_written_and_replaced_and_nothing_else_is_left(tmp_path) -> None:
    path = tmp_path / "new" / "a.txt"
    write_text(path, "one\n")
    write_text(path, "zwei ü\n")
    assert path.read_bytes() == "zwei ü\n".encode()
    assert names(path.parent) == ["a.txt"]


def test_json_comes_back(tmp_path) -> None:
    value = {"a": [1, 2.5, None], "ü": {"b": True}}
    write_json(tmp_path / "a.json", value)
    assert read_json(tmp_path / "a.json") == value
    text = (tmp_path / "a.json").read_text(encoding="utf-8")
    assert "ü" in text
    assert text.endswith("}\n")


def test_json_that_is_missing_or_damaged_is_named(tmp_path) -> None:
    with pytest.raises(UserError, match=r"none\.json is missing"):
        read_json(tmp_path / "none.json")
    path = tmp_path / "bad.json"
    for content in (b'{"a": 1,\n "b": }', b"", b"\xff\xfe{"):
        path.write_bytes(content)
        with pytest.raises(UserError, match=r"bad\.json is damaged"):
            read_json(path)
    path.write_bytes(b'{"a": 1,\n "b": }')
    with pytest.raises(UserError, match="line 2"):
        read_json(path)
    path.write_text(json.dumps([1]))
    with pytest.raises(UserError, match="holds list, not an object"):
        read_json(path)


def test_versions(tmp_path) -> None:
    check_version(1, 2, tmp_path)
    check_version(2, 2, tmp_path)
    with pytest.raises(UserError, match=r"schema version 3; this seq2seq reads versions up to 2\. Install a newer"):
        check_version(3, 2, tmp_path)
    for wrong in (None, "1", 0, -1, 1.5):
        with pytest.raises(UserError, match="not a whole number from 1"):
            check_version(wrong, 2, tmp_path)


def fill(path, text: str) -> None:
    with whole_folder(path) as folder:
        assert names(folder) == []
        (folder / "deep").mkdir()
        (folder / "deep" / "a.txt").write_text(text)


def test_a_folder_is_made_and_replaced_whole(tmp_path) -> None:
    path = tmp_path / "x" / "last"
    fill(path, "one")
    (path / "stray.txt").write_text("of the first")
    fill(path, "two")
    assert (path / "deep" / "a.txt").read_text() == "two"
    assert names(path) == ["deep"]
    assert names(path.parent) == ["last"]


@pytest.mark.parametrize("kind", [ValueError, KeyboardInterrupt])
def test_a_folder_that_fails_leaves_the_old_one_and_no_trace(tmp_path, kind: type[BaseException]) -> None:
    path = tmp_path / "last"
    fill(path, "one")

    def fail() -> None:
        with whole_folder(path) as folder:
            (folder / "a.txt").write_text("half")
            raise kind

    with pytest.raises(kind):
        fail()
    assert (path / "deep" / "a.txt").read_text() == "one"
    assert names(tmp_path) == ["last"]


def test_settle_brings_back_what_was_being_replaced(tmp_path) -> None:
    path = tmp_path / "last"
    fill(path, "one")
    path.rename(tmp_path / ".last.old")  # cut off between the two renamings
    settle(path)
    assert (path / "deep" / "a.txt").read_text() == "one"
    assert names(tmp_path) == ["last"]


def test_settle_clears_what_was_replaced(tmp_path) -> None:
    path = tmp_path / "last"
    fill(tmp_path / ".last.old", "one")
    fill(path, "two")  # cut off before the old one was removed
    fill(tmp_path / ".last.old", "one")
    settle(path)
    assert (path / "deep" / "a.txt").read_text() == "two"
    assert names(tmp_path) == ["last"]
    settle(path)
    assert names(tmp_path) == ["last"]


def test_what_another_process_is_writing_stays(tmp_path) -> None:
    dead = subprocess.Popen([sys.executable, "-c", ""])
    dead.wait()
    other = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    try:
        for number in (dead.pid, os.getpid(), other.pid):
            (tmp_path / f".model.{number}.tmp").mkdir()
        settle(tmp_path / "model")
        assert names(tmp_path) == ([f".model.{other.pid}.tmp"] if os.name == "posix" else [])
    finally:
        other.communicate(b"\n")
    settle(tmp_path / "model")
    assert names(tmp_path) == []


@pytest.mark.parametrize("name", ["model", "model[1]", "*"])
def test_the_unfinished_folder_of_a_longer_name_stays(tmp_path, name: str) -> None:
    with whole_folder(tmp_path / f"{name}.fp32") as folder:
        fill(tmp_path / name, "short")
        (folder / "a.txt").write_text("long")
        (tmp_path / f".{name}.99999999.tmp").mkdir()
        settle(tmp_path / name)
    assert (tmp_path / f"{name}.fp32" / "a.txt").read_text() == "long"
    assert names(tmp_path) == sorted([name, f"{name}.fp32"])


def test_what_a_link_leads_to_is_replaced_and_the_link_stays(tmp_path) -> None:
    big = tmp_path / "big" / "disk"
    link = tmp_path / "model"
    big.parent.mkdir()
    link.symlink_to(big, target_is_directory=True)
    for text in ("one", "two"):
        fill(link, text)
        assert (big / "deep" / "a.txt").read_text() == text
        assert link.is_symlink() and names(tmp_path) == ["big", "model"] and names(big.parent) == ["disk"]


def test_files_that_nobody_may_write_to_are_copied_and_can_be_replaced(tmp_path) -> None:
    old, new = tmp_path / "old", tmp_path / "new"
    fill(old, "one")
    (old / "deep" / "a.txt").chmod(0o444)
    (old / "deep").chmod(0o555)
    copy_files(old, new)
    assert (new / "deep" / "a.txt").read_text() == "one"
    assert (new / "deep" / "a.txt").stat().st_mode & 0o200 and (new / "deep").stat().st_mode & 0o200
    (old / "deep").chmod(0o755)


@pytest.mark.skipif(os.name != "posix", reason="others may read or not on POSIX alone")
@pytest.mark.parametrize(("umask", "mode"), [(0o022, 0o644), (0o027, 0o640), (0o077, 0o600)])
def test_who_may_read_the_folder_may_read_its_files(tmp_path, umask: int, mode: int) -> None:
    before = os.umask(umask)
    try:
        with whole_folder(tmp_path / "model") as folder:
            (folder / "weights").touch(0o600)  # as safetensors makes its files
    finally:
        os.umask(before)
    assert (tmp_path / "model" / "weights").stat().st_mode & 0o777 == mode


def test_a_digest_is_that_of_the_json_with_its_keys_in_order() -> None:
    text = b'{"a": [1.5, "\\u00e9", null], "b": {"c": true, "d": {}}}'
    value = {"b": {"d": {}, "c": True}, "a": (1.5, "é", None)}
    assert digest_of(value) == hashlib.blake2b(text, digest_size=8).hexdigest()
    assert digest_of(value, num_bytes=16) == hashlib.blake2b(text, digest_size=16).hexdigest()


def test_where_nobody_may_say_who_reads_a_file_it_is_written_all_the_same(tmp_path, monkeypatch) -> None:
    def forbidden(*_: object) -> None:
        raise PermissionError

    monkeypatch.setattr(Path, "chmod", forbidden)
    with whole_folder(tmp_path / "model") as folder:
        (folder / "weights").touch(0o600)
    assert (tmp_path / "model" / "weights").is_file()


def test_a_replacement_after_one_that_was_cut_off(tmp_path) -> None:
    path = tmp_path / "last"
    fill(tmp_path / ".last.old", "one")
    fill(path, "two")
    assert (path / "deep" / "a.txt").read_text() == "two"
    assert names(tmp_path) == ["last"]


def test_a_file_that_cannot_be_written_leaves_the_old_one_and_nothing_else(tmp_path, monkeypatch) -> None:
    path = tmp_path / "a.txt"
    folders.write_text(path, "old")

    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(folders.os, "fsync", full)
    with pytest.raises(OSError, match="No space left"):
        folders.write_text(path, "new")
    assert path.read_text() == "old"
    assert [entry.name for entry in tmp_path.iterdir()] == ["a.txt"]
