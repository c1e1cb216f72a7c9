"""What a shard says of itself: what it was made of and what it holds; written last, so that what has it is whole.

`shard.json` is read and written here alone.
"""

from __future__ import annotations

from pathlib import Path
from typing import Final

from seq2seq.errors import UserError
from seq2seq.folders import checksum, write_json
from seq2seq.manifest import Inputs
from seq2seq.pipeline.prepare.shards.ledger import BlockDrops
from seq2seq.pipeline.prepare.shards.shard import Shard
from seq2seq.sections import Section, read_section

SHARD_VERSION: Final = 1
FACTS: Final = "shard.json"


class WholeCorpus(Section, frozen=True, kw_only=True):
    """A corpus that a shard is of.

    Attributes:
        name: What it is called.
        pairs: How many pairs it has, those of the other shards with them.
    """

    name: str
    pairs: int


class ShardFacts(Section, frozen=True, kw_only=True):
    """All that a shard says of itself.

    Attributes:
        schema_version: Of the file's layout.
        shard: Which one it is, from 1.
        shards: Of how many.
        inputs: What it was made of.
        corpora: What it is a part of, in order.
        read: Its own pairs, as they were read.
        kept: Those that are left to be merged.
        dropped: The others, by reason.
        files: The checksum of each of its files, by its name.
    """

    schema_version: int
    shard: int
    shards: int
    inputs: Inputs
    corpora: tuple[WholeCorpus, ...]
    read: int
    kept: int
    dropped: dict[str, BlockDrops]
    files: dict[str, str]

    def write(self, place: Path) -> None:
        """Writes them into the shard's folder, whole or not at all."""
        write_json(place / FACTS, self.to_dict())


def is_written(place: Path) -> bool:
    """Whether a folder holds a shard that was written to its end."""
    return (place / FACTS).is_file()


def read_facts(shard: Shard, place: Path) -> ShardFacts:
    """Reads what the shard in the folder `place` says of itself.

    Raises:
        UserError: It is missing, damaged, from a newer version or of another shard; the message names the file, and
            the field where it is one.
    """
    facts = read_section(ShardFacts, place / FACTS, SHARD_VERSION, hint=_again(shard))
    found = Shard(facts.shard, facts.shards)
    if found != shard:
        raise UserError(
            f"{place} holds shard {found}, and is called as shard {shard}.",
            hint=f"Give the folder its own name again. {_again(shard)}",
        )
    return facts


def facts_if_ready(shard: Shard, place: Path, inputs: Inputs) -> ShardFacts | None:
    """Returns the facts of a shard that is whole and made of just these inputs, or None."""
    try:
        facts = read_facts(shard, place)
    except UserError:  # there is none, or a damaged one, and whoever asks makes it again
        return None
    return facts if facts.inputs == inputs and all((place / name).is_file() for name in facts.files) else None


def checked_facts(shard: Shard, place: Path, inputs: Inputs) -> ShardFacts:
    """Returns the facts of a shard that is to be merged.

    Raises:
        UserError: It is damaged, or made of other files or settings.
    """
    facts = read_facts(shard, place)
    _check_inputs(shard, facts.inputs, inputs)
    for name, wanted in facts.files.items():
        if not (place / name).is_file() or checksum(place / name) != wanted:
            raise UserError(
                f"{place / name} is damaged, or was copied in part.", hint=f"Copy it again. {_again(shard)}"
            )
    return facts


def _check_inputs(shard: Shard, theirs: Inputs, ours: Inputs) -> None:
    """Refuses other settings or files; a vocabulary that is taken over is no matter before the text is tokenised."""
    if theirs.settings != ours.settings:
        raise UserError(f"Shard {shard} was made with other settings in [data] or [text].", hint=_again(shard))
    if theirs.files != ours.files:
        names = sorted({*ours.files, *theirs.files})
        other = [name for name in names if ours.files.get(name) != theirs.files.get(name)]
        raise UserError(f"Shard {shard} was made of other files: {', '.join(other)}.", hint=_again(shard))


def _again(shard: Shard) -> str:
    return f"Prepare it again: --shard {shard}"
