"""Where the files that ship with the package are: inside an installed copy, or at the top of a source tree."""

from __future__ import annotations

from pathlib import Path

from seq2seq.errors import WorkError


def shipped(folder: str) -> Path:
    """Returns the folder called `folder` ("recipes" or "vocab") that ships with the package.

    Raises:
        WorkError: The installation lacks it.
    """
    package = Path(__file__).parent
    for candidate in (package / "shipped" / folder, package.parent / folder):
        if candidate.is_dir():
            return candidate
    raise WorkError(f"This installation of seq2seq lacks its folder {folder!r}.", hint="Install it again.")
