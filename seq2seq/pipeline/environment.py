"""What the bits of a training depend on besides its settings: written down in the run, and compared on resuming.

The same seed gives the same model on the same machine, with the same number of threads and processes. Elsewhere sums
are added in another order, and numbers differ in their last bits; after some hundred updates the weights do, visibly.
"""

from __future__ import annotations

import platform
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
    if goes_on and path.is_file():
        try:
            before = read_json(path)
        except UserError:
            before = {}
        changes = [f"{k} was {before[k]}, is {v}" for k, v in found.items() if k in before and before[k] != v]
        if changes:
            console.say(f"Training goes on elsewhere ({'; '.join(changes)}): numbers may differ in their last bits.")
    write_json(path, {"schema_version": ENVIRONMENT_VERSION, **found})
