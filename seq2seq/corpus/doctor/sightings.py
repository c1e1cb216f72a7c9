"""Where each fingerprint was seen first, and how often since, in bounded memory."""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

_FIELDS: Final = np.dtype([("key", np.uint64), ("place", np.int64), ("count", np.int64)])


class Sightings:
    """Keys with the place where each was first seen and the number of times, 24 bytes each.

    Sorted arrays that are merged as in `seq2seq.corpus.hash_set`. When there are more than `capacity` keys, those
    whose sampling key is odd (then: not divisible by 4, 8, ...) are forgotten and from then on ignored: what remains
    is a fair sample of all keys, complete for each of them, and counts times `scale` estimate those of all.

    Args:
        capacity: Keys held at most.
    """

    def __init__(self, capacity: int = 1 << 20) -> None:
        self.capacity, self.scale = capacity, 1
        self._runs: list[NDArray[np.void]] = []

    def __len__(self) -> int:
        return sum(len(run) for run in self._runs)

    def add(self, keys: NDArray[np.uint64], places: NDArray[np.int64]) -> NDArray[np.int64]:
        """Notes keys, and returns where each was seen before; -1 for new and for ignored ones. Shape [keys].

        Args:
            keys: Fingerprints; their last bits decide what is sampled.
            places: Where each is seen; 0 or more, shape [keys].
        """
        before = np.full(len(keys), -1, np.int64)
        taken = np.flatnonzero(self.samples(keys))
        distinct, first, which, counts = np.unique(
            keys[taken], return_index=True, return_inverse=True, return_counts=True
        )
        known = np.full(len(distinct), -1, np.int64)
        for run in self._runs:
            at = np.minimum(np.searchsorted(run["key"], distinct), len(run) - 1)
            here = run["key"][at] == distinct
            run["count"][at[here]] += counts[here]
            known[here] = run["place"][at[here]]
        is_new = known < 0
        seen = np.where(is_new, places[taken][first], known)[which]
        repeats = np.ones(len(taken), np.bool_)
        repeats[first[is_new]] = False
        before[taken[repeats]] = seen[repeats]
        new = np.empty(int(is_new.sum()), _FIELDS)
        new["key"], new["place"], new["count"] = distinct[is_new], places[taken][first[is_new]], counts[is_new]
        self._append(new)
        while len(self) > self.capacity:
            self.shrink()
        return before

    def samples(self, keys: NDArray[np.uint64]) -> NDArray[np.bool_]:
        """Tells which keys are not ignored; shape [keys]."""
        sampled: NDArray[np.bool_] = keys % np.uint64(self.scale) == 0
        return sampled

    def thin(self, scale: int) -> None:
        """Forgets keys until no more are sampled than at `scale`."""
        while self.scale < scale:
            self.shrink()

    def counts(self) -> NDArray[np.int64]:
        """Returns how often each key was seen; in no order, shape [keys]."""
        return np.concatenate([run["count"] for run in self._runs]) if self._runs else np.empty(0, np.int64)

    def counts_of(self, keys: NDArray[np.uint64]) -> NDArray[np.int64]:
        """Returns how often some keys were seen; shape [keys]."""
        counts = np.zeros(len(keys), np.int64)
        for run in self._runs:
            at = np.minimum(np.searchsorted(run["key"], keys), len(run) - 1)
            counts += np.where(run["key"][at] == keys, run["count"][at], 0)
        return counts

    def _append(self, run: NDArray[np.void]) -> None:
        if not len(run):
            return
        while self._runs and len(run) * 2 >= len(self._runs[-1]):
            run = np.concatenate((self._runs.pop(), run))
            run = run[np.argsort(run["key"], kind="stable")]  # a merge: both parts are sorted already
        self._runs.append(run)

    def shrink(self) -> None:
        """Makes room: forgets half of the keys, by chance."""
        self.scale *= 2
        self._runs = [kept for run in self._runs if len(kept := run[self.samples(run["key"])])]


class Frequent(Sightings):
    """Sightings that forget the rare keys instead, for those who ask for the frequent ones only.

    Lossy counting (Manku & Motwani 2002): a key that comes again before `capacity` / 2 other ones did is kept from then
    on longer than a key that does not; what came before a key was forgotten is missing in its count.
    """

    def shrink(self) -> None:
        """Makes room: forgets the rarer half of the keys."""
        counts = self.counts()
        least = np.sort(counts)[-(self.capacity // 2)] if len(counts) else 0
        runs = [kept for run in self._runs if len(kept := run[run["count"] > least])]
        room = self.capacity // 2 - sum(len(run) for run in runs)
        for run in self._runs:  # of those as rare as the rarest that are kept, some
            ties = run[run["count"] == least][: max(0, room)]
            room -= len(ties)
            if len(ties):
                runs.append(ties)
        self._runs = []
        for run in sorted(runs, key=len, reverse=True):
            self._append(run[np.argsort(run["key"])])
