"""seq2seq train."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from seq2seq.cli.options import Device, DeviceOption, JsonOption, SetOption, ThreadsOption

if TYPE_CHECKING:
    from seq2seq.bundle import RunFolder
    from seq2seq.pipeline.train.several import Seat
    from seq2seq.pipeline.train.train import Trained
    from seq2seq.recipe.schema import Recipe, Training
    from seq2seq.training.counters import Counters

EXAMPLES = (
    ("seq2seq train runs/mine", "train a prepared run"),
    ("seq2seq train mine --resume", "go on where it stopped; a name is looked for under runs/"),
    ("seq2seq train mine --restart --set training.minutes=40", "from the start, for at most 40 minutes"),
    ("seq2seq train mine --resume --set training.max_epochs=100", "make a finished training longer"),
    ("seq2seq train mine --resume --set training.risk.minutes=20", "refine it: minimum risk, for 20 minutes"),
)


def train(
    run: Annotated[Path, typer.Argument(metavar="RUN", help="The folder that prepare made, or its name under runs/.")],
    resume: Annotated[bool, typer.Option("--resume", help="Go on from the last checkpoint.")] = False,
    restart: Annotated[bool, typer.Option("--restart", help="Forget the training so far and start again.")] = False,
    tensorboard: Annotated[
        bool, typer.Option("--tensorboard", help="Write to RUN/tensorboard as well (needs seq2seq\\[tensorboard]).")
    ] = False,
    device: DeviceOption = Device.AUTO,
    threads: ThreadsOption = 0,
    settings: SetOption = None,
    as_json: JsonOption = False,
) -> None:
    """Train a translator, or go on where an earlier training stopped.

    Shows speed, loss, development score and the time left. Keeps the last checkpoint, the best model so far as a
    bundle, the metrics in metrics.jsonl and a learning curve in pictures/. Ctrl-C stops after the update under way,
    with exit code 130; nothing is lost.

    With training.risk.epochs or training.risk.minutes a second stage follows, or is added to a finished training: the
    best model goes on to make its own translations better (minimum risk), and takes the bundle's place if it does.

    Several processes, on one machine or more, train one model: torchrun --nproc-per-node 2 -m seq2seq train RUN.
    """
    from seq2seq.errors import UserError
    from seq2seq.pipeline.train.several import AlreadySaidError, taking_part

    if resume and restart:
        raise UserError("--resume and --restart contradict each other.", hint="Give one of them.")
    try:
        with taking_part(device.value, threads=threads, go_on=_go_on(resume)) as seat:
            code = _train(
                run,
                resume=resume or seat.restarted,
                restart=restart and not seat.restarted,
                tensorboard=tensorboard,
                seat=seat,
                settings=settings or [],
                as_json=as_json,
            )
    except AlreadySaidError as error:
        raise typer.Exit(error.exit_code) from None
    if code:
        raise typer.Exit(code)
    if seat.group.size > 1 and seat.group.rank == 0:  # alone now: the others have gone
        from seq2seq.bundle import find_run
        from seq2seq.pipeline.evaluate.tune import tune_trained
        from seq2seq.pipeline.models.export import export_trained
        from seq2seq.recipe.toml import load_recipe

        folder = find_run(run)
        if load_recipe(folder.recipe).training.tune_length_penalty:
            tune_trained(folder, device=device.value, threads=threads)
        export_trained(folder)


def _go_on(resume: bool) -> str:
    """Returns the command that goes on, when one of several processes is lost."""
    from seq2seq import console

    arguments = [argument for argument in sys.argv[1:] if argument != "--restart"]
    return f"torchrun … -m seq2seq {console.quoted(*arguments, *([] if resume else ['--resume']))}"


def _train(
    run: Path,
    *,
    resume: bool,
    restart: bool,
    tensorboard: bool,
    seat: Seat,
    settings: list[str],
    as_json: bool,
) -> int:
    """Trains, and tells the result in the first process. Returns the exit code."""
    from seq2seq.pipeline.train.reporters import ConsoleReporter, TensorBoardReporter
    from seq2seq.pipeline.train.several import agreed
    from seq2seq.pipeline.train.train import train as run_training

    folder, recipe = agreed(seat.group, lambda: _asked_for(run, settings))
    is_first = seat.group.rank == 0
    watcher = ConsoleReporter(recipe.training.stop_on)
    reporter = TensorBoardReporter(watcher, folder.path / "tensorboard") if tensorboard and is_first else watcher
    done = run_training(
        recipe,
        folder,
        resume=resume,
        restart=restart,
        device=seat.device,
        threads=seat.threads,
        reporter=reporter,
        group=seat.group,
    )
    if is_first:
        _say_result(folder.path, folder.bundle, recipe.training, done, as_json=as_json)
    return 0 if done.finished else 130


def _asked_for(run: Path, settings: list[str]) -> tuple[RunFolder, Recipe]:
    from seq2seq.bundle import find_run
    from seq2seq.recipe.overrides import apply_overrides
    from seq2seq.recipe.toml import load_recipe

    folder = find_run(run)
    return folder, apply_overrides(load_recipe(folder.recipe), settings)


def _say_result(path: Path, bundle: Path, training: Training, done: Trained, *, as_json: bool) -> None:
    from seq2seq import console
    from seq2seq.cli.second_stage import stopped_at

    named = console.quoted(path)
    if as_json:
        console.emit_json(
            {
                "run": path,
                "bundle": bundle,
                "finished": done.finished,
                "updates": done.counters.update,
                "seconds": round(done.seconds, 1),
                "best": dict(done.best),
                **({"refined": done.refined.to_dict()} if done.refined is not None else {}),
            }
        )
    if not done.finished:
        console.say(f"Stopped after {stopped_at(done)}. Go on with: seq2seq train {named} --resume")
        return
    if done.updates:
        _say_done(path, done, training.patience)
    else:
        console.say(f"{path} is trained to its end, update {done.counters.update:,}: nothing left to do.")
        console.say(f"Make it longer: seq2seq train {named} --resume {_longer(training, done.counters)}")
    if not as_json:
        console.say(f"Score it: seq2seq evaluate {named}\nTalk to it: seq2seq repl {named}")


def _say_done(path: Path, done: Trained, patience: int) -> None:
    from seq2seq import console
    from seq2seq.cli.second_stage import refined

    best = done.best
    early = f", early: {done.counters.looks} looks without a better score" if _gave_up(done.counters, patience) else ""
    console.say(f"Trained to update {done.counters.update:,} in {done.seconds / 60:.1f} minutes{early}.")
    if best:
        console.say(f"Best at update {best['update']:,}: development BLEU {best['bleu']:.2f}, chrF {best['chrf']:.2f}.")
    if done.refined is not None:
        console.say(refined(done.refined))
    console.say(f"Learning curve: {path / 'pictures' / 'learning-curve.png'}")


def _gave_up(counters: Counters, patience: int) -> bool:
    return 0 < patience <= counters.looks


def _longer(training: Training, counters: Counters) -> str:
    """Returns the settings that make a finished training go on: each limit that it has, doubled."""
    if _gave_up(counters, training.patience):
        return f"--set training.patience={2 * counters.looks}"
    doubled = []
    if training.max_epochs:
        doubled.append(f"training.max_epochs={2 * training.max_epochs:g}")
    if training.minutes:  # became a number of updates long ago
        doubled.append("training.minutes=0")
    if training.max_updates or training.minutes:
        doubled.append(f"training.max_updates={2 * counters.update}")
    return " ".join(f"--set {assignment}" for assignment in doubled)
