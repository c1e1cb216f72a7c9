"""How often each pair of several corpora comes in one epoch.

Corpus i of n_i pairs has a share of the epoch proportional to w_i n_i^(1/T), with its weight w_i and the temperature T
(Arivazhagan et al. 2019): T = 1 draws from each by its size, and a higher T more from the small ones. An epoch is as
long as all corpora together, unless another length is asked for.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from seq2seq.data.plan import row_type, shuffled


def epoch_counts(
    counts: Sequence[int], weights: Sequence[float], temperature: float, *, length: int | None = None
) -> list[int]:
    """Returns how many rows each corpus gives to an epoch.

    In an epoch of N rows, round(N p_i), where p_i = w_i n_i^(1/T) / sum_j w_j n_j^(1/T). No pairs, no rows.

    Args:
        counts: Pairs of each corpus, n_i.
        weights: How much more often than its size says a corpus is drawn from, w_i; above 0.
        temperature: T, above 0.
        length: N; None: as many as there are pairs in all.
    """
    sizes = np.asarray(counts, np.float64)
    present = sizes > 0
    if not present.any():
        return [0] * len(counts)
    # In logarithms: a low temperature raises the sizes to powers beyond all floats.
    logs = np.log(np.asarray(weights, np.float64)[present]) + np.log(sizes[present]) / temperature
    shares = np.zeros_like(sizes)
    shares[present] = np.exp(logs - logs.max())
    num_rows = sizes.sum() if length is None else length
    return [round(share) for share in (num_rows * shares / shares.sum()).tolist()]


def epoch_rows(
    counts: Sequence[int],
    weights: Sequence[float],
    temperature: float,
    *,
    seed: int,
    epoch: int,
    length: int | None = None,
) -> NDArray[Any] | None:
    """Returns the rows of one epoch, corpus after corpus, or None where it is every row once.

    A corpus that gives more rows than it has pairs gives each pair as often as that goes, and the rest from a sample
    without replacement: none comes more than once more often than another of its corpus. A function of seed and epoch.
    Rows are int32 where that holds them, else int64.

    Args:
        counts: Pairs of each corpus, which lie one after the other in the store.
        weights: As for `epoch_counts`.
        temperature: Likewise.
        seed: The run's seed.
        epoch: Number of the epoch, from 0.
        length: As for `epoch_counts`.
    """
    wanted = epoch_counts(counts, weights, temperature, length=length)
    if wanted == list(counts):
        return None
    starts = np.cumsum([0, *counts]).tolist()
    rows, kind = [], row_type(sum(counts))
    for number, (start, count, want) in enumerate(zip(starts, counts, wanted, strict=False), start=1):
        if want:
            times, rest = divmod(want, count)
            # The epoch's plan draws from the same key; a jump of 2 ** 128 leads to numbers that nothing else draws.
            generator = np.random.Generator(np.random.Philox(key=[seed, epoch]).jumped(number))
            every = np.tile(np.arange(start, start + count, dtype=kind), times)
            rows += [every, np.add(start, shuffled(count, generator)[:rest], dtype=kind)]
    return np.concatenate(rows)
