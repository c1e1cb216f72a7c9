"""The random part of scoring: how many resamples make sense, and how sacreBLEU is told its seed."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager

from seq2seq.errors import UserError

FEWEST_RESAMPLES = 40  # 2.5 % of fewer is less than one, and no 95 % interval can be marked off
_VARIABLE = "SACREBLEU_SEED"
_lock = threading.Lock()


def check_resamples(resamples: int, seed: int = 1, *, none_allowed: bool = True) -> None:
    """Refuses a number of resamples that gives no 95 % interval, and a seed sacreBLEU would not keep.

    Raises:
        UserError: Fewer than 40 resamples (0 is fine where `none_allowed`), or a seed below 1: sacreBLEU's paired test
            takes 0 for "no seed", and the same command would then give another result each time.
    """
    if resamples < FEWEST_RESAMPLES and not (none_allowed and resamples == 0):
        fine = f"at least {FEWEST_RESAMPLES}" + (", or 0 for no interval" if none_allowed else "")
        raise UserError(f"The number of resamples must be {fine}, not {resamples}.", hint="1,000 is usual.")
    if seed < 1:
        raise UserError(f"The seed of the resampling must be at least 1, not {seed}.", hint="12345 is sacreBLEU's own.")


@contextmanager
def sacrebleu_seed(seed: int) -> Iterator[None]:
    """Sets sacreBLEU's seed for a while: it reads an environment variable and takes no argument.

    The lock keeps two threads of this process from reading each other's seed; the variable is put back in any case.
    """
    with _lock:
        before = os.environ.get(_VARIABLE)
        os.environ[_VARIABLE] = str(seed)
        try:
            yield
        finally:
            if before is None:
                del os.environ[_VARIABLE]
            else:
                os.environ[_VARIABLE] = before
