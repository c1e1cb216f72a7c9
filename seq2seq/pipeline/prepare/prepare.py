"""prepare: from raw text to a run folder that is ready to train.

The corpus is read and cleaned in bounded memory (`gather` beside this file), the tokenizer learns from a sample of it,
and each split is written with its ids. All of this goes into a folder beside what the run holds; only when it is
complete does it take the old data's place, by renaming. A wrong file, a full disk or Ctrl-C before that costs nothing.
"""

from __future__ import annotations

import shutil
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, field, replace
from itertools import accumulate
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
from msgspec.structs import replace as changed
from numpy.typing import NDArray

from seq2seq import build, console
from seq2seq.bundle import RunFolder
from seq2seq.data import store
from seq2seq.errors import UserError
from seq2seq.folders import checksum, describe, digest_of, write_text
from seq2seq.manifest import (
    MANIFEST_VERSION,
    CleaningReport,
    Inputs,
    Manifest,
    SplitCounts,
    TrainingCorpus,
    VocabularySizes,
)
from seq2seq.pipeline.lock import LOCK, only_one
from seq2seq.pipeline.prepare import shards, vectors
from seq2seq.pipeline.prepare.basis import Basis
from seq2seq.pipeline.prepare.gather import Gathered, Kept, Reading, gather
from seq2seq.pipeline.prepare.handing_on import handed_on, is_same, is_turned
from seq2seq.pipeline.prepare.jobs import Tokenise, Untokenised, packed
from seq2seq.pipeline.prepare.reasons import SET_BY_YOU, values
from seq2seq.pipeline.prepare.sources import Sources, check_name, languages, open_sources
from seq2seq.pipeline.prepare.spool import Spool, in_chunks
from seq2seq.pipeline.prepare.vocabulary import check_text, report_size
from seq2seq.pipeline.workers import Workers, available_cores
from seq2seq.recipe.decode import complete, table_from_recipe
from seq2seq.recipe.schema import Recipe
from seq2seq.recipe.toml import dump_recipe, load_recipe
from seq2seq.text.pairs import TokenizerPair
from seq2seq.text.tagged import tags_of


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
    _check_outside(run, sources)
    clock = _Clock()
    with clock("fingerprints"):
        inputs = _inputs(recipe, sources)
    if basis is not None:
        sources = replace(sources, tests={**sources.tests, **basis.sets})
        inputs = changed(inputs, start=basis.inputs)
    else:
        _check_begins_anew(run, inputs)
        tokenizers = tokenizers or _taken_over(recipe, run, origin, inputs)
        if tokenizers is not None:
            tokenizers = tokenizers.with_tags(_tags(recipe))
            inputs = changed(inputs, vocabulary=_fingerprint(tokenizers))
    found = _up_to_date(run, inputs, force=force)
    if found and _has_settings(recipe, run, found):
        return Prepared(run, found, changed=False)  # nothing is written, so a training in the folder may go on
    vectors.check_files(recipe)
    with only_one(run):
        _tidy(run)
        found = _up_to_date(run, inputs, force=force)  # another process may have been at work until now
        if found:
            if spare_begun and not _has_settings(recipe, run, found):
                check_not_begun(run)
            return _with_settings(recipe, run, found, reasons or {})
        place = _place(recipe, folder)
        reading = shards.Shards(run.path, inputs.to_dict(), _spool(run)) if merge else None
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
            shards.remove_shards(run.path)
        return Prepared(run, manifest, changed=True, seconds=clock.seconds)


@dataclass(frozen=True)
class PreparedShard:
    """What `prepare_shard` did.

    Attributes:
        shard: Which one it is.
        path: Its folder.
        facts: What it says of itself.
        changed: False where it was there already.
    """

    shard: shards.Shard
    path: Path
    facts: dict[str, Any]
    changed: bool


