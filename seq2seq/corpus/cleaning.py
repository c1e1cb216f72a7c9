"""From raw sentence pairs to those worth training on, counting what is dropped and why."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import islice
from typing import Any, Final

from seq2seq.corpus import fingerprints
from seq2seq.corpus.filters import Filter
from seq2seq.corpus.hash_set import HashSet
from seq2seq.corpus.pair import Pair

LEAKAGE: Final = "leakage"
DUPLICATE: Final = "duplicate"

_BATCH_PAIRS: Final = 4096  # large enough that NumPy's cost of a call vanishes, small enough for the cache
_NUM_EXAMPLES: Final = 3
_SNIPPET_CHARACTERS: Final = 120


@dataclass
class Drops:
    """How many pairs one rule dropped, and the first few of them."""

    count: int = 0
    examples: list[Pair] = field(default_factory=list)


@dataclass
class Report:
    """What a cleaner did: `read` pairs came in, `kept` went out, and `dropped` holds the rest by reason.

    It is complete once the stream has been read to its end: then `read` is `kept` and all counts of drops together.
    """

    read: int = 0
    kept: int = 0
    dropped: dict[str, Drops] = field(default_factory=dict)

    def drop(self, reason: str, pair: Pair) -> None:
        """Counts `pair` as dropped under `reason`, and keeps its beginning if it is among the first."""
        drops = self.dropped.setdefault(reason, Drops())
        drops.count += 1
        if len(drops.examples) < _NUM_EXAMPLES:
            drops.examples.append(Pair(pair.line, _snippet(pair.source), _snippet(pair.target)))

    def to_dict(self) -> dict[str, Any]:
        """Returns the report as plain numbers, strings, lists and dictionaries, ready for JSON."""
        dropped = {
            reason: {"count": drops.count, "examples": [example._asdict() for example in drops.examples]}
            for reason, drops in self.dropped.items()
        }
        return {"read": self.read, "kept": self.kept, "dropped": dropped}


class Cleaner:
    """Normalises pairs, drops those that a rule rejects, and reports each drop under one reason.

    The order is: the filters as given, then leakage, then duplicates; the first that objects gives the reason.

    Args:
        normaliser: Brings each side to one form; `seq2seq.text.normaliser.Normaliser`.
        filters: The rules, applied to the normalised pair.
        deduplicate: Whether only the first of pairs equal in both sides is kept.
        excluded: Fingerprints of source sentences that must not be trained on, those of the development and test
            sets; as `source_set` makes them. Case, punctuation and spaces make no difference.
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

    def __call__(self, pairs: Iterable[Pair], report: Report) -> Iterator[Pair]:
        """Yields the normalised pairs that are kept, in order, and counts the rest in `report`.

        Memory grows by 8 bytes a kept pair with `deduplicate` (16 for moments), and not at all without. Pairs are
        taken from the stream some thousands at a time.
        """
        seen = HashSet()
        for batch in in_batches(pairs, _BATCH_PAIRS):
            report.read += len(batch)
            kept = self._deduplicated(self._without_leakage(self._filtered(batch, report), report), seen, report)
            report.kept += len(kept)
            yield from kept

    def _filtered(self, batch: list[Pair], report: Report) -> list[Pair]:
        """Returns the pairs, normalised, that every filter lets through."""
        kept = []
        for line, source, target in batch:
            pair = Pair(line, self.normaliser(source), self.normaliser(target))
            for rule in self.filters:
                if rule.rejects(pair):
                    report.drop(rule.reason, pair)
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


def source_set(pairs: Iterable[Pair], normaliser: Callable[[str], str]) -> HashSet:
    """Returns the fingerprints of the pairs' normalised source sentences, for a cleaner's `excluded`.

    A sentence without any text is left out: an empty line in a test set forbids nothing.
    """
    members = HashSet()
    for batch in in_batches(pairs, _BATCH_PAIRS):
        sources = [normaliser(pair.source) for pair in batch]
        members.add(fingerprints.of_sentences(source for source in sources if source))
    return members


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


def _snippet(text: str) -> str:
    return text if len(text) <= _SNIPPET_CHARACTERS else text[: _SNIPPET_CHARACTERS - 1] + "…"
