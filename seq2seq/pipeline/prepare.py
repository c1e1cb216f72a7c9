"""prepare: from raw text to a run folder that is ready to train.

Two passes over the corpus in bounded memory: the first chooses the pairs to set aside (only where there are no
development or test files), the second cleans, drops what leaks, and spools each split's text. The tokenizer then learns
from a sample of the spooled training text, and each split is written with its ids.
"""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from itertools import chain, islice
from pathlib import Path
from typing import Any

from seq2seq import build, console
from seq2seq.bundle import MANIFEST_VERSION, RunFolder
from seq2seq.corpus.cleaning import Cleaner, Report, in_batches, source_set
from seq2seq.corpus.filters import Empty
from seq2seq.corpus.pair import Pair
from seq2seq.corpus.split import Split, Splitter
from seq2seq.data.store import Row, Store, write_split
from seq2seq.errors import UserError
from seq2seq.folders import write_json, write_text
from seq2seq.pipeline.reasons import values
from seq2seq.pipeline.sources import Sources, fingerprint, languages, open_sources
from seq2seq.recipe.decode import table_from_recipe
from seq2seq.recipe.schema import Recipe
from seq2seq.recipe.toml import dump_recipe
from seq2seq.text.normaliser import Normaliser
from seq2seq.text.pairs import TokenizerPair

BATCH_ROWS = 4096


@dataclass(frozen=True)
class Prepared:
    """What `prepare` did.

    Attributes:
        run: The folder.
        manifest: What it says of itself.
        changed: False where the data was there already and nothing had to be done.
        settings_changed: Whether, the data being there, other settings for training were written to the recipe.
    """

    run: RunFolder
    manifest: dict[str, Any]
    changed: bool
    settings_changed: bool = False


def prepare(
    recipe: Recipe,
    run: RunFolder,
    *,
    folder: Path | None = None,
    reasons: Mapping[str, str] | None = None,
    force: bool = False,
) -> Prepared:
    """Prepares a corpus. What the folder held is replaced once the new data is read, so a wrong file costs nothing.

    Args:
        recipe: All settings.
        run: Where to; made where it is missing.
        folder: Where the recipe's files are; None: the hub, or the working folder.
        reasons: Why a setting was chosen, by "section.key"; written beside it.
        force: Prepare again even where nothing changed, and where a training has begun.

    Raises:
        UserError: A file is wrong, no pair is left, a training with other data has begun in this folder, or it is no
            run and holds what would be overwritten.
    """
    sources = open_sources(recipe.data, folder)
    inputs = _inputs(recipe, sources)
    spool = run.path / "spool"
    before = run.read_manifest() if run.manifest.is_file() else None
    ours = spool.exists()  # a preparation that was cut off half-way
    if before is None and not ours:
        _check_free(run)
    elif before is not None and not force:
        missing = _missing(run, before)
        if before["inputs"] == inputs and not missing:
            return _up_to_date(recipe, run, before, reasons or {})
        _check_untrained(run, missing)
    try:
        reports = _spool(recipe, sources, run, spool)
        tokenizers = _learn_tokenizers(recipe, Store(spool / "train.arrow"))
    except BaseException:
        if not ours:
            shutil.rmtree(spool, ignore_errors=True)
        with suppress(OSError):  # not empty, or not there
            run.path.rmdir()
        raise
    _clear(run)
    tokenizers.save(run.tokenizers)
    splits = {name: _write(name, spool, run, tokenizers) for name in reports}
    write_text(run.recipe, dump_recipe(recipe, reasons))
    manifest = _manifest(recipe, inputs, reports, splits, tokenizers, reasons or {})
    write_json(run.manifest, manifest)
    shutil.rmtree(spool, ignore_errors=True)  # until now it said that the folder is ours, and not whole
    return Prepared(run, manifest, changed=True)


def current_inputs(recipe: Recipe, folder: Path | None = None) -> dict[str, Any]:
    """Returns what a manifest would say of the settings and the files as they are now."""
    return _inputs(recipe, open_sources(recipe.data, folder))


def data_digest(recipe: Recipe) -> str:
    """Returns the hash of all settings that the prepared data depends on."""
    table = table_from_recipe(recipe)
    return _digest([table["data"], table["text"]])


def _digest(settings: object) -> str:
    return hashlib.blake2b(json.dumps(settings, sort_keys=True).encode(), digest_size=16).hexdigest()


def _inputs(recipe: Recipe, sources: Sources) -> dict[str, Any]:
    paths = [path for path in sources.files if path.is_file()]
    labels = _labels(paths)
    if sources.folder is not None:  # where a file lies may say which split it is of
        labels = [path.relative_to(sources.folder).as_posix() for path in paths]
    files = {label: fingerprint(path) for label, path in zip(labels, paths, strict=True)}
    return {"settings": data_digest(recipe), "files": files}


