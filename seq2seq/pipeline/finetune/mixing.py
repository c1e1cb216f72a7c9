"""Old pairs among the new ones (mixed fine-tuning, Chu et al. 2017)."""

from __future__ import annotations

from dataclasses import dataclass, replace
from math import ceil
from typing import Final

import numpy as np
from numpy.typing import NDArray

from seq2seq import console
from seq2seq.corpus import fingerprints
from seq2seq.corpus.pair import Pair
from seq2seq.data.plan import shuffled
from seq2seq.data.store import Store
from seq2seq.errors import UserError
from seq2seq.pipeline.finetune.old_text import OldText
from seq2seq.pipeline.prepare.basis import OLD
from seq2seq.pipeline.prepare.gather import Gathered, Kept
from seq2seq.pipeline.prepare.spool import BATCH_PAIRS, as_batch

SPARE: Final = 1.2
"""Old pairs that are taken for each one that training is to read: it may be made longer."""
_PLACE_IN_TRAIN: Final = np.uint64(2**64 - 1)  # the last of all places: splits are cut from the first ones


@dataclass(frozen=True)
class Mixed:
    """Adds old pairs to new ones, so that `share` of what is drawn is old.

    Corpus i of the old run, of n_i pairs, was drawn from like w_i n_i^(1/T). It keeps that part of the old share: its
    weight becomes c w_i n_i^(1/T - 1), where c makes the old pairs s / (1 - s) times as many as the N new ones.

    An epoch is one pass over the new pairs, with as many old ones between them as that makes, drawn anew each time. As
    long as all corpora it would, beside a large run, hold each new pair many times, and training would end within it:
    as it is planned by length, copies of one pair lie in few of its batches, and some pairs would never be read.

    Of a large run only as many pairs are taken as `passes` over the new ones read, and some to spare, drawn from all of
    it: the others would be copied and cut into tokens for nothing. Each old corpus is drawn from as it was before.

    Attributes:
        old: The old text.
        share: Of what is drawn that is old, above 0 and below 1.
        passes: How often training reads each new pair.
        seed: Of the draw.
    """

    old: OldText
    share: float
    passes: float
    seed: int

    def __call__(self, gathered: Gathered) -> Gathered:
        """Returns the pairs with the old ones behind the new."""
        store = Store(self.old.run.split("train"))
        num_pairs = sum(corpus.pairs for corpus in gathered.corpora)
        kept, num_free = self._kept(gathered, store, num_pairs)
        drawn = sum(corpus.weight * corpus.pairs for corpus in kept)
        if not drawn:
            raise UserError(
                f"No training pair of {self.old.run.path} is left: all are held out in the new text.",
                hint="Leave the old text out with --old-share 0.",
            )
        num_new = sum(corpus.weight * corpus.pairs for corpus in gathered.corpora)
        factor = self.share / (1 - self.share) * num_new / drawn
        weighed = [replace(one, weight=one.weight * factor) for one in kept]
        taken = sum(corpus.pairs for corpus in kept)
        _tell(taken, num_free, left_out=len(store) - num_free, read=self._read(num_pairs))
        gathered.reports["train"].kept += taken
        an_epoch = num_pairs + round(num_pairs * self.share / (1 - self.share))
        return replace(gathered, corpora=(*gathered.corpora, *weighed), epoch_pairs=an_epoch)

    def _kept(self, gathered: Gathered, store: Store, num_pairs: int) -> tuple[list[Kept], int]:
        """Writes the pairs that are taken of each old corpus, beside so many new ones.

        Returns the corpora of which any were, each drawn from as it was before, and how many pairs of all of them may
        be trained on, taken or not.
        """
        corpora = self.old.corpora
        kept, first, num_free = [], 0, 0
        for number, (corpus, wanted) in enumerate(zip(corpora, self._wanted(num_pairs), strict=True)):
            spooled, end = f"old-{number}", first + corpus.pairs
            pairs, free = self._spool(gathered, store, first, self._drawn(number, end - first, wanted), spooled)
            num_free += free
            if pairs:
                name = f"{OLD}{corpus.name}" if len(corpora) > 1 else "old"
                weight = corpus.weight * float(corpus.pairs) ** (1 / self.old.temperature - 1)
                weight *= free / pairs
                kept.append(Kept(name, weight, spooled, pairs, corpus.tag, corpus.by))
            first = end
        return kept, num_free

    def _read(self, num_pairs: int) -> float:
        """Returns how many old pairs training reads, beside so many new ones."""
        return self.passes * num_pairs * self.share / (1 - self.share)

    def _wanted(self, num_pairs: int) -> list[int]:
        """Returns how many pairs to take of each old corpus: as it is drawn from, and all where there are no more."""
        sizes = [corpus.pairs for corpus in self.old.corpora]
        drawn = [
            corpus.weight * size ** (1 / self.old.temperature)
            for corpus, size in zip(self.old.corpora, sizes, strict=True)
        ]
        most = SPARE * self._read(num_pairs) / max(sum(drawn), np.finfo(float).tiny)
        return [ceil(min(size, most * part)) if size else 0 for size, part in zip(sizes, drawn, strict=True)]

    def _drawn(self, number: int, count: int, wanted: int) -> NDArray[np.bool_]:
        """Returns which pairs of an old corpus to take; a function of the seed and the corpus' number."""
        is_drawn = np.ones(count, np.bool_)
        if wanted < count:
            is_drawn[shuffled(count, np.random.Generator(np.random.Philox(key=[self.seed, number])))[wanted:]] = False
        return is_drawn

    def _spool(
        self, gathered: Gathered, store: Store, first: int, is_drawn: NDArray[np.bool_], name: str
    ) -> tuple[int, int]:
        """Writes the drawn ones of the rows from `first` on that may be trained on.

        Returns the number of pairs, and how many of the rows may be trained on, drawn or not.
        """
        count, free = 0, 0
        with gathered.spool.writing(name) as writer:
            for begin in range(0, len(is_drawn), BATCH_PAIRS):
                end = min(len(is_drawn), begin + BATCH_PAIRS)
                pairs = [Pair(*row) for row in store.texts_between(first + begin, first + end)]
                is_free = ~gathered.held.sources.contains(fingerprints.of_sentences(pair.source for pair in pairs))
                taken = np.flatnonzero(is_free & is_drawn[begin:end])
                writer.write_batch(as_batch([pairs[row] for row in taken], np.full(len(taken), _PLACE_IN_TRAIN)))
                count, free = count + len(taken), free + int(is_free.sum())
        return count, free


def _tell(taken: int, num_free: int, *, left_out: int, read: float) -> None:
    """Says how many old pairs are taken of those that may be trained on, and how many may not."""
    if taken < num_free:
        console.say(
            f"Of {num_free:,} old pairs {taken:,} are taken, drawn from all of them: training reads about {read:,.0f}."
        )
    if left_out:
        console.warn(
            f"{left_out:,} of the old pairs are left out: the new text holds them out for development or test. The "
            "model has seen them, so its scores there before fine-tuning are kinder than they should be."
        )
