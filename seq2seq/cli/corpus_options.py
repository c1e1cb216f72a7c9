"""Options that describe a corpus of sentence pairs, for the commands that read one."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Final

import typer

_SOURCE_HELP: Final = "source sentences, one a line; plain, .gz, .xz, .bz2 or .zst."

SourceOption = Annotated[Path | None, typer.Option("--source", help=f"Your {_SOURCE_HELP}")]
NewSourceOption = Annotated[Path | None, typer.Option("--source", help=f"The new {_SOURCE_HELP}")]
"""Where the text is not what the model at hand was trained on."""
TargetOption = Annotated[Path | None, typer.Option("--target", help="Their translations, line by line.")]
TsvOption = Annotated[Path | None, typer.Option("--tsv", help="Instead of two files: source, tab, target a line.")]
JsonlOption = Annotated[
    Path | None,
    typer.Option("--jsonl", help='Instead of two files: an object a line, for instance {"en": "...", "de": "..."}.'),
]
TmxOption = Annotated[Path | None, typer.Option("--tmx", help="Instead of two files: a translation memory.")]
HubOption = Annotated[
    str, typer.Option("--hub", help="Instead of files: a dataset of the Hugging Face hub, owner/name.")
]
FromOption = Annotated[
    str, typer.Option("--from", help="Source language, e.g. en. Default: what the file or its name says.")
]
IntoOption = Annotated[str, typer.Option("--into", help="Target language, e.g. de. Default: likewise.")]
DataOption = Annotated[
    Path | None, typer.Option("--data", help="The folder with the recipe's files, or with a copy of --hub.")
]
HubCopyOption = Annotated[Path | None, typer.Option("--data", help="With --hub: the folder with a copy of it.")]
"""Where no recipe is given."""
