"""Several processes that train one model together, on torch's own engine: gloo on CPUs, NCCL on GPUs."""

from __future__ import annotations

import json
import math
import os
import re
import socket
import time
import uuid
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import timedelta
from itertools import groupby
from typing import TYPE_CHECKING, Any

import torch
import torch.distributed as dist
from torch import Tensor

from seq2seq.errors import UserError, WorkError

if TYPE_CHECKING:
    from torch.distributed import Store  # type: ignore[attr-defined]

MEETING_SECONDS = 600.0
"""How long the processes wait for each other at the start."""
ANSWER_SECONDS = 24 * 3600.0
"""How long one waits for an answer. Long, because all wait while the first one looks at the development set or writes.
It is no guard against a process that died: its sockets are closed, and the others notice at once. Nor against a machine
that fell silent: torchrun's own heartbeat ends them."""
SAYING_SECONDS = 5.0
"""How long a process waits for another one to have said an error that both have."""


class PeerLostError(WorkError):
    """Another process of this training has ended or cannot be reached any more."""


class Joined:
    """The processes of torch's default group. See `Group`.

    What travels for the host (counts, flags, JSON) travels by gloo, also where the gradients travel by NCCL, so that a
    GPU is never waited for.

    A sum has the same bits in all processes: both libraries add each element in one place and copy the result. Which
    bits depends on how many processes there are, and with NCCL on how the machines are wired.

    Args:
        store: Where the processes met.
        lives: How often processes have met there, this time counted: more than once where they were started again.
        hint: What to do when one of them is lost.
    """

    def __init__(self, store: Store, *, lives: int = 1, hint: str = "") -> None:
        self.rank, self.size, self.lives = dist.get_rank(), dist.get_world_size(), lives
        self._store, self._hint = store, hint

    def sum_(self, tensors: Sequence[Tensor]) -> None:
        """Sums in one exchange, or in one for each dtype; a single contiguous tensor is summed where it lies."""
        for _, alike in groupby(sorted(tensors, key=lambda tensor: str(tensor.dtype)), key=lambda tensor: tensor.dtype):
            self._sum(list(alike))

    @torch.no_grad()
    def _sum(self, tensors: list[Tensor]) -> None:
        if len(tensors) == 1 and tensors[0].is_contiguous():
            with self._together():
                dist.all_reduce(tensors[0])
            return
        flat = torch.cat([tensor.reshape(-1) for tensor in tensors])
        with self._together():
            dist.all_reduce(flat)
        for tensor, part in zip(tensors, torch.split(flat, [tensor.numel() for tensor in tensors]), strict=True):
            tensor.copy_(part.view_as(tensor))

    def largest(self, value: float) -> float:
        """Returns the largest of all processes' values; NaN where one has it."""
        unknown = math.isnan(value)
        both = torch.tensor([-math.inf if unknown else value, float(unknown)], dtype=torch.float64)
        with self._together():
            dist.all_reduce(both, op=dist.ReduceOp.MAX)
        return math.nan if both[1] else float(both[0])

    def from_first(self, value: Any) -> Any:  # noqa: ANN401 - any JSON
        """Returns, to everyone, what process 0 gave; other processes' values are not looked at."""
        return self._from(0, value)

    def everyone(self, value: Any) -> list[Any]:  # noqa: ANN401 - any JSON
        """Returns, to everyone, what each process gave."""
        return [self._from(rank, value) for rank in range(self.size)]

    def _from(self, rank: int, value: Any) -> Any:  # noqa: ANN401 - any JSON
        text = json.dumps(value).encode() if rank == self.rank else b""
        size = torch.tensor([len(text)])
        with self._together():
            dist.broadcast(size, src=rank)
            data = torch.empty(int(size), dtype=torch.uint8)
            if text:
                data.copy_(torch.frombuffer(bytearray(text), dtype=torch.uint8))
            dist.broadcast(data, src=rank)
        # The first one's value makes the same journey, so that all go on with the same: a tuple is a list for each.
        return json.loads(data.numpy().tobytes())

    @contextmanager
    def only_once(self, message: str) -> Iterator[bool]:
        """Gives True to the first process that comes with `message`; the others wait until its block is left.

        So an error that all of them meet is said by one. Where they cannot talk any more, each one says it.
        """
        key = f"said/{message}"
        try:
            first = self._store.add(key, 1) == 1
            if not first:
                self._store.wait([f"{key}/done"], timedelta(seconds=SAYING_SECONDS))
        except RuntimeError:  # the store is gone, or the one who was to say it
            first = True
        yield first
        if first:
            try:
                self._store.set(f"{key}/done", "1")
            except RuntimeError:
                return

    @contextmanager
    def _together(self) -> Iterator[None]:
        """Turns a failure of the network within the block into words."""
        try:
            yield
        except RuntimeError as error:
            if not _is_of_the_network(error):
                raise
            raise PeerLostError(
                f"Process {self.rank} on {socket.gethostname()} lost another process of this training: "
                f"{_reason(error)}.",
                hint=self._hint,
            ) from None


def _is_of_the_network(error: RuntimeError) -> bool:
    if isinstance(error, dist.DistError):
        return True
    text = str(error)  # gloo's failures have no class of their own
    return any(word in text for word in ("gloo", "onnection", "socket", "Timed out", "NCCL"))


