"""The corpora of a run, as another is made of it: their rows, their text, and what the new run's recipe calls them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import accumulate, pairwise
from pathlib import Path
from typing import Final

from seq2seq.bundle import RunFolder
from seq2seq.corpus.pair import Pair
from seq2seq.data.store import Store
from seq2seq.pipeline.prepare.stored import StoredPairs
from seq2seq.pipeline.synthetic.files import sides_of, write_sides
from seq2seq.recipe.schema import Corpus

ORIGINAL: Final = "original"
_ROWS: Final = 4096  # read at once


@dataclass(frozen=True)
class Rows:
    """One corpus of a run: its rows in the training set, and what its recipe says of it.

    Attributes:
        name: What it is called.
        first: Its first row.
        last: The row behind its last.
        weight: How much more often than its size says its pairs are drawn.
        tag: What stands before its sources.
        by: The command that had a model write one of its sides; empty: both are people's, as far as is known.
    """

    name: str
    first: int
    last: int
    weight: float
    tag: str
    by: str = ""

    def __len__(self) -> int:
        return self.last - self.first


def corpora_of(run: RunFolder) -> list[Rows]:
    """Returns which rows of a run's training set are of which corpus."""
    told = run.read_manifest().corpora_or_one(ORIGINAL)
    ends = [0, *accumulate(one.pairs for one in told)]
    return [
        Rows(one.name if len(told) > 1 else ORIGINAL, *span, one.weight, one.tag, one.by)
        for one, span in zip(told, pairwise(ends), strict=True)
        if span[0] < span[1]
    ]


def free_name(name: str, corpora: Sequence[Rows]) -> str:
    """Returns `name`, or with a number behind it where one of the corpora is called so."""
    taken = {corpus.name for corpus in corpora}
    return next(one for one in (name, *(f"{name}-{n}" for n in range(2, len(taken) + 3))) if one not in taken)


def stored(run: RunFolder, corpora: Sequence[Rows]) -> Iterator[Pair]:
    """Yields the pairs of some corpora of a run, by their rows from 1; reads some thousands at a time."""
    store = Store(run.split("train"))
    for corpus in corpora:
        for first in range(corpus.first, corpus.last, _ROWS):
            rows = store.texts_between(first, min(first + _ROWS, corpus.last))
            for number, (_, source, target) in enumerate(rows, start=first + 1):
                yield Pair(number, source, target)


def named(corpora: Sequence[Rows]) -> tuple[Corpus, ...]:
    """Returns corpora of a run as the new run's recipe names them."""
    return tuple(
        Corpus(name=rows.name, train=sides_of(f"{ORIGINAL}-{number}"), weight=rows.weight, tag=rows.tag)
        for number, rows in enumerate(corpora, start=1)
    )


def write_out(run: RunFolder, folder: Path, corpora: Sequence[Rows]) -> None:
    """Writes these corpora of a run, and its held-out sets, as text: the files that `named` names."""
    for rows, corpus in zip(corpora, named(corpora), strict=True):
        write_sides(folder, corpus.train, stored(run, [rows]))
    for split in ("development", "test"):
        if run.split(split).is_file():
            write_sides(folder, sides_of(split), StoredPairs(run.split(split))())


def made_corpus(name: str, *, weight: float = 1.0, tag: str = "") -> Corpus:
    """Returns the corpus of synthetic pairs as the new run's recipe names it."""
    return Corpus(name=name, train=sides_of(name), weight=weight, tag=tag)
