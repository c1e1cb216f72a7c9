"""Runs a function in several processes that are joined by gloo, and returns what each of them returned."""

from __future__ import annotations

import multiprocessing
import os
import signal
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any


def together(size: int, work: Callable[..., Any], folder: Path, *arguments: Any) -> list[Any]:
    """Calls `work(group, *arguments)` in `size` new processes; a failure of one fails the test with its traceback.

    `work` must be a function of a module. `folder` is where the processes meet: a new one every time.
    """
    context = multiprocessing.get_context("spawn")
    answers = context.SimpleQueue()
    folder.mkdir(parents=True, exist_ok=True)
    meeting = f"file://{folder.absolute() / 'meeting'}"
    processes = [
        context.Process(target=_rank, args=(rank, size, meeting, work, arguments, answers)) for rank in range(size)
    ]
    for process in processes:
        process.start()
    found = dict(answers.get() for _ in processes)
    for process in processes:
        process.join()
    failures = [value for kind, value in found.values() if kind == "failed"]
    assert not failures, "\n".join(failures)
    return [found[rank][1] for rank in range(size)]


def _rank(rank: int, size: int, meeting: str, work: Callable[..., Any], arguments: tuple, answers) -> None:
    signal.alarm(120) if hasattr(signal, "alarm") else None
    os.environ["OMP_NUM_THREADS"] = "1"
    import torch

    from seq2seq.training.joined import join, leave

    torch.set_num_threads(1)
    try:
        answer = ("done", work(join(rank=rank, size=size, cuda=False, url=meeting, hint="Go on."), *arguments))
    except BaseException:
        answer = ("failed", traceback.format_exc())
    answers.put((rank, answer))
    leave()
