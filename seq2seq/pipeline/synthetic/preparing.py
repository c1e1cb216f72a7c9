"""The new run is prepared like any other, with the old vocabulary, and told what was made for it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from shutil import copyfile

from msgspec.structs import replace as changed

from seq2seq.bundle import RunFolder
from seq2seq.corpus.cleaning import Report
from seq2seq.manifest import CleaningReport, Synthetic
from seq2seq.pipeline.prepare import cleaning
from seq2seq.pipeline.prepare.prepare import Prepared, prepare
from seq2seq.pipeline.synthetic.corpora import corpora_of
from seq2seq.pipeline.synthetic.place import texts
from seq2seq.pipeline.synthetic.selecting import reading
from seq2seq.pipeline.synthetic.settings import reasons_of
from seq2seq.recipe.presets import Preset
from seq2seq.text.pairs import TokenizerPair


@dataclass(frozen=True)
class Made:
    """The synthetic pairs.

    Attributes:
        name: What the corpus is called, and its files.
        selected: What was read, and what of it was not worth translating.
        sieved: What was translated, and what of it is not worth training on.
    """

    name: str
    selected: Report
    sieved: Report


def prepared(
    preset: Preset,
    run: RunFolder,
    of: RunFolder,
    made: Made,
    *,
    notes: Synthetic,
    asked: Sequence[str],
    threads: int,
) -> Prepared:
    """Prepares the new run with the vocabulary of `of`, and gives it those test sets that a recipe cannot name.

    Args:
        preset: The new run's recipe, and why it is not as that of `of` where it is not.
        run: The new run.
        of: The run that it is made of.
        made: The synthetic pairs.
        notes: What else there is to say of them: the command, and the models.
        asked: The settings that a person has set, as `settings.asked` gives them.
        threads: How many processes may share the work; 0: one a core.
    """
    before, recipe, tokenizers = of.read_manifest(), preset.recipe, TokenizerPair.load(of.tokenizers)
    reasons = {**reasons_of(of, recipe, asked), **preset.reasons}
    done = prepare(recipe, run, folder=texts(run), reasons=reasons, threads=threads, tokenizers=tokenizers, origin=of)
    writers = {**{rows.name: rows.by for rows in corpora_of(of)}, made.name: notes.by}
    corpora = tuple(changed(one, by=writers.get(one.name) or one.by) for one in done.manifest.corpora)
    told = changed(
        notes,
        name=made.name,
        selected=CleaningReport.of(made.selected),
        sieved=CleaningReport.of(made.sieved),
        cleaning=cleaning.told(reading(of)),
    )
    manifest = changed(done.manifest, corpora=corpora, synthetic=told)
    for name in of.splits():
        if name not in manifest.splits:  # its ids are what they were
            copyfile(of.split(name), run.split(name))
            manifest = manifest.with_split_of(before, name)
    if manifest != done.manifest:
        manifest.write(run.manifest)
    return replace(done, manifest=manifest)
