"""Writing a split with its ids, and counting what it holds."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, dataclass
from itertools import accumulate

import numpy as np
from numpy.typing import NDArray

from seq2seq import console
from seq2seq.bundle import RunFolder
from seq2seq.data import store
from seq2seq.manifest import SplitCounts
from seq2seq.pipeline.prepare.gather import Gathered
from seq2seq.pipeline.prepare.jobs import Tokenise, Untokenised, packed
from seq2seq.pipeline.prepare.spool import in_chunks
from seq2seq.pipeline.workers import Workers
from seq2seq.text.pairs import TokenizerPair


def write_split(
    name: str, gathered: Gathered, ready: RunFolder, tokenizers: TokenizerPair, workers: Workers
) -> SplitCounts:
    """Writes a split with its ids. Returns its counts."""
    counts, is_train = _Counts(), name == "train"
    job = Tokenise(tokenizers, gathered.held if is_train else None)
    chunks = _untokenised(gathered, name)
    with (
        console.Progress(f"tokenising {name}", gathered.sizes()[name], unit="pairs") as progress,
        store.writing(ready.split(name), store.schema()) as writer,
    ):
        for chunk in workers.map(job, chunks):
            batch = chunk.batch()
            writer.write_batch(batch)
            if len(chunk.known):
                gathered.notice(chunk.known, batch, counts.pairs)
            counts.add(chunk.source_lengths, chunk.target_lengths)
            progress.advance(len(batch))
    return SplitCounts(**asdict(counts))


def _untokenised(gathered: Gathered, name: str) -> Iterator[Untokenised]:
    """Yields the rows of a split in chunks, each with where in it the corpora begin that have another tag."""
    ends = list(accumulate(corpus.pairs for corpus in gathered.corpora))
    tags = [corpus.tag for corpus in gathered.corpora] if name == "train" else []
    first = 0
    for rows in in_chunks(gathered.batches(name), store.ROWS_A_CHUNK):
        last = first + len(rows)
        spans = [
            (max(begin, first) - first, min(end, last) - first, tag)
            for begin, end, tag in zip([0, *ends], ends, tags, strict=False)
            if tag and begin < last and end > first
        ]
        yield Untokenised(packed(rows), tuple(spans))
        first = last


@dataclass
class _Counts:
    """A split in numbers; lengths in tokens, without EOS."""

    pairs: int = 0
    source_tokens: int = 0
    target_tokens: int = 0
    longest_source: int = 0
    longest_target: int = 0

    def add(self, sources: NDArray[np.int32], targets: NDArray[np.int32]) -> None:
        self.pairs += len(sources)
        self.source_tokens += int(sources.sum())
        self.target_tokens += int(targets.sum())
        self.longest_source = max(self.longest_source, int(sources.max(initial=0)))
        self.longest_target = max(self.longest_target, int(targets.max(initial=0)))
