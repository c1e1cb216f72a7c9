"""Where a run with synthetic pairs is made: whether it may be made there, and the folder in which its texts lie."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from seq2seq import console
from seq2seq.bundle import RUNS, Bundle, RunFolder, find_run, run_around
from seq2seq.errors import UserError
from seq2seq.folders import read_json, write_json
from seq2seq.manifest import Synthetic

TEXTS: Final = "text"
_MARKER: Final = "made.json"  # stands among the texts that are ours from before the first of them, and says whose


def texts(run: RunFolder) -> Path:
    """Returns the folder in which the texts of a run with synthetic pairs lie."""
    return run.path / TEXTS


def run_with_pairs(bundle: Bundle, of: Path | None) -> RunFolder:
    """Returns the run whose pairs, vocabulary and held-out sets are taken over: `of`, or the one around the model.

    Raises:
        UserError: There is none.
    """
    if of is not None:
        return find_run(of)
    run = run_around(bundle.path)
    if run is None:
        raise UserError(
            f"{bundle.path} is a bundle without its run, and so without pairs.",
            hint="Say which prepared run's pairs, vocabulary and held-out sets to take: --of RUN",
        )
    return run


def new_run(given: Path | None, of: RunFolder, suffix: str, *, by: str) -> RunFolder:
    """Returns the run to make, and makes sure before the work that it may be made.

    Args:
        given: Its folder; None: one that is called as `of`, with the suffix.
        of: The run that it is made of.
        suffix: What is done to it.
        by: The command that makes it.

    Raises:
        UserError: It is the run that it is made of, a run of another kind or one that is trained, or something else.
    """
    run = RunFolder(given or RUNS / f"{of.path.absolute().name}-{suffix}")
    is_run, other = run.manifest.is_file(), "Choose another folder with --run."
    if run.path.resolve() == of.path.resolve():
        raise UserError(f"{run.path} cannot be made of itself.", hint=other)
    if run.path.exists() and not run.path.is_dir():
        raise UserError(f"{run.path} is no folder.", hint=other)
    if is_run and (run.checkpoints.exists() or run.bundle.exists()):
        raise UserError(
            f"{run.path} holds a training, which this would make useless.",
            hint=f"Go on with it: seq2seq train {console.quoted(run.path)} --resume   "
            "Or choose another folder with --run.",
        )
    made_by = _made_by(run)
    if is_run and not made_by:
        raise UserError(f"{run.path} is a run of another kind.", hint=other)
    if made_by not in ("", by):
        raise UserError(f"{run.path} was made by {made_by}, not by {by}.", hint=other)
    if not is_run:
        for path in (run.recipe, *run.products(), *([] if made_by or _is_empty(texts(run)) else [texts(run)])):
            if path.exists():
                raise UserError(f"{run.path} is no run, and its {path.name!r} would be overwritten.", hint=other)
    return run


def begin(run: RunFolder, by: str) -> None:
    """Marks the folder of a run's texts as written by a command, so that what an interruption leaves is known as its.

    Without the mark, texts are taken for a person's own and not overwritten: `new_run` looks.
    """
    marker = texts(run) / _MARKER
    if not marker.is_file():
        write_json(marker, {"by": by})


def _made_by(run: RunFolder) -> str:
    """Returns which command made a run, or has begun to; empty where none of these did."""
    told = run.read_manifest().synthetic if run.manifest.is_file() else None
    marker = texts(run) / _MARKER
    if told in (None, Synthetic()) and marker.is_file():
        return str(read_json(marker).get("by", ""))
    return told.by if told is not None else ""


def _is_empty(folder: Path) -> bool:
    return folder.is_dir() and next(folder.iterdir(), None) is None
