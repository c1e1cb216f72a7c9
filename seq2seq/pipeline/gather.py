"""From the files that a recipe names to clean pairs on disk, by split: the first half of preparing.

Each file is read once (filters that must learn look at its beginning before). Memory does not grow with the corpus, but
for the fingerprints that find duplicates: 8 bytes a pair, 16 for moments.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain, islice

from seq2seq import build, console
from seq2seq.corpus import fingerprints
from seq2seq.corpus.cleaning import SAMPLE_PAIRS, Cleaner, Report, in_batches
from seq2seq.corpus.filters.empty import Empty
from seq2seq.corpus.hash_set import HashSet
from seq2seq.corpus.held import Held
from seq2seq.corpus.pair import Pair
from seq2seq.corpus.split import Split, Splitter
from seq2seq.errors import UserError
from seq2seq.pipeline.sources import CorpusSource, Sources
from seq2seq.pipeline.spool import Spool
from seq2seq.recipe.schema import Data

BATCH_PAIRS = 4096
KNOWN_TARGET = "known-target"
"""What is noticed of a training pair whose target is that of a development or test pair, and whose source is not."""
KNOWN_SOURCE = "known-source"
"""What is noticed of a test pair whose source is that of a development pair."""


@dataclass(frozen=True)
class Kept:
    """What is left of one corpus to train on: `pairs` pairs, in the spool under `spooled`."""

    name: str
    weight: float
    spooled: str
    pairs: int


@dataclass(frozen=True)
class Gathered:
    """Clean pairs on disk.

    Attributes:
        spool: Where they are.
        reports: What was dropped, by split: "train" first.
        corpora: What there is to train on, in order.
        held: What training must not see.
    """

    spool: Spool
    reports: dict[str, Report]
    corpora: tuple[Kept, ...]
    held: Held

    def sizes(self) -> dict[str, int]:
        """Returns the number of pairs of each split."""
        return {name: report.kept for name, report in self.reports.items()}

    def pairs(self, split: str) -> Iterator[Pair]:
        """Yields the pairs of a split; those of "train" corpus after corpus."""
        names = [corpus.spooled for corpus in self.corpora] if split == "train" else [split]
        return chain.from_iterable(map(self.spool.pairs, names))

    def noticed(self) -> Iterator[Pair]:
        """Yields the training pairs, and counts in their report those whose target is held out."""
        report = self.reports["train"]
        for corpus in self.corpora:
            report.corpus = corpus.name if len(self.corpora) > 1 else ""
            for batch in in_batches(self.spool.pairs(corpus.spooled), BATCH_PAIRS):
                for pair in self.held.with_known_target(batch):
                    report.notice(KNOWN_TARGET, pair)
                yield from batch


def gather(data: Data, sources: Sources, spool: Spool) -> Gathered:
    """Reads, cleans and divides all that a recipe names.

    Args:
        data: The recipe's section.
        sources: Its readers.
        spool: Where the clean pairs go.

    Raises:
        UserError: A file is wrong, there is no development set, or no pair is left of a split.
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
        held.add(spool.pairs(name))
    if sources.development:
        _notice_known(spool, {name: reports[name] for name in sources.tests})
    cleaner = Cleaner(normaliser, filters=filters, deduplicate=data.deduplicate, excluded=held.sources)
    cleaner.learn(_Beginnings(sources.corpora))
    corpora = _clean(cleaner, sources.corpora, spool, reports["train"])
    wanted = {"development": data.development_size, "test": 0 if sources.tests else data.test_size}
    aside = {part: size for part, size in wanted.items() if size and part not in given}
    if aside:
        reports |= {part: Report() for part in aside}
        split = _choose(corpora, spool, aside, data.seed)
        corpora = _divide(corpora, split, spool, reports)
        for part in aside:
            held.add(spool.pairs(part))
    return Gathered(spool, reports, corpora, held)


def _check_left(name: str, report: Report) -> None:
    """Refuses a development or test set of nothing: training would find out at its first look."""
    if report.kept == 0:
        raise UserError(
            f"No pair of the {name} set is left of {report.read}. {_most_dropped(report)}",
            hint=f"Correct data.{name}, or remove it and set data.{name}_size, for instance to 500.",
        )


def _notice_known(spool: Spool, tests: Mapping[str, Report]) -> None:
    """Counts the test pairs whose source the best model is chosen by, in the reports of their sets."""
    development = Held()
    development.add(spool.pairs("development"))
    for name, report in tests.items():
        for batch in in_batches(spool.pairs(name), BATCH_PAIRS):
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


def _clean(cleaner: Cleaner, corpora: Sequence[CorpusSource], spool: Spool, report: Report) -> tuple[Kept, ...]:
    """Spools what is kept of each corpus; of a pair that several have, the first one's is kept."""
    seen, kept = HashSet(), []
    with console.Progress("reading", unit="pairs") as progress:
        for number, corpus in enumerate(corpora):
            report.corpus = corpus.name if len(corpora) > 1 else ""
            name = f"corpus-{number}"
            pairs = _watched(cleaner(corpus.reader(), report, seen=seen), report, progress)
            kept.append(Kept(corpus.name, corpus.weight, name, spool.write(name, pairs)))
    if report.kept == 0:
        raise UserError(f"No training pair is left of {report.read}.", hint=_most_dropped(report))
    return tuple(kept)


def _choose(corpora: Iterable[Kept], spool: Spool, sizes: Mapping[str, int], seed: int) -> Split:
    """Chooses the pairs to set aside, where a set has no file of its own."""
    splitter = Splitter(development_size=sizes.get("development", 0), test_size=sizes.get("test", 0), seed=seed)
    return splitter.fit(chain.from_iterable(spool.pairs(corpus.spooled) for corpus in corpora))


def _divide(corpora: Iterable[Kept], split: Split, spool: Spool, reports: Mapping[str, Report]) -> tuple[Kept, ...]:
    """Sends each pair to its split; the sets that are set aside are small and held until the end."""
    aside: dict[str, list[Pair]] = {part: [] for part in reports if part != "train"}

    def rest(corpus: Kept) -> Iterator[Pair]:
        for batch in in_batches(spool.pairs(corpus.spooled), BATCH_PAIRS):
            for pair, part in zip(batch, split.parts_of(pair.source for pair in batch), strict=True):
                if part == "train":
                    yield pair
                else:
                    aside[part].append(pair)

    left = []
    for number, corpus in enumerate(corpora):
        name = f"train-{number}"
        left.append(Kept(corpus.name, corpus.weight, name, spool.write(name, rest(corpus))))
        spool.remove(corpus.spooled)
    for part, pairs in aside.items():
        if pairs:
            spool.write(part, pairs)
            reports[part].read = reports[part].kept = len(pairs)
            reports["train"].read -= len(pairs)
            reports["train"].kept -= len(pairs)
    return tuple(left)


def _watched(pairs: Iterable[Pair], report: Report, progress: console.Progress) -> Iterator[Pair]:
    for number, pair in enumerate(pairs, start=1):
        if number % BATCH_PAIRS == 0:
            progress.update(report.read)
        yield pair


def _most_dropped(report: Report) -> str:
    if not report.dropped:
        return "There was nothing to read."
    reason, drops = max(report.dropped.items(), key=lambda item: item[1].count)
    first = drops.examples[0]
    where = f"{first.corpus}, line {first.line}" if first.corpus else f"line {first.line}"
    return f"Most were dropped as {reason!r}, for instance {where}: {first.source!r} / {first.target!r}."
