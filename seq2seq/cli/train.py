"""seq2seq train."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from seq2seq.cli.options import Device, DeviceOption, JsonOption, SetOption, ThreadsOption

if TYPE_CHECKING:
    from seq2seq.pipeline.train import Trained
    from seq2seq.recipe.schema import Training
    from seq2seq.training.counters import Counters

EXAMPLES = (
    ("seq2seq train runs/mine", "train a prepared run"),
    ("seq2seq train mine --resume", "go on where it stopped; a name is looked for under runs/"),
    ("seq2seq train mine --restart --set training.minutes=40", "from the start, for 40 minutes"),
    ("seq2seq train mine --resume --set training.max_epochs=30", "make a finished training longer"),
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
    """
    from seq2seq import console
    from seq2seq.bundle import find_run
    from seq2seq.errors import UserError
    from seq2seq.pipeline.train import ConsoleReporter, TensorBoardReporter
    from seq2seq.pipeline.train import train as run_training
    from seq2seq.recipe.overrides import apply_overrides
    from seq2seq.recipe.toml import load_recipe

    if resume and restart:
        raise UserError("--resume and --restart contradict each other.", hint="Give one of them.")
    folder = find_run(run)
    recipe = apply_overrides(load_recipe(folder.recipe), settings or [])
    watcher = ConsoleReporter(recipe.training.stop_on)
    reporter = TensorBoardReporter(watcher, folder.path / "tensorboard") if tensorboard else watcher
    done = run_training(
        recipe, folder, resume=resume, restart=restart, device=device.value, threads=threads, reporter=reporter
    )
    named = shlex.quote(str(folder.path))
    if as_json:
        console.emit_json(
            {
                "run": folder.path,
                "bundle": folder.bundle,
                "finished": done.finished,
                "updates": done.counters.update,
                "seconds": round(done.seconds, 1),
                "best": dict(done.best),
            }
        )
    if not done.finished:
        console.say(f"Stopped after update {done.counters.update:,}. Go on with: seq2seq train {named} --resume")
        raise typer.Exit(130)
    if done.updates:
        _say_done(folder.path, done, recipe.training.patience)
    else:
        console.say(f"{folder.path} is trained to its end, update {done.counters.update:,}: nothing left to do.")
        console.say(f"Make it longer: seq2seq train {named} --resume {_longer(recipe.training, done.counters)}")
    if not as_json:
        console.say(f"Score it: seq2seq evaluate {named}\nTalk to it: seq2seq repl {named}")


def _say_done(path: Path, done: Trained, patience: int) -> None:
    from seq2seq import console

    best = done.best
    early = f", early: {done.counters.looks} looks without a better score" if _gave_up(done.counters, patience) else ""
    console.say(f"Trained to update {done.counters.update:,} in {done.seconds / 60:.1f} minutes{early}.")
    if best:
        console.say(f"Best at update {best['update']:,}: development BLEU {best['bleu']:.2f}, chrF {best['chrf']:.2f}.")
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
