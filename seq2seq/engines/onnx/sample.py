"""The sentences by which 8-bit scales are chosen and graphs are compared with torch."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np

from seq2seq.bundle import Bundle, run_around
from seq2seq.errors import UserError

SENTENCES: Final = 256
"""Of the development set: some seconds."""
DEVELOPMENT: Final = "the development set"
RANDOM: Final = "random ids"


def development_sample(bundle: Bundle) -> list[Sequence[int]]:
    """Returns development sentences of the run that `bundle` stands in, as ids; none where it stands alone."""
    run = run_around(bundle.path)
    if run is None:
        return []
    try:
        from seq2seq.data.store import Store

        store = Store(run.split("development"))
    except (UserError, ModuleNotFoundError):
        return []
    rows = np.linspace(0, len(store) - 1, min(len(store), SENTENCES)).astype(int)
    return [store.source[int(row)].tolist() for row in rows]