def prepare_shard(
    recipe: Recipe,
    run: RunFolder,
    shard: shards.Shard,
    *,
    folder: Path | None = None,
    force: bool = False,
    threads: int = 0,
) -> PreparedShard:
    """Reads and cleans one shard of a corpus, into a folder of its own in the run's.

    Args:
        recipe: All settings.
        run: The run that the shards are to be merged into.
        shard: Which one.
        folder: Where the recipe's files are; as for `prepare`.
        force: Make it again even where nothing changed.
        threads: How many processes may share the work; 0: one a core.

    Raises:
        UserError: As `prepare`.
    """
    check_name(run.path)
    recipe = vectors.located(recipe)
    sources = open_sources(recipe.data, folder)
    _check_outside(run, sources)
    inputs = _inputs(recipe, sources)
    _check_begins_anew(run, inputs)
    _up_to_date(run, inputs, force=force)  # what merging would refuse is refused now
    vectors.check_files(recipe)
    place = shard.folder(run.path)
    with only_one(RunFolder(place)):
        facts = None if force else shards.is_ready(place, inputs.to_dict())
        if facts is not None:
            return PreparedShard(shard, place, facts, changed=False)
        _clear(place)
        try:
            with Workers(threads or available_cores()) as workers:
                facts = shards.write_shard(recipe.data, sources, shard, place, inputs.to_dict(), workers)
        except BaseException:
            _clear(place)
            raise
        return PreparedShard(shard, place, facts, changed=True)


def _check_outside(run: RunFolder, sources: Sources) -> None:
    """Refuses a run inside a dataset's folder: what is written there would be read as more of the dataset.

    Raises:
        UserError: It is.
    """
    if sources.folder is not None and run.path.resolve().is_relative_to(sources.folder.resolve()):
        raise UserError(
            f"{run.path} lies in {sources.folder}, whose files are the dataset.",
            hint="Choose a place outside of it: --run FOLDER",
        )


def _check_begins_anew(run: RunFolder, inputs: Inputs) -> None:
    """Refuses the text of a run that goes on from a model: of its recipe alone a training from scratch would be made.

    Raises:
        UserError: It is.
    """
    before = run.read_manifest() if run.manifest.is_file() else None
    if before is not None and before.start is not None and before.inputs.files == inputs.files:
        raise UserError(
            f"{run.path} is a fine-tuning, and its recipe does not say what it goes on from.",
            hint=f"Prepare it again with: {before.start.command}   Or choose another folder with --run.",
        )


def _clear(place: Path) -> None:
    """Takes away all that a shard's folder holds, but for the lock."""
    for path in place.iterdir():
        if path.name != LOCK:
            _remove(path)


def command(recipe: Recipe, run: RunFolder, manifest: Manifest) -> str:
    """Returns the command that prepares a run again, with the settings that its recipe has now."""
    if manifest.start is not None:  # prepared anew from its recipe alone, it would learn a vocabulary of its own
        return manifest.start.command
    parts = ["seq2seq", "prepare", str(run.recipe), "--run", str(run.path)]
    folder = manifest.folder
    from_hub = recipe.data.hub or any(corpus.hub for corpus in recipe.data.corpora)
    # What names no dataset is looked for in the working folder.
    if folder and (from_hub or Path(folder) != Path.cwd()):
        parts += ["--data", folder]
    return console.quoted(*parts)


def current_inputs(recipe: Recipe, folder: Path | None = None) -> Inputs:
    """Returns what a manifest would say of the settings and the files as they are now."""
    return _inputs(recipe, open_sources(recipe.data, folder))


def data_digest(recipe: Recipe) -> str:
    """Returns the hash of all settings that the prepared data depends on."""
    table = table_from_recipe(recipe)
    for corpus in table["data"]["corpora"]:
        if not corpus["tag"]:
            del corpus["tag"]  # as before there were any: what was prepared then is what it was
    return digest_of([table["data"], table["text"]], num_bytes=16)


def _inputs(recipe: Recipe, sources: Sources) -> Inputs:
    paths = [path for path in sources.files if path.is_file()]
    labels = _labels(paths)
    if sources.folder is not None:  # where a file lies may say which split it is of
        labels = [path.relative_to(sources.folder).as_posix() for path in paths]
    files = {label: checksum(path) for label, path in zip(labels, paths, strict=True)}
    return Inputs(settings=data_digest(recipe), files=files)


