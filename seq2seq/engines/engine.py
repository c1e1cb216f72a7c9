"""What every engine is: a `StepModel` that can also encode."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from seq2seq.search import StepModel


class Start(NamedTuple):
    """What a search starts from: the memory, the first state, and the real source tokens of each sentence."""

    memory: Any
    state: Any
    source_lengths: NDArray[np.int64]


class Engine(StepModel, Protocol):
    """Encodes a batch of sources and then answers the search's steps."""

    def start(self, sources: Sequence[Sequence[int]]) -> Start:
        """Encodes the sources, id lists without EOS."""
