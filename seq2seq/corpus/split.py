"""Setting development and test pairs aside from one corpus, so that no sentence that places them is on two sides."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final, Literal

import numpy as np
from numpy.typing import NDArray

from seq2seq.corpus import fingerprints
from seq2seq.corpus.cleaning import in_batches
from seq2seq.corpus.fingerprints import Fingerprints
from seq2seq.corpus.pair import Pair
from seq2seq.errors import UserError

Part = Literal["train", "development", "test"]

_BATCH_PAIRS: Final = 4096


class Splitter:
    """Chooses development and test pairs by the sentences of one side: the source, or in a reversed run the target.

    So both directions hold the same pairs out. Each such sentence has a fingerprint that depends on it and the seed
    only. They are taken in the order of their fingerprints, first for development until it has its pairs, then for
    test; the rest is train. So all pairs with one sentence there go the same way (also where only case, punctuation or
    spaces differ), the order of the corpus does not matter, and a part exceeds its size by less than the number of
    pairs of its last sentence.

    Two passes: `fit` once over the pairs, then `Split.parts_of` on each batch of them. Who keeps the fingerprints, the
    pairs' places, needs but one pass over the text: `places_of`, `add` and `split`, then `Split.belong`. Memory: 16
    bytes for each pair that is set aside, whatever the size of the corpus.

    Args:
        development_size: Pairs wanted for development.
        test_size: Pairs wanted for test.
        seed: Another seed chooses others.

    Raises:
        UserError: A size is negative.
    """

    def __init__(self, *, development_size: int = 0, test_size: int = 0, seed: int = 1) -> None:
        if min(development_size, test_size) < 0:
            raise UserError(f"A part cannot have {min(development_size, test_size)} pairs.", hint="Give 0 or more.")
        self.development_size, self.test_size, self.seed = development_size, test_size, seed
        self.num_pairs = 0
        self._lowest, self._counts = np.empty(0, np.uint64), np.empty(0, np.int64)

    def fit(self, pairs: Iterable[Pair]) -> Split:
        """Returns the split of `pairs`.

        Raises:
            UserError: No pair would be left to train on.
        """
        fresh = Splitter(development_size=self.development_size, test_size=self.test_size, seed=self.seed)
        for batch in in_batches(pairs, _BATCH_PAIRS):
            fresh.add(self.places_of(pair.source for pair in batch))
        return fresh.split()

    def places_of(self, sources: Iterable[str]) -> Fingerprints:
        """Returns for each source sentence the fingerprint that decides where its pairs belong."""
        return fingerprints.of_sentences(sources, seed=self.seed)

    def add(self, places: Fingerprints) -> None:
        """Takes in the fingerprints of some pairs' sources; give some thousands at once.

        Kept are as many of the lowest, distinct ones as pairs are wanted, and the pairs that each has. So many suffice,
        each having one pair at least. A fingerprint once dropped had as many lower ones and never comes back, so the
        counts of those that remain are complete.
        """
        wanted = self.development_size + self.test_size
        self.num_pairs += len(places)
        if len(self._lowest) == wanted > 0:
            places = places[places <= self._lowest[-1]]  # a large corpus soon has nothing lower to offer: no sorting
        if not len(places) or not wanted:
            return
        both = np.concatenate((self._lowest, places))
        self._lowest, place = np.unique(both, return_inverse=True)
        weights = np.concatenate((self._counts, np.ones(len(places), np.int64)))
        self._counts = np.bincount(place, weights=weights).astype(np.int64)
        self._lowest, self._counts = self._lowest[:wanted], self._counts[:wanted]

    def split(self) -> Split:
        """Returns the split of all pairs that were added.

        Raises:
            UserError: No pair would be left to train on.
        """
        development, test, num_taken = self._bounds(self._lowest, self._counts)
        if num_taken >= self.num_pairs:
            raise UserError(
                f"{self.development_size} development and {self.test_size} test pairs are asked for, but the corpus "
                f"has {self.num_pairs} pairs, and none would be left to train on.",
                hint="Ask for fewer, or give more data.",
            )
        return Split(development, test, seed=self.seed)

    def _bounds(self, lowest: Fingerprints, counts: NDArray[np.int64]) -> tuple[int, int, int]:
        """Returns the first fingerprint beyond development, the first beyond test, and the number of pairs below."""
        after_development = _num_needed(counts, self.development_size)
        after_test = after_development + _num_needed(counts[after_development:], self.test_size)
        num_taken = int(counts[:after_test].sum())
        return _bound(lowest, after_development), _bound(lowest, after_test), num_taken


class Split:
    """Says of each pair to which part it belongs.

    Args:
        development: Sources whose fingerprint is below this are development,
        test: and below this, test; the rest is train.
        seed: The fingerprints' seed.
    """

    def __init__(self, development: int, test: int, *, seed: int) -> None:
        self.development, self.test, self.seed = development, test, seed

    def parts_of(self, sources: Iterable[str]) -> list[Part]:
        """Returns for each source sentence the part that its pairs belong to. Give some thousands at once."""
        # Compared as Python's integers: a bound may be 2^64, which no unsigned 64-bit number is.
        return [self._part(value) for value in fingerprints.of_sentences(sources, seed=self.seed).tolist()]

    def belong(self, places: Fingerprints, part: Part) -> NDArray[np.bool_]:
        """Returns which pairs, known by the places of their sources, belong to `part`; shape [pairs]."""
        development = _below(places, self.development)
        test = _below(places, self.test) & ~development
        return {"development": development, "test": test, "train": ~(development | test)}[part]

    def _part(self, fingerprint: int) -> Part:
        if fingerprint < self.development:
            return "development"
        return "test" if fingerprint < self.test else "train"


def _num_needed(counts: NDArray[np.int64], size: int) -> int:
    """Returns how many of the groups, taken in order, have `size` pairs together; all of them where that is too few."""
    if size == 0:
        return 0
    return min(int(np.searchsorted(np.cumsum(counts), size)) + 1, len(counts))


def _bound(lowest: Fingerprints, num_groups: int) -> int:
    """Returns a number above the first `num_groups` fingerprints and not above the others."""
    return int(lowest[num_groups - 1]) + 1 if num_groups else 0


def _below(places: Fingerprints, bound: int) -> NDArray[np.bool_]:
    """Returns which places are below a bound, which may be 2^64: no unsigned 64-bit number is that."""
    return places <= np.uint64(bound - 1) if bound else np.zeros(len(places), np.bool_)
