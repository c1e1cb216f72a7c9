"""Training with several processes: taking part, agreeing on errors, and making sure that all work on the same thing."""

from __future__ import annotations

import hashlib
import json
import signal
import socket
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Final, TypeVar

import torch

from seq2seq import console
from seq2seq.bundle import RunFolder
from seq2seq.data.store import Store
from seq2seq.device import choose_device, share_of_cores
from seq2seq.errors import Seq2SeqError, UserError, WorkError
from seq2seq.folders import checksum
from seq2seq.launch import Launch, launched
from seq2seq.manifest import Manifest
from seq2seq.recipe.decode import table_from_recipe
from seq2seq.recipe.schema import Recipe
from seq2seq.training.group import Alone, Group
from seq2seq.training.joined import join, leave
from seq2seq.versions import version_of

Result = TypeVar("Result")
SAMPLED_BLOCKS: Final = 64
BLOCK_BYTES: Final = 1 << 16
HINTS: Final[Mapping[str, str]] = {
    "version of seq2seq": "Install the same version on all machines.",
    "version of torch": "Install the same version on all machines.",
    "device": "Give all the same --device.",
    "precision": "Compute in fp32 everywhere: --set training.precision=fp32.",
    "recipe": "Copy the run's folder to all machines, and start them all with the same --set.",
    "prepared data": "Prepare once, and copy the run's folder to all machines.",
}
"""What processes must have in common, in the order in which a difference is told, and how to mend one."""


@dataclass(frozen=True)
class Seat:
    """This process's place in a training.

    Attributes:
        group: Those that train together.
        device: Where this one computes.
        threads: How many cores it computes with; 0 leaves it to torch.
        restarted: Whether torchrun has started them again after a failure: then they go on from the last checkpoint.
    """

    group: Group
    device: str
    threads: int
    restarted: bool


class AlreadySaidError(Seq2SeqError):
    """The work has failed, and a person has been told why.

    Args:
        exit_code: What the command ends with.
    """

    def __init__(self, exit_code: int) -> None:
        super().__init__("The work failed, as was said before.")
        self.exit_code = exit_code


@contextmanager
def taking_part(device: str, *, threads: int, go_on: str) -> Iterator[Seat]:
    """Joins the processes that torchrun started, for the length of the block; without torchrun nothing happens.

    All but the first are silent within it. Of an error that several of them meet one tells; and all leave the block at
    the same moment, since torchrun ends those that are left when one has ended with an error.

    Args:
        device: "auto", "cpu" or "cuda": each process of a machine takes a GPU of its own.
        threads: CPU cores for all processes of this machine; 0: all.
        go_on: The command that goes on with the training when a process was lost.

    Raises:
        AlreadySaidError: The work failed in one of several processes.
    """
    launch = launched()
    if not launch.is_several:
        yield Seat(Alone(), device, threads, restarted=launch.restarts > 0)
        return
    cores = share_of_cores(threads, launch.local_size)
    place = choose_device(_of_its_own(device, launch), threads=cores)
    group = join(
        rank=launch.rank,
        size=launch.size,
        cuda=place.type == "cuda",
        address=launch.address,
        spread=launch.is_spread,
        hint=_hint(launch, go_on),
    )
    try:
        with console.hushed() if group.rank else nullcontext():
            yield Seat(group, str(place), cores, restarted=group.largest(float(launch.restarts)) > 0 or group.lives > 1)
            group.largest(0.0)
    except Seq2SeqError as error:
        _ignore_signals()  # torchrun sends one as soon as another process has ended: first the message
        with group.only_once(str(error)) as is_first:
            if is_first:
                console.show_error(error)
        raise AlreadySaidError(error.exit_code) from None
    finally:
        leave()


def _of_its_own(device: str, launch: Launch) -> str:
    if device == "cuda" or (device == "auto" and torch.cuda.is_available()):
        return f"cuda:{launch.local_rank}"
    return "cpu"


