"""What a shard says of itself: what it was made of and what it holds, written last, so that what has it is whole."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from seq2seq.errors import UserError
from seq2seq.folders import check_version, checksum, read_json, write_json
from seq2seq.pipeline.prepare.shards.shard import Shard

SHARD_VERSION: Final = 1
FACTS: Final = "shard.json"


def write_facts(place: Path, facts: Mapping[str, Any]) -> None:
    """Writes the facts of the shard in the folder `place`."""
    write_json(place / FACTS, facts)


def is_written(place: Path) -> bool:
    """Whether a folder holds a shard that was written to its end."""
    return (place / FACTS).is_file()


def is_ready(place: Path, inputs: Mapping[str, Any]) -> dict[str, Any] | None:
    """Returns the facts of a shard that is whole and made of just these inputs, or None."""
    if not is_written(place):
        return None
    facts = read_json(place / FACTS)
    same = facts.get("schema_version") == SHARD_VERSION and facts.get("inputs") == inputs
    return facts if same and all((place / name).is_file() for name in facts["files"]) else None


def checked_facts(shard: Shard, place: Path, inputs: Mapping[str, Any]) -> dict[str, Any]:
    """Returns the facts of a shard.

    Raises:
        UserError: It is damaged, or made of other files or settings.
    """
    facts = read_json(place / FACTS)
    check_version(facts.get("schema_version"), SHARD_VERSION, place / FACTS)
    again = f"Prepare it again: --shard {shard}"
    if facts["inputs"]["settings"] != inputs["settings"]:
        raise UserError(f"Shard {shard} was made with other settings in [data] or [text].", hint=again)
    if facts["inputs"]["files"] != inputs["files"]:
        ours, theirs = inputs["files"], facts["inputs"]["files"]
        other = sorted(name for name in {*ours, *theirs} if ours.get(name) != theirs.get(name))
        raise UserError(f"Shard {shard} was made of other files: {', '.join(other)}.", hint=again)
    for name, wanted in facts["files"].items():
        if not (place / name).is_file() or checksum(place / name) != wanted:
            raise UserError(f"{place / name} is damaged, or was copied in part.", hint=f"Copy it again. {again}")
    return facts
