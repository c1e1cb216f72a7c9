"""Several processes that torchrun started divide a file, and the first one puts together what they wrote.

Process r of n (from 0) writes part r + 1 of n (see `seq2seq.pipeline.parts`) of OUT to `OUT.1-of-2` and so on, each
with the record of what it was made of (see `resuming` beside this file). They talk through the folder alone, which all
of them must see: a piece counts when it is whole and its record says just what it should, whichever run made it. So
nothing is translated twice where torchrun is started again, and torch is not needed for it.
"""

from __future__ import annotations

import re
import shutil
import time
from collections.abc import Callable
from pathlib import Path
from typing import Final

from seq2seq import console
from seq2seq.errors import UserError, WorkError
from seq2seq.pipeline.parts import Part
from seq2seq.pipeline.translate.resuming import Facts, is_done, made_of_other
from seq2seq.pipeline.translate.streams import part_of, record_of

NEVER_SEEN_SECONDS: Final = 900.0
"""How long the first process waits for a sign of another one, when it is done itself."""
OTHER_SECONDS: Final = 10.0
"""How long a whole piece may be one of something else: an earlier run's, which its process has yet to replace."""
LOOK_SECONDS: Final = 0.1


def join(target: Path, count: int, facts: Callable[[Part], Facts]) -> None:
    """Waits for all pieces of `target`, puts them together, and takes them away.

    Args:
        target: The file to make.
        count: How many pieces there are.
        facts: What a part must be made of.

    Raises:
        WorkError: Nobody begins a piece, or one is whole and stays made of something else.
    """
    parts = [Part(number, count) for number in range(1, count + 1)]
    _wait(target, parts, facts)
    whole = part_of(target)
    record_of(target).unlink(missing_ok=True)  # of one process, which this replaces
    with whole.open("wb") as file:
        for part in parts:
            with part.piece(target).open("rb") as piece:
                shutil.copyfileobj(piece, file, 1 << 20)
    whole.replace(target)
    for part in parts:
        part.piece(target).unlink(missing_ok=True)
        record_of(part.piece(target)).unlink(missing_ok=True)


def _wait(target: Path, parts: list[Part], facts: Callable[[Part], Facts]) -> None:
    began = time.monotonic()
    others = _Others(target, facts)
    missing = [part for part in parts if not is_done(part.piece(target), facts(part))]
    if missing:
        console.say(f"waiting for {_listed(missing)}")
    while missing:
        time.sleep(LOOK_SECONDS)
        missing = [part for part in missing if not is_done(part.piece(target), facts(part))]
        for part in missing:
            others.look(part)
        if time.monotonic() - began > NEVER_SEEN_SECONDS:
            unseen = [part for part in missing if not _is_begun(part.piece(target))]
            if unseen:
                raise WorkError(
                    f"Nobody has begun {_listed(unseen)} of {target} in {NEVER_SEEN_SECONDS:.0f} seconds.",
                    hint="All machines must see the folder of the output. Or give each a part: --shard 1/2, 2/2, …",
                )


class _Others:
    """Whole pieces that were made of something else, and since when they are there."""

    def __init__(self, target: Path, facts: Callable[[Part], Facts]) -> None:
        self._target, self._facts = target, facts
        self._since: dict[Part, tuple[str, float]] = {}

    def look(self, part: Part) -> None:
        """Looks at a piece.

        Raises:
            WorkError: It has stayed so for long; names the first fact that differs.
        """
        piece, now = part.piece(self._target), time.monotonic()
        what = made_of_other(piece, self._facts(part))
        if not what:
            self._since.pop(part, None)
            return
        told, since = self._since.get(part, ("", now))
        if told != what:
            self._since[part] = (what, now)
        elif now - since > OTHER_SECONDS:
            raise WorkError(
                f"{piece} is whole, and was made of something else: {what}.",
                hint=f"Start all processes with the same command and the same seq2seq; or delete {piece}.",
            )


def _listed(parts: list[Part]) -> str:
    return f"part{'s' if len(parts) > 1 else ''} {', '.join(map(str, parts))}"


def _is_begun(piece: Path) -> bool:
    return piece.exists() or part_of(piece).exists() or record_of(piece).exists()


def check_count(target: Path, count: int) -> None:
    """Makes sure that what is gone on with was divided in the same way.

    Raises:
        UserError: It was begun by another number of processes.
    """
    if count > 1 and part_of(target).is_file() and record_of(target).is_file():
        raise UserError(
            f"{part_of(target)} was begun by one process, and now there are {count}.",
            hint=f"Go on without torchrun, or delete {part_of(target)}.",
        )
    pattern = re.compile(re.escape(target.name) + r"\.\d+-of-(\d+)(\.part)?")
    found = map(pattern.fullmatch, (path.name for path in target.parent.glob(f"{_literal(target.name)}.*-of-*")))
    for other in sorted({int(match[1]) for match in found if match}):
        if other != count:
            raise UserError(
                f"{target} was begun by {other} processes, and now there {'is' if count == 1 else 'are'} {count}.",
                hint=f"Go on with {other}, or delete its parts: {target.name}.*-of-{other}*",
            )


def _literal(name: str) -> str:
    """Returns a name for `glob`, to which brackets and stars mean something."""
    return re.sub(r"([*?[])", r"[\1]", name)
