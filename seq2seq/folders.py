"""Folders and files that are written whole or not at all, and say which version of their layout they hold."""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from seq2seq.errors import UserError


def expanded(given: str) -> Path:
    """Returns a path with "~" and "~name" replaced by that user's folder; a name that nobody has stays as it is."""
    path = Path(given)
    with suppress(RuntimeError):
        path = path.expanduser()
    return path


def write_text(path: Path, text: str) -> None:
    """Writes a file whole: into a neighbour first, which then takes its name."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        with temporary.open("w", encoding="utf-8", newline="\n") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
    _sync_folder(path.parent)


def write_json(path: Path, value: Any) -> None:  # noqa: ANN401 - any JSON
    """Writes `value` as readable JSON, whole or not at all."""
    write_text(path, json.dumps(value, indent=2, ensure_ascii=False) + "\n")


def read_json(path: Path, *, hint: str = "The folder must be made again.") -> dict[str, Any]:
    """Reads a JSON object.

    Args:
        path: The file.
        hint: What a person can do where it is damaged.

    Raises:
        UserError: The file is missing, or is no JSON object; the message names the file and the line.
    """
    try:
        value = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise UserError(f"{path} is missing.", hint="The folder is incomplete; make it again.") from None
    except (json.JSONDecodeError, UnicodeDecodeError) as error:
        raise UserError(f"{path} is damaged: {error}.", hint=hint) from None
    if not isinstance(value, dict):
        raise UserError(f"{path} is damaged: it holds {type(value).__name__}, not an object.", hint=hint)
    return value


def checksum(path: Path) -> str:
    """Returns the BLAKE2b hash of a file's bytes, 32 hexadecimal digits; about a gigabyte a second."""
    digest = hashlib.blake2b(digest_size=16)
    with path.open("rb") as file:
        while block := file.read(1 << 20):
            digest.update(block)
    return digest.hexdigest()


def digest_of(value: object, *, num_bytes: int = 8) -> str:
    """Returns the BLAKE2b hash of a JSON value, two hexadecimal digits a byte; the order of keys is no matter.

    What was begun with one is recognised by it, in later versions too: it must never change.
    """
    return hashlib.blake2b(json.dumps(value, sort_keys=True).encode(), digest_size=num_bytes).hexdigest()


def copy_files(old: Path, new: Path) -> None:
    """Copies every file below `old` into the folder `new`: what they hold, and not who may write to them."""
    new.mkdir(parents=True, exist_ok=True)
    for path in old.iterdir():
        if path.is_dir():
            copy_files(path, new / path.name)
        else:
            shutil.copyfile(path, new / path.name)


def describe(folder: Path) -> dict[str, dict[str, Any]]:
    """Returns the size and the checksum of every file below `folder`, by its name there."""
    paths = sorted(path for path in folder.rglob("*") if path.is_file())
    return {
        path.relative_to(folder).as_posix(): {"bytes": path.stat().st_size, "blake2b": checksum(path)} for path in paths
    }


def first_damage(folder: Path, files: Mapping[str, Mapping[str, Any]]) -> str:
    """Returns what is wrong with the first of `files` that is not as `describe` found it; empty where all are."""
    for name, described in files.items():
        path = folder / name
        if not path.is_file():
            return f"The folder {folder} is incomplete: {name} is missing."
        size = path.stat().st_size
        if size != described["bytes"]:
            return f"{path} has {size:,} bytes, and {described['bytes']:,} were written."
        if checksum(path) != described["blake2b"]:
            return f"{path} is corrupted: its content is not what was written."
    return ""


def check_version(found: object, supported: int, path: Path, *, hint: str = "") -> None:
    """Checks the layout's version that `path` states.

    Args:
        found: What it states.
        supported: The newest version that can be read.
        path: The file.
        hint: What a person can do where it states none.

    Raises:
        UserError: It is newer than this program, or is no version.
    """
    if not isinstance(found, int) or found < 1:
        raise UserError(f"{path}: the schema version is {found!r}, not a whole number from 1.", hint=hint)
    if found > supported:
        raise UserError(
            f"{path} has schema version {found}; this seq2seq reads versions up to {supported}.",
            hint="Install a newer seq2seq to open it.",
        )


@contextmanager
def whole_folder(path: Path, *, before: Path | None = None) -> Iterator[Path]:
    """Gives an empty folder to fill, which takes the name `path` when the block ends without an error.

    A folder that was there is replaced. There is one instant in which only the hidden `.path.old` exists; `settle`
    mends that.

    Args:
        path: The folder.
        before: Where the folder that was there goes, replacing what is there; None: it is deleted. It goes there last:
            where that was cut off, it is gone, and the folder that was at `before` is still there or is settled back.
    """
    path = path.resolve()  # what a link leads to is replaced, and the link stays
    path.parent.mkdir(parents=True, exist_ok=True)
    settle(path)
    if before is not None:
        before = before.resolve()
        settle(before)
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    temporary.mkdir()
    try:
        yield temporary
        for file in temporary.rglob("*"):
            if file.is_file():
                _share(file)
                _sync(file)
            else:
                _sync_folder(file)
        _sync_folder(temporary)
    except BaseException:
        shutil.rmtree(temporary, ignore_errors=True)
        raise
    old = replaced(path)
    if path.exists():
        path.replace(old)
    temporary.replace(path)
    _sync_folder(path.parent)
    if before is not None and old.exists():
        if before.exists():
            before.replace(replaced(before))
        old.replace(before)
        _sync_folder(path.parent)
        old = replaced(before)
    shutil.rmtree(old, ignore_errors=True)


def _share(file: Path) -> None:
    """Lets all read a file who may read its folder: safetensors writes its own for nobody but their owner."""
    mode = file.stat().st_mode
    wanted = mode | (file.parent.stat().st_mode & 0o444)
    if wanted != mode:
        with suppress(PermissionError):  # a file system where the owner is another's business
            file.chmod(wanted)


def replaced(path: Path) -> Path:
    """Returns where the folder `path` stands for an instant while another takes its place."""
    return path.with_name(f".{path.name}.old")


def settle(path: Path) -> None:
    """Tidies up after a replacement that was cut off.

    What a killed process was filling goes; `.path.old` comes back where `path` is missing, and goes where it is not.
    """
    path = path.resolve()
    if not path.parent.is_dir():
        return
    unfinished = re.compile(rf"\.{re.escape(path.name)}\.(\d+)\.tmp")
    for leftover in list(path.parent.iterdir()):
        found = unfinished.fullmatch(leftover.name)
        if found and not _is_another_at_work(int(found[1])):
            shutil.rmtree(leftover, ignore_errors=True)
    old = replaced(path)
    if not old.exists():
        return
    if path.exists():
        shutil.rmtree(old)
    else:
        old.replace(path)


def _is_another_at_work(process: int) -> bool:
    """Whether a process of that number, which is not this one, is alive; only POSIX can be asked without harm."""
    if os.name != "posix" or process == os.getpid():
        return False
    try:
        os.kill(process, 0)
    except PermissionError:
        return True
    except (OSError, OverflowError):
        return False
    return True


def _sync(file: Path) -> None:
    # Windows flushes only a file that is open for writing; elsewhere a file may be for reading only.
    with file.open("rb" if os.name == "posix" else "rb+") as handle:
        os.fsync(handle.fileno())


def _sync_folder(folder: Path) -> None:
    """Makes a renaming itself durable; Windows cannot open a folder, and needs no such call."""
    if os.name != "posix":
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