def _labels(paths: list[Path]) -> list[str]:
    """Returns the files' names, each with as many of its folders as tell all of them apart."""
    longest = max((len(path.parts) for path in paths), default=0)
    for depth in range(1, longest):
        labels = ["/".join(path.parts[-depth:]) for path in paths]
        if len(set(labels)) == len(paths):
            return labels
    return [path.as_posix() for path in paths]


def _check_free(run: RunFolder) -> None:
    """Makes sure that a folder which is no run loses nothing."""
    for path in (run.recipe, *run.products()):
        if path.exists():
            raise UserError(
                f"{run.path} is no run, and its {path.name!r} would be overwritten.",
                hint="Choose another folder with --run.",
            )


def _missing(run: RunFolder, manifest: Mapping[str, Any]) -> list[Path]:
    """Returns what of the prepared data somebody took away."""
    sides = ("joint",) if manifest["vocabulary"]["joint"] else ("source", "target")
    parts = [run.split(name) for name in manifest["splits"]] + [run.tokenizers / side for side in sides]
    return [path for path in parts if not path.exists()]


def _check_untrained(run: RunFolder, missing: list[Path]) -> None:
    if run.checkpoints.exists() or run.bundle.exists():
        raise UserError(
            f"{missing[0]} is missing, and preparing again would drop the training in {run.path}."
            if missing
            else f"{run.path} holds a training on other data or text settings, which this would make useless.",
            hint="Choose another folder with --run, or drop that training with --force.",
        )


def _clear(run: RunFolder) -> None:
    """Takes away what was made of other data; scores of a model that may have seen the new test set mean nothing."""
    run.manifest.unlink(missing_ok=True)  # first, as it comes last: a folder with one is whole
    for path in run.products():
        if path.is_dir():
            shutil.rmtree(path)
        else:
            path.unlink(missing_ok=True)


def _up_to_date(recipe: Recipe, run: RunFolder, manifest: dict[str, Any], reasons: Mapping[str, str]) -> Prepared:
    """Leaves the data as it is; where other settings are asked for than the last time, the recipe gets them."""
    digest = _digest(table_from_recipe(recipe))
    if manifest.get("recipe") == digest and run.recipe.is_file():
        return Prepared(run, manifest, changed=False)
    write_text(run.recipe, dump_recipe(recipe, reasons))
    manifest = {**manifest, "recipe": digest, "reasons": dict(reasons), "chosen": values(recipe, reasons)}
    write_json(run.manifest, manifest)
    return Prepared(run, manifest, changed=False, settings_changed=True)


def _spool(recipe: Recipe, sources: Sources, run: RunFolder, spool: Path) -> dict[str, Report]:
    """Writes the cleaned text of each split to `spool`. Returns what was dropped, by split."""
    normaliser = Normaliser(unicode_form=recipe.data.unicode_form)
    given = {**({"development": sources.development} if sources.development else {}), **sources.tests}
    reports = {name: Report() for name in ("train", *given)}
    # A test set is scored as it is: only what has no text on one side is left out.
    whole = Cleaner(normaliser, filters=[Empty()], deduplicate=False)
    for name, reader in given.items():
        _spool_one(spool, name, whole(reader(), reports[name]))
    held_out = source_set(chain.from_iterable(_pairs(Store(_at(spool, name))) for name in given), normaliser)
    cleaner = Cleaner(
        normaliser, filters=build.filters(recipe.data), deduplicate=recipe.data.deduplicate, excluded=held_out
    )
    split = _split(recipe, sources, cleaner)
    with console.Progress("reading", unit="pairs") as progress:
        cleaned = _watched(cleaner(sources.train(), reports["train"]), progress)
        if split is None:
            _spool_one(spool, "train", cleaned)
        else:
            sizes = {"development": recipe.data.development_size, "test": recipe.data.test_size}
            parts = [part for part, size in sizes.items() if size and part not in given]
            reports |= {part: Report() for part in parts}
            _spool_parts(spool, cleaned, split, parts, reports)
    if reports["train"].kept == 0:
        raise UserError(f"No training pair is left of {reports['train'].read}.", hint=_most_dropped(reports["train"]))
    return reports


def _split(recipe: Recipe, sources: Sources, cleaner: Cleaner) -> Split | None:
    """Chooses the pairs to set aside, where a set has no file of its own."""
    development = 0 if sources.development else recipe.data.development_size
    test = 0 if sources.tests else recipe.data.test_size
    if not sources.development and not development:
        raise UserError(
            "There is no development set.",
            hint="Set data.development_size, for instance --set data.development_size=500.",
        )
    if not development and not test:
        return None
    splitter = Splitter(development_size=development, test_size=test, seed=recipe.data.seed)
    with console.Progress("choosing what to set aside", unit="pairs") as progress:
        return splitter.fit(_watched(cleaner(sources.train(), Report()), progress))


