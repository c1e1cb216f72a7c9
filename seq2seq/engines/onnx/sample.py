"""The sentences by which 8-bit scales are chosen and graphs are compared with torch."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np

from seq2seq.bundle import Bundle, run_around
from seq2seq.errors import UserError
from seq2seq.folders import describe

SENTENCES: Final = 256
"""Of the development set: some seconds."""
DEVELOPMENT: Final = "the development set"
RANDOM: Final = "random ids"


def development_sample(bundle: Bundle) -> list[Sequence[int]]:
    """Returns development sentences of the run that `bundle` stands in, as ids; none where it stands alone.

    A model of another vocabulary may have been put into a run's folder: to it those ids mean nothing.
    """
    run = run_around(bundle.path)
    if run is None or describe(run.tokenizers) != describe(bundle.tokenizers):
        return []
    try:
        from seq2seq.data.store import Store

        store = Store(run.split("development"))
    except (UserError, ModuleNotFoundError):
        return []
    rows = np.linspace(0, len(store) - 1, min(len(store), SENTENCES)).astype(int)
    return [store.source[int(row)].tolist() for row in rows]
