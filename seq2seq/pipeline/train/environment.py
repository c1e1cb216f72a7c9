"""What the bits of a training depend on besides its settings: written down in the run, and compared on resuming.

The same seed gives the same model on the same machine, with the same number of threads and processes. Elsewhere sums
are added in another order, and numbers differ in their last bits; after some hundred updates the weights do, visibly.
"""

from __future__ import annotations

import platform
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

import torch

from seq2seq import console
from seq2seq.bundle import RunFolder
from seq2seq.errors import UserError
from seq2seq.folders import read_json, write_json

ENVIRONMENT_VERSION = 1


def environment(device: torch.device, *, precision: str, processes: int) -> dict[str, Any]:
    """Returns what this training's numbers depend on here, as JSON values.

    Args:
        device: Where it computes.
        precision: What its products are computed in.
        processes: How many train together.
    """
    found: dict[str, Any] = {
        "torch": torch.__version__,
        "machine": platform.machine(),
        "device": device.type,
        "precision": precision,
        "processes": processes,
    }
    if device.type == "cuda":
        return {**found, "gpu": torch.cuda.get_device_name(device)}
    capability = torch.backends.cpu.get_cpu_capability()
    return {**found, "processor": _processor(), "capability": capability, "threads": torch.get_num_threads()}


def _processor() -> str:
    """Returns the processor's name; Linux tells it in a file, other systems tell Python."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        lines = []
    named = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    return next(named, platform.processor())


def note_environment(run: RunFolder, found: dict[str, Any], *, goes_on: bool) -> None:
    """Writes `found` down as `environment.json`; where a training goes on under another one, says so first."""
    path = run.environment
    so_far = {"seconds": seconds} if goes_on and (seconds := spent(run)) else {}
    if goes_on and path.is_file():
        try:
            before = read_json(path)
        except UserError:
            before = {}
        changes = [f"{k} was {before[k]}, is {v}" for k, v in found.items() if k in before and before[k] != v]
        if changes:
            console.say(f"Training goes on elsewhere ({'; '.join(changes)}): numbers may differ in their last bits.")
    write_json(path, {"schema_version": ENVIRONMENT_VERSION, **found, **so_far})


def spent(run: RunFolder) -> float:
    """Returns the seconds that training has taken so far, over all its processes in turn; 0 where nothing is known."""
    if not run.environment.is_file():
        return 0.0
    try:
        return float(read_json(run.environment).get("seconds", 0.0))
    except (UserError, TypeError, ValueError):
        return 0.0


class Spent:
    """Writes down, now and then, how long a training has taken; what an earlier process of it took counts too.

    Time after the last note of a process that is killed is lost: so is its work since the last checkpoint.

    Args:
        run: The run, which is trained from now on.
    """

    def __init__(self, run: RunFolder) -> None:
        self._run, self._begin = run, time.monotonic()
        self._before: float | None = None

    def note(self) -> None:
        """Writes the seconds so far into `environment.json`; on a full disk the next note does."""
        if self._before is None:  # not before: a training that starts again has forgotten the time of the one before
            self._before = spent(self._run)
        seconds = round(self._before + time.monotonic() - self._begin, 1)
        with suppress(OSError, UserError):
            write_json(self._run.environment, {**read_json(self._run.environment), "seconds": seconds})
