"""prepare --shard: one part of a corpus, read and cleaned into a folder of its own, to be merged with the others.

What a shard is and what merging does, `shards` beside this file tells.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from seq2seq.bundle import RunFolder
from seq2seq.pipeline.lock import LOCK, only_one
from seq2seq.pipeline.prepare import vectors
from seq2seq.pipeline.prepare.inputs import inputs_of
from seq2seq.pipeline.prepare.replacing import remove
from seq2seq.pipeline.prepare.safeguards import check_begins_anew, check_outside, up_to_date
from seq2seq.pipeline.prepare.shards.facts import ShardFacts, facts_if_ready
from seq2seq.pipeline.prepare.shards.shard import Shard
from seq2seq.pipeline.prepare.shards.writing import write_shard
from seq2seq.pipeline.prepare.sources import check_name, open_sources
from seq2seq.pipeline.prepare.tokenizers import taken_over, with_vocabulary
from seq2seq.pipeline.workers import Workers, available_cores
from seq2seq.recipe.schema import Recipe


@dataclass(frozen=True)
class PreparedShard:
    """What `prepare_shard` did.

    Attributes:
        shard: Which one it is.
        path: Its folder.
        facts: What it says of itself.
        changed: False where it was there already.
    """

    shard: Shard
    path: Path
    facts: ShardFacts
    changed: bool


def prepare_shard(
    recipe: Recipe,
    run: RunFolder,
    shard: Shard,
    *,
    folder: Path | None = None,
    force: bool = False,
    threads: int = 0,
) -> PreparedShard:
    """Reads and cleans one shard of a corpus, into a folder of its own in the run's.

    Args:
        recipe: All settings.
        run: The run that the shards are to be merged into.
        shard: Which one.
        folder: Where the recipe's files are; as for `prepare`.
        force: Make it again even where nothing changed.
        threads: How many processes may share the work; 0: one a core.

    Raises:
        UserError: As `prepare`.
    """
    check_name(run.path)
    recipe = vectors.located(recipe)
    sources = open_sources(recipe.data, folder)
    check_outside(run, sources)
    inputs = inputs_of(recipe, sources)
    check_begins_anew(run, inputs)
    _, merged = with_vocabulary(taken_over(recipe, run, run, inputs), recipe, inputs)
    up_to_date(run, merged, force=force)  # what merging would refuse is refused now
    vectors.check_files(recipe)
    place = shard.folder(run.path)
    with only_one(RunFolder(place)):
        facts = None if force else facts_if_ready(shard, place, inputs)
        if facts is not None:
            return PreparedShard(shard, place, facts, changed=False)
        _clear(place)
        try:
            with Workers(threads or available_cores()) as workers:
                facts = write_shard(recipe.data, sources, shard, place, inputs, workers)
        except BaseException:
            _clear(place)
            raise
        return PreparedShard(shard, place, facts, changed=True)


def _clear(place: Path) -> None:
    """Takes away all that a shard's folder holds, but for the lock."""
    for path in place.iterdir():
        if path.name != LOCK:
            remove(path)
