"""What torchrun tells the processes that it starts: who of how many each one is.

Read from the environment alone, so that light commands can ask without importing torch.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass

from seq2seq.errors import UserError

_TOLD = ("RANK", "WORLD_SIZE", "LOCAL_RANK", "MASTER_ADDR", "MASTER_PORT")


@dataclass(frozen=True)
class Launch:
    """One process of several that torchrun started; without torchrun, the only one.

    Attributes:
        rank: Its number among all processes of all machines, from 0.
        size: How many there are.
        local_rank: Its number among those on its machine, from 0.
        local_size: How many are on its machine.
        restarts: How often torchrun has started them again after a failure.
        max_restarts: How often it will.
        address: The machine on which they find each other; empty for a process alone.
    """

    rank: int = 0
    size: int = 1
    local_rank: int = 0
    local_size: int = 1
    restarts: int = 0
    max_restarts: int = 0
    address: str = ""

    @property
    def is_several(self) -> bool:
        """Whether there are other processes."""
        return self.size > 1

    @property
    def is_spread(self) -> bool:
        """Whether some of them are on other machines."""
        return self.size > self.local_size


def launched(environment: Mapping[str, str] | None = None) -> Launch:
    """Returns this process's place among those that torchrun started; a process alone where it started none.

    A cluster may set some of the variables for its own purposes: only all of them together are torchrun's.

    Args:
        environment: The variables to read; None: those of this process.

    Raises:
        UserError: One of them is no number.
    """
    told = os.environ if environment is None else environment
    if not all(told.get(name) for name in _TOLD):
        return Launch()
    return Launch(
        rank=_number(told, "RANK"),
        size=_number(told, "WORLD_SIZE"),
        local_rank=_number(told, "LOCAL_RANK"),
        local_size=_number(told, "LOCAL_WORLD_SIZE", 1),
        restarts=_number(told, "TORCHELASTIC_RESTART_COUNT", 0),
        max_restarts=_number(told, "TORCHELASTIC_MAX_RESTARTS", 0),
        address=told["MASTER_ADDR"],
    )


def _number(told: Mapping[str, str], name: str, otherwise: int = 0) -> int:
    text = told.get(name) or str(otherwise)
    if not (text.isascii() and text.isdigit()):
        raise UserError(
            f"The environment variable {name} is {text!r}, and not a number.",
            hint="torchrun sets it for the processes that it starts; unset it to work with one process.",
        )
    return int(text)


def refuse_several(command: str, launch: Launch) -> None:
    """Makes sure that a command which does all of its work by itself was not started several times.

    Raises:
        UserError: It was: the processes would all do the same, and write over each other.
    """
    if launch.is_several:
        raise UserError(
            f"torchrun started 'seq2seq {command}' {launch.size} times, and only 'train' and 'translate' divide "
            "their work.",
            hint=f"Run it without torchrun: seq2seq {command} …",
        )
