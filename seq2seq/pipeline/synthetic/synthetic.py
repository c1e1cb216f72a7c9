"""Sentence pairs of which a model writes one side, and the run that is prepared with them.

All of it lies as text in the new run's folder `text/`: the pairs of the run that it is made of, corpus by corpus, its
development and test set, and the synthetic pairs. The new run's recipe names these files, and it is prepared like any
other run; what is taken over is the vocabulary. The work is done in steps, each into a file of its own that is whole or
absent: what an interruption leaves is gone on with, and what was translated from the same text is not translated again.

    selected    text worth translating, normalised: each sentence once, none of a held-out set, none too long
    written     what the model makes of it, line by line
    source and target
                the pairs that are left when `Sieve` has looked at both sides

Memory grows by 8 bytes a sentence (16 for moments), whatever a sentence is long.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from itertools import accumulate, pairwise
from math import ceil
from pathlib import Path
from shutil import copyfile
from typing import TYPE_CHECKING, Any, Final, TextIO

from msgspec.structs import asdict as as_settings
from msgspec.structs import replace as changed

from seq2seq import build, console
from seq2seq.bundle import RUNS, Bundle, RunFolder, find_run, run_around
from seq2seq.corpus import fingerprints
from seq2seq.corpus.cleaning import DUPLICATE, LEAKAGE, Report, in_batches
from seq2seq.corpus.files import read_lines
from seq2seq.corpus.filters import Filter
from seq2seq.corpus.filters.copied import Copied
from seq2seq.corpus.filters.empty import Empty
from seq2seq.corpus.filters.length import Length
from seq2seq.corpus.filters.ratio import Ratio
from seq2seq.corpus.filters.repeated import Repeated
from seq2seq.corpus.hash_set import HashSet
from seq2seq.corpus.pair import Pair
from seq2seq.data.mixing import epoch_counts
from seq2seq.data.store import Store
from seq2seq.errors import UserError
from seq2seq.folders import checksum, read_json, write_json
from seq2seq.manifest import CleaningReport, Synthetic
from seq2seq.pipeline.alone import alone
from seq2seq.pipeline.prepare import cleaning
from seq2seq.pipeline.prepare.basis import check_from_scratch
from seq2seq.pipeline.prepare.prepare import Prepared, prepare
from seq2seq.pipeline.prepare.reasons import SET_BY_YOU, fitting_of, values
from seq2seq.pipeline.prepare.sources import languages
from seq2seq.pipeline.prepare.vocabulary import check_text
from seq2seq.pipeline.synthetic.sifting import Sift
from seq2seq.pipeline.workers import Workers, available_cores
from seq2seq.recipe.overrides import apply_overrides
from seq2seq.recipe.presets import Preset
from seq2seq.recipe.schema import Choice, Corpus, Data, Recipe, Search
from seq2seq.recipe.toml import load_recipe
from seq2seq.text.blank import is_blank
from seq2seq.text.pairs import TokenizerPair

if TYPE_CHECKING:
    from seq2seq.pipeline.translate.formats import Format
    from seq2seq.translator import Translator

TEXTS: Final = "text"
ORIGINAL: Final = "original"
ANOTHER: Final = "The models that write may be fine-tuned, but name another run with --of"
"""How another run is named where one was fine-tuned."""
_MARKER: Final = "made.json"  # stands among the texts that are ours from before the first of them, and says whose
_BATCH: Final = 4096
_BLOCK: Final = 1024  # pairs that a worker sieves at once
_SIDES: Final = ("source", "target")


@dataclass(frozen=True)
class Author:
    """The model, or the models, that write the missing side.

    Attributes:
        bundle: The model whose recipe counts.
        facts: What all of them are known by, when the work is gone on with.
        settings: How they search.
        open: Makes the translator; called only where there is something to translate.
    """

    bundle: Bundle
    facts: Mapping[str, str | float]
    settings: Search
    open: Callable[[], Translator]


@dataclass(frozen=True)
class Sieve:
    """Which synthetic pairs are worth training on.

    What a model writes fails in few ways, and these tell them: it says nothing, or the same over and over; it stops
    early or does not stop (`ratio`); it gives up and copies what it reads (`copied`).

    Attributes:
        max_ratio: Words of the longer side for each of the shorter, at most.
        max_copied: Share of the words that both sides have, at most.
    """

    max_ratio: float = 3.0
    max_copied: float = 0.5

    def filters(self) -> list[Filter]:
        """Returns the rules, in their order."""
        return [Empty(), Repeated(), Ratio(maximum=self.max_ratio), Copied(maximum=self.max_copied)]


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


def texts(run: RunFolder) -> Path:
    """Returns the folder in which the texts of a run with synthetic pairs lie."""
    return run.path / TEXTS


def run_with_pairs(bundle: Bundle, of: Path | None) -> RunFolder:
    """Returns the run whose pairs, vocabulary and held-out sets are taken over: `of`, or the one around the model.

    Raises:
        UserError: There is none.
    """
    if of is not None:
        return find_run(of)
    run = run_around(bundle.path)
    if run is None:
        raise UserError(
            f"{bundle.path} is a bundle without its run, and so without pairs.",
            hint="Say which prepared run's pairs, vocabulary and held-out sets to take: --of RUN",
        )
    return run


def new_run(given: Path | None, of: RunFolder, suffix: str, *, by: str) -> RunFolder:
    """Returns the run to make, and makes sure before the work that it may be made.

    Args:
        given: Its folder; None: one that is called as `of`, with the suffix.
        of: The run that it is made of.
        suffix: What is done to it.
        by: The command that makes it.

    Raises:
        UserError: It is the run that it is made of, a run of another kind or one that is trained, or something else.
    """
    run = RunFolder(given or RUNS / f"{of.path.absolute().name}-{suffix}")
    is_run, other = run.manifest.is_file(), "Choose another folder with --run."
    if run.path.resolve() == of.path.resolve():
        raise UserError(f"{run.path} cannot be made of itself.", hint=other)
    if run.path.exists() and not run.path.is_dir():
        raise UserError(f"{run.path} is no folder.", hint=other)
    if is_run and (run.checkpoints.exists() or run.bundle.exists()):
        raise UserError(
            f"{run.path} holds a training, which this would make useless.",
            hint=f"Go on with it: seq2seq train {console.quoted(run.path)} --resume   "
            "Or choose another folder with --run.",
        )
    made_by = _made_by(run)
    if is_run and not made_by:
        raise UserError(f"{run.path} is a run of another kind.", hint=other)
    if made_by not in ("", by):
        raise UserError(f"{run.path} was made by {made_by}, not by {by}.", hint=other)
    if not is_run:
        for path in (run.recipe, *run.products(), *([] if made_by or _is_empty(texts(run)) else [texts(run)])):
            if path.exists():
                raise UserError(f"{run.path} is no run, and its {path.name!r} would be overwritten.", hint=other)
    return run


def begin(run: RunFolder, by: str) -> None:
    """Marks the folder of a run's texts as written by a command, so that what an interruption leaves is known as its.

    Without the mark, texts are taken for a person's own and not overwritten: `new_run` looks.
    """
    marker = texts(run) / _MARKER
    if not marker.is_file():
        write_json(marker, {"by": by})


def _made_by(run: RunFolder) -> str:
    """Returns which command made a run, or has begun to; empty where none of these did."""
    told = run.read_manifest().synthetic if run.manifest.is_file() else None
    marker = texts(run) / _MARKER
    if told in (None, Synthetic()) and marker.is_file():
        return str(read_json(marker).get("by", ""))
    return told.by if told is not None else ""


def _is_empty(folder: Path) -> bool:
    return folder.is_dir() and next(folder.iterdir(), None) is None


def check_direction(bundle: Bundle, wanted: tuple[str, str], *, hint: str) -> None:
    """Makes sure that a model translates the way it must.

    Raises:
        UserError: It translates another way.
    """
    found = tuple(bundle.facts.get(f"{side}_language", "") for side in _SIDES)
    if all(found) and found != wanted:
        raise UserError(
            f"{bundle.path} translates from {found[0]} to {found[1]}, and what is needed is {wanted[0]} to "
            f"{wanted[1]}.",
            hint=hint,
        )


def way_of(run: RunFolder) -> tuple[str, str]:
    """Returns the language that a run translates from, and the one it translates into."""
    return run.read_manifest().languages


def reading(run: RunFolder) -> Data:
    """Returns how new text that a run has not seen is normalised and filtered: as the text was that people gave it."""
    manifest = run.read_manifest()
    facts: dict[str, Any] = {"corpora": [one.to_dict() for one in manifest.corpora]}
    if manifest.synthetic is not None and manifest.synthetic.cleaning is not None:
        facts["cleaning"] = manifest.synthetic.cleaning
    return cleaning.of_new_text(load_recipe(run.recipe).data, facts)


def held_out(run: RunFolder, side: str) -> HashSet:
    """Returns the fingerprints of what one side of the development and test sets says: training must not see it."""
    found = HashSet()
    for name in run.splits():
        if name != "train":
            found.add(fingerprints.of_sentences(filter(str.strip, Store(run.split(name)).texts(side))))
    return found


@contextmanager
def writing(*paths: Path) -> Iterator[list[TextIO]]:
    """Gives a text file a path, all of which take their names when the block ends without an error."""
    temporary = [path.with_name(f".{path.name}.tmp") for path in paths]
    paths[0].parent.mkdir(parents=True, exist_ok=True)
    try:
        with ExitStack() as stack:
            yield [stack.enter_context(path.open("w", encoding="utf-8", newline="\n")) for path in temporary]
    except BaseException:
        for path in temporary:
            path.unlink(missing_ok=True)
        raise
    for path, new in zip(paths, temporary, strict=True):
        new.replace(path)


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
    with writing(*[path, *([references] if references else [])]) as files:
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
        raise UserError(f"Of {report.read:,} sentences none is left to translate.", hint=_why(report))
    return report


def translated(author: Author, source: Path, target: Path, *, form: Format | None = None, resume: bool = False) -> bool:
    """Translates a file. Returns False where that was done before, by the same models in the same way.

    Raises:
        UserError: An interrupted translation is there and `resume` is False; or it was made of something else. Or
            another process is at it.
    """
    from seq2seq.pipeline.translate.formats import Format
    from seq2seq.pipeline.translate.streams import part_of
    from seq2seq.pipeline.translate.translate import Task, translate_lines

    record = target.with_name(target.name + ".json")
    form = form or Format()
    facts = {**author.facts, **as_settings(author.settings), "nbest": form.nbest, "input": checksum(source)}
    with alone(record):  # to the end: what it says is under way must be this and nobody else's
        if _is_translated(target, record, facts):
            return False
        translator = author.open()
        # In this order: what stands beside this record must have been made after it was written.
        target.unlink(missing_ok=True)
        write_json(record, {"facts": facts, "under_way": True})
        goes_on = resume and part_of(target).is_file()
        task = Task(source, target, form=form, resume=goes_on)
        translate_lines(translator, author.settings, task, models=author.facts)
        write_json(record, {"facts": facts, "blake2b": checksum(target)})
    return True


def _is_translated(target: Path, record: Path, facts: Mapping[str, Any]) -> bool:
    """Whether a translation is there that was made of just this.

    The file takes its name when it is whole. Where the process was killed before that was recorded, it is recorded now.
    """
    from seq2seq.pipeline.translate.streams import part_of, record_of

    told = read_json(record) if target.is_file() and record.is_file() else {}
    if told.get("facts") != facts:
        return False
    found = checksum(target)
    if told.get("under_way") and not part_of(target).exists():
        record_of(target).unlink(missing_ok=True)  # of the part, which is none any more
        write_json(record, {"facts": facts, "blake2b": found})
        return True
    return bool(told.get("blake2b") == found)


def sieved(
    given: Iterable[Any],
    folder: Path,
    name: str,
    sieve: Sieve,
    *,
    total: int,
    threads: int = 0,
    pairs_of: Callable[[list[Any]], list[Pair]] | None = None,
) -> Report:
    """Writes the synthetic pairs that are worth training on, as `name`.source and `name`.target.

    Args:
        given: The pairs, or what `pairs_of` makes them of.
        folder: Where to.
        name: What the corpus is called.
        sieve: Which pairs are worth it.
        total: How many there are.
        threads: How many processes may share the work; 0: one a core.
        pairs_of: Makes pairs of a block of what is given; None: it is pairs.

    Raises:
        UserError: None is.
    """
    report, job = Report(), Sift(sieve.filters(), pairs_of)
    with (
        writing(*(folder / file for file in _files(name))) as (source, target),
        Workers(threads or available_cores()) as workers,
        console.Progress("choosing", total, unit="pairs") as progress,
    ):
        for kept, of_block in workers.map(job, in_batches(given, _BLOCK)):
            report.add(of_block)
            for pair in kept:
                source.write(pair.source + "\n")
                target.write(pair.target + "\n")
            progress.update(report.read)
    if not report.kept:
        raise UserError(
            f"Of {report.read:,} pairs that the model made none is worth training on. {_why(report)}",
            hint=f"Look at what it writes, in {folder / name}.written. {_mending(report)}",
        )
    return report


def _mending(report: Report) -> str:
    """Says what can be done where nothing passes the sieve: only two of its rules have a limit that can be set."""
    limits = {Ratio.reason: "--max-ratio", Copied.reason: "--max-copied"}
    told = [option for reason, option in limits.items() if reason in report.dropped]
    return f"If that is good, set {' and '.join(told)} higher." if told else "It takes a better model."


def side_by_side(source: Path, target: Path) -> Iterator[Pair]:
    """Yields the lines of two files as pairs; of files that were made line by line."""
    for line, sides in enumerate(zip(read_lines(source), read_lines(target), strict=True), start=1):
        yield Pair(line, *sides)


def _why(report: Report) -> str:
    counts = ", ".join(f"{drops.count:,} {reason}" for reason, drops in report.dropped.items())
    return f"Left out: {counts}." if counts else "There was nothing to read."


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
        for first in range(corpus.first, corpus.last, _BATCH):
            rows = store.texts_between(first, min(first + _BATCH, corpus.last))
            for number, (_, source, target) in enumerate(rows, start=first + 1):
                yield Pair(number, source, target)


def named(corpora: Sequence[Rows]) -> tuple[Corpus, ...]:
    """Returns corpora of a run as the new run's recipe names them."""
    return tuple(
        Corpus(name=rows.name, train=_files(f"{ORIGINAL}-{number}"), weight=rows.weight, tag=rows.tag)
        for number, rows in enumerate(corpora, start=1)
    )


