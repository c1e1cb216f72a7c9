"""What preparing takes over from a model that is there already, where it does not begin with nothing."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

from seq2seq.bundle import RunFolder
from seq2seq.corpus.reader import Reader
from seq2seq.errors import UserError
from seq2seq.manifest import Start, StartInputs
from seq2seq.pipeline.prepare.gather import Gathered
from seq2seq.text.pairs import TokenizerPair

OLD: Final = "old-"
"""What the names of an earlier run's held-out sets begin with in a run that is fine-tuned."""
OLD_SCORES: Final = "old_"
"""What the names of the scores on the old development set begin with."""


@dataclass(frozen=True)
class Basis:
    """An earlier model's part in a new run.

    Attributes:
        tokenizers: Cut the new text; none is learned.
        inputs: What it is made of; where that has changed, the run is prepared anew.
        facts: What the run's manifest says of it.
        sets: More held-out sets by name: training sees none of their sources.
        added: Adds pairs to the training pairs that were read and cleaned.
        save: Puts what training starts from into the run's folder.
    """

    tokenizers: TokenizerPair
    inputs: StartInputs
    facts: Start
    sets: Mapping[str, Reader]
    added: Callable[[Gathered], Gathered]
    save: Callable[[RunFolder], None]


def check_from_scratch(run: RunFolder, *, other: str) -> None:
    """Refuses the settings of a run that went on from a model: at its rate, a new network would learn next to nothing.

    Args:
        run: Whose settings are to be taken over.
        other: How another run is named, for instance "Name another run with --of".

    Raises:
        UserError: It was fine-tuned.
    """
    start = run.read_manifest().start
    if start is None:
        return
    name = start.told.name
    raise UserError(
        f"{run.path} was fine-tuned: its settings are for going on from a model, and here a new network is trained.",
        hint=f"{other}: the one that it was fine-tuned from{f', {name!r}' if name else ''}, or any that was trained "
        "from scratch.",
    )
