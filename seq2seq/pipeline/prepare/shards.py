"""A corpus prepared in shards, on as many machines as there are, and merged into the run that one machine would make.

Shard i of n reads every file, but decodes, normalises, filters and hashes only each n-th block of 4,096 pairs. What it
keeps is what a single run keeps before duplicates are looked for. Merging finds the duplicates of all shards together,
in 256 ranges of their fingerprints one after the other, goes through the shards' blocks in the order of the corpus, and
from there on is a single run: it draws the development and test sets, learns the vocabulary, and tokenises. So the
result is equal to the single run's, byte for byte, whatever n.

What it costs for N pairs in n shards: a shard passes over the lines of the others at some millions a second and cleans
its own N / n at tens of thousands a second and core; beside the text it takes 16 bytes a pair on disk, and its memory
does not grow. Merging reads all shards once and writes their text once, and tokenises on all cores of its machine. No
process ever holds all hashes: merging takes a 256th of them at a time, and a byte a pair on disk that says which pairs
are duplicates. For a billion pairs that is 16 GB of hashes on disk, of which 64 MB are in memory, two or three times
that while they are sorted. Readers of other formats than lines of text parse all pairs in each shard.
"""

from __future__ import annotations

import re
import shutil
from collections.abc import Generator, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from itertools import pairwise
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from seq2seq import console
from seq2seq.corpus import reader
from seq2seq.corpus.cleaning import Drops, Example, Report
from seq2seq.corpus.hash_file import HashWriter, files_of, repeated
from seq2seq.corpus.pair import Pair
from seq2seq.errors import UserError
from seq2seq.folders import check_version, checksum, read_json, write_json
from seq2seq.pipeline.parts import Part
from seq2seq.pipeline.prepare.gather import BATCH_PAIRS, Begun, begin, chosen, drop_duplicates
from seq2seq.pipeline.prepare.jobs import Clean, RawBlock
from seq2seq.pipeline.prepare.sources import CorpusSource, Sources
from seq2seq.pipeline.prepare.spool import Spool
from seq2seq.pipeline.workers import Workers
from seq2seq.recipe.schema import Data

SHARD_VERSION: Final = 1
FOLDER: Final = "shards"

_PAIRS, _HASHES, _FACTS = "pairs", "hashes.bin", "shard.json"
_LAST: Final = 1 << 60  # comes after everything else that happens to a block


@dataclass(frozen=True)
class Shard(Part):
    """A part of a corpus."""

    def folder(self, run: Path) -> Path:
        """Returns where the shard is, in a run's folder."""
        return run / FOLDER / f"{self.number}-of-{self.count}"

    def has(self, block: int) -> bool:
        """Whether a block, by its number in all corpora together, is of this shard."""
        return block % self.count == self.number - 1


@dataclass
class _Ledger:
    """What was dropped of blocks that come in no order, told as if they came in theirs.

    Attributes:
        counts: By reason.
        firsts: By reason, the block where it came first, and its rank among the reasons there.
        examples: By reason, the first few, each with its block.
    """

    counts: dict[str, int] = field(default_factory=dict)
    firsts: dict[str, tuple[int, int]] = field(default_factory=dict)
    examples: dict[str, list[tuple[int, Example]]] = field(default_factory=dict)

    def add(self, block: int, dropped: Mapping[str, Drops], rank: int = 0) -> None:
        """Takes in what was dropped of a block, reasons in their order; the first of them has this rank."""
        for number, (reason, drops) in enumerate(dropped.items(), start=rank):
            self.counts[reason] = self.counts.get(reason, 0) + drops.count
            self._meet(reason, (block, number), [(block, example) for example in drops.examples])

    def _meet(self, reason: str, first: tuple[int, int], examples: list[tuple[int, Example]]) -> None:
        self.firsts[reason] = min(first, self.firsts.get(reason, first))
        known = self.examples.setdefault(reason, [])
        known += examples
        known.sort(key=lambda one: one[0])  # in a block, they are in order
        del known[Drops.NUM_EXAMPLES :]

    def dropped(self) -> dict[str, Drops]:
        """Returns what a report would say."""
        return {
            reason: Drops(self.counts[reason], [example for _, example in self.examples[reason]])
            for reason in sorted(self.firsts, key=self.firsts.__getitem__)
        }

    def to_dict(self) -> dict[str, Any]:
        """Returns it ready for JSON."""
        return {
            reason: {
                "count": count,
                "first": self.firsts[reason],
                "examples": [{"block": block, **one._asdict()} for block, one in self.examples[reason]],
            }
            for reason, count in self.counts.items()
        }

    def join(self, told: Mapping[str, Any]) -> None:
        """Takes in what another ledger wrote."""
        for reason, drops in told.items():
            self.counts[reason] = self.counts.get(reason, 0) + drops["count"]
            examples = [(one["block"], Example(**{k: one[k] for k in Example._fields})) for one in drops["examples"]]
            block, rank = drops["first"]
            self._meet(reason, (block, rank), examples)


