"""Merging: the shards of a run, gone through as the single run that they make goes through its corpora."""

from __future__ import annotations

from collections.abc import Generator, Iterator
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from seq2seq import console
from seq2seq.corpus.cleaning import Report
from seq2seq.corpus.hash_file import repeated
from seq2seq.errors import UserError
from seq2seq.manifest import Inputs
from seq2seq.pipeline.prepare.gather import Begun, chosen, drop_duplicates
from seq2seq.pipeline.prepare.jobs import Clean
from seq2seq.pipeline.prepare.shards.blocks import num_blocks, place_of
from seq2seq.pipeline.prepare.shards.facts import checked_facts
from seq2seq.pipeline.prepare.shards.finding import found_shards
from seq2seq.pipeline.prepare.shards.ledger import Ledger
from seq2seq.pipeline.prepare.shards.shard import HASHES, PAIRS
from seq2seq.pipeline.prepare.sources import CorpusSource
from seq2seq.pipeline.prepare.spool import Spool

_LAST: Final = 1 << 60  # comes after everything else that happens to a block


class Shards:
    """All shards of a run, opened to be merged: a `Reading`.

    Args:
        run: The run's folder.
        inputs: What the shards must have been made of.
        work: A folder for what is needed meanwhile.

    Raises:
        UserError: There is none, one is missing, damaged, or made of other files or settings.
    """

    def __init__(self, run: Path, inputs: Inputs, work: Path) -> None:
        self.shards = found_shards(run)
        self._spools = [Spool(shard.folder(run)) for shard in self.shards]
        self._facts = [checked_facts(shard, shard.folder(run), inputs) for shard in self.shards]
        corpora = self._facts[0].corpora
        for shard, facts in zip(self.shards, self._facts, strict=True):
            if facts.corpora != corpora:
                raise UserError(
                    f"Shard {shard} read other pairs than shard {self.shards[0]}.",
                    hint="Prepare all shards from the same files.",
                )
        self._sizes = [corpus.pairs for corpus in corpora]
        self._work, self._ledger = work, Ledger()
        self._streams: list[Generator[Any]] = []
        self._duplicates: NDArray[np.bool_] | None = None

    def __call__(self, begun: Begun, number: int, corpus: CorpusSource, label: str) -> Iterator[Any]:
        """See `seq2seq.pipeline.prepare.gather.Reading`."""
        report = begun.reports["train"]
        if number == 0:
            self._begin(begun.job, report)
        del corpus
        for block in range(num_blocks(self._sizes[:number]), num_blocks(self._sizes[: number + 1])):
            batch = next(self._streams[block % len(self._streams)])
            yield batch if self._duplicates is None else self._new(batch, block, label, self._duplicates)
        report.dropped = self._ledger.dropped()
        if number + 1 == len(self._sizes):
            self._end()

    def _new(self, batch: Any, block: int, label: str, duplicates: NDArray[np.bool_]) -> Any:  # noqa: ANN401
        """Returns the rows of a block that are no duplicates, and takes in the others."""
        first, found = place_of(block), Report()
        again = np.array(duplicates[first : first + len(batch)])
        drop_duplicates(batch, again, found, label)
        self._ledger.add(block, found.dropped, rank=_LAST)
        return chosen(batch, ~again)

    def _end(self) -> None:
        """Lets go of all files: some systems remove none that is open."""
        for stream in self._streams:
            stream.close()
        self._streams, self._duplicates = [], None

    def _begin(self, job: Clean, report: Report) -> None:
        for facts in self._facts:
            self._ledger.join(facts.dropped)
        report.read = sum(facts.read for facts in self._facts)
        self._streams = [spool.batches(PAIRS) for spool in self._spools]
        if job.cleaner.deduplicate:
            self._duplicates = self._find()

    def _find(self) -> NDArray[np.bool_]:
        """Returns which pairs are duplicates, in blocks as long as they were before anything was dropped; mapped."""
        places = place_of(max(1, num_blocks(self._sizes)))
        self._work.mkdir(parents=True, exist_ok=True)
        found = np.memmap(self._work / "duplicates", np.bool_, "w+", shape=(places,))
        with console.Progress("looking for duplicates", 256, unit="ranges of hashes") as progress:
            for numbers in repeated([spool.folder / HASHES for spool in self._spools]):
                found[numbers] = True
                progress.advance()
        return found