def _spool_parts(
    spool: Path, pairs: Iterable[Pair], split: Split, parts: list[str], reports: Mapping[str, Report]
) -> None:
    """Sends each pair to its split; the sets that are set aside are small and held until the end."""
    aside: dict[str, list[Pair]] = {part: [] for part in parts}

    def rest() -> Iterator[Pair]:
        for pair in pairs:
            part = split.part_of(pair.source)
            if part in aside:
                aside[part].append(pair)
            else:
                yield pair

    _spool_one(spool, "train", rest())
    for part, held in aside.items():
        _spool_one(spool, part, held)
        reports[part].read = reports[part].kept = len(held)
        reports["train"].read -= len(held)
        reports["train"].kept -= len(held)


def _spool_one(spool: Path, name: str, pairs: Iterable[Pair]) -> None:
    write_split(_at(spool, name), (Row(line, source, target, (), ()) for line, source, target in pairs))


def _pairs(store: Store) -> Iterator[Pair]:
    return (Pair(row.line, row.source, row.target) for row in store.rows())


def _at(spool: Path, name: str) -> Path:
    return spool / f"{name}.arrow"


def _learn_tokenizers(recipe: Recipe, train: Store) -> TokenizerPair:
    """Learns the vocabulary or vocabularies from a bounded part of the training text, taken evenly from all of it."""
    text, seed = recipe.text, recipe.data.seed
    every = max(1, -(-len(train) // text.sample_lines))

    def sample(column: str) -> Iterator[str]:
        return (getattr(row, column) for row in islice(train.rows(), 0, None, every))

    def learn(texts: Iterable[str]) -> Any:  # noqa: ANN401 - some member of the family
        return build.tokenizer(text.tokenizer, texts, vocabulary_size=text.vocabulary_size, seed=seed)

    console.say("learning the vocabulary …")
    if text.joint:
        both = learn(chain(sample("source"), sample("target")))
        return TokenizerPair(both, both)
    return TokenizerPair(learn(sample("source")), learn(sample("target")))


def _write(name: str, spool: Path, run: RunFolder, tokenizers: TokenizerPair) -> dict[str, Any]:
    """Writes a split with its ids. Returns its counts."""
    store = Store(_at(spool, name))

    def rows() -> Iterator[Row]:
        with console.Progress(f"tokenising {name}", len(store), unit="pairs") as progress:
            for batch in in_batches(store.rows(), BATCH_ROWS):  # type: ignore[arg-type]
                source_ids = tokenizers.source.encode_batch([row.source for row in batch])
                target_ids = tokenizers.target.encode_batch([row.target for row in batch])
                for row, source, target in zip(batch, source_ids, target_ids, strict=True):
                    yield Row(row.line, row.source, row.target, source, target)
                progress.advance(len(batch))

    write_split(run.split(name), rows())
    written = Store(run.split(name))
    return {
        "pairs": len(written),
        "source_tokens": int(written.source.lengths.sum()),
        "target_tokens": int(written.target.lengths.sum()),
        "longest_source": int(written.source.lengths.max(initial=0)),
        "longest_target": int(written.target.lengths.max(initial=0)),
    }


def _watched(pairs: Iterable[Pair], progress: console.Progress) -> Iterator[Pair]:
    for number, pair in enumerate(pairs, start=1):
        if number % BATCH_ROWS == 0:
            progress.update(number)
        yield pair


def _most_dropped(report: Report) -> str:
    if not report.dropped:
        return "The training file is empty."
    reason, drops = max(report.dropped.items(), key=lambda item: item[1].count)
    first = drops.examples[0]
    return f"Most were dropped as {reason!r}, for instance line {first.line}: {first.source!r} / {first.target!r}."


def _manifest(
    recipe: Recipe,
    inputs: Mapping[str, Any],
    reports: Mapping[str, Report],
    splits: Mapping[str, Any],
    tokenizers: TokenizerPair,
    reasons: Mapping[str, str],
) -> dict[str, Any]:
    source, target = languages(recipe.data)
    return {
        "schema_version": MANIFEST_VERSION,
        "name": recipe.name,
        "source_language": source,
        "target_language": target,
        "inputs": dict(inputs),
        "recipe": _digest(table_from_recipe(recipe)),
        "splits": dict(splits),
        "cleaning": {name: report.to_dict() for name, report in reports.items()},
        "vocabulary": {
            "joint": tokenizers.joint,
            "source": tokenizers.source.vocabulary_size,
            "target": tokenizers.target.vocabulary_size,
        },
        "reasons": dict(reasons),
        "chosen": values(recipe, reasons),
    }
