"""A set of 64-bit fingerprints that grows with the corpus and stays small."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from seq2seq.corpus.fingerprints import Fingerprints


class HashSet:
    """Fingerprints held in sorted arrays: 8 bytes each, 16 for a moment while two arrays are merged.

    A Python set of integers takes about 60 bytes a member. Here each batch becomes a sorted array, and arrays are
    merged once the newer is half as long as the older, so there are at most about log2(n / batch) of them. Adding
    costs O(log n) amortised and looking up O(log^2 n), both in NumPy over a whole batch: give batches of thousands.
    """

    def __init__(self) -> None:
        self._runs: list[Fingerprints] = []  # each sorted and without repeats, the longest first, no member in two

    def __len__(self) -> int:
        return sum(len(run) for run in self._runs)

    def contains(self, members: Fingerprints) -> NDArray[np.bool_]:
        """Returns for each of `members`, shape [n], whether it is in the set; shape [n]."""
        found = np.zeros(len(members), dtype=np.bool_)
        for run in self._runs:
            at = np.minimum(np.searchsorted(run, members), len(run) - 1)
            found |= run[at] == members
        return found

    def add(self, members: Fingerprints) -> NDArray[np.bool_]:
        """Adds all of `members`, shape [n], and returns which of them were new; shape [n].

        Of one fingerprint that occurs several times in `members` only the first is new.
        """
        distinct, first = np.unique(members, return_index=True)
        is_new = ~self.contains(distinct)
        self._append(distinct[is_new])
        answer = np.zeros(len(members), dtype=np.bool_)
        answer[first[is_new]] = True
        return answer

    def _append(self, run: Fingerprints) -> None:
        """Adds a sorted array of new members, and merges what has become too short to stand alone."""
        if not len(run):
            return
        while self._runs and len(run) * 2 >= len(self._runs[-1]):
            run = np.concatenate((self._runs.pop(), run))
            run.sort()
        self._runs.append(run)
