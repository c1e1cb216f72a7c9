"""From raw sentence pairs to those worth training on, counting what is dropped and why."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import islice
from typing import Any, ClassVar, Final, NamedTuple

from seq2seq.corpus import fingerprints
from seq2seq.corpus.filters import Filter
from seq2seq.corpus.hash_set import HashSet
from seq2seq.corpus.pair import Pair

LEAKAGE: Final = "leakage"
DUPLICATE: Final = "duplicate"
SAMPLE_PAIRS: Final = 20_000
"""Pairs that filters learn from: the first ones, for a look at all of a compressed file costs as much as the work."""

_BATCH_PAIRS: Final = 4096  # large enough that NumPy's cost of a call vanishes, small enough for the cache
_SNIPPET_CHARACTERS: Final = 120


class Example(NamedTuple):
    """The beginning of a pair that something happened to, and where it stands."""

    corpus: str  # its corpus' name; empty where there is only one
    line: int
    source: str
    target: str


@dataclass
class Drops:
    """How many pairs one rule dropped (or noticed), and the first few of them."""

    NUM_EXAMPLES: ClassVar[int] = 3

    count: int = 0
    examples: list[Example] = field(default_factory=list)

    def add(self, pair: Pair, corpus: str = "") -> None:
        """Counts `pair`, and keeps its beginning if it is among the first."""
        self.count += 1
        if len(self.examples) < self.NUM_EXAMPLES:
            self.examples.append(Example(corpus, pair.line, _snippet(pair.source), _snippet(pair.target)))

    def join(self, later: Drops) -> None:
        """Counts what was dropped after this."""
        self.count += later.count
        self.examples += later.examples[: self.NUM_EXAMPLES - len(self.examples)]

    def to_dict(self) -> dict[str, Any]:
        """Returns the count and the examples, ready for JSON."""
        return {"count": self.count, "examples": [_described(example) for example in self.examples]}


@dataclass
class Report:
    """What a cleaner did: `read` pairs came in, `kept` went out, and `dropped` holds the rest by reason.

    It is complete once the stream has been read to its end: then `read` is `kept` and all counts of drops together.

    Attributes:
        read: Pairs that came in.
        kept: Pairs that went out.
        dropped: The others, by reason.
        noticed: Pairs that were kept, and of which a person should know, by what there is to know.
        corpus: The name of what is being read, for the examples; empty where there is only one corpus.
    """

    read: int = 0
    kept: int = 0
    dropped: dict[str, Drops] = field(default_factory=dict)
    noticed: dict[str, Drops] = field(default_factory=dict)
    corpus: str = ""

    def add(self, later: Report) -> None:
        """Takes in the report on what was read after this."""
        self.read += later.read
        self.kept += later.kept
        for ours, theirs in ((self.dropped, later.dropped), (self.noticed, later.noticed)):
            for reason, drops in theirs.items():
                ours.setdefault(reason, Drops()).join(drops)

    def drop(self, reason: str, pair: Pair) -> None:
        """Counts `pair` as dropped under `reason`, and keeps its beginning if it is among the first."""
        self.dropped.setdefault(reason, Drops()).add(pair, self.corpus)

    def notice(self, what: str, pair: Pair) -> None:
        """Counts `pair` as kept but worth knowing of, and keeps its beginning if it is among the first."""
        self.noticed.setdefault(what, Drops()).add(pair, self.corpus)

    def to_dict(self) -> dict[str, Any]:
        """Returns the report as plain numbers, strings, lists and dictionaries, ready for JSON."""
        dropped, noticed = (
            {what: drops.to_dict() for what, drops in found.items()} for found in (self.dropped, self.noticed)
        )
        return {"read": self.read, "kept": self.kept, "dropped": dropped, "noticed": noticed}


class Cleaner:
    """Normalises pairs, drops those that a rule rejects, and reports each drop under one reason.

    The order is: the filters as given, then leakage, then duplicates; the first that objects gives the reason.

    Args:
        normaliser: Brings each side to one form; `seq2seq.text.normaliser.Normaliser`.
        filters: The rules, applied to the normalised pair.
        deduplicate: Whether only the first of pairs equal in both sides is kept.
        excluded: Fingerprints of source sentences that must not be trained on, those of the development and test
            sets; `seq2seq.corpus.held.Held.sources`. Case, punctuation and spaces make no difference.
    """

    def __init__(
        self,
        normaliser: Callable[[str], str],
        *,
        filters: Sequence[Filter] = (),
        deduplicate: bool = True,
        excluded: HashSet | None = None,
    ) -> None:
        self.normaliser, self.filters = normaliser, tuple(filters)
        self.deduplicate, self.excluded = deduplicate, excluded

    def learn(self, pairs: Iterable[Pair]) -> None:
        """Lets each filter learn what it must from the first `SAMPLE_PAIRS` of `pairs`.

        Args:
            pairs: What can be gone through several times; each filter that learns reads it anew, the others not at all.
        """
        sample = _Sample(pairs, self.normaliser)
        for rule in self.filters:
            rule.learn(sample)

    def __call__(self, pairs: Iterable[Pair], report: Report, *, seen: HashSet | None = None) -> Iterator[Pair]:
        """Yields the normalised pairs that are kept, in order, and counts the rest in `report`.

        Memory grows by 8 bytes a kept pair with `deduplicate` (16 for moments), and not at all without. Pairs are
        taken from the stream some thousands at a time.

        Args:
            pairs: The raw pairs.
            report: Counts.
            seen: Fingerprints of pairs that came before, in another corpus; grows. None: nothing came before.
        """
        seen = HashSet() if seen is None else seen
        for batch in in_batches(pairs, _BATCH_PAIRS):
            kept = self._deduplicated(self.sifted(batch, report), seen, report)
            report.kept += len(kept)
            yield from kept

    def sifted(self, batch: list[Pair], report: Report) -> list[Pair]:
        """Returns the pairs, normalised, that pass the filters and are no leakage; a function of these pairs alone."""
        report.read += len(batch)
        return self._without_leakage(self._filtered(batch, report), report)

    def _filtered(self, batch: list[Pair], report: Report) -> list[Pair]:
        """Returns the pairs, normalised, that every filter lets through."""
        kept, normal, filters = [], self.normaliser, [(rule.rejects, rule.reason) for rule in self.filters]
        for line, source, target in batch:
            pair = Pair(line, normal(source), normal(target))
            for rejects, reason in filters:
                if rejects(pair):
                    report.drop(reason, pair)
                    break
            else:
                kept.append(pair)
        return kept

    def _without_leakage(self, batch: list[Pair], report: Report) -> list[Pair]:
        """Returns the pairs whose source is in neither the development nor the test set."""
        if not self.excluded:
            return batch
        known = self.excluded.contains(fingerprints.of_sentences(pair.source for pair in batch))
        return _sifted(batch, (~known).tolist(), LEAKAGE, report)

    def _deduplicated(self, batch: list[Pair], seen: HashSet, report: Report) -> list[Pair]:
        """Returns the pairs that came for the first time."""
        if not self.deduplicate:
            return batch
        return _sifted(batch, seen.add(fingerprints.of_pairs(batch)).tolist(), DUPLICATE, report)


@dataclass(frozen=True)
class _Sample:
    """The first pairs of a corpus, normalised: read anew each time, and held nowhere."""

    pairs: Iterable[Pair]
    normaliser: Callable[[str], str]

    def __iter__(self) -> Iterator[Pair]:
        for line, source, target in islice(self.pairs, SAMPLE_PAIRS):
            yield Pair(line, self.normaliser(source), self.normaliser(target))


def in_batches(pairs: Iterable[Pair], size: int) -> Iterator[list[Pair]]:
    """Yields the pairs in lists of `size`, the last one shorter."""
    stream = iter(pairs)
    while batch := list(islice(stream, size)):
        yield batch


def _sifted(batch: list[Pair], keep: list[bool], reason: str, report: Report) -> list[Pair]:
    """Returns the pairs to keep, and reports the others under `reason`."""
    kept = []
    for pair, is_kept in zip(batch, keep, strict=True):
        if is_kept:
            kept.append(pair)
        else:
            report.drop(reason, pair)
    return kept


def _described(example: Example) -> dict[str, Any]:
    """Returns an example for JSON; its corpus where there are several."""
    described = example._asdict()
    return described if example.corpus else {key: value for key, value in described.items() if key != "corpus"}


def _snippet(text: str) -> str:
    return text if len(text) <= _SNIPPET_CHARACTERS else text[: _SNIPPET_CHARACTERS - 1] + "…"