def _hint(launch: Launch, go_on: str) -> str:
    if launch.restarts < launch.max_restarts:
        return "torchrun starts all processes again, and they go on from the last checkpoint."
    return f"The first error above says why. Go on from the last checkpoint with: {go_on}"


def _ignore_signals() -> None:
    for caught in (signal.SIGINT, signal.SIGTERM):
        signal.signal(caught, signal.SIG_IGN)


def agreed(group: Group, work: Callable[[], Result]) -> Result:
    """Calls `work` in every process; where it fails in one with an error made for people, all fail with that error.

    `work` must not talk to the other processes. The error of the lowest number counts.
    """
    try:
        result, problem = work(), None
    except Seq2SeqError as error:
        if group.size == 1:
            raise
        problem = [error.exit_code, error.message, error.hint]
    for rank, told in enumerate(group.everyone(problem)):
        if told is not None:
            code, message, hint = told
            kind = UserError if code == UserError.exit_code else WorkError
            raise kind(f"Process {rank}: {message}" if rank else message, hint=hint)
    return result


def check_alike(group: Group, facts: Mapping[str, str]) -> None:
    """Makes sure that all processes have the same of everything that decides what is computed.

    Args:
        group: The processes.
        facts: This one's, by the names in `HINTS`.

    Raises:
        UserError: One has something else than the first; the message names it.
    """
    if group.size == 1:
        return
    first, *others = group.everyone({"": socket.gethostname(), **facts})
    for rank, theirs in enumerate(others, start=1):
        for name, hint in HINTS.items():
            if theirs.get(name) != first.get(name):
                raise UserError(
                    f"Process {rank} on {theirs['']} has another {name} than process 0 on {first['']}: "
                    f"{theirs.get(name)}, and not {first.get(name)}.",
                    hint=hint,
                )


def facts(
    recipe: Recipe, run: RunFolder, manifest: Manifest, store: Store, *, device: str, precision: str
) -> dict[str, str]:
    """Returns what the processes of a training must have in common, by the names in `HINTS`."""
    return {
        "version of seq2seq": version_of() or "unknown",
        "version of torch": version_of("torch").partition("+")[0] or "unknown",
        "device": device,
        "precision": precision,
        "recipe": _recipe(recipe),
        "prepared data": _prepared(run, manifest, store),
    }


def _recipe(recipe: Recipe) -> str:
    table = table_from_recipe(recipe)
    for name in ("source_vectors", "target_vectors"):  # each machine may have the file in a place of its own
        table["model"][name] = Path(table["model"].get(name, "")).name
    return _digest(json.dumps(table, sort_keys=True).encode())


def _prepared(run: RunFolder, manifest: Manifest, store: Store) -> str:
    """Returns a digest of what was prepared.

    The lengths of all pairs, which decide the batches; the tokenizers; and of the pairs themselves some blocks of 64 kB
    spread over the file, since reading all of a large corpus would take longer than many a training.
    """
    told = manifest.to_dict()
    kept = {name: told.get(name) for name in ("inputs", "splits", "vocabulary", "corpora", "epoch_pairs")}
    parts = [json.dumps(kept, sort_keys=True).encode()]
    parts += [store.source.lengths.tobytes(), store.target.lengths.tobytes()]
    files = sorted(path for path in run.tokenizers.rglob("*") if path.is_file())
    parts += [f"{path.relative_to(run.tokenizers).as_posix()} {checksum(path)}".encode() for path in files]
    return _digest(*parts, *_blocks(store.path))


def _blocks(path: Path) -> Iterator[bytes]:
    size = path.stat().st_size
    yield str(size).encode()
    with path.open("rb") as file:
        for number in range(SAMPLED_BLOCKS):
            file.seek(max(0, size - BLOCK_BYTES) * number // max(1, SAMPLED_BLOCKS - 1))
            yield file.read(BLOCK_BYTES)


def _digest(*parts: bytes) -> str:
    whole = hashlib.blake2b(digest_size=8)
    for part in parts:
        whole.update(len(part).to_bytes(8, "little"))
        whole.update(part)
    return whole.hexdigest()
