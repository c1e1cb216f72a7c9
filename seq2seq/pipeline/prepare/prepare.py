"""prepare: from raw text to a run folder that is ready to train.

First come the checks: what there is already is not made again, and nothing is destroyed unasked (`safeguards` beside
this file). The corpus is read and cleaned in bounded memory (`gather`), the tokenizer learns from a sample of it
(`tokenizers`), and each split is written with its ids (`splits`). All of this goes into a folder beside what the run
holds; only when it is complete does it take the old data's place, by renaming (`replacing`). A wrong file, a full disk
or Ctrl-C before that costs nothing.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

from msgspec.structs import replace as changed

from seq2seq.bundle import RunFolder
from seq2seq.folders import write_text
from seq2seq.manifest import (
    MANIFEST_VERSION,
    CleaningReport,
    Inputs,
    Manifest,
    SplitCounts,
    TrainingCorpus,
    VocabularySizes,
)
from seq2seq.pipeline.lock import only_one
from seq2seq.pipeline.prepare import vectors
from seq2seq.pipeline.prepare.again import base_folder
from seq2seq.pipeline.prepare.basis import Basis
from seq2seq.pipeline.prepare.gather import Gathered, Kept, Reading, gather
from seq2seq.pipeline.prepare.handing_on import handed_on
from seq2seq.pipeline.prepare.inputs import inputs_of
from seq2seq.pipeline.prepare.other_settings import has_settings, recipe_digest, write_settings
from seq2seq.pipeline.prepare.reasons import values
from seq2seq.pipeline.prepare.replacing import replacement, spool_of, tidy
from seq2seq.pipeline.prepare.safeguards import check_begins_anew, check_not_begun, check_outside, up_to_date
from seq2seq.pipeline.prepare.shards.merging import Shards
from seq2seq.pipeline.prepare.shards.shard import remove_shards
from seq2seq.pipeline.prepare.sources import Sources, check_name, languages, open_sources
from seq2seq.pipeline.prepare.splits import write_split
from seq2seq.pipeline.prepare.spool import Spool
from seq2seq.pipeline.prepare.tokenizers import check_tags, corpus_tags, learn_tokenizers, taken_over, with_vocabulary
from seq2seq.pipeline.workers import Workers, available_cores
from seq2seq.recipe.schema import Recipe
from seq2seq.recipe.toml import dump_recipe
from seq2seq.text.pairs import TokenizerPair


@dataclass(frozen=True)
class Prepared:
    """What `prepare` did.

    Attributes:
        run: The folder.
        manifest: What it says of itself.
        changed: False where the data was there already and nothing had to be done.
        settings_changed: Whether, the data being there, other settings for training were written to the recipe.
        seconds: How long each phase took; empty where nothing was done.
    """

    run: RunFolder
    manifest: Manifest
    changed: bool
    settings_changed: bool = False
    seconds: dict[str, float] = field(default_factory=dict)


class _Clock:
    """How long each phase of a piece of work took.

    Attributes:
        seconds: By phase, in order.
    """

    def __init__(self) -> None:
        self.seconds: dict[str, float] = {}

    @contextmanager
    def __call__(self, phase: str) -> Iterator[None]:
        begin = time.monotonic()
        yield
        self.seconds[phase] = self.seconds.get(phase, 0.0) + time.monotonic() - begin


def prepare(
    recipe: Recipe,
    run: RunFolder,
    *,
    folder: Path | None = None,
    reasons: Mapping[str, str] | None = None,
    force: bool = False,
    threads: int = 0,
    merge: bool = False,
    basis: Basis | None = None,
    tokenizers: TokenizerPair | None = None,
    origin: RunFolder | None = None,
    num_pairs: int | None = None,
    spare_begun: bool = False,
) -> Prepared:
    """Prepares a corpus. What the folder held is replaced once the new data is complete, so a failure costs nothing.

    Args:
        recipe: All settings.
        run: Where to; made where it is missing.
        folder: Where the recipe's files are; None: the hub, or the working folder.
        reasons: Why a setting was chosen, by "section.key"; written beside it.
        force: Prepare again even where nothing changed, and where a training has begun.
        threads: How many processes may share the work; 0: one a core. The result is the same.
        merge: Take the training pairs from the shards in the run's folder, which are gone afterwards. The result is
            the same.
        basis: What an earlier model gives to the run: its vocabulary, its held-out sets, pairs; None: nothing.
        tokenizers: A vocabulary that is taken over from another run, with the tags of the corpora added. None: it is
            learned; or, where `origin` has taken one over before, is that one.
        origin: The run whose recipe this was, or that it is made of: what a model wrote of its text, how people had the
            rest cleaned, and test sets that no recipe can name are known from there. None: `run`, where it is one.
        num_pairs: How many training pairs there are, for how far reading has come; None: not known.
        spare_begun: Refuse other settings for training too, where a training has begun that would go on with them.

    Raises:
        UserError: A file is wrong, of text or of vectors, no pair is left, a training with other data has begun in this
            folder (or, as `spare_begun` says, with other settings), a vocabulary that was taken over cannot be as the
            recipe says, the folder goes on from a model and no `basis` is given, it is no run and holds what would be
            overwritten, another process is preparing or training it, or a shard is missing or of something else.
    """
    check_name(run.path)
    origin, recipe = origin or run, vectors.located(recipe)
    sources = open_sources(recipe.data, folder)
    check_outside(run, sources)
    clock = _Clock()
    with clock("fingerprints"):
        inputs = inputs_of(recipe, sources)
    if basis is not None:
        tokenizers = basis.tokenizers
        check_tags(recipe, tokenizers)
        sources = replace(sources, tests={**sources.tests, **basis.sets})
        inputs = changed(inputs, start=basis.inputs)
    else:
        check_begins_anew(run, inputs)
        taken = tokenizers or taken_over(recipe, run, origin, inputs)
        tokenizers, inputs = with_vocabulary(taken, recipe, inputs)
    found = up_to_date(run, inputs, force=force)
    if found and has_settings(recipe, run, found):
        return Prepared(run, found, changed=False)  # nothing is written, so a training in the folder may go on
    vectors.check_files(recipe)
    with only_one(run):
        tidy(run)
        found = up_to_date(run, inputs, force=force)  # another process may have been at work until now
        if found:
            if has_settings(recipe, run, found):
                return Prepared(run, found, changed=False)
            if spare_begun:
                check_not_begun(run)
            found = write_settings(recipe, run, found, reasons or {})
            return Prepared(run, found, changed=False, settings_changed=True)
        place = base_folder(recipe, folder)
        reading = Shards(run.path, inputs, spool_of(run)) if merge else None
        manifest = _make(
            recipe,
            run,
            sources,
            inputs,
            reasons or {},
            place=place,
            threads=threads,
            clock=clock,
            reading=reading,
            basis=basis,
            tokenizers=tokenizers,
            origin=origin,
            num_pairs=num_pairs,
        )
        if merge:
            remove_shards(run.path)
        return Prepared(run, manifest, changed=True, seconds=clock.seconds)


def _make(
    recipe: Recipe,
    run: RunFolder,
    sources: Sources,
    inputs: Inputs,
    reasons: Mapping[str, str],
    *,
    origin: RunFolder,
    place: str,
    threads: int,
    clock: _Clock,
    reading: Reading | None,
    basis: Basis | None,
    tokenizers: TokenizerPair | None,
    num_pairs: int | None,
) -> Manifest:
    """Does the work and puts the result in its place. Returns the manifest."""
    with replacement(run) as ready:
        with Workers(threads or available_cores()) as workers:
            with clock("reading"):
                spool = Spool(spool_of(run))
                gathered = gather(recipe.data, sources, spool, workers=workers, reading=reading, total=num_pairs)
                gathered = basis.added(gathered) if basis else gathered
            with clock("vocabulary"):
                tokenizers = tokenizers or learn_tokenizers(recipe, gathered, reasons)
                tokenizers = tokenizers.with_tags(corpus_tags(recipe))
                tokenizers.save(ready.tokenizers)
            with clock("tokenising"):
                splits = {name: write_split(name, gathered, ready, tokenizers, workers) for name in gathered.reports}
        write_text(ready.recipe, dump_recipe(recipe, reasons))
        manifest = _manifest(recipe, inputs, gathered, splits, tokenizers, reasons, place=place)
        if basis is None:  # else the old corpora know it themselves, and another run's were here before
            manifest = handed_on(manifest, run, origin, ready)
        else:
            basis.save(ready)
            manifest = changed(manifest, start=basis.facts)
        manifest.write(ready.manifest)
    return manifest


def _corpus(kept: Kept) -> TrainingCorpus:
    return TrainingCorpus(name=kept.name, pairs=kept.pairs, weight=kept.weight, tag=kept.tag, by=kept.by)


def _manifest(
    recipe: Recipe,
    inputs: Inputs,
    gathered: Gathered,
    splits: Mapping[str, SplitCounts],
    tokenizers: TokenizerPair,
    reasons: Mapping[str, str],
    *,
    place: str,
) -> Manifest:
    source, target = languages(recipe.data)
    return Manifest(
        schema_version=MANIFEST_VERSION,
        name=recipe.name,
        source_language=source,
        target_language=target,
        inputs=inputs,
        recipe=recipe_digest(recipe),
        splits=dict(splits),
        corpora=tuple(map(_corpus, gathered.corpora)),
        epoch_pairs=gathered.epoch_pairs,
        cleaning={name: CleaningReport.of(report) for name, report in gathered.reports.items()},
        vocabulary=VocabularySizes(
            joint=tokenizers.joint,
            source=tokenizers.source.vocabulary_size,
            target=tokenizers.target.vocabulary_size,
        ),
        reasons=dict(reasons),
        chosen=values(recipe, reasons),
        folder=place,
    )