def write_out(run: RunFolder, folder: Path, corpora: Sequence[Rows]) -> None:
    """Writes these corpora of a run, and its held-out sets, as text: the files that `named` names."""
    for rows, corpus in zip(corpora, named(corpora), strict=True):
        _write_sides(folder, corpus.train, stored(run, [rows]))
    for split in ("development", "test"):
        if run.split(split).is_file():
            store = Store(run.split(split))
            _write_sides(folder, _files(split), (Pair(row.line, row.source, row.target) for row in store.rows()))


def made_corpus(name: str, *, weight: float = 1.0, tag: str = "") -> Corpus:
    """Returns the corpus of synthetic pairs as the new run's recipe names it."""
    return Corpus(name=name, train=_files(name), weight=weight, tag=tag)


def _files(name: str) -> tuple[str, ...]:
    """Returns what the two files of a corpus, or of a development or test set, are called."""
    return tuple(f"{name}.{side}" for side in _SIDES)


def _write_sides(folder: Path, names: Sequence[str], pairs: Iterable[Pair]) -> None:
    with writing(*(folder / name for name in names)) as (source, target):
        for pair in pairs:
            source.write(pair.source + "\n")
            target.write(pair.target + "\n")


def recipe_of(
    run: RunFolder, name: str, corpora: Sequence[Corpus], *, minutes: float | None, settings: Sequence[str]
) -> Recipe:
    """Returns the recipe of a run with these corpora: that of `run`, but for where its text comes from.

    The network begins with random weights and the vocabulary is that of `run`, so the settings must be those of a
    training from scratch, and none of [text] may change.

    The text was normalised, filtered and rid of its duplicates when `run` was prepared; of a pair that a model has
    written like one there was, both count, for the weights say how much.

    Args:
        run: The run that it is made of.
        name: What the new one is called.
        corpora: What it trains on.
        minutes: How long that may take; None: as before.
        settings: Changes, "section.key=value".

    Raises:
        UserError: `run` was fine-tuned; or a change is no setting, breaks a rule, or is of the vocabulary.
    """
    check_from_scratch(run, other=ANOTHER)
    before = load_recipe(run.recipe)
    source, target = languages(before.data)
    has_test = run.split("test").is_file()
    data = changed(
        before.data,
        **{"source_language": source, "target_language": target, "reverse": False},
        **{"reader": Choice("aligned"), "hub": "", "train": (), "columns": (0, 1), "fields": ()},
        **{"development": _files("development"), "test": _files("test") if has_test else ()},
        **{"development_lines": None, "test_lines": None, "development_size": 0, "test_size": 0},
        **{"corpora": tuple(corpora)},
    )
    data = cleaning.already_cleaned(data)
    training = before.training
    if minutes:
        training = changed(training, minutes=minutes, max_epochs=0.0, max_updates=0)
    found = changed(before, name=name, description="", results=(), data=data, training=training)
    found = apply_overrides(found, list(settings))
    check_text(run, before, found)
    return found


