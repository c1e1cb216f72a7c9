"""What a model makes of text: the models that write the missing side, and the file that they write, line by line."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from msgspec.structs import asdict as as_settings

from seq2seq.bundle import Bundle, RunFolder
from seq2seq.errors import UserError
from seq2seq.folders import checksum, read_json, write_json
from seq2seq.pipeline.alone import alone
from seq2seq.recipe.schema import Search

if TYPE_CHECKING:
    from seq2seq.pipeline.translate.formats import Format
    from seq2seq.translator import Translator


@dataclass(frozen=True)
class Author:
    """The model, or the models, that write the missing side.

    Attributes:
        bundle: The model whose recipe counts.
        facts: What all of them are known by, when the work is gone on with.
        settings: How they search.
        open: Makes the translator; called only where there is something to translate.
    """

    bundle: Bundle
    facts: Mapping[str, str | float]
    settings: Search
    open: Callable[[], Translator]


def way_of(run: RunFolder) -> tuple[str, str]:
    """Returns the language that a run translates from, and the one it translates into."""
    return run.read_manifest().languages


def check_direction(bundle: Bundle, wanted: tuple[str, str], *, hint: str) -> None:
    """Makes sure that a model translates the way it must.

    Raises:
        UserError: It translates another way.
    """
    found = bundle.facts.languages
    if all(found) and found != wanted:
        raise UserError(
            f"{bundle.path} translates from {found[0]} to {found[1]}, and what is needed is {wanted[0]} to "
            f"{wanted[1]}.",
            hint=hint,
        )


def translated(author: Author, source: Path, target: Path, *, form: Format | None = None, resume: bool = False) -> bool:
    """Translates a file. Returns False where that was done before, by the same models in the same way.

    Raises:
        UserError: An interrupted translation is there and `resume` is False; or it was made of something else. Or
            another process is at it.
    """
    from seq2seq.pipeline.translate.formats import Format
    from seq2seq.pipeline.translate.streams import part_of
    from seq2seq.pipeline.translate.translate import Task, translate_lines

    record = target.with_name(target.name + ".json")
    form = form or Format()
    facts = {**author.facts, **as_settings(author.settings), "nbest": form.nbest, "input": checksum(source)}
    with alone(record):  # to the end: what it says is under way must be this and nobody else's
        if _is_translated(target, record, facts):
            return False
        translator = author.open()
        # In this order: what stands beside this record must have been made after it was written.
        target.unlink(missing_ok=True)
        write_json(record, {"facts": facts, "under_way": True})
        goes_on = resume and part_of(target).is_file()
        task = Task(source, target, form=form, resume=goes_on)
        translate_lines(translator, author.settings, task, models=author.facts)
        write_json(record, {"facts": facts, "blake2b": checksum(target)})
    return True


def _is_translated(target: Path, record: Path, facts: Mapping[str, Any]) -> bool:
    """Whether a translation is there that was made of just this.

    The file takes its name when it is whole. Where the process was killed before that was recorded, it is recorded now.
    """
    from seq2seq.pipeline.translate.streams import part_of, record_of

    told = read_json(record) if target.is_file() and record.is_file() else {}
    if told.get("facts") != facts:
        return False
    found = checksum(target)
    if told.get("under_way") and not part_of(target).exists():
        record_of(target).unlink(missing_ok=True)  # of the part, which is none any more
        write_json(record, {"facts": facts, "blake2b": found})
        return True
    return bool(told.get("blake2b") == found)
