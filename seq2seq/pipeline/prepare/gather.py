"""From the files that a recipe names to clean pairs on disk, by split: the first half of preparing.

Each file is read once (filters that must learn look at its beginning before), and cleaned in blocks by as many
processes as there are. Memory does not grow with the corpus, but for the fingerprints that find duplicates: 8 bytes a
pair, 16 for moments.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import accumulate, chain, islice
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from seq2seq import build, console
from seq2seq.corpus import fingerprints
from seq2seq.corpus.cleaning import DUPLICATE, LEAKAGE, SAMPLE_PAIRS, Cleaner, Report, in_batches
from seq2seq.corpus.filters import Filter
from seq2seq.corpus.filters.empty import Empty
from seq2seq.corpus.filters.length import Length
from seq2seq.corpus.hash_set import HashSet
from seq2seq.corpus.held import Held
from seq2seq.corpus.pair import Pair
from seq2seq.corpus.reader import num_pairs
from seq2seq.corpus.split import Part, Split, Splitter
from seq2seq.errors import UserError
from seq2seq.pipeline.prepare.jobs import Clean, blocks
from seq2seq.pipeline.prepare.sources import CorpusSource, Sources
from seq2seq.pipeline.prepare.spool import Spool, as_pairs
from seq2seq.pipeline.workers import Workers
from seq2seq.recipe.schema import Data

BATCH_PAIRS = 4096
LINES_NAMED = 5
KNOWN_TARGET = "known-target"
"""What is noticed of a training pair whose target is that of a development or test pair, and whose source is not."""
KNOWN_SOURCE = "known-source"
"""What is noticed of a test pair whose source is that of a development pair."""


@dataclass(frozen=True)
class Kept:
    """What is left of one corpus to train on: `pairs` pairs, in the spool under `spooled` with what was set aside.

    `by` is the command that had a model write one of its sides; empty: both are people's, as far as is known.
    """

    name: str
    weight: float
    spooled: str
    pairs: int
    tag: str = ""
    by: str = ""


@dataclass(frozen=True)
class Gathered:
    """Clean pairs on disk.

    Attributes:
        spool: Where they are.
        reports: What was dropped, by split: "train" first.
        corpora: What there is to train on, in order.
        held: What training must not see.
        split: Tells the training pairs from those that were set aside; None where none were.
        turned: Whether these were chosen by the other side, so that training pairs may have their sources: these are
            left out.
        epoch_pairs: How many pairs an epoch of training has; None: as many as there are.
    """

    spool: Spool
    reports: dict[str, Report]
    corpora: tuple[Kept, ...]
    held: Held
    split: Split | None = None
    turned: bool = False
    epoch_pairs: int | None = None

    def sizes(self) -> dict[str, int]:
        """Returns the number of pairs of each split."""
        return {name: report.kept for name, report in self.reports.items()}

    def batches(self, split: str) -> Iterator[Any]:
        """Yields the pairs of a split as record batches of the spool; those of "train" corpus after corpus."""
        if split != "train":
            yield from self.spool.batches(split)
            return
        for corpus in self.corpora:
            for batch in self.spool.batches(corpus.spooled):
                rows = batch if self.split is None else chosen(batch, self.split.belong(places(batch), "train"))
                yield chosen(rows, ~leaking(rows, self.held)) if self.turned else rows

    def pairs(self, split: str) -> Iterator[Pair]:
        """Yields the pairs of a split; those of "train" corpus after corpus."""
        return chain.from_iterable(map(as_pairs, self.batches(split)))

    def texts(self, side: str, every: int) -> Iterator[str]:
        """Yields the first training text of "source" or "target" and every so many-th after it."""
        first = 0
        for batch in self.batches("train"):
            wanted = np.arange(first, len(batch), every)
            first += len(wanted) * every - len(batch)
            yield from batch.column(side).take(wanted).to_pylist()

    def notice(self, known: NDArray[np.int64], batch: Any, first: int) -> None:  # noqa: ANN401 - a record batch
        """Counts in their report training pairs whose target is held out.

        Args:
            known: Their numbers in `batch`.
            batch: Rows of the training set.
            first: The number of its first row in the training set.
        """
        report, ends = self.reports["train"], list(accumulate(corpus.pairs for corpus in self.corpora))
        for row, pair in zip(known.tolist(), as_pairs(batch.take(known)), strict=True):
            corpus = self.corpora[bisect_right(ends, first + row)]
            report.corpus = corpus.name if len(self.corpora) > 1 else ""
            report.notice(KNOWN_TARGET, pair)


def places(batch: Any) -> fingerprints.Fingerprints:  # noqa: ANN401
    """Returns the places of the pairs of a record batch."""
    found: fingerprints.Fingerprints = batch.column("place").to_numpy()
    return found


def leaking(batch: Any, held: Held) -> NDArray[np.bool_]:  # noqa: ANN401
    """Returns which rows of a record batch have a source that is held out."""
    return held.sources.contains(fingerprints.of_sentences(batch.column("source").to_pylist()))


def chosen(batch: Any, mask: NDArray[np.bool_]) -> Any:  # noqa: ANN401
    """Returns the rows of a record batch that `mask` has."""
    import pyarrow as pa

    return batch if mask.all() else batch.filter(pa.array(mask))


@dataclass(frozen=True)
class Begun:
    """What is settled before the first training pair is read.

    Attributes:
        job: Cleans training pairs.
        reports: What was dropped, by split: of the given sets it is complete.
        held: The given sets.
        aside: The sets that are to be taken from the training pairs, and their sizes.
    """

    job: Clean
    reports: dict[str, Report]
    held: Held
    aside: dict[Part, int]


class Reading(Protocol):
    """Where clean training pairs come from: the corpora themselves, or shards of them."""

    def __call__(self, begun: Begun, number: int, corpus: CorpusSource, label: str) -> Iterator[Any]:
        """Yields what is kept of a corpus as record batches of the spool, and reports the rest.

        Args:
            begun: How to clean, and where to report.
            number: The corpus' number, in order.
            corpus: The corpus.
            label: What reports call it; empty where there is only one.
        """
        ...


def gather(
    data: Data,
    sources: Sources,
    spool: Spool,
    *,
    workers: Workers | None = None,
    reading: Reading | None = None,
    total: int | None = None,
) -> Gathered:
    """Reads, cleans and divides all that a recipe names.

    Args:
        data: The recipe's section.
        sources: Its readers.
        spool: Where the clean pairs go.
        workers: Who shares the work; None: nobody.
        reading: Where training pairs come from; None: the readers.
        total: How many training pairs there are; None: whoever reads may know.

    Raises:
        UserError: A file is wrong, there is no development set, or no pair is left of a split.
    """
    begun = begin(data, sources, spool)
    reports, held = begun.reports, begun.held
    splitter = begun.job.splitter
    total = None if reading else total or num_pairs(sources.train)  # of shards, all are counted before the first
    corpora = _clean(begun, sources.corpora, spool, reading or Deduplicated(workers or Workers(1)), total)
    if splitter is None:
        return Gathered(spool, reports, corpora, held)
    split = splitter.split()
    corpora = _divide(corpora, split, spool, reports, begun.aside)
    for part in begun.aside:
        held.add(spool.pairs(part))
    found = Gathered(spool, reports, corpora, held, split)
    if not data.reverse:
        return found
    if "test" in begun.aside:
        _notice_known(found.pairs, {"test": reports["test"]})
    return _without_leaks(found)


def begin(data: Data, sources: Sources, spool: Spool) -> Begun:
    """Reads the given development and test sets, and lets the filters learn.

    Raises:
        UserError: A file is wrong, there is no development set, or no pair of one is left.
    """
    if not sources.development and not data.development_size:
        raise UserError(
            "There is no development set.",
            hint="Set data.development_size, for instance --set data.development_size=500.",
        )
    normaliser, filters = build.normaliser(data), build.filters(data)
    given = {**({"development": sources.development} if sources.development else {}), **sources.tests}
    reports, held = {name: Report() for name in ("train", *given)}, Held()
    # A test set is scored as it is: only what has no text on one side is left out.
    whole = Cleaner(normaliser, filters=[Empty()], deduplicate=False)
    for name, reader in given.items():
        spool.write(name, whole(reader(), reports[name]))
        _check_left(name, reports[name])
        _warn_of_long(name, spool.pairs(name), filters)
        held.add(spool.pairs(name))
    if sources.development:
        _notice_known(spool.pairs, {name: reports[name] for name in sources.tests})
    cleaner = Cleaner(normaliser, filters=filters, deduplicate=data.deduplicate, excluded=held.sources)
    cleaner.learn(_Beginnings(sources.corpora))
    wanted: dict[Part, int] = {"development": data.development_size, "test": data.test_size}
    aside = {part: size for part, size in wanted.items() if size and part not in given}
    sizes = {f"{part}_size": size for part, size in aside.items()}
    splitter = Splitter(**sizes, seed=data.seed) if aside else None
    return Begun(Clean(cleaner, splitter, turned=data.reverse), reports, held, aside)


def _check_left(name: str, report: Report) -> None:
    """Refuses a development or test set of nothing: training would find out at its first look."""
    if report.kept == 0:
        raise UserError(
            f"No pair of the {name} set is left of {report.read}. {_most_dropped(report)}",
            hint=f"Correct data.{name}, or remove it and set data.{name}_size, for instance to 500.",
        )


def _warn_of_long(name: str, pairs: Iterable[Pair], filters: Sequence[Filter]) -> None:
    """Says which lines of a given set are longer than what is trained on: no filter takes them out of it."""
    rule = next((one for one in filters if isinstance(one, Length)), None)
    lines = [pair.line for pair in pairs if rule.rejects(pair)] if rule is not None else []
    if rule is None or not lines:
        return
    named = ", ".join(map(str, lines[:LINES_NAMED]))
    more = f" and {len(lines) - LINES_NAMED:,} more" if len(lines) > LINES_NAMED else ""
    console.warn(
        f"line{'s' if len(lines) > 1 else ''} {named}{more} of the {name} set: a side has more than {rule.maximum} "
        "words, and no training pair has (the filter 'length'). The model is shown nothing so long, and each look at "
        "it while it trains takes time. Give each of its sentences a line of its own, on both sides, or leave it out."
    )


def _notice_known(pairs: Callable[[str], Iterator[Pair]], tests: Mapping[str, Report]) -> None:
    """Counts the test pairs whose source the best model is chosen by, in the reports of their sets."""
    development = Held()
    development.add(pairs("development"))
    for name, report in tests.items():
        for batch in in_batches(pairs(name), BATCH_PAIRS):
            known = development.sources.contains(fingerprints.of_sentences(pair.source for pair in batch))
            for pair, is_known in zip(batch, known.tolist(), strict=True):
                if is_known:
                    report.notice(KNOWN_SOURCE, pair)


@dataclass(frozen=True)
class _Beginnings:
    """The first pairs of each corpus, as many of each, read anew each time they are gone through."""

    corpora: Sequence[CorpusSource]

    def __iter__(self) -> Iterator[Pair]:
        each = -(-SAMPLE_PAIRS // len(self.corpora))
        return chain.from_iterable(islice(corpus.reader(), each) for corpus in self.corpora)


class Deduplicated:
    """Reads the corpora, and keeps of pairs that are equal the first one, also where another corpus has it.

    Args:
        workers: Who shares the cleaning.
    """

    def __init__(self, workers: Workers) -> None:
        self._workers, self._seen = workers, HashSet()

    def __call__(self, begun: Begun, number: int, corpus: CorpusSource, label: str) -> Iterator[Any]:
        """See `Reading`."""
        del number
        report = begun.reports["train"]
        for block in self._workers.map(begun.job, blocks(corpus.reader(), BATCH_PAIRS, label)):
            report.add(block.report)
            batch = block.batch()
            if begun.job.cleaner.deduplicate:
                is_new = self._seen.add(block.hashes)
                drop_duplicates(batch, ~is_new, report, label)
                batch = chosen(batch, is_new)
            yield batch


def drop_duplicates(batch: Any, duplicates: NDArray[np.bool_], report: Report, label: str) -> None:  # noqa: ANN401
    """Reports the duplicates of a record batch."""
    if duplicates.any():
        report.corpus = label
        for pair in as_pairs(batch.take(np.flatnonzero(duplicates))):
            report.drop(DUPLICATE, pair)


def _clean(
    begun: Begun, corpora: Sequence[CorpusSource], spool: Spool, reading: Reading, total: int | None
) -> tuple[Kept, ...]:
    """Spools what is kept of each corpus."""
    report, splitter, kept = begun.reports["train"], begun.job.splitter, []
    with console.Progress("reading", total, unit="pairs") as progress:
        for number, corpus in enumerate(corpora):
            name, before = f"corpus-{number}", report.kept
            with spool.writing(name) as writer:
                for batch in reading(begun, number, corpus, corpus.name if len(corpora) > 1 else ""):
                    writer.write_batch(batch)
                    report.kept += len(batch)
                    if splitter is not None:
                        splitter.add(places(batch))
                    progress.update(report.read)
            kept.append(Kept(corpus.name, corpus.weight, name, report.kept - before, corpus.tag))
    if report.kept == 0:
        raise UserError(f"No training pair is left of {report.read}.", hint=_most_dropped(report))
    return tuple(kept)


def _divide(
    corpora: Sequence[Kept], split: Split, spool: Spool, reports: dict[str, Report], sizes: Iterable[Part]
) -> tuple[Kept, ...]:
    """Sets pairs aside. Those sets are small and held until the end; the rest stays where it is."""
    aside: dict[Part, list[Pair]] = {part: [] for part in sizes}
    left = []
    for corpus in corpora:
        pairs = 0
        for batch in spool.batches(corpus.spooled):
            found = places(batch)
            pairs += int(split.belong(found, "train").sum())
            for part, members in aside.items():
                belong = split.belong(found, part)
                if belong.any():
                    members.extend(as_pairs(chosen(batch, belong)))
        left.append(replace(corpus, pairs=pairs))
    for part, members in aside.items():
        spool.write(part, members)
        reports[part] = Report(read=len(members), kept=len(members))
        reports["train"].read -= len(members)
        reports["train"].kept -= len(members)
    return tuple(left)


def _without_leaks(gathered: Gathered) -> Gathered:
    """Leaves training pairs out that have the source of a pair set aside.

    In the other direction they are many translations of one sentence; here they are one translation of many, which
    were set aside each by itself.
    """
    report, left = gathered.reports["train"], []
    for corpus in gathered.corpora:
        report.corpus = corpus.name if len(gathered.corpora) > 1 else ""
        leaks = 0
        for batch in replace(gathered, corpora=(corpus,)).batches("train"):
            for pair in as_pairs(chosen(batch, leaking(batch, gathered.held))):
                report.drop(LEAKAGE, pair)
                leaks += 1
        report.kept -= leaks
        left.append(replace(corpus, pairs=corpus.pairs - leaks))
    if report.kept == 0:
        raise UserError("No training pair is left: all have a source that is held out.", hint=_most_dropped(report))
    return replace(gathered, corpora=tuple(left), turned=True)


def _most_dropped(report: Report) -> str:
    if not report.dropped:
        return "There was nothing to read."
    reason, drops = max(report.dropped.items(), key=lambda item: item[1].count)
    first = drops.examples[0]
    where = f"{first.corpus}, line {first.line}" if first.corpus else f"line {first.line}"
    return f"Most were dropped as {reason!r}, for instance {where}: {first.source!r} / {first.target!r}."
