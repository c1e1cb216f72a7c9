"""What workers do in preparing: one part in, one part out, and nothing else known.

Parts travel as lists of strings and as Arrow's own bytes, which cost least to pack.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from seq2seq.corpus import fingerprints
from seq2seq.corpus.cleaning import Cleaner, Report, in_batches
from seq2seq.corpus.fingerprints import Fingerprints
from seq2seq.corpus.held import Held
from seq2seq.corpus.pair import Pair
from seq2seq.corpus.split import Splitter
from seq2seq.pipeline.prepare import spool
from seq2seq.text.pairs import TokenizerPair
from seq2seq.text.tagged import tags_of


class RawBlock(NamedTuple):
    """Some pairs of a corpus as they were read, column by column; `corpus` is its name, empty where there is one."""

    corpus: str
    lines: list[int]
    sources: list[str]
    targets: list[str]


class CleanBlock(NamedTuple):
    """What is left of a block before duplicates are looked for.

    Attributes:
        packed: A record batch of the spool.
        hashes: A fingerprint a pair that is left; empty where duplicates are no matter.
        report: What was read and dropped.
    """

    packed: bytes
    hashes: Fingerprints
    report: Report

    def batch(self) -> Any:  # noqa: ANN401 - pyarrow ships no types
        """Returns the record batch."""
        return unpacked(self.packed, spool.schema())


@dataclass(frozen=True)
class Clean:
    """Cleans blocks of pairs.

    Attributes:
        cleaner: Does it; it has learned what it must.
        splitter: Gives the pairs their places; None where no split is drawn.
        turned: Whether the pairs are the other way round than in their files. Their places are those of the side that
            is the source there, so that models of both directions hold the same pairs out.
    """

    cleaner: Cleaner
    splitter: Splitter | None
    turned: bool = False

    def __call__(self, block: RawBlock) -> CleanBlock:
        """Returns what is left of a block."""
        report = Report(corpus=block.corpus)
        pairs = list(map(Pair, block.lines, block.sources, block.targets))
        kept = self.cleaner.sifted(pairs, report)
        hashes = fingerprints.of_pairs(kept if self.cleaner.deduplicate else ())
        placed = (pair.target if self.turned else pair.source for pair in kept)
        places = self.splitter.places_of(placed) if self.splitter else None
        return CleanBlock(packed(spool.as_batch(kept, places)), hashes, report)


def blocks(pairs: Iterable[Pair], size: int, corpus: str) -> Iterator[RawBlock]:
    """Yields the pairs of a corpus in blocks of `size`."""
    for batch in in_batches(pairs, size):
        lines, sources, targets = (list(column) for column in zip(*batch, strict=True))
        yield RawBlock(corpus, lines, sources, targets)


class Untokenised(NamedTuple):
    """Rows without ids.

    Attributes:
        packed: A record batch of the spool.
        tags: Which of them have a tag: the first, the one behind the last, and the tag. In order.
    """

    packed: bytes
    tags: tuple[tuple[int, int, str], ...] = ()


class TokenisedChunk(NamedTuple):
    """Rows with their ids.

    Attributes:
        packed: A record batch of the split.
        known: Which rows have the target of a held-out pair, in order.
        source_lengths: Tokens of each source.
        target_lengths: Tokens of each target.
    """

    packed: bytes
    known: NDArray[np.int64]
    source_lengths: NDArray[np.int32]
    target_lengths: NDArray[np.int32]

    def batch(self) -> Any:  # noqa: ANN401
        """Returns the record batch."""
        from seq2seq.data.store import schema

        return unpacked(self.packed, schema())


@dataclass(frozen=True)
class Tokenise:
    """Gives pairs their ids.

    Attributes:
        tokenizers: Cut the texts.
        held: What training must not see; None for a split of which nothing is to be noticed.
    """

    tokenizers: TokenizerPair
    held: Held | None

    def __call__(self, chunk: Untokenised) -> TokenisedChunk:
        """Returns a record batch of the spool as one of the split."""
        from seq2seq.data.store import record_batch

        rows = unpacked(chunk.packed, spool.schema())
        sources, targets = rows.column("source").to_pylist(), rows.column("target").to_pylist()
        ids = self.tokenizers.source.encode_batch(sources), self.tokenizers.target.encode_batch(targets)
        for first, end, tag in chunk.tags:
            opening = [tags_of(self.tokenizers.source)[tag]]
            ids[0][first:end] = [opening + one for one in ids[0][first:end]]
        # Of new arrays: those that Arrow cut out of others are padded, and the same rows would be other files.
        batch = record_batch(rows.column("line").to_numpy(), sources, targets, *ids)
        known = self.held.know_targets(targets) if self.held is not None else np.zeros(0, np.bool_)
        lengths = (np.fromiter(map(len, side), np.int32, len(side)) for side in ids)
        return TokenisedChunk(packed(batch), np.flatnonzero(known), *lengths)


def packed(batch: Any) -> bytes:  # noqa: ANN401
    """Returns a record batch as bytes."""
    return batch.serialize().to_pybytes()  # type: ignore[no-any-return]


def unpacked(data: bytes, schema: Any) -> Any:  # noqa: ANN401
    """Returns the record batch that was packed."""
    import pyarrow as pa

    return pa.ipc.read_record_batch(pa.py_buffer(data), schema)