def _labels(paths: list[Path]) -> list[str]:
    """Returns the files' names, each with as many of its folders as tell all of them apart."""
    longest = max((len(path.parts) for path in paths), default=0)
    for depth in range(1, longest):
        labels = ["/".join(path.parts[-depth:]) for path in paths]
        if len(set(labels)) == len(paths):
            return labels
    return [path.as_posix() for path in paths]


def _recipe_digest(recipe: Recipe) -> str:
    return digest_of(table_from_recipe(complete(recipe)), num_bytes=16)


def _has_settings(recipe: Recipe, run: RunFolder, manifest: Manifest) -> bool:
    """Whether these are the settings of the last time, and still those in the run's recipe: people edit it."""
    digest = _recipe_digest(recipe)
    with suppress(UserError):
        return manifest.recipe == digest == _recipe_digest(load_recipe(run.recipe))
    return False


def _place(recipe: Recipe, folder: Path | None) -> str:
    """Returns the folder that the recipe's files are named relative to; empty where none is needed to find them."""
    if folder is not None:
        return str(folder.resolve())
    data = recipe.data
    names = [*data.train, *data.development, *data.test, *(name for corpus in data.corpora for name in corpus.train)]
    return "" if data.hub or all(Path(name).is_absolute() for name in names) else str(Path.cwd())


def _spool(run: RunFolder) -> Path:
    """Where the work is done. While it is there, the folder is a run, or is to become one."""
    return run.path / "spool"


def _ready(run: RunFolder) -> RunFolder:
    """What is to take the place of the run's data, in the same layout; complete once it has a manifest."""
    return RunFolder(_spool(run) / "ready")


def _up_to_date(run: RunFolder, inputs: Inputs, *, force: bool) -> Manifest | None:
    """Returns the manifest of data that is whole and made of just these files and settings; None: there is work to do.

    Raises:
        UserError: The work would destroy something.
    """
    if not run.manifest.is_file():
        if not _spool(run).exists():
            _check_free(run)
        return None
    manifest = run.read_manifest()
    if force:
        return None
    missing = _missing(run, manifest)
    if manifest.inputs == inputs and not missing:
        return manifest
    _check_untrained(run, missing)
    return None


def _check_free(run: RunFolder) -> None:
    """Makes sure that a folder which is no run loses nothing."""
    for path in (run.recipe, *run.products()):
        if path.exists():
            raise UserError(
                f"{run.path} is no run, and its {path.name!r} would be overwritten.",
                hint="Choose another folder with --run.",
            )


def _missing(run: RunFolder, manifest: Manifest) -> list[Path]:
    """Returns what of the prepared data somebody took away."""
    sides = ("joint",) if manifest.vocabulary.joint else ("source", "target")
    started = [run.start] if manifest.start is not None else []
    parts = started + [run.split(name) for name in manifest.splits] + [run.tokenizers / side for side in sides]
    return [path for path in parts if not path.exists()]


def _check_untrained(run: RunFolder, missing: list[Path]) -> None:
    if run.checkpoints.exists() or run.bundle.exists():
        go_on = f"Go on with it: seq2seq train {console.quoted(run.path)} --resume   Or choose"
        raise UserError(
            f"{missing[0]} is missing, and preparing again would drop the training in {run.path}."
            if missing
            else f"{run.path} holds a training on other data or text settings, which this would make useless.",
            hint=f"{'Choose' if missing else go_on} another folder with --run, or drop that training with --force.",
        )


def check_not_begun(run: RunFolder) -> None:
    """Makes sure that no training has begun, where nobody said what to do with one.

    Raises:
        UserError: One has.
    """
    if not run.checkpoints.exists():
        return
    from seq2seq.training.rotation import Checkpoints

    if Checkpoints(run.checkpoints).exist():
        raise UserError(
            f"{run.path} has been trained before.",
            hint=f"Go on with: seq2seq train {console.quoted(run.path)} --resume   Start again with: --restart",
        )


