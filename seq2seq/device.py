"""Choosing where to compute, and with how many of the cores."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from seq2seq.errors import UserError

if TYPE_CHECKING:
    import torch

TOPOLOGY = Path("/sys/devices/system/cpu")
NVIDIA_TRACES = ("/dev/nvidiactl", "/usr/lib/wsl/lib/libcuda.so.1")
OTHER_BUILD = (
    "PyTorch's installation page gives the command that installs one with it; over this one, pip needs "
    "--force-reinstall as well."
)


def choose_device(name: str, *, threads: int = 0) -> torch.device:
    """Returns the device called `name`, and limits torch to `threads` CPU cores.

    Args:
        name: "auto" takes a GPU where there is one; "cpu", "cuda", "cuda:1".
        threads: CPU cores; 0 leaves it to torch, which takes all physical ones.

    Raises:
        UserError: A GPU is asked for and there is none, or none of that number.
    """
    import torch

    if threads:
        torch.set_num_threads(threads)
    if name == "auto":
        name = "cuda" if torch.cuda.is_available() else "cpu"
    device = torch.device(name)
    if device.type == "cuda":
        _check_gpu(device, torch.cuda.device_count() if torch.cuda.is_available() else 0)
        if device.index is not None:
            torch.cuda.set_device(device)
    return device


def _check_gpu(device: torch.device, count: int) -> None:
    if not count and _built_without_gpus():
        raise UserError(
            f"No GPU can be used here: this PyTorch was built without CUDA. {OTHER_BUILD}", hint="Or use --device cpu."
        )
    if not count:
        raise UserError("No GPU can be used here: torch finds none.", hint="Use --device cpu.")
    if (device.index or 0) >= count:
        raise UserError(
            f"GPU {device.index} is asked for, and torch finds {count} here, counted from 0.",
            hint=f"Start at most {count} processes on this machine: torchrun --nproc-per-node {count} …",
        )


def _built_without_gpus() -> bool:
    import torch

    return torch.version.cuda is None and torch.version.hip is None


def unused_gpu() -> str:
    """Returns a sentence where there is an NVIDIA GPU's driver, and torch was built to compute on the CPU alone."""
    if not (nvidia_driver() and _built_without_gpus()):
        return ""
    return f"An NVIDIA GPU seems to be here, and is not used: this PyTorch was built without CUDA. {OTHER_BUILD}"


def nvidia_driver() -> bool:
    """Whether there are traces of an NVIDIA GPU's driver, which takes microseconds to see; torch takes a second."""
    if sys.platform == "win32":
        return (Path(os.environ.get("SYSTEMROOT", r"C:\Windows")) / "System32" / "nvcuda.dll").exists()
    return any(Path(trace).exists() for trace in NVIDIA_TRACES)


@contextmanager
def allow_tf32(device: torch.device) -> Iterator[None]:
    """Within the block a GPU multiplies matrices of fp32 as TF32: factors of 10 bits behind the point, sums in 32 bits.

    For training, which is many times faster so and does not notice. What is scored afterwards in the same process is
    computed as it would be in one of its own. cuDNN's recurrent kernels may use TF32 anyway. Nothing changes on a CPU.
    """
    import torch

    before = torch.get_float32_matmul_precision()
    if device.type == "cuda":
        torch.set_float32_matmul_precision("high")
    try:
        yield
    finally:
        torch.set_float32_matmul_precision(before)


def share_of_cores(threads: int, local_size: int) -> int:
    """Returns how many cores each of `local_size` processes on this machine computes with, at least 1.

    torchrun sets OMP_NUM_THREADS to 1 where nobody has set it, which would leave most cores of a large machine idle;
    so a 1 there decides nothing, and any other number is taken as it is.

    Args:
        threads: Cores for all of them together; 0: all that this process may use.
        local_size: Processes on this machine.
    """
    wanted = os.environ.get("OMP_NUM_THREADS", "")
    if not threads and wanted.isascii() and wanted.isdigit() and int(wanted) > 1:
        return int(wanted)
    return max(1, (threads or physical_cores()) // local_size)


def physical_cores(topology: Path = TOPOLOGY) -> int:
    """Returns how many physical cores this process may use: two threads of one core multiply matrices no faster.

    Args:
        topology: Where Linux tells which processors are threads of one core; elsewhere all processors count.
    """
    usable = os.sched_getaffinity(0) if hasattr(os, "sched_getaffinity") else set(range(os.cpu_count() or 1))
    cores = set()
    for number in usable:
        siblings = topology / f"cpu{number}" / "topology" / "thread_siblings_list"
        try:
            cores.add(siblings.read_text(encoding="ascii").strip())
        except OSError:
            cores.add(str(number))
    return len(cores)
