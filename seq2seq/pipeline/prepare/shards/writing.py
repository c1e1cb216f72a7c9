"""Making a shard: reading and cleaning its blocks into a folder of their own."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from seq2seq import console
from seq2seq.corpus import reader
from seq2seq.corpus.hash_file import HashWriter, files_of
from seq2seq.folders import checksum
from seq2seq.manifest import Inputs
from seq2seq.pipeline.prepare.gather import Begun, begin
from seq2seq.pipeline.prepare.jobs import CleanBlock
from seq2seq.pipeline.prepare.shards.blocks import Blocks, num_blocks, place_of
from seq2seq.pipeline.prepare.shards.facts import SHARD_VERSION, ShardFacts, WholeCorpus
from seq2seq.pipeline.prepare.shards.ledger import Ledger
from seq2seq.pipeline.prepare.shards.shard import HASHES, PAIRS, Shard
from seq2seq.pipeline.prepare.sources import Sources
from seq2seq.pipeline.prepare.spool import Spool
from seq2seq.pipeline.workers import Workers
from seq2seq.recipe.schema import Data


@dataclass
class _Tally:
    """The pairs of a shard in numbers.

    Attributes:
        sizes: Pairs of each corpus that was gone through, those of other shards with them.
        read: Pairs of this shard that came in.
        kept: Pairs that went out.
        ledger: The others.
    """

    sizes: list[int] = field(default_factory=list)
    read: int = 0
    kept: int = 0
    ledger: Ledger = field(default_factory=Ledger)

    def add(self, number: int, block: CleanBlock, kept: int) -> None:
        """Takes in a block, of which so many pairs are kept."""
        self.ledger.add(number, block.report.dropped)
        self.read += block.report.read
        self.kept += kept


def write_shard(
    data: Data, sources: Sources, shard: Shard, place: Path, inputs: Inputs, workers: Workers
) -> ShardFacts:
    """Reads and cleans a shard into the folder `place`. Returns its facts, which are written last.

    Raises:
        UserError: As `gather`, but for a split of which nothing is left: that is seen when shards are merged.
    """
    spool = Spool(place)
    begun = begin(data, sources, spool)
    tally = _write_blocks(begun, sources, shard, spool, workers)
    for name in begun.reports:
        if name != "train":
            spool.remove(name)  # merging reads these sets anew
    files = [spool.at(PAIRS), *files_of(place / HASHES)]
    sizes = zip(sources.corpora, tally.sizes, strict=True)
    facts = ShardFacts(
        schema_version=SHARD_VERSION,
        shard=shard.number,
        shards=shard.count,
        inputs=inputs,
        corpora=tuple(WholeCorpus(name=corpus.name, pairs=size) for corpus, size in sizes),
        read=tally.read,
        kept=tally.kept,
        dropped=tally.ledger.drops,
        files={path.name: checksum(path) for path in files},
    )
    facts.write(place)
    return facts


def _write_blocks(begun: Begun, sources: Sources, shard: Shard, spool: Spool, workers: Workers) -> _Tally:
    """Writes what is left of a shard's pairs, and their hashes with their places in all corpora together."""
    tally, total = _Tally(), reader.num_pairs(sources.train)
    with (
        console.Progress(f"reading shard {shard}", total and total / shard.count, unit="pairs") as progress,
        spool.writing(PAIRS) as writer,
        HashWriter(spool.folder / HASHES) as hashes,
    ):
        for corpus in sources.corpora:
            label = corpus.name if len(sources.corpora) > 1 else ""
            own = Blocks(corpus, shard, first=num_blocks(tally.sizes), label=label)
            for number, block in zip(own.numbers(), workers.map(begun.job, own), strict=False):
                batch = block.batch()
                writer.write_batch(batch)
                first = place_of(number)
                hashes.add(block.hashes, np.arange(first, first + len(block.hashes), dtype=np.uint64))
                tally.add(number, block, len(batch))
                progress.update(tally.read)
            tally.sizes.append(own.pairs)
    return tally