def _with_settings(recipe: Recipe, run: RunFolder, manifest: Manifest, reasons: Mapping[str, str]) -> Prepared:
    """Leaves the data as it is; where other settings are asked for than the last time, the recipe gets them."""
    if _has_settings(recipe, run, manifest):
        return Prepared(run, manifest, changed=False)
    write_text(run.recipe, dump_recipe(recipe, reasons))
    digest = _recipe_digest(recipe)
    manifest = changed(manifest, recipe=digest, reasons=dict(reasons), chosen=values(recipe, reasons))
    manifest.write(run.manifest)
    return Prepared(run, manifest, changed=False, settings_changed=True)


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
    reading: Reading | None = None,
    basis: Basis | None = None,
    tokenizers: TokenizerPair | None = None,
    num_pairs: int | None = None,
) -> Manifest:
    """Does the work and puts the result in its place. Returns the manifest."""
    spool, ready = _spool(run), _ready(run)
    # Without a manifest a folder is known as ours by its spool alone.
    keeps_spool = spool.exists() and not run.manifest.is_file()
    _empty(spool)
    try:
        with Workers(threads or available_cores()) as workers:
            with clock("reading"):
                gathered = gather(recipe.data, sources, Spool(spool), workers=workers, reading=reading, total=num_pairs)
                gathered = basis.added(gathered) if basis else gathered
            with clock("vocabulary"):
                if basis is not None:
                    tokenizers = basis.tokenizers
                    _check_tags(recipe, tokenizers)
                tokenizers = (tokenizers or _learn_tokenizers(recipe, gathered, reasons)).with_tags(_tags(recipe))
                tokenizers.save(ready.tokenizers)
            with clock("tokenising"):
                splits = {name: _write(name, gathered, ready, tokenizers, workers) for name in gathered.reports}
        write_text(ready.recipe, dump_recipe(recipe, reasons))
        manifest = _manifest(recipe, inputs, gathered, splits, tokenizers, reasons, place=place)
        if basis is None:  # else the old corpora know it themselves, and another run's were here before
            manifest = handed_on(manifest, run, origin, ready)
        else:
            basis.save(ready)
            manifest = changed(manifest, start=basis.facts)
        manifest.write(ready.manifest)
    except BaseException:
        _empty(spool)
        if not keeps_spool:
            with suppress(OSError):
                spool.rmdir()
        raise
    _settle(run)
    return manifest


def _empty(folder: Path) -> None:
    """Makes an empty folder of it, and at no moment none."""
    folder.mkdir(parents=True, exist_ok=True)
    for path in folder.iterdir():
        _remove(path)


def _tidy(run: RunFolder) -> None:
    """Finishes a replacement that has begun: then there is no manifest. One that had not yet is forgotten.

    A training may have been made since of what the run holds, and replacing would drop it unasked.
    """
    if run.manifest.is_file():
        shutil.rmtree(_spool(run), ignore_errors=True)
    else:
        _settle(run)


def _settle(run: RunFolder) -> None:
    """Puts what is ready in its place, the manifest last: a folder with one is whole.

    What was made of other data goes; scores of a model that may have seen the new test set mean nothing. Cut off half
    way, it goes on where it was the next time: what is not in the spool any more has its place already.
    """
    ready = _ready(run)
    if not ready.manifest.is_file():
        return
    started = [ready.start] if ready.read_manifest().start is not None else []
    run.manifest.unlink(missing_ok=True)
    prepared = [ready.split("train").parent, ready.tokenizers, ready.recipe, *started, ready.manifest]
    for path in run.products():
        if path.name not in {fresh.name for fresh in prepared}:
            _remove(path)
    for fresh in prepared:
        if fresh.exists():
            place = run.path / fresh.name
            _remove(place)
            fresh.replace(place)
    shutil.rmtree(_spool(run), ignore_errors=True)


def _remove(path: Path) -> None:
    if path.is_dir():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