def write_shard(
    data: Data, sources: Sources, shard: Shard, place: Path, inputs: Mapping[str, Any], workers: Workers
) -> dict[str, Any]:
    """Reads and cleans a shard into the folder `place`. Returns its facts, which are written last.

    Raises:
        UserError: As `gather`, but for a split of which nothing is left: that is seen when shards are merged.
    """
    spool, ledger, read, kept, ends = Spool(place), _Ledger(), 0, 0, [0]
    begun, total = begin(data, sources, spool), reader.num_pairs(sources.train)
    with (
        console.Progress(f"reading shard {shard}", total and total / shard.count, unit="pairs") as progress,
        spool.writing(_PAIRS) as writer,
        HashWriter(place / _HASHES) as hashes,
    ):
        for corpus in sources.corpora:
            label = corpus.name if len(sources.corpora) > 1 else ""
            own = _Blocks(corpus, shard, first=_num_blocks(ends), label=label)
            for number, block in zip(own.numbers(), workers.map(begun.job, own), strict=False):
                ledger.add(number, block.report.dropped)
                batch = block.batch()
                writer.write_batch(batch)
                first = number * BATCH_PAIRS
                hashes.add(block.hashes, np.arange(first, first + len(block.hashes), dtype=np.uint64))
                read, kept = read + block.report.read, kept + len(batch)
                progress.update(read)
            ends.append(ends[-1] + own.pairs)
    for name in begun.reports:
        if name != "train":
            spool.remove(name)  # merging reads these sets anew
    files = [spool.at(_PAIRS), *files_of(place / _HASHES)]
    facts = {
        "schema_version": SHARD_VERSION,
        "shard": shard.number,
        "shards": shard.count,
        "inputs": dict(inputs),
        "corpora": [
            {"name": corpus.name, "pairs": end - start}
            for corpus, (start, end) in zip(sources.corpora, pairwise(ends), strict=True)
        ],
        "read": read,
        "kept": kept,
        "dropped": ledger.to_dict(),
        "files": {path.name: checksum(path) for path in files},
    }
    write_json(place / _FACTS, facts)
    return facts


