"""seq2seq tune."""

from __future__ import annotations

from contextlib import nullcontext
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, TypeVar

import typer

from seq2seq.cli.options import Device, DeviceOption, EngineOption, JsonOption, ModelArgument, ThreadsOption
from seq2seq.engines.names import EngineName

if TYPE_CHECKING:
    from seq2seq.pipeline.evaluate.tune import Trial, Tuned

Number = TypeVar("Number", int, float)
EXAMPLES = (
    ("seq2seq tune runs/mine", "the length penalty: a minute or two; a small gain may be chance"),
    ("seq2seq tune runs/mine --dry-run", "only look"),
    ("seq2seq tune runs/mine --beam 4,8,12 --penalties 0.6,0.8,1,1.2", "with the width of the beam"),
    ("seq2seq tune runs/mine --mbr 0,20", "is it worth comparing 20 candidates?"),
    ("seq2seq tune mine-int8 --source dev.en --reference dev.de", "a bundle without its run"),
)


class Metric(StrEnum):
    """What is chosen by."""

    BLEU = "bleu"
    CHRF = "chrf"


def tune(
    model: ModelArgument,
    penalties: Annotated[
        str,
        typer.Option(
            "--penalties", metavar="P,P,…", help="Length penalties to try. Default: 0 to 2 by 0.2.", show_default=False
        ),
    ] = "",
    beam: Annotated[
        str,
        typer.Option(
            "--beam", metavar="N,N,…", help="Widths of the beam to try. Default: the model's.", show_default=False
        ),
    ] = "",
    mbr: Annotated[
        str,
        typer.Option(
            "--mbr",
            metavar="N,N,…",
            help="Numbers of candidates to compare, 0 for none; see translate. Default: the model's, 0 with --beam.",
            show_default=False,
        ),
    ] = "",
    metric: Annotated[
        Metric | None,
        typer.Option("--metric", help="What to choose by. Default: what training stopped by.", show_default=False),
    ] = None,
    source: Annotated[
        Path | None, typer.Option("--source", help="A development set of your own instead of the run's.")
    ] = None,
    reference: Annotated[Path | None, typer.Option("--reference", help="Its reference translations.")] = None,
    sentences: Annotated[
        int, typer.Option("--sentences", min=0, metavar="N", help="Use the first N sentences only; 0 uses all.")
    ] = 0,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Show what would be chosen, and write nothing.")] = False,
    engine: EngineOption = EngineName.AUTO,
    device: DeviceOption = Device.AUTO,
    threads: ThreadsOption = 0,
    as_json: JsonOption = False,
) -> None:
    """Choose how translations are searched for, on the development set.

    The length penalty decides between short and long translations, and which is best depends on the model and the
    language. The set is searched with all that is to be tried, which with 1,000 sentences takes a minute or two. Where
    that would be more than 25,000 sentences in all, each beam is searched once, what it finds is ranked by every
    penalty, and the three best are searched with, beside the present settings: ranks alone are too rough to choose by.
    Only what is better in a search is written into the recipes of the run and of its bundle; scores of test sets there
    were made with the old settings and go, so evaluate again.

    Never tune on a test set: its score would tell nothing any more.
    """
    from seq2seq import console
    from seq2seq.bundle import open_bundle, run_owning
    from seq2seq.errors import UserError
    from seq2seq.pipeline.evaluate import tune as tuning
    from seq2seq.pipeline.lock import only_one
    from seq2seq.translator import from_bundle

    if (source is None) != (reference is None):
        raise UserError("--source and --reference go together.", hint="Give both files, or neither.")
    grid = tuning.Grid(
        penalties=_numbers("--penalties", penalties, float) or tuning.PENALTIES,
        beams=_numbers("--beam", beam, int),
        mbr=_numbers("--mbr", mbr, int),
    )
    grid.check()
    bundle = open_bundle(model)
    run = run_owning(bundle.path)
    with nullcontext() if dry_run or run is None else only_one(run):
        if source is not None and reference is not None:
            test = tuning.files(source, reference, sentences)
        else:
            test = tuning.development_set(bundle, sentences)
        recipe = bundle.recipe
        translator = from_bundle(bundle, engine=engine.value, device=device.value, threads=threads)
        chosen_by = metric.value if metric else tuning.metric_of(recipe)
        tuned = tuning.tune(translator, test, recipe.search, recipe.evaluation, grid, metric=chosen_by)
        lost = sorted(bundle.facts.scores) if tuned.changes else []
        if not dry_run:
            bundle = tuning.keep(tuned, bundle)
    if as_json:
        console.emit_json({"model": bundle.path, "written": bool(tuned.changes) and not dry_run, **tuned.to_dict()})
        return
    for line in table(tuned):
        console.emit(line)
    console.say(tuning.told(tuned))
    if tuned.changes and dry_run:
        console.say("Nothing was written. Without --dry-run it is.")
    elif lost:
        console.say(f"The scores of {', '.join(lost)} were made with the old settings, and are gone: evaluate again.")


def _numbers(option: str, text: str, kind: type[Number]) -> list[Number]:
    """Returns the numbers in a text like "4,8"."""
    from seq2seq.errors import UserError

    try:
        return [kind(part) for part in text.split(",")] if text.strip() else []
    except ValueError:
        what = "whole numbers" if kind is int else "numbers"
        raise UserError(f"{option} {text} is no list of {what}.", hint=f"For instance: {option} 1,2") from None


def table(tuned: Tuned) -> list[str]:
    """Returns everything that was tried, a line each."""
    head = f"{'beam':>5} {'mbr':>4} {'penalty':>8} {'BLEU':>7} {'chrF':>7} {'length':>7}  how"
    return [head, *(_row(trial, tuned) for trial in tuned.trials)]


def _row(trial: Trial, tuned: Tuned) -> str:
    how = "only ranked" if trial.seconds is None else f"searched, {trial.seconds:.1f} s"
    notes = [note for one, note in ((tuned.before, "now"), (tuned.best, "best")) if trial is one]
    beam = str(trial.beam) if trial.name == "beam" else trial.name
    return (
        f"{beam:>5} {trial.mbr or '-':>4} {trial.length_penalty:>8.4g} {trial.bleu:>7.2f} {trial.chrf:>7.2f} "
        f"{trial.length_ratio:>7.3f}  {', '.join([how, *notes])}"
    )