def _reason(error: RuntimeError) -> str:
    """Returns what a failure says of itself, without the place in torch's sources."""
    first = str(error).strip().splitlines()[0]
    return re.sub(r"^\[[^]]*\]\s*", "", first).partition(". This")[0].rstrip(".")


def join(
    *, rank: int, size: int, cuda: bool, address: str = "", spread: bool = False, hint: str = "", url: str = "env://"
) -> Joined:
    """Meets the other processes. `leave` is its end.

    Args:
        rank: This process's number.
        size: How many there are.
        cuda: Whether gradients lie on GPUs; the current one is this process's.
        address: The machine where the processes meet.
        spread: Whether they are on several machines. gloo takes the network interface that the machine's own name leads
            to, which on many is no way to another; so it is told the one that leads to `address`, unless
            GLOO_SOCKET_IFNAME is set.
        hint: What to do when one of them is lost.
        url: Where torch meets.

    Raises:
        UserError: This torch cannot.
        WorkError: The others do not come.
    """
    if not (dist.is_available() and dist.is_gloo_available() and (not cuda or dist.is_nccl_available())):
        raise UserError("This build of torch cannot train with several processes.", hint="Start one, without torchrun.")
    from torch.distributed import PrefixStore, rendezvous  # type: ignore[attr-defined]  # not in every build of torch

    # An optimizer's first step imports it, and its functions then hold the group of that moment as a default argument:
    # the group would outlive `leave`, and its threads abort the process now and then when the interpreter ends.
    from torch.distributed.nn import functional  # noqa: F401

    if spread and address and "GLOO_SOCKET_IFNAME" not in os.environ:
        interface = interface_towards(address)
        if interface:
            os.environ["GLOO_SOCKET_IFNAME"] = interface
    try:
        store, _, _ = next(rendezvous(url, rank=rank, world_size=size, timeout=timedelta(seconds=MEETING_SECONDS)))
        lives, name = meet(store, rank, size)
        store = PrefixStore(name, store)
        dist.init_process_group(
            "cpu:gloo,cuda:nccl" if cuda else "gloo",
            store=PrefixStore("group", store),
            rank=rank,
            world_size=size,
            timeout=timedelta(seconds=ANSWER_SECONDS),
        )
    except RuntimeError as error:
        raise WorkError(
            f"Process {rank} on {socket.gethostname()} cannot join the other {size - 1}: {_reason(error)}.",
            hint="Look at their messages, and whether the machines reach each other; GLOO_SOCKET_IFNAME and "
            "NCCL_SOCKET_IFNAME name the network interface to use.",
        ) from None
    return Joined(PrefixStore("seq2seq", store), lives=lives, hint=hint)


def meet(store: Store, rank: int, size: int, *, seconds: float = MEETING_SECONDS) -> tuple[int, str]:
    """Agrees on a name for this life of the processes, under which they keep what they tell each other.

    torchrun keeps its store when it starts the processes again, with all that the dead ones have written: their
    addresses, at which the new ones would look for each other, and wait for ever. Nor does it tell, at least not all of
    them, which life this is. So each process shows a token that nobody had before; the first one answers every token
    that it sees with the name, and goes on when all have read an answer. The dead show tokens too, and read none.

    Args:
        store: Where they meet.
        rank: This process's number.
        size: How many there are.
        seconds: How long to wait.

    Returns:
        The number of this life, from 1, and its name.

    Raises:
        RuntimeError: The others do not come.
    """
    token = uuid.uuid4().hex
    if rank:
        store.set(f"token/{rank}", token)
        store.wait([f"answer/{token}"], timedelta(seconds=seconds))
        name = store.get(f"answer/{token}").decode()
        store.set(f"read/{name}/{rank}", "1")
    else:
        name = f"{store.add('lives', 1)}-{token}"
        _answer(store, name, set(range(1, size)), time.monotonic() + seconds)
    return int(name.partition("-")[0]), name


def _answer(store: Store, name: str, missing: set[int], until: float) -> None:
    answered: set[str] = set()
    while missing:
        for rank in sorted(missing):
            if store.check([f"read/{name}/{rank}"]):
                missing.remove(rank)
            elif store.check([f"token/{rank}"]):
                token = store.get(f"token/{rank}").decode()
                if token not in answered:
                    store.set(f"answer/{token}", name)
                    answered.add(token)
        if time.monotonic() > until:
            raise RuntimeError(f"process {min(missing)} did not come")
        time.sleep(0.01)


def leave() -> None:
    """Parts from the other processes. They may have gone before."""
    if dist.is_initialized():
        dist.destroy_process_group()


def interface_towards(address: str) -> str:
    """Returns the name of the network interface that leads to the machine `address`; empty where it cannot be told."""
    try:
        import fcntl  # not on Windows
    except ImportError:
        return ""
    import struct

    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect((address, 9))  # sends nothing: the system only chooses the way
            own = socket.inet_aton(probe.getsockname()[0])
        except OSError:
            return ""
        if own[0] == 127:  # the name that a machine has for itself leads nowhere else
            return ""
        for _, name in socket.if_nameindex():
            asked = struct.pack("256s", name.encode()[:15])
            try:
                answer = fcntl.ioctl(probe.fileno(), 0x8915, asked)  # SIOCGIFADDR
            except OSError:  # an interface without an IPv4 address
                continue
            if answer[20:24] == own:
                return name
    return ""