def _num_blocks(ends: Sequence[int]) -> int:
    """Returns how many blocks corpora have together, which end after so many pairs."""
    return sum(-(-(end - start) // BATCH_PAIRS) for start, end in pairwise(ends))


class _Blocks:
    """The blocks of a corpus that are of a shard; gone through once.

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


def is_ready(place: Path, inputs: Mapping[str, Any]) -> dict[str, Any] | None:
    """Returns the facts of a shard that is whole and made of just these inputs, or None."""
    if not (place / _FACTS).is_file():
        return None
    facts = read_json(place / _FACTS)
    same = facts.get("schema_version") == SHARD_VERSION and facts.get("inputs") == inputs
    return facts if same and all((place / name).is_file() for name in facts["files"]) else None


class Shards:
    """All shards of a run, opened to be merged: a `Reading`.

    Args:
        run: The run's folder.
        inputs: What the shards must have been made of.
        work: A folder for what is needed meanwhile.

    Raises:
        UserError: There is none, one is missing, damaged, or made of other files or settings.
    """

    def __init__(self, run: Path, inputs: Mapping[str, Any], work: Path) -> None:
        self.shards = _found(run)
        self._spools = [Spool(shard.folder(run)) for shard in self.shards]
        self._facts = [_checked(shard, shard.folder(run), inputs) for shard in self.shards]
        told = [facts["corpora"] for facts in self._facts]
        for shard, corpora in zip(self.shards, told, strict=True):
            if corpora != told[0]:
                raise UserError(
                    f"Shard {shard} read other pairs than shard {self.shards[0]}.",
                    hint="Prepare all shards from the same files.",
                )
        self._ends = np.cumsum([0, *(corpus["pairs"] for corpus in told[0])]).tolist()
        self._work, self._ledger = work, _Ledger()
        self._streams: list[Generator[Any]] = []
        self._duplicates: NDArray[np.bool_] | None = None

    def __call__(self, begun: Begun, number: int, corpus: CorpusSource, label: str) -> Iterator[Any]:
        """See `seq2seq.pipeline.prepare.gather.Reading`."""
        report = begun.reports["train"]
        if number == 0:
            self._begin(begun.job, report)
        del corpus
        for block in range(_num_blocks(self._ends[: number + 1]), _num_blocks(self._ends[: number + 2])):
            batch = next(self._streams[block % len(self._streams)])
            if self._duplicates is not None:
                first = block * BATCH_PAIRS
                again = np.array(self._duplicates[first : first + len(batch)])
                found = Report()
                drop_duplicates(batch, again, found, label)
                self._ledger.add(block, found.dropped, rank=_LAST)
                batch = chosen(batch, ~again)
            yield batch
        report.dropped = self._ledger.dropped()
        if number + 2 == len(self._ends):
            self._end()

    def _end(self) -> None:
        """Lets go of all files: some systems remove none that is open."""
        for stream in self._streams:
            stream.close()
        self._streams, self._duplicates = [], None

    def _begin(self, job: Clean, report: Report) -> None:
        for facts in self._facts:
            self._ledger.join(facts["dropped"])
        report.read = sum(facts["read"] for facts in self._facts)
        self._streams = [spool.batches(_PAIRS) for spool in self._spools]
        if job.cleaner.deduplicate:
            self._duplicates = self._find()

    def _find(self) -> NDArray[np.bool_]:
        """Returns which pairs are duplicates, in blocks as long as they were before anything was dropped; mapped."""
        places = max(1, _num_blocks(self._ends)) * BATCH_PAIRS
        self._work.mkdir(parents=True, exist_ok=True)
        found = np.memmap(self._work / "duplicates", np.bool_, "w+", shape=(places,))
        with console.Progress("looking for duplicates", 256, unit="ranges of hashes") as progress:
            for numbers in repeated([spool.folder / _HASHES for spool in self._spools]):
                found[numbers] = True
                progress.advance()
        return found


def _found(run: Path) -> list[Shard]:
    """Returns all shards of a run, in order.

    Raises:
        UserError: There is none, or one is missing.
    """
    names = (re.fullmatch(r"(\d+)-of-(\d+)", path.name) for path in (run / FOLDER).glob("*-of-*"))
    found = [Shard(int(name[1]), int(name[2])) for name in names if name]
    whole = [shard for shard in found if (shard.folder(run) / _FACTS).is_file()]
    if not whole:
        raise UserError(f"There is no shard in {run / FOLDER}.", hint="Prepare them first: --shard 1/n, 2/n, … n/n")
    counts = {shard.count for shard in whole}
    if len(counts) > 1:
        raise UserError(
            f"{run / FOLDER} holds shards of {' and of '.join(map(str, sorted(counts)))}.",
            hint="Remove those that are not to be merged.",
        )
    count = counts.pop()
    absent = missing(run, count)
    if absent:
        raise UserError(
            f"Of {count} shards {', '.join(map(str, absent))} {'is' if len(absent) == 1 else 'are'} missing in "
            f"{run / FOLDER}.",
            hint=f"Prepare what is missing: --shard {absent[0]}/{count}; or copy its folder here.",
        )
    return sorted(whole, key=lambda shard: shard.number)


def missing(run: Path, count: int) -> list[int]:
    """Returns the numbers of those of so many shards that are not in the run's folder, or not whole."""
    return [n for n in range(1, count + 1) if not (Shard(n, count).folder(run) / _FACTS).is_file()]


def _checked(shard: Shard, place: Path, inputs: Mapping[str, Any]) -> dict[str, Any]:
    """Returns the facts of a shard.

    Raises:
        UserError: It is damaged, or made of other files or settings.
    """
    facts = read_json(place / _FACTS)
    check_version(facts.get("schema_version"), SHARD_VERSION, place / _FACTS)
    again = f"Prepare it again: --shard {shard}"
    if facts["inputs"]["settings"] != inputs["settings"]:
        raise UserError(f"Shard {shard} was made with other settings in [data] or [text].", hint=again)
    if facts["inputs"]["files"] != inputs["files"]:
        ours, theirs = inputs["files"], facts["inputs"]["files"]
        other = sorted(name for name in {*ours, *theirs} if ours.get(name) != theirs.get(name))
        raise UserError(f"Shard {shard} was made of other files: {', '.join(other)}.", hint=again)
    for name, wanted in facts["files"].items():
        if not (place / name).is_file() or checksum(place / name) != wanted:
            raise UserError(f"{place / name} is damaged, or was copied in part.", hint=f"Copy it again. {again}")
    return facts


def remove_shards(run: Path) -> None:
    """Takes the shards of a run away: they hold its text a second time."""
    shutil.rmtree(run / FOLDER, ignore_errors=True)
