"""Options that several commands share, each with a help text that teaches."""

from __future__ import annotations

from collections.abc import Sequence
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from seq2seq.engines.names import EngineName


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
EngineOption = Annotated[
    EngineName,
    typer.Option(
        "--engine",
        help="What computes: [bold]onnx[/] in 8 bits on the CPU, [bold]onnx-fp32[/] in full precision there, "
        "[bold]torch[/] on either. [bold]auto[/] takes a GPU where there is one, else onnx.",
    ),
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
MbrOption = Annotated[
    int | None,
    typer.Option(
        "--mbr",
        min=0,
        metavar="N",
        help="Of N candidates take the one that is most like all others, not the likeliest (minimum Bayes risk): "
        "beam search gives the N best, sampling N samples. 0 takes the likeliest.",
        rich_help_panel="How to search",
    ),
]


def num_candidates(mbr: int | None, settings: Sequence[str], *, otherwise: bool) -> int | None:
    """Returns how many candidates the options ask to compare; None: as many as the model's recipe says.

    Args:
        mbr: That of `--mbr`.
        settings: Those of `--set`.
        otherwise: Whether a search or a beam is asked for: then none are compared unless that is asked for too, as
            candidates need a beam of their own, and the one asked for would change nothing.
    """
    if mbr is not None or not otherwise:
        return mbr
    return None if any(one.partition("=")[0].strip() == "search.mbr" for one in settings) else 0


JsonOption = Annotated[
    bool, typer.Option("--json", help="Write one line of JSON to stdout, for programs to read, and no table.")
]
