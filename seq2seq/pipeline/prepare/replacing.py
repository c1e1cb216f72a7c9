"""How new data takes the place of the old: it is made in a spool beside what the run holds, and moved when complete.

A failure before that costs nothing. One while it is moved leaves a folder without a manifest, which nobody takes for
whole; the next time the move goes on where it was.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from seq2seq.bundle import RunFolder


def spool_of(run: RunFolder) -> Path:
    """Where the work is done. While it is there, the folder is a run, or is to become one."""
    return run.path / "spool"


@contextmanager
def replacement(run: RunFolder) -> Iterator[RunFolder]:
    """Gives a folder to fill, which takes the place of the run's data when the block ends without an error.

    It has a run's layout, and is complete once it has a manifest. After an error the run is what it was before.
    """
    spool = spool_of(run)
    # Without a manifest a folder is known as ours by its spool alone.
    keeps_spool = spool.exists() and not run.manifest.is_file()
    _empty(spool)
    try:
        yield _ready(run)
    except BaseException:
        _empty(spool)
        if not keeps_spool:
            with suppress(OSError):
                spool.rmdir()
        raise
    _settle(run)


def tidy(run: RunFolder) -> None:
    """Finishes a replacement that has begun: then there is no manifest. One that had not yet is forgotten.

    A training may have been made since of what the run holds, and replacing would drop it unasked.
    """
    if run.manifest.is_file():
        shutil.rmtree(spool_of(run), ignore_errors=True)
    else:
        _settle(run)


def _ready(run: RunFolder) -> RunFolder:
    """What is to take the place of the run's data, in the same layout; complete once it has a manifest."""
    return RunFolder(spool_of(run) / "ready")


def _settle(run: RunFolder) -> None:
    """Puts what is ready in its place, the manifest last: a folder with one is whole.

    What was made of other data goes; scores of a model that may have seen the new test set mean nothing. Cut off half
    way, it goes on where it was the next time: what is not in the spool any more has its place already.
    """
    ready = _ready(run)
    if not ready.manifest.is_file():
        return
    started = [ready.start] if ready.read_manifest().start is not None else []
    run.manifest.unlink(missing_ok=True)
    prepared = [ready.split("train").parent, ready.tokenizers, ready.recipe, *started, ready.manifest]
    for path in run.products():
        if path.name not in {fresh.name for fresh in prepared}:
            remove(path)
    for fresh in prepared:
        if fresh.exists():
            place = run.path / fresh.name
            remove(place)
            fresh.replace(place)
    shutil.rmtree(spool_of(run), ignore_errors=True)


def _empty(folder: Path) -> None:
    """Makes an empty folder of it, and at no moment none."""
    folder.mkdir(parents=True, exist_ok=True)
    for path in folder.iterdir():
        remove(path)


def remove(path: Path) -> None:
    """Takes a file or a folder away."""
    if path.is_dir():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)
