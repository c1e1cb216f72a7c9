"""Text that is worth translating: each sentence once, none of a held-out set, none too long."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Final

from seq2seq import build
from seq2seq.bundle import RunFolder
from seq2seq.corpus import fingerprints
from seq2seq.corpus.cleaning import DUPLICATE, LEAKAGE, Report, in_batches
from seq2seq.corpus.filters.empty import Empty
from seq2seq.corpus.filters.length import Length
from seq2seq.corpus.hash_set import HashSet
from seq2seq.corpus.pair import Pair
from seq2seq.data.store import Store
from seq2seq.errors import UserError
from seq2seq.pipeline.prepare import cleaning
from seq2seq.pipeline.synthetic.files import new_files
from seq2seq.pipeline.synthetic.left_out import left_out
from seq2seq.recipe.schema import Data
from seq2seq.recipe.toml import load_recipe
from seq2seq.text.blank import is_blank

_BATCH: Final = 4096


def reading(run: RunFolder) -> Data:
    """Returns how new text that a run has not seen is normalised and filtered: as the text was that people gave it."""
    manifest = run.read_manifest()
    noted = None if manifest.synthetic is None else manifest.synthetic.cleaning
    return cleaning.of_new_text(load_recipe(run.recipe).data, manifest.corpora, noted)


def held_out(run: RunFolder, side: str) -> HashSet:
    """Returns the fingerprints of what one side of the development and test sets says: training must not see it."""
    found = HashSet()
    for name in run.splits():
        if name != "train":
            found.add(fingerprints.of_sentences(filter(str.strip, Store(run.split(name)).texts(side))))
    return found


def select(
    given: Iterable[Pair], path: Path, *, data: Data, excluded: HashSet, most: int = 0, references: Path | None = None
) -> Report:
    """Writes the sentences that are worth translating, one a line.

    Args:
        given: The sentences, as sources of pairs whose targets are their references or empty.
        path: Where to.
        data: How they are normalised, and how long a sentence may be; see `reading`.
        excluded: Fingerprints of what training must not see.
        most: How many to take; 0: all.
        references: Where the references go, line by line beside them; None: nowhere.
    """
    normal, seen, report = build.normaliser(data), HashSet(), Report()
    too_long = next((rule for rule in build.filters(data) if isinstance(rule, Length)), None)  # a run may have no limit
    with new_files(*[path, *([references] if references else [])]) as files:
        for batch in in_batches(given, _BATCH):
            pairs = [Pair(line, normal(text), other) for line, text, other in batch]
            leaked = excluded.contains(fingerprints.of_sentences(pair.source for pair in pairs)) if excluded else None
            is_new = seen.add(fingerprints.of_pairs(pair._replace(target="") for pair in pairs))
            for number, pair in enumerate(pairs):
                report.read += 1
                if is_blank(pair.source):
                    report.drop(Empty.reason, pair)
                elif leaked is not None and leaked[number]:
                    report.drop(LEAKAGE, pair)
                elif not is_new[number]:
                    report.drop(DUPLICATE, pair)
                elif too_long is not None and too_long.rejects(pair._replace(target="")):
                    report.drop(Length.reason, pair)
                else:
                    report.kept += 1
                    for file, text in zip(files, (pair.source, pair.target), strict=False):
                        file.write(text + "\n")
                if most and report.kept == most:
                    return report
    if not report.kept:
        raise UserError(f"Of {report.read:,} sentences none is left to translate.", hint=left_out(report))
    return report
