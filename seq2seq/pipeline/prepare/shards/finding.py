"""Which shards there are in a run's folder, and which are missing."""

from __future__ import annotations

import re
from pathlib import Path

from seq2seq.errors import UserError
from seq2seq.pipeline.prepare.shards.facts import is_written
from seq2seq.pipeline.prepare.shards.shard import FOLDER, Shard


def found_shards(run: Path) -> list[Shard]:
    """Returns all shards of a run, in order.

    Raises:
        UserError: There is none, or one is missing.
    """
    names = (re.fullmatch(r"(\d+)-of-(\d+)", path.name) for path in (run / FOLDER).glob("*-of-*"))
    found = [Shard(int(name[1]), int(name[2])) for name in names if name]
    whole = [shard for shard in found if is_written(shard.folder(run))]
    if not whole:
        raise UserError(f"There is no shard in {run / FOLDER}.", hint="Prepare them first: --shard 1/n, 2/n, … n/n")
    _check_all_there(run, {shard.count for shard in whole})
    return sorted(whole, key=lambda shard: shard.number)


def _check_all_there(run: Path, counts: set[int]) -> None:
    """Refuses shards that are not all of one number of them, `counts` being what their names say."""
    if len(counts) > 1:
        raise UserError(
            f"{run / FOLDER} holds shards of {' and of '.join(map(str, sorted(counts)))}.",
            hint="Remove those that are not to be merged.",
        )
    (count,) = counts
    absent = missing(run, count)
    if absent:
        raise UserError(
            f"Of {count} shards {', '.join(map(str, absent))} {'is' if len(absent) == 1 else 'are'} missing in "
            f"{run / FOLDER}.",
            hint=f"Prepare what is missing: --shard {absent[0]}/{count}; or copy its folder here.",
        )


def missing(run: Path, count: int) -> list[int]:
    """Returns the numbers of those of so many shards that are not in the run's folder, or not whole."""
    return [n for n in range(1, count + 1) if not is_written(Shard(n, count).folder(run))]
