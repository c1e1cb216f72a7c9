"""Changes one thing at a time in a recipe, trains with several seeds, and says what pays on the development set.

Usage: python scripts/ablate.py RECIPE --run FOLDER [--data FOLDER] [--minutes M | --updates N] [--seeds 3]
           [--changes FILE.toml] [--only NAME ...] [--ensemble] [--set section.key=value ...] [--jobs N] [--list]

RECIPE is a shipped recipe's name, or a .toml. Each run trains on one thread (or `--threads`), pinned to cores of its
own, as many side by side as there are cores for, for as many minutes (calibrated into updates) or updates as asked;
without either, as long as the recipe says. Changes of [search] alone do not train: they translate again with the
default's models. FOLDER keeps what is finished, so the same command goes on after Ctrl-C or a crash, and more seeds or
changes only add runs. What was trained with other settings is not looked at, even under the same name.

A file of changes holds lines like: "no smoothing" = ["training.label_smoothing=0"]

FOLDER/table.md is written anew after every run. The last line on stdout is one JSON object. Scores are of the
development set only: a test set is no place to choose.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import math
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections import deque
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import ablation_run
import msgspec
from ablation_changes import DEFAULT, Change, changes
from ablation_data import SharedData
from ablation_report import Report, Side, about_p, markdown
from synthetic import machine

import seq2seq
from seq2seq import console
from seq2seq.bundle import RunFolder
from seq2seq.data.store import Store
from seq2seq.errors import Seq2SeqError, UserError
from seq2seq.folders import read_json, write_json, write_text
from seq2seq.pipeline.lock import only_one
from seq2seq.pipeline.workers import available_cores
from seq2seq.recipe.catalog import find_recipe
from seq2seq.recipe.decode import complete, table_from_recipe
from seq2seq.recipe.overrides import apply_overrides
from seq2seq.recipe.schema import Recipe
from seq2seq.recipe.toml import dump_recipe, load_recipe

POLL_SECONDS = 0.2
DIGITS = 8


@dataclass(frozen=True)
class Run:
    """One change under one seed.

    Attributes:
        change: What is changed.
        seed: Of weights, order and masks.
        folder: Where it is.
        model: The run whose model it translates with; None: it trains its own.
        others: Further ones, which translate together with it.
    """

    change: Change
    seed: int
    folder: Path
    model: Path | None
    others: tuple[Path, ...] = ()

    @property
    def name(self) -> str:
        """What a person reads."""
        return f"{self.change.name}, seed {self.seed}" if self.seed else self.change.name

    @property
    def can_begin(self) -> bool:
        """Whether all models that it needs are there."""
        needed = (self.model, *self.others) if self.model else ()
        return all((folder / ablation_run.RESULT).is_file() for folder in needed)

    @property
    def is_done(self) -> bool:
        """Whether nothing is left to do."""
        return (self.folder / ablation_run.RESULT).is_file()


def seeded(recipe: Recipe, seed: int) -> Recipe:
    """Returns the recipe with another seed, 0 for its own; the data, its split too, stays the same."""
    if not seed:
        return complete(recipe)
    return complete(apply_overrides(recipe, [f"training.seed={seed}"]))


def digest_of(recipe: Recipe, sections: Sequence[str] = ()) -> str:
    """Returns a digest of every setting that is not the default's: a newer version's new setting does not change it.

    Args:
        recipe: All settings.
        sections: Those that count; none: all.
    """
    table, defaults = (table_from_recipe(complete(one)) for one in (recipe, Recipe()))
    told = {key: table[key] for key in (sections or table) if key not in ("description", "results")}
    own = _differing(told, defaults)
    return hashlib.blake2b(json.dumps(own, sort_keys=True).encode(), digest_size=DIGITS // 2).hexdigest()


def _differing(value: Any, default: Any) -> Any:  # noqa: ANN401 - JSON values
    if isinstance(value, dict) and isinstance(default, dict):
        pairs = {key: _differing(inner, default.get(key)) for key, inner in value.items()}
        return {key: inner for key, inner in pairs.items() if inner != {}}
    return {} if value == default else [value]


def folder_of(out: Path, change: Change, seed: int) -> Path:
    """Returns the folder of a run: its name for people, and a digest of every setting for certainty."""
    digest = digest_of(seeded(change.recipe, seed))
    slug = re.sub(r"[^a-z0-9.]+", "-", change.name.lower()).strip("-") or "change"
    return out / "runs" / f"{slug}-seed-{seed}-{digest}"


def needs_no_training(change: Change, default: Recipe) -> bool:
    """Whether the change is to how translations are looked for, and to nothing else."""
    return change.recipe != default and msgspec.structs.replace(change.recipe, search=default.search) == default


def planned(out: Path, default: Change, tried: Sequence[Change], seeds: Sequence[int]) -> list[Run]:
    """Returns all runs: seed by seed, so that every change has its first result early; of each what trains first."""
    runs = []
    for seed in seeds:
        base = folder_of(out, default, seed)
        own = [Run(change, seed, folder_of(out, change, seed), None) for change in (default, *tried)]
        runs += [
            Run(run.change, seed, run.folder, base) if needs_no_training(run.change, default.recipe) else run
            for run in own
        ]
    return sorted(runs, key=lambda run: (run.seed, run.model is not None))


def together(out: Path, default: Change, seeds: Sequence[int]) -> Run:
    """Returns the run in which the default's models of all seeds translate as an ensemble; its seed is 0."""
    first, *others = (folder_of(out, default, seed) for seed in seeds)
    change = Change(f"ensemble of {len(seeds)}", (), default.recipe)
    digest = hashlib.blake2b(" ".join(map(str, seeds)).encode(), digest_size=DIGITS // 2).hexdigest()
    return Run(change, 0, out / "runs" / f"ensemble-{digest}-{digest_of(default.recipe)}", first, tuple(others))


def data_of(out: Path, recipe: Recipe) -> Path:
    """Returns the folder of the data that a recipe's [data] and [text] give."""
    return out / "data" / digest_of(recipe, ["data", "text"])


def set_up(run: Run, shared: SharedData, given: argparse.Namespace) -> None:
    """Makes the folder of a run ready: its settings, and the prepared data, which all runs of it share."""
    recipe = seeded(run.change.recipe, run.seed)
    data = shared.make(run.change, recipe)
    run.folder.mkdir(parents=True, exist_ok=True)
    if run.model is None:
        for name in ("data", "tokenizer", "manifest.json"):
            _share(data / name, run.folder / name)
    write_text(run.folder / ablation_run.RECIPE, dump_recipe(recipe))
    job = {
        "model": str(run.model.resolve()) if run.model else "",
        "others": [str(folder.resolve()) for folder in run.others],
        "data": str(data.resolve()),
        "device": given.device,
        "threads": given.threads,
    }
    write_json(run.folder / ablation_run.JOB, job)


def _share(old: Path, new: Path) -> None:
    """Gives the files of `old` a second name below `new`; copies them where the file system has no such names."""
    if old.is_dir():
        new.mkdir(exist_ok=True)
        for path in old.iterdir():
            _share(path, new / path.name)
    elif not new.exists():
        try:
            os.link(old, new)
        except OSError:
            shutil.copyfile(old, new)


class Sweep:
    """Runs that are done side by side, a process each.

    Args:
        runs: All of them, in order; a model stands before those that translate with it.
        shared: What they are trained on.
        given: The command line.
    """

    def __init__(self, runs: Sequence[Run], shared: SharedData, given: argparse.Namespace) -> None:
        self._shared, self._given = shared, given
        self._waiting = deque(run for run in runs if not run.is_done)
        self.num_finished, self.num_runs = len(runs) - len(self._waiting), len(runs)
        self._under_way: dict[int, tuple[Run, subprocess.Popen[bytes], float]] = {}
        self.failed: list[Run] = []

    def work(self, finished: Any) -> None:  # noqa: ANN401 - called with nothing
        """Does all runs, and calls `finished` after each. However it ends, no process is left behind."""
        slots = cores(self._given.jobs, threads=self._given.threads, pinned=self._given.device == "cpu")
        try:
            while self._waiting or self._under_way:
                for slot, core in enumerate(slots):
                    while slot not in self._under_way and (run := self._next()):
                        self._begin(run, slot, core)
                if not self._under_way:
                    break  # what is left waits for models whose trainings failed
                time.sleep(POLL_SECONDS)
                if self._collect():
                    finished()
        finally:
            self._stop()
        self.failed += self._waiting

    def _next(self) -> Run | None:
        """Takes the first run that can begin."""
        for place, run in enumerate(self._waiting):
            if run.can_begin:
                del self._waiting[place]
                return run
        return None

    def _begin(self, run: Run, slot: int, core: Sequence[int] | None) -> None:
        try:
            set_up(run, self._shared, self._given)
        except Seq2SeqError as error:  # for instance a vocabulary larger than the corpus gives: the others go on
            self.failed.append(run)
            console.warn(f"{run.name} cannot be prepared: {error.message}")
            return
        self._under_way[slot] = (run, self._start(run, core), time.monotonic())

    def _start(self, run: Run, core: Sequence[int] | None) -> subprocess.Popen[bytes]:
        root = str(Path(seq2seq.__file__).parents[1])
        threads = str(self._given.threads)
        paths = os.pathsep.join(filter(None, (root, os.environ.get("PYTHONPATH", ""))))
        environment = {**os.environ, "PYTHONPATH": paths, "OMP_NUM_THREADS": threads, "MKL_NUM_THREADS": threads}
        pinned = [] if core is None else ["--core", *map(str, core)]
        with (run.folder / "log.txt").open("ab") as log:
            return subprocess.Popen(
                [sys.executable, __file__, "--one", str(run.folder), *pinned],
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )

    def _collect(self) -> bool:
        """Takes note of what has ended. Returns whether anything has."""
        ended = [(slot, *entry) for slot, entry in self._under_way.items() if entry[1].poll() is not None]
        for slot, run, process, begin in ended:
            del self._under_way[slot]
            if process.returncode == 0 and run.is_done:
                self.num_finished += 1
                result = read_json(run.folder / ablation_run.RESULT)
                minutes = (time.monotonic() - begin) / 60
                console.say(
                    f"{self.num_finished} of {self.num_runs}: {run.name}: BLEU {result['bleu']:.2f}, "
                    f"chrF {result['chrf']:.2f}, {minutes:.1f} minutes"
                )
            else:
                self.failed.append(run)
                console.warn(f"{run.name} failed: {last_line(run.folder / 'log.txt')} See {run.folder / 'log.txt'}")
        return bool(ended)

    def _stop(self) -> None:
        for _, process, _ in self._under_way.values():
            with suppress(OSError):
                process.terminate()  # it saves where it stands, at the end of its update
        for _, process, _ in self._under_way.values():
            process.wait()


def last_line(log: Path) -> str:
    """Returns the last line of a log that says something."""
    lines = log.read_text("utf-8", errors="replace").split("\n")
    return next((line.strip() for line in reversed(lines) if line.strip()), "it said nothing.")


def cores(jobs: int, *, threads: int, pinned: bool) -> list[list[int] | None]:
    """Returns the cores of each process that works at the same time, one a thread; None where it may use any."""
    if not pinned or not hasattr(os, "sched_getaffinity"):
        return [None] * (jobs or (max(1, available_cores() // threads) if pinned else 1))
    own = sorted(os.sched_getaffinity(0))
    groups = [own[first : first + threads] for first in range(0, len(own) - threads + 1, threads)] or [own]
    return [groups[number % len(groups)] for number in range(jobs or len(groups))]


class Table:
    """The report of a sweep, kept up to date in its folder.

    Args:
        given: The command line.
        default: The recipe.
        tried: The changes.
        runs: All runs.
    """

    def __init__(
        self, given: argparse.Namespace, default: Change, tried: Sequence[Change], runs: Sequence[Run]
    ) -> None:
        self._given, self._default, self._tried, self._runs = given, default, tried, runs
        self._results: dict[Path, Mapping[str, Any]] = {}
        self._references: dict[Path, list[str]] = {}
        self._report = Report(default.recipe.evaluation)

    def write(self, failed: Sequence[Run]) -> dict[str, Any]:
        """Writes `table.md` and `results.json`. Returns what the latter holds."""
        rows = self.rows(failed)
        found = {"recipe": self._default.recipe.name, "set": self._given.settings, "budget": self.budget()}
        found |= {"seeds": self._given.seeds, "machine": computer(self._given.device), "rows": rows}
        write_text(self._given.run / "table.md", markdown(rows, self._notes(rows)))
        write_json(self._given.run / "results.json", found)
        return found

    def rows(self, failed: Sequence[Run]) -> list[dict[str, Any]]:
        """Returns a row for each side with finished runs."""
        for run in self._runs:
            if run.is_done and run.folder not in self._results:
                self._results[run.folder] = {**read_json(run.folder / ablation_run.RESULT), **self._texts(run)}
        sides = [self._side(change, failed) for change in (self._default, *self._tried)]
        return self._report.rows(sides[0], sides[1:])

    def _texts(self, run: Run) -> dict[str, list[str]]:
        """Returns the references of a run; `SharedData` has seen to it that all runs have the same ones."""
        data = Path(read_json(run.folder / ablation_run.JOB)["data"])
        if data not in self._references:
            self._references[data] = Store(RunFolder(data).split("development")).texts("target")
        return {"references": self._references[data]}

    def _side(self, change: Change, failed: Sequence[Run]) -> Side:
        runs = [run for run in self._runs if run.change is change]
        done = {run.seed: self._results[run.folder] for run in runs if run.folder in self._results}
        lost = [run.seed for run in failed if run.change is change]
        missing = [run.seed for run in runs if run.seed not in done and run.seed not in lost]
        shares = needs_no_training(change, self._default.recipe)
        return Side(change.name, change.settings, done, lost, missing, shares_models=shares)

    def budget(self) -> str:
        """Returns how long each run trains, in words."""
        training = self._default.recipe.training
        limits = {
            f"{training.minutes:g} minutes": training.minutes,
            f"{training.max_updates:,} updates": training.max_updates,
            f"{training.max_epochs:g} epochs": training.max_epochs,
        }
        return " or ".join(text for text, number in limits.items() if number) or "no limit"

    def _notes(self, rows: Sequence[Mapping[str, Any]]) -> list[str]:
        if not rows:
            return ["Nothing is finished yet."]
        changed = f", with {', '.join(self._given.settings)}" if self._given.settings else ""
        threads = f"{self._given.threads} thread{'s' * (self._given.threads > 1)}"
        return [
            f"`{self._default.recipe.name}`{changed}: {self.budget()} on {threads} of "
            f"{computer(self._given.device)}, seeds "
            f"{', '.join(map(str, self._given.seeds))}. Development set, {rows[0]['signatures']['bleu']}; mean ± "
            f"standard deviation over the seeds. {about_p(rows)}".rstrip()
        ]


def computer(device: str) -> str:
    """Returns the name of what the runs compute on: the processor, or with "cuda" the GPU as well."""
    import torch

    if kind_of(device) != "cuda" or not torch.cuda.is_available():
        return machine()
    return f"{machine()}, with one {torch.cuda.get_device_name(device)}"


def kind_of(device: str) -> str:
    """Returns "cpu" or "cuda", without the number of a GPU."""
    return device.partition(":")[0]


def check_devices(runs: Sequence[Run], device: str) -> None:
    """Makes sure that what stands in one table was computed on one kind of device.

    Raises:
        UserError: A run is finished, or begun, on another one.
    """
    for run in runs:
        if run.is_done or (run.folder / "checkpoints").is_dir():
            before = read_json(run.folder / ablation_run.JOB)["device"]
            if kind_of(before) != kind_of(device):
                raise UserError(
                    f"{run.folder} was computed with --device {before}: beside runs on {device} its scores would "
                    "differ by more than what was changed.",
                    hint=f"Give --device {before}, or another --run.",
                )


def expected_hours(runs: Sequence[Run], minutes: float, side_by_side: int) -> float:
    """Returns how long the trainings that are left take, where each has a time budget; 0 where that is not known."""
    left = sum(not run.is_done and run.model is None for run in runs)
    return math.ceil(left / side_by_side) * minutes / 60


def recipe_of(given: argparse.Namespace) -> Recipe:
    """Returns the default: the recipe with what the command line asks for."""
    budget = []
    if given.minutes:
        budget = [f"training.minutes={given.minutes:g}", "training.max_updates=0", "training.max_epochs=0"]
    if given.updates:
        budget = ["training.minutes=0", f"training.max_updates={given.updates}", "training.max_epochs=0"]
    return complete(apply_overrides(load_recipe(find_recipe(given.recipe)), [*budget, *given.settings]))


def show(tried: Sequence[Change], left_out: Sequence[str]) -> None:
    """Prints the changes, and says which are left out."""
    for change in tried:
        print(f"{change.name}\t{' '.join(change.settings)}")
    for reason in left_out:
        console.say(f"left out: {reason}")


def ablate(given: argparse.Namespace) -> int:
    """Does it all. Returns the exit code."""
    recipe = recipe_of(given)
    tried, left_out = changes(recipe, given.changes, given.only)
    if given.list:
        show(tried, left_out)
        return 0
    if given.run is None:
        raise UserError("There is no folder to keep the runs in.", hint="Give one: --run runs/ablation")
    given.run.mkdir(parents=True, exist_ok=True)
    default = Change(DEFAULT, (), recipe)
    runs = planned(given.run, default, tried, given.seeds)
    if given.ensemble:
        runs.append(together(given.run, default, given.seeds))
        tried = [*tried, runs[-1].change]
    table = Table(given, default, tried, runs)
    shared = SharedData(recipe, lambda one: data_of(given.run, one), given.data)
    with only_one(RunFolder(given.run)):
        check_devices(runs, given.device)
        shared.check((run.change, run.folder) for run in runs)
        sweep = Sweep(runs, shared, given)
        slots = cores(given.jobs, threads=given.threads, pinned=given.device == "cpu")
        left = expected_hours(runs, recipe.training.minutes, len(slots))
        duration = f", about {left:.1f} hours of training left" if left else ""
        console.say(
            f"{len(tried)} rows besides the default, {len(runs)} runs, {sweep.num_finished} finished{duration}."
        )
        for reason in left_out:
            console.say(f"left out: {reason}")
        try:
            sweep.work(lambda: table.write(sweep.failed))
        except KeyboardInterrupt:
            table.write(sweep.failed)
            console.say("Stopped. The same command goes on.")
            return ablation_run.STOPPED
        found = table.write(sweep.failed)
    print((given.run / "table.md").read_text("utf-8"))
    print(json.dumps({**found, "left_out": left_out, "failed": [run.name for run in sweep.failed]}))
    return 1 if sweep.failed else 0


def parsed() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__.split("\n", 1)[0], epilog=__doc__.partition("\n\n")[2], formatter_class=_Formatter
    )
    parser.add_argument("recipe", nargs="?", help="a shipped recipe's name, or a .toml")
    parser.add_argument("--run", type=Path, metavar="FOLDER", help="where everything is kept")
    parser.add_argument("--data", type=Path, metavar="FOLDER", help="where the recipe's files are")
    budget = parser.add_mutually_exclusive_group()
    budget.add_argument("--minutes", type=float, default=0.0, help="that each run trains, calibrated into updates")
    budget.add_argument("--updates", type=int, default=0, help="that each run makes")
    parser.add_argument("--seeds", type=int, default=3, metavar="N", help="how many, from 1 (default 3)")
    parser.add_argument("--changes", type=Path, metavar="FILE", help="a TOML file; default: the built-in list")
    parser.add_argument(
        "--only", action="extend", nargs="+", default=[], metavar="NAME", help="a name, part or pattern"
    )
    parser.add_argument(
        "--ensemble", action="store_true", help="the default's seeds translating together are a row too"
    )
    parser.add_argument("--set", action="append", default=[], dest="settings", help="of the default, and so of all")
    parser.add_argument("--jobs", type=int, default=0, help="runs side by side (default: a core each; on a GPU 1)")
    parser.add_argument("--threads", type=int, default=1, help="of each run (default 1)")
    parser.add_argument("--device", default="cpu", help="cpu (default) or cuda")
    parser.add_argument("--list", action="store_true", help="show the changes, and train nothing")
    parser.add_argument("--one", type=Path, help=argparse.SUPPRESS)
    parser.add_argument("--core", type=int, nargs="+", help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.one is None and given.recipe is None:
        parser.error("the recipe is missing")
    if min(given.seeds, given.threads) < 1 or min(given.jobs, given.minutes, given.updates) < 0:
        parser.error("--seeds and --threads are at least 1, --jobs, --minutes and --updates at least 0")
    if given.ensemble and given.seeds < 2:
        parser.error("--ensemble needs --seeds of at least 2")
    given.seeds = list(range(1, given.seeds + 1))
    return given


class _Formatter(argparse.RawDescriptionHelpFormatter):
    """Leaves the text after the options as it was written."""


def main() -> None:
    given = parsed()
    if given.one:
        try:
            sys.exit(ablation_run.run(given.one, given.core))
        except Seq2SeqError as error:
            console.show_error(error)
            sys.exit(error.exit_code)
    # A scheduler's or a timeout's SIGTERM ends a sweep as Ctrl-C does: its trainings are saved.
    with suppress(ValueError):
        signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        code = ablate(given)
    except Seq2SeqError as error:
        console.show_error(error)
        code = error.exit_code
    except KeyboardInterrupt:
        code = ablation_run.STOPPED
    if code:
        sys.exit(code)


if __name__ == "__main__":
    main()
