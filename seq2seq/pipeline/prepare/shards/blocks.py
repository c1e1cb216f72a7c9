"""The blocks that a corpus is divided into, which the shards take in turn."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from functools import partial

from seq2seq.corpus import reader
from seq2seq.corpus.pair import Pair
from seq2seq.pipeline.prepare.gather import BATCH_PAIRS
from seq2seq.pipeline.prepare.jobs import RawBlock
from seq2seq.pipeline.prepare.shards.shard import Shard
from seq2seq.pipeline.prepare.sources import CorpusSource


def num_blocks(sizes: Iterable[int]) -> int:
    """Returns how many blocks corpora of so many pairs have together: each begins with a block of its own."""
    return sum(-(-size // BATCH_PAIRS) for size in sizes)


def place_of(block: int) -> int:
    """Returns the place of a block's first pair, where every block has as many places as a full one has pairs."""
    return block * BATCH_PAIRS


class Blocks:
    """The blocks of a corpus that are of a shard; gone through once.

    Args:
        corpus: The corpus.
        shard: The shard.
        first: The number of the corpus' first block, in all corpora together.
        label: What reports call the corpus; empty where there is only one.

    Attributes:
        pairs: All pairs of the corpus, once it was gone through.
    """

    def __init__(self, corpus: CorpusSource, shard: Shard, *, first: int, label: str) -> None:
        self.pairs = 0
        self._corpus, self._shard, self._first, self._label = corpus, shard, first, label

    def numbers(self) -> Iterator[int]:
        """Yields their numbers in all corpora together, without end."""
        number = self._first
        while True:
            if self._shard.has(number):
                yield number
            number += 1

    def __iter__(self) -> Iterator[RawBlock]:
        wanted = partial(_is_wanted, self._shard, self._first)
        waiting: list[Pair] = []
        for number, pair in enumerate(reader.picked(self._corpus.reader, wanted)):
            if number % BATCH_PAIRS == 0 and waiting:
                yield self._raw(waiting)
                waiting = []
            if pair is not None:
                waiting.append(pair)
            self.pairs = number + 1
        if waiting:
            yield self._raw(waiting)

    def _raw(self, pairs: list[Pair]) -> RawBlock:
        lines, sides, others = (list(column) for column in zip(*pairs, strict=True))
        return RawBlock(self._label, lines, sides, others)


def _is_wanted(shard: Shard, first: int, number: int) -> bool:
    return shard.has(first + number // BATCH_PAIRS)
