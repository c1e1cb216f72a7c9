"""Going on with a translation that was interrupted, to the byte as if it had not been.

Beside `OUT.part`, which holds what is written so far, stands `OUT.part.json`: the record of what decides the output,
written before the first line. Going on is refused where any of it is another now. What is in the part is taken as far
as its last whole line; of several alternatives of a sentence (`--nbest`) as far as the last sentence that has all of
them. The window (see `windows` beside this file) in which that line lies is translated once more, and only the rest of
it written.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, TextIO

from seq2seq.bundle import Bundle
from seq2seq.errors import UserError
from seq2seq.folders import check_version, checksum, digest_of, read_json, write_json
from seq2seq.pipeline.alone import lock_of
from seq2seq.pipeline.translate.formats import Format
from seq2seq.pipeline.translate.streams import part_of, record_of, say_where, spare
from seq2seq.versions import version_of

RECORD_VERSION: Final = 1
# What is kept as a fingerprint, of which only can be said that it is another.
_NAMES: Final = {
    "input": "the content of the input",
    "model": "the model",
    "--with": "the choice of the other models",
    "glossary": "the glossary",
    "--ban": "the list of banned words",
}
_BLOCK: Final = 1 << 20

Facts = Mapping[str, str | int | float]
"""What decides the output, by name."""


@dataclass(frozen=True)
class Written:
    """What an earlier run left.

    Attributes:
        lines: How many lines of the input are answered.
        num_bytes: How much of the part they are.
        first: The number of the first of them, where the format says it; else 0.
    """

    lines: int = 0
    num_bytes: int = 0
    first: int = 0


def of_model(bundle: Bundle) -> str:
    """Returns a fingerprint of all in a model that decides what it writes: its weights, tokenizers and recipe.

    Graphs are made of the weights, now or at any time: they count only where a bundle has no weights beside them.
    """
    files = bundle.facts.described()
    if bundle.weights.name in files:
        kept = (bundle.weights.name, f"{bundle.tokenizers.name}/")
        files = {name: told for name, told in files.items() if name.startswith(kept)}
    return digest_of({"files": files, "recipe": checksum(bundle.path / "recipe.toml")})


def of_program() -> str:
    """Returns the version of this program: another one may translate otherwise."""
    return version_of() or "unknown"


def earlier(target: Path, facts: Facts, form: Format, *, resume: bool) -> Written:
    """Returns what an earlier run of the same command left of `target`; nothing where this one starts at the beginning.

    Who asks is the only one to write `target`, from before this until all is written: see `seq2seq.pipeline.alone`.

    Args:
        target: The file to write.
        facts: What decides the output now.
        form: How it is written.
        resume: Whether to go on.

    Raises:
        UserError: Going on is asked for and something is another now, or the part is none of ours. Or it is not asked
            for, and the work of an earlier run would be lost, whatever that one was made of.
    """
    part, record = part_of(target), record_of(target)
    if not part.is_file() or not part.stat().st_size:
        return Written()
    if not resume:
        spare(target)
        return Written()
    if not record.is_file():
        raise UserError(
            f"{record} is missing, which says what {part} was made of.",
            hint=anew(part),
        )
    told = read_json(record)
    check_version(told.get("schema_version"), RECORD_VERSION, record)
    _compare(part, told.get("facts", {}), facts)
    return written(part, form)


def anew(part: Path) -> str:
    """Returns what to do where a part cannot be gone on with."""
    return f"To start again without --resume, delete {part}."


def _compare(part: Path, then: Mapping[str, object], now: Facts) -> None:
    if what := _difference(then, now):
        raise UserError(f"{part} cannot be gone on with: {what}.", hint=f"Give what was given then. {anew(part)}")


def _difference(then: Mapping[str, object], now: Facts) -> str:
    """Returns the first fact that is another now, in words; empty where there is none."""
    for name in [*now, *(name for name in then if name not in now)]:
        before, after = then.get(name, ""), now.get(name, "")
        if before != after:
            named = _NAMES.get(name)
            return f"{named} has changed" if named else f"{name} was {_shown(before)}, and now is {_shown(after)}"
    return ""


def _shown(value: object) -> str:
    return "not set" if value == "" else str(value)


def written(part: Path, form: Format) -> Written:
    """Returns how far a part goes.

    Raises:
        UserError: It does not hold what this format writes.
    """
    if form.as_json:
        return _objects(part)
    if form.nbest > 1:
        return _alternatives(part, form.nbest)
    lines = num_bytes = at = 0
    with part.open("rb") as file:
        while block := file.read(_BLOCK):
            if b"\n" in block:
                num_bytes = at + block.rindex(b"\n") + 1
            lines += block.count(b"\n")
            at += len(block)
    return Written(lines, num_bytes)


def _objects(part: Path) -> Written:
    """One object a line, which says its number: those of the first and of the last must fit."""
    lines = num_bytes = 0
    first = last = b""
    with part.open("rb") as file:
        for line in file:
            if line.endswith(b"\n"):
                first, last = first or line, line
                lines += 1
                num_bytes += len(line)
    if not lines:
        return Written()
    begin = _number_in(part, 1, first)
    if _number_in(part, lines, last) != begin + lines - 1:
        raise _not_ours(part, lines)
    return Written(lines, num_bytes, begin)


def _number_in(part: Path, place: int, line: bytes) -> int:
    try:
        number = json.loads(line)["number"]
    except (ValueError, TypeError, KeyError):
        raise _not_ours(part, place) from None
    if not isinstance(number, int):
        raise _not_ours(part, place)
    return number


def _alternatives(part: Path, nbest: int) -> Written:
    """Several lines a sentence, each beginning with its number. The last sentence counts where it has `nbest`."""
    first = number = 0
    begin = end = alternatives = 0  # of the sentence: where its lines begin and end, and how many there are
    with part.open("rb") as file:
        for place, line in enumerate(file, start=1):
            if not line.endswith(b"\n"):
                break
            told = line.partition(b"\t")[0]
            if not told.isdigit() or (place > 1 and int(told) not in (number, number + 1)):
                raise _not_ours(part, place)
            if place == 1 or int(told) != number:
                first, number = first or int(told), int(told)
                begin, alternatives = end, 0
            alternatives += 1
            end += len(line)
    if alternatives == nbest:
        return Written(number - first + 1, end, first)
    return Written(number - first, begin, first) if number > first else Written()


def _not_ours(part: Path, place: int) -> UserError:
    return UserError(f"{part}, line {place}: this was not written by the same command.", hint=anew(part))


@contextmanager
def open_resumable(target: Path, facts: Facts, done: Written, *, keep_record: bool = False) -> Iterator[TextIO]:
    """Gives a file to write to behind what was written before, which takes the name `target` when all is written.

    Args:
        target: The file.
        facts: What decides the output.
        done: What was written before; what else is in the part goes.
        keep_record: Whether the record stays when the file is whole.
    """
    target.parent.mkdir(parents=True, exist_ok=True)
    part, record = part_of(target), record_of(target)
    if not done.num_bytes:
        record.unlink(missing_ok=True)  # first, so that at no moment a record stands beside another run's part
        part.open("wb").close()
        write_json(record, {"schema_version": RECORD_VERSION, "facts": dict(facts)})
    try:
        with part.open("r+b") as raw:
            raw.truncate(done.num_bytes)
        with part.open("a", encoding="utf-8", newline="\n") as file:
            yield file
    except BaseException:
        say_where(part, more="; go on with the same command and --resume")
        if not part.exists():
            record.unlink(missing_ok=True)
        raise
    part.replace(target)
    if not keep_record:
        record.unlink()


def is_done(target: Path, facts: Facts) -> bool:
    """Whether `target` is whole, and was made of just this; for files whose record is kept."""
    return made_of_other(target, facts) == ""


def made_of_other(target: Path, facts: Facts) -> str | None:
    """Returns in words what else a whole file was made of; None where it is not whole, and empty where of just this."""
    try:
        told: Any = json.loads(record_of(target).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        told = None
    if part_of(target).exists() or lock_of(target).exists() or not target.is_file():
        return None
    if not isinstance(told, dict) or not isinstance(then := told.get("facts"), dict):
        return "there is no record of what it was made of"
    if told.get("schema_version") != RECORD_VERSION:
        return f"its record has schema version {told.get('schema_version')}, and now is {RECORD_VERSION}"
    return _difference(then, facts)
