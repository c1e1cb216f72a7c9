"""inspect: what a person must know of a corpus before training, and a short form of it for the end of prepare."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any, Final

from seq2seq import console
from seq2seq.bundle import RunFolder
from seq2seq.corpus.doctor.batch import BATCH_PAIRS, Batch, WordIds, batches
from seq2seq.corpus.doctor.examination import Brief
from seq2seq.corpus.doctor.examine import Diagnosis, examine
from seq2seq.corpus.pair import Pair
from seq2seq.corpus.reader import num_pairs
from seq2seq.data.store import Store
from seq2seq.manifest import TrainingCorpus
from seq2seq.pipeline.prepare.sources import languages, open_sources
from seq2seq.pipeline.prepare.stored import StoredPairs
from seq2seq.recipe.schema import Data
from seq2seq.recipe.toml import load_recipe

NUM_EXAMPLES: Final = 3
SHORT_BLOCKS: Final = 12
SHORT_PAIRS: Final = SHORT_BLOCKS * BATCH_PAIRS
"""Pairs that the short form looks at, about 49,000: two or three seconds. Of larger corpora they are evenly spread
blocks of lines that follow each other, for a slip shows in nothing less."""


@dataclass(frozen=True)
class Inspected:
    """A corpus and what was found.

    Attributes:
        name: What it is called.
        source_language: What it is said to be translated from.
        target_language: And into.
        diagnosis: What the examinations say.
    """

    name: str
    source_language: str
    target_language: str
    diagnosis: Diagnosis

    def to_dict(self) -> dict[str, Any]:
        """Returns all of it as JSON values."""
        said = {"name": self.name, "source_language": self.source_language, "target_language": self.target_language}
        return {**said, **self.diagnosis.to_dict()}


def inspect_data(data: Data, folder: Path | None, *, name: str, num_examples: int = NUM_EXAMPLES) -> Inspected:
    """Looks at the raw text of a corpus.

    Args:
        data: Where it is.
        folder: What its files are relative to; as for `open_sources`.
        name: What it is called.
        num_examples: Examples of each finding.

    Raises:
        UserError: A file is missing or damaged.
    """
    sources = open_sources(data, folder)
    given = {**({"development": sources.development} if sources.development else {}), **sources.tests}
    source, target = languages(data)
    brief = Brief(
        source_language=source,
        target_language=target,
        num_examples=num_examples,
        held_out={split: reader() for split, reader in given.items()},
        pretokenised=data.pretokenised,
    )
    several = len(sources.corpora) > 1
    corpora = ((corpus.name if several else "", corpus.reader()) for corpus in sources.corpora)
    return Inspected(name, source, target, _examined(batches(corpora), brief, total=num_pairs(sources.train)))


def inspect_run(run: RunFolder, *, num_examples: int = NUM_EXAMPLES, short: bool = False) -> Inspected:
    """Looks at the training pairs of a prepared run, which are normalised and filtered; lines are those of the files.

    Args:
        run: The run.
        num_examples: Examples of each finding.
        short: Whether a sample of a large corpus will do.

    Raises:
        UserError: The run is damaged.
    """
    manifest = run.read_manifest()
    held_out = {name: StoredPairs(run.split(name))() for name in manifest.splits if name != "train"}
    brief = Brief(
        source_language=manifest.source_language,
        target_language=manifest.target_language,
        num_examples=num_examples,
        held_out=held_out,
        pretokenised=load_recipe(run.recipe).data.pretokenised,
        cleaned=True,
    )
    store = Store(run.split("train"))
    rows = _blocks(len(store)) if short else [(0, len(store))]
    found = _examined(_stored(store, rows, manifest.corpora), brief, total=sum(end - row for row, end in rows))
    return Inspected(manifest.name, manifest.source_language, manifest.target_language, found)


def _examined(batches_of: Iterable[Batch], brief: Brief, *, total: int | None = None) -> Diagnosis:
    with console.Progress("inspecting", total, unit="pairs") as progress:
        return examine(batches_of, brief, watch=progress.update)


def _blocks(num_rows: int) -> list[tuple[int, int]]:
    """Returns the first row and the end of each block of the sample; everything where that is not more."""
    if num_rows <= SHORT_PAIRS:
        return [(0, num_rows)]
    last = num_rows - BATCH_PAIRS
    starts = [last * block // (SHORT_BLOCKS - 1) for block in range(SHORT_BLOCKS)]
    return [(start, start + BATCH_PAIRS) for start in starts]


def _stored(store: Store, blocks: list[tuple[int, int]], corpora: Sequence[TrainingCorpus]) -> Iterator[Batch]:
    """Yields stored pairs in batches, none of which holds pairs of two corpora."""
    ids = WordIds()
    ends: list[int] = []
    names: list[str] = []
    for corpus in corpora if len(corpora) > 1 else []:
        ends.append((ends[-1] if ends else 0) + corpus.pairs)
        names.append(corpus.name)
    for first, end in blocks:
        cuts = sorted({*range(first, end, BATCH_PAIRS), end, *(cut for cut in ends if first < cut < end)})
        for start, stop in pairwise(cuts):
            origin = next((name for name, cut in zip(names, ends, strict=True) if start < cut), "")
            pairs = [Pair(*row) for row in store.texts_between(start, stop)]
            yield Batch(pairs, first_row=start, origin=origin, ids=ids)