def _learn_tokenizers(recipe: Recipe, gathered: Gathered, reasons: Mapping[str, str]) -> TokenizerPair:
    """Learns the vocabulary or vocabularies from a bounded part of the training text, taken evenly from all of it."""
    every = max(1, -(-gathered.sizes()["train"] // recipe.text.sample_lines))

    console.say("learning the vocabulary …")
    learned = build.tokenizers(recipe, lambda: gathered.texts("source", every), lambda: gathered.texts("target", every))
    by_hand = reasons.get("text.vocabulary_size", SET_BY_YOU) == SET_BY_YOU
    report_size(learned, asked=recipe.text.vocabulary_size, by_hand=by_hand)
    return learned


@dataclass
class _Counts:
    """A split in numbers; lengths in tokens, without EOS."""

    pairs: int = 0
    source_tokens: int = 0
    target_tokens: int = 0
    longest_source: int = 0
    longest_target: int = 0

    def add(self, sources: NDArray[np.int32], targets: NDArray[np.int32]) -> None:
        self.pairs += len(sources)
        self.source_tokens += int(sources.sum())
        self.target_tokens += int(targets.sum())
        self.longest_source = max(self.longest_source, int(sources.max(initial=0)))
        self.longest_target = max(self.longest_target, int(targets.max(initial=0)))


def _write(name: str, gathered: Gathered, ready: RunFolder, tokenizers: TokenizerPair, workers: Workers) -> SplitCounts:
    """Writes a split with its ids. Returns its counts."""
    counts, is_train = _Counts(), name == "train"
    job = Tokenise(tokenizers, gathered.held if is_train else None)
    chunks = _untokenised(gathered, name)
    with (
        console.Progress(f"tokenising {name}", gathered.sizes()[name], unit="pairs") as progress,
        store.writing(ready.split(name), store.schema()) as writer,
    ):
        for chunk in workers.map(job, chunks):
            batch = chunk.batch()
            writer.write_batch(batch)
            if len(chunk.known):
                gathered.notice(chunk.known, batch, counts.pairs)
            counts.add(chunk.source_lengths, chunk.target_lengths)
            progress.advance(len(batch))
    return SplitCounts(**asdict(counts))


def _untokenised(gathered: Gathered, name: str) -> Iterator[Untokenised]:
    """Yields the rows of a split in chunks, each with where in it the corpora begin that have another tag."""
    ends = list(accumulate(corpus.pairs for corpus in gathered.corpora))
    tags = [corpus.tag for corpus in gathered.corpora] if name == "train" else []
    first = 0
    for rows in in_chunks(gathered.batches(name), store.ROWS_A_CHUNK):
        last = first + len(rows)
        spans = [
            (max(begin, first) - first, min(end, last) - first, tag)
            for begin, end, tag in zip([0, *ends], ends, tags, strict=False)
            if tag and begin < last and end > first
        ]
        yield Untokenised(packed(rows), tuple(spans))
        first = last


def _tags(recipe: Recipe) -> list[str]:
    return [corpus.tag for corpus in recipe.data.corpora if corpus.tag]


def _check_tags(recipe: Recipe, tokenizers: TokenizerPair) -> None:
    """Refuses tags that a trained network has no rows for."""
    for tag in _tags(recipe):
        if tag not in tags_of(tokenizers.source):
            raise UserError(
                f"The model that this run starts from knows no tag {tag}, and its network cannot be given one.",
                hint="Leave the tag out of data.corpora; or train a new network, with seq2seq backtranslate.",
            )


def _taken_over(recipe: Recipe, run: RunFolder, origin: RunFolder, inputs: Inputs) -> TokenizerPair | None:
    """Returns the vocabulary of a run that has it from another one; None: it has not, or is to be of other files.

    For the other direction its sides change places; two vocabularies are learned anew, as tags are the source's.

    Raises:
        UserError: It has, and the recipe asks for another vocabulary in the same folder.
    """
    if not origin.manifest.is_file():
        return None
    manifest = origin.read_manifest()
    before = manifest.inputs
    if not before.vocabulary or before.files != inputs.files:
        return None
    old, new = load_recipe(origin.recipe), complete(recipe)
    if is_same(run, origin):
        check_text(run, old, new)
    elif old.text != new.text:
        return None
    found = TokenizerPair.load(origin.tokenizers)
    if not is_turned(languages(recipe.data), manifest):
        return found
    return TokenizerPair(found.target, found.source) if found.joint else None


def _fingerprint(tokenizers: TokenizerPair) -> str:
    """Returns the hash of all that a vocabulary consists of."""
    with TemporaryDirectory() as folder:
        tokenizers.save(Path(folder))
        return digest_of(describe(Path(folder)), num_bytes=16)


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
        recipe=_recipe_digest(recipe),
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
