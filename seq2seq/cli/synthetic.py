"""What distill and backtranslate share: the models that write, and what is told of what they wrote."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from seq2seq import console

if TYPE_CHECKING:
    from collections.abc import Mapping

    from seq2seq.bundle import RunFolder
    from seq2seq.cli.ensembles import Models
    from seq2seq.manifest import Synthetic
    from seq2seq.pipeline.prepare.prepare import Prepared
    from seq2seq.pipeline.synthetic.writing import Author

SEARCHING = "How the model writes"
LEAVING_OUT = "What is worth training on"

RunOption = Annotated[
    Path | None, typer.Option("--run", help="The run to make. Default: that of the pairs, and what was done to it.")
]
BeamOption = Annotated[
    int | None,
    typer.Option(
        "--beam",
        min=1,
        help="Hypotheses a sentence, of which the likeliest is taken. Default: the model's search.",
        rich_help_panel=SEARCHING,
    ),
]
MaxRatioOption = Annotated[
    float,
    typer.Option(
        "--max-ratio",
        min=1.0,
        help="Leave out pairs where one side has more than this many times the words of the other.",
        rich_help_panel=LEAVING_OUT,
    ),
]
MaxCopiedOption = Annotated[
    float,
    typer.Option(
        "--max-copied",
        min=0.0,
        max=1.0,
        help="Leave out pairs whose sides share more than this share of their words.",
        rich_help_panel=LEAVING_OUT,
    ),
]
MinutesOption = Annotated[
    float | None, typer.Option("--minutes", min=0.1, help="How long its training may take. Default: as before.")
]
ResumeOption = Annotated[bool, typer.Option("--resume", help="Go on with a translation that was interrupted.")]
TrainOption = Annotated[bool, typer.Option("--train", help="Train the new run right away.")]


def author(models: Models, assignments: Mapping[str, object], *, engine: str, device: str, threads: int) -> Author:
    """Returns the models as they are to write; `assignments` are changes of their search by setting."""
    from seq2seq.pipeline.synthetic.writing import Author
    from seq2seq.recipe.overrides import apply_overrides

    given = [f"search.{key}={value}" for key, value in assignments.items() if value is not None]
    recipe = apply_overrides(models.first.recipe, given)
    facts = {**models.facts(), "--engine": engine}
    return Author(
        models.first,
        facts,
        recipe.search,
        lambda: models.translator(engine=engine, device=device, threads=threads),
    )


def by_beam(beam: int | None) -> dict[str, object]:
    """Returns what `--beam` changes of the model's search, by setting: no candidates are compared beside it."""
    return {} if beam is None else {"name": "beam", "beam": beam, "mbr": 0}


def tell(done: Prepared, *, wrote: str, device: str, threads: int, as_json: bool, train: bool) -> None:
    """Reports what was made and prepared, and trains it where that is asked for: then its report is the JSON."""
    from seq2seq.cli.prepare_report import report

    if not as_json:
        _say_made(done.manifest.synthetic, wrote)
    if not (as_json and train):
        report(done, device=device, threads=threads, as_json=as_json)
    if train:
        _train(done.run, device=device, threads=threads, as_json=as_json)


def _say_made(made: Synthetic | None, wrote: str) -> None:
    assert made is not None and made.selected is not None and made.sieved is not None
    console.emit(
        f"{made.name}: of {made.selected.read:,} {wrote} {made.selected.kept:,} were translated, and "
        f"{made.sieved.kept:,} pairs of them are worth training on"
    )
    for step in (made.selected, made.sieved):
        for reason, drops in step.dropped.items():
            console.emit(f"left out: {drops.count:,} ({reason})")
            for example in drops.examples:
                sides = filter(None, (example.source, example.target))
                console.emit(f"  {example.line}: {' | '.join(map(repr, sides))}")
    console.emit("")


def _train(run: RunFolder, *, device: str, threads: int, as_json: bool) -> None:
    from seq2seq.cli.options import Device
    from seq2seq.cli.train import train

    train(run.path, device=Device(device), threads=threads, as_json=as_json)
