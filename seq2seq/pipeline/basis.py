"""What preparing takes over from a model that is there already, where it does not begin with nothing."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from seq2seq.bundle import RunFolder
from seq2seq.corpus.reader import Reader
from seq2seq.pipeline.gather import Gathered
from seq2seq.text.pairs import TokenizerPair

OLD: Final = "old-"
"""What the names of an earlier run's held-out sets begin with in a run that is fine-tuned."""


@dataclass(frozen=True)
class Basis:
    """An earlier model's part in a new run.

    Attributes:
        tokenizers: Cut the new text; none is learned.
        inputs: What it is made of; where that has changed, the run is prepared anew.
        facts: What the run's manifest says of it, under "start".
        sets: More held-out sets by name: training sees none of their sources.
        added: Adds pairs to the training pairs that were read and cleaned.
        save: Puts what training starts from into the run's folder.
    """

    tokenizers: TokenizerPair
    inputs: Mapping[str, Any]
    facts: Mapping[str, Any]
    sets: Mapping[str, Reader]
    added: Callable[[Gathered], Gathered]
    save: Callable[[RunFolder], None]
