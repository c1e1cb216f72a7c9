"""Translations that are not scored yet, in a file: what cuts scoring off must not cost the hours they took."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

from seq2seq import console
from seq2seq.bundle import run_around
from seq2seq.folders import write_text


def place_of(bundle: Path, name: str) -> Path:
    """Returns where the translations of a test set wait for their scores: in the bundle's run, or beside the bundle.

    Args:
        bundle: The folder of the model.
        name: What the test set is called.
    """
    run = run_around(bundle)
    if run is not None:
        return run.evaluation / f"{name}.unscored"
    bundle = bundle.absolute()
    return bundle.with_name(f"{bundle.name}-{name}.unscored")


@contextmanager
def waiting(path: Path | None, translations: Sequence[str]) -> Iterator[None]:
    """Keeps translations in a file, a line each, until the block ends; where it ends with an error, for good.

    Args:
        path: The file; None, or one that cannot be written: they are not kept.
        translations: What the block is to score.
    """
    written = False
    new_folder = path is not None and not path.parent.exists()
    if path is not None:
        with suppress(OSError):
            write_text(path, "".join(line + "\n" for line in translations))
            written = True
    try:
        yield
    except BaseException:
        if written:
            console.warn(f"{path} holds the translations, which are not scored.")
        raise
    if path is not None and written:
        path.unlink(missing_ok=True)
        if new_folder:
            with suppress(OSError):  # something else is in it by now
                path.parent.rmdir()
