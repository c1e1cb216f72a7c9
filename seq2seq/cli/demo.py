"""seq2seq demo."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path
from typing import Annotated

import typer

from seq2seq.cli.options import Device, DeviceOption, JsonOption, SetOption, ThreadsOption

EXAMPLES = (
    ("seq2seq demo", "train and score in about three minutes"),
    ("seq2seq demo --set training.minutes=1", "quicker, and worse"),
)


def demo(
    run: Annotated[Path, typer.Option("--run", help="The folder to make.")] = Path("runs/demo"),
    device: DeviceOption = Device.AUTO,
    threads: ThreadsOption = 0,
    settings: SetOption = None,
    as_json: JsonOption = False,
) -> None:
    """Train a small English-French translator on the built-in phrases, in minutes.

    Prepares the embedded phrasebook, trains on it, translates sentences that it never saw, and scores them: ordinary
    held-out sentences, and sentences made of word combinations that never occurred in training. Nothing is downloaded.
    """
    import time

    from seq2seq import console
    from seq2seq.bundle import RunFolder
    from seq2seq.cli.scores import show_result
    from seq2seq.pipeline.demo import demonstrate
    from seq2seq.recipe.catalog import find_recipe
    from seq2seq.recipe.overrides import apply_overrides
    from seq2seq.recipe.toml import load_recipe

    begin = time.monotonic()
    recipe = apply_overrides(load_recipe(find_recipe("demo")), settings or [])
    as_tuned = not any(one.strip().startswith("search") for one in settings or [])
    done = demonstrate(recipe, RunFolder(run), as_tuned=as_tuned, device=device.value, threads=threads)
    seconds = time.monotonic() - begin
    if not done.trained.finished:
        console.say("Stopped. The same command goes on from here.")
        raise typer.Exit(130)
    if as_json:
        console.emit_json(
            {
                "bundle": done.bundle,
                "seconds": round(seconds, 1),
                "results": [result.to_dict() for result in done.results],
                "examples": done.examples,
            }
        )
        return
    for result in done.results:
        show_result(result)
    for example in done.examples:
        console.emit(f"\n  source     {example.source}")
        console.emit(f"  output     {example.output}")
        console.emit(f"  reference  {example.reference}")
    console.emit(f"\nDone in {seconds:.0f} s. Talk to it:\n\n  {console.quoted(*_program(), 'repl', run)}")


def _program() -> list[str]:
    """Returns how to call this program: as it was called, where its short name is not on the search path."""
    called = Path(sys.argv[0])
    if shutil.which("seq2seq"):
        return ["seq2seq"]
    if called.stem != "seq2seq":  # as a module, or by another program
        return ["python", "-m", "seq2seq"]
    return [str(called.relative_to(Path.cwd()) if called.is_relative_to(Path.cwd()) else called)]
