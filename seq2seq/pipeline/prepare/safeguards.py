"""What preparing must not destroy: a training, what a run goes on from, files of a folder that is no run, a dataset."""

from __future__ import annotations

from pathlib import Path

from seq2seq import console
from seq2seq.bundle import RunFolder
from seq2seq.errors import UserError
from seq2seq.manifest import Inputs, Manifest
from seq2seq.pipeline.prepare.replacing import spool_of
from seq2seq.pipeline.prepare.sources import Sources


def check_outside(run: RunFolder, sources: Sources) -> None:
    """Refuses a run inside a dataset's folder: what is written there would be read as more of the dataset.

    Raises:
        UserError: It is.
    """
    if sources.folder is not None and run.path.resolve().is_relative_to(sources.folder.resolve()):
        raise UserError(
            f"{run.path} lies in {sources.folder}, whose files are the dataset.",
            hint="Choose a place outside of it: --run FOLDER",
        )


def check_begins_anew(run: RunFolder, inputs: Inputs) -> None:
    """Refuses the text of a run that goes on from a model: of its recipe alone a training from scratch would be made.

    Raises:
        UserError: It is.
    """
    before = run.read_manifest() if run.manifest.is_file() else None
    if before is not None and before.start is not None and before.inputs.files == inputs.files:
        raise UserError(
            f"{run.path} is a fine-tuning, and its recipe does not say what it goes on from.",
            hint=f"Prepare it again with: {before.start.command}   Or choose another folder with --run.",
        )


def up_to_date(run: RunFolder, inputs: Inputs, *, force: bool) -> Manifest | None:
    """Returns the manifest of data that is whole and made of just these files and settings; None: there is work to do.

    Raises:
        UserError: The work would destroy something.
    """
    if not run.manifest.is_file():
        if not spool_of(run).exists():
            _check_free(run)
        return None
    manifest = run.read_manifest()
    if force:
        return None
    missing = _missing(run, manifest)
    if manifest.inputs == inputs and not missing:
        return manifest
    _check_untrained(run, missing)
    return None


def _check_free(run: RunFolder) -> None:
    """Makes sure that a folder which is no run loses nothing."""
    for path in (run.recipe, *run.products()):
        if path.exists():
            raise UserError(
                f"{run.path} is no run, and its {path.name!r} would be overwritten.",
                hint="Choose another folder with --run.",
            )


def _missing(run: RunFolder, manifest: Manifest) -> list[Path]:
    """Returns what of the prepared data somebody took away."""
    sides = ("joint",) if manifest.vocabulary.joint else ("source", "target")
    started = [run.start] if manifest.start is not None else []
    parts = started + [run.split(name) for name in manifest.splits] + [run.tokenizers / side for side in sides]
    return [path for path in parts if not path.exists()]


def _check_untrained(run: RunFolder, missing: list[Path]) -> None:
    if run.checkpoints.exists() or run.bundle.exists():
        go_on = f"Go on with it: seq2seq train {console.quoted(run.path)} --resume   Or choose"
        raise UserError(
            f"{missing[0]} is missing, and preparing again would drop the training in {run.path}."
            if missing
            else f"{run.path} holds a training on other data or text settings, which this would make useless.",
            hint=f"{'Choose' if missing else go_on} another folder with --run, or drop that training with --force.",
        )


def check_not_begun(run: RunFolder) -> None:
    """Makes sure that no training has begun, where nobody said what to do with one.

    Raises:
        UserError: One has.
    """
    if not run.checkpoints.exists():
        return
    from seq2seq.training.rotation import Checkpoints

    if Checkpoints(run.checkpoints).exist():
        raise UserError(
            f"{run.path} has been trained before.",
            hint=f"Go on with: seq2seq train {console.quoted(run.path)} --resume   Start again with: --restart",
        )
