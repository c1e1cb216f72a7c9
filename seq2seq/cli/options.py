"""Options that several commands share, each with a help text that teaches."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer


class Device(StrEnum):
    """Where the network computes."""

    AUTO = "auto"
    CPU = "cpu"
    CUDA = "cuda"


ModelArgument = Annotated[
    Path,
    typer.Argument(
        metavar="MODEL",
        help="A run's folder, a run's name under runs/, or a bundle's folder. A run finds its best bundle.",
        show_default=False,
    ),
]
DeviceOption = Annotated[
    Device,
    typer.Option("--device", help="Where to compute. [bold]auto[/] takes a GPU where there is one, else the CPU."),
]
ThreadsOption = Annotated[
    int,
    typer.Option(
        "--threads",
        min=0,
        metavar="N",
        help="How many CPU cores to keep busy; 0 takes all. Fewer leave room for your other work.",
    ),
]
SetOption = Annotated[
    list[str] | None,
    typer.Option(
        "--set",
        metavar="SECTION.KEY=VALUE",
        help="Change one setting of the recipe, for instance [bold]training.minutes=40[/] or "
        "[bold]model.attention=dot[/]. May be given several times.",
        show_default=False,
    ),
]
JsonOption = Annotated[
    bool, typer.Option("--json", help="Write one line of JSON to stdout, for programs to read, and no table.")
]
