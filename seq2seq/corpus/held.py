"""What training must not see: the sentences of the development and test sets."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

from seq2seq.corpus import fingerprints
from seq2seq.corpus.cleaning import in_batches
from seq2seq.corpus.hash_set import HashSet
from seq2seq.corpus.pair import Pair

_BATCH_PAIRS: Final = 4096


class Held:
    """Sentences that are held out of training, as fingerprints: 16 bytes a held-out pair.

    What counts as leakage is a training pair with the SOURCE of a held-out pair: its model has been shown the question.
    One with the same TARGET and another source is not dropped. It is another sentence, often with a short or usual
    answer ("Yes, please."), and to drop it would take from a corpus of many-to-one translations what it teaches; but it
    makes a score a little kinder than new text would, so such pairs are counted.

    Case, punctuation and spaces make no difference. A side without any text forbids nothing.

    Attributes:
        sources: Fingerprints of the sources, for a cleaner's `excluded`.
        targets: Those of the targets.
    """

    def __init__(self) -> None:
        self.sources, self.targets = HashSet(), HashSet()

    def add(self, pairs: Iterable[Pair]) -> None:
        """Takes in the pairs of a development or test set, normalised as training pairs are."""
        for batch in in_batches(pairs, _BATCH_PAIRS):
            for members, side in ((self.sources, "source"), (self.targets, "target")):
                texts = (getattr(pair, side) for pair in batch)
                members.add(fingerprints.of_sentences(text for text in texts if text and not text.isspace()))

    def know_targets(self, targets: Sequence[str]) -> NDArray[np.bool_]:
        """Returns which of some training pairs' targets are held-out ones; shape [pairs]."""
        if not self.targets:
            return np.zeros(len(targets), np.bool_)
        return self.targets.contains(fingerprints.of_sentences(targets))