def asked(minutes: float | None, settings: Sequence[str]) -> list[str]:
    """Returns which settings a person has set, "section.key"."""
    return [*(["training.minutes"] if minutes else []), *(one.partition("=")[0].strip() for one in settings)]


def paced(recipe: Recipe, of: RunFolder, kept: Sequence[Rows], num_made: int, *, asked: Sequence[str]) -> Preset:
    """Returns a recipe with as many passes as read the old run's pairs no more often than before, with the reasons.

    A pass is as long as all corpora together, and draws from each by its weight. Where it reads the pairs that people
    wrote c > 1 times as often as a pass of the old run did, E passes become E / c, and a look at the development set
    after each pass becomes one after as many updates. So the synthetic pairs make training longer by what is read of
    them, however many there are.

    Limits by updates and by minutes say themselves how long training takes: they stay, and so does what a person set.

    Args:
        recipe: The new run's, with `kept` and behind them the synthetic pairs.
        of: The run that it is made of.
        kept: Those of its corpora that the new run trains on too.
        num_made: How many synthetic pairs there are.
        asked: The settings that a person has set, as `asked` gives them.
    """
    training = recipe.training
    times = _times(recipe, of, kept, num_made)
    if training.max_updates or not training.max_epochs or "training.max_epochs" in asked or round(times, 3) <= 1:
        return Preset(recipe, {})
    before = training.max_epochs
    chosen: dict[str, float] = {"max_epochs": float(f"{before / times:.3g}")}
    reasons = {
        "training.max_epochs": f"A pass reads {num_made:,} synthetic pairs too, by their weight: so many passes read "
        f"the others as often as in {before:g} passes before."
    }
    if not training.validate_every and "training.validate_every" not in asked:
        counts = of.read_manifest().splits["train"]
        tokens = (sum(map(len, kept)) + num_made) / times * (1 + counts.target_tokens / counts.pairs)  # and EOS
        chosen["validate_every"] = ceil(tokens / (training.batch_tokens * training.accumulate))
        reasons["training.validate_every"] = "About one look for each time that the others are read."
    return Preset(changed(recipe, training=changed(training, **chosen)), reasons)


def _times(recipe: Recipe, of: RunFolder, kept: Sequence[Rows], num_made: int) -> float:
    """Returns how often a pass reads the pairs that people wrote, for once that a pass of the old run did.

    Where they wrote none, or none is kept that a pass reads: how often it reads whatever is kept, or 0.
    """
    every, temperature = corpora_of(of), load_recipe(of.recipe).data.temperature
    counts = epoch_counts([len(one) for one in every], [one.weight for one in every], temperature)
    before = {one.first: count for one, count in zip(every, counts, strict=True)}
    sizes, weights = [*map(len, kept), num_made], [one.weight for one in recipe.data.corpora]
    now = epoch_counts(sizes, weights, recipe.data.temperature)
    for named in ([one for one in kept if not (one.tag or one.by)], kept):
        was = sum(before[one.first] for one in named)
        if was:
            return sum(count for one, count in zip(kept, now, strict=False) if one in named) / was
    return 0.0


def _reasons(of: RunFolder, recipe: Recipe, told: Sequence[str]) -> dict[str, str]:
    """Returns the reasons of `of` that still hold.

    Where a value is another now, a person has set it, and that is said; or it follows from where the text comes from
    now, which needs no reason.
    """
    old = load_recipe(of.recipe)
    reasons = fitting_of(of.read_manifest(), old)
    was, now = values(old, reasons), values(recipe, reasons)
    found = {}
    for trail, reason in reasons.items():
        if now[trail] == was[trail]:
            found[trail] = reason
        elif any(one == trail or one.startswith(f"{trail}.") for one in told):
            found[trail] = SET_BY_YOU
    return found


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
        asked: The settings that a person has set, as `asked` gives them.
        threads: How many processes may share the work; 0: one a core.
    """
    before, recipe, tokenizers = of.read_manifest(), preset.recipe, TokenizerPair.load(of.tokenizers)
    reasons = {**_reasons(of, recipe, asked), **preset.reasons}
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
