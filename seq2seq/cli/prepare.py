"""seq2seq prepare."""

from __future__ import annotations

import json
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from seq2seq.cli.corpus_options import (
    DataOption,
    FromOption,
    HubOption,
    IntoOption,
    JsonlOption,
    SourceOption,
    TargetOption,
    TmxOption,
    TsvOption,
)
from seq2seq.cli.options import Device, DeviceOption, JsonOption, SetOption, ThreadsOption

if TYPE_CHECKING:
    from seq2seq.bundle import RunFolder
    from seq2seq.recipe.presets import Preset
    from seq2seq.recipe.schema import Recipe

EXAMPLES = (
    ("seq2seq prepare --source my.en --target my.de", "your own files; every setting is chosen for you"),
    ("seq2seq prepare --source my.en --target my.de --reverse", "the other direction"),
    ("seq2seq prepare --source my.en --target my.de --test test.en --test test.de", "a test set of your own"),
    ("seq2seq prepare --tsv pairs.tsv.gz --from en --into de", "one file, a pair a line, a tab between"),
    ("seq2seq prepare --jsonl pairs.jsonl.zst", "one file, a JSON object a line, fields named by language"),
    ("seq2seq prepare --tmx memory.tmx --from de --into en", "a translation memory"),
    ("seq2seq prepare multi30k-en-de --data ~/multi30k", "a shipped recipe on local files"),
    ("seq2seq prepare multi30k-en-de", "the same from the dataset hub"),
    ("seq2seq prepare my.toml --shard 2/8", "read and clean the second eighth of a large corpus, on any machine"),
    ("seq2seq prepare my.toml --merge", "make one run of all eight"),
)


def prepare(
    recipe: Annotated[
        str | None,
        typer.Argument(metavar="RECIPE", help="A shipped recipe's name (see: seq2seq recipes) or a .toml."),
    ] = None,
    source: SourceOption = None,
    target: TargetOption = None,
    tsv: TsvOption = None,
    jsonl: JsonlOption = None,
    tmx: TmxOption = None,
    hub: HubOption = "",
    development: Annotated[
        list[Path] | None,
        typer.Option(
            "--development",
            metavar="FILE",
            help="Your own development set, read as your corpus is: one file, or the option twice, the source first. "
            "Default: pairs are set aside.",
            show_default=False,
        ),
    ] = None,
    test: Annotated[
        list[Path] | None,
        typer.Option("--test", metavar="FILE", help="Your own test set, given likewise.", show_default=False),
    ] = None,
    from_language: FromOption = "",
    into_language: IntoOption = "",
    data: DataOption = None,
    run: Annotated[
        Path | None, typer.Option("--run", help="The folder to make. Default: runs/ and the recipe's name.")
    ] = None,
    reverse: Annotated[bool, typer.Option("--reverse", help="Translate the other way round.")] = False,
    minutes: Annotated[
        float | None,
        typer.Option(
            "--minutes",
            min=0.1,
            help="How long training may take; the settings follow the passes over the corpus that fit, but a RECIPE's "
            "stay. Default: as long as pays for a corpus of this size, which is printed.",
        ),
    ] = None,
    pretokenised: Annotated[
        bool,
        typer.Option("--pretokenised", help="Your text is tokenised already: it passes untouched, and is scored so."),
    ] = False,
    force: Annotated[bool, typer.Option("--force", help="Prepare again, and drop a training on the old data.")] = False,
    shard: Annotated[
        str,
        typer.Option(
            "--shard",
            metavar="I/N",
            help="Only read and clean the I-th of N parts, into a folder in the run's. Any machine can do any part.",
            show_default=False,
        ),
    ] = "",
    merge: Annotated[
        bool,
        typer.Option("--merge", help="Make the run of its N shards: it is the same, to the byte, as without shards."),
    ] = False,
    device: DeviceOption = Device.AUTO,
    threads: ThreadsOption = 0,
    settings: SetOption = None,
    as_json: JsonOption = False,
) -> None:
    """Check a corpus, choose settings for its size and store it ready to train.

    Normalises, filters and de-duplicates the pairs, keeps development and test sentences out of the training set,
    learns the vocabulary, and says what was dropped and why, and how long training will take. Doing it again with
    nothing changed does nothing.

    A corpus too large for one machine is prepared in shards: give the same command on each, with --shard 1/8 to
    --shard 8/8, and a --run that all of them see (or copy the folders in its shards/ together); then once with --merge.
    """
    from seq2seq import console
    from seq2seq.bundle import RUNS, RunFolder
    from seq2seq.cli.prepare_report import report, report_shard
    from seq2seq.errors import UserError
    from seq2seq.pipeline.prepare.prepare import prepare as run_preparation
    from seq2seq.pipeline.prepare.prepare_shard import prepare_shard
    from seq2seq.pipeline.prepare.reasons import fitting, fitting_of, values
    from seq2seq.pipeline.prepare.shards.shard import Shard
    from seq2seq.recipe.catalog import find_recipe
    from seq2seq.recipe.overrides import apply_overrides

    part = Shard.parse(shard) if shard else None
    if part and merge:
        raise UserError("--shard makes a part, and --merge makes one of all parts.", hint="Give one of the two.")
    corpora = {"RECIPE": recipe, "--source": source, "--tsv": tsv, "--jsonl": jsonl, "--tmx": tmx, "--hub": hub}
    given = [name for name, value in corpora.items() if value]
    if len(given) != 1:
        found = " and ".join(given) if given else "nothing"
        raise UserError(
            f"prepare needs one corpus, and was given {found}.",
            hint="Give --source and --target, or one of --tsv, --jsonl, --tmx and --hub, or a recipe's name.",
        )
    own_sets = {"--development": development, "--test": test}
    options = {"--target": target, "--from": from_language, "--into": into_language, "--data": data, **own_sets}
    _check_options(given[0], [name for name, value in options.items() if value])
    settings = [*_set_files(own_sets, num_files=2 if source else 1), *(settings or [])]
    if recipe:
        chosen = _shipped(recipe, reverse=reverse, minutes=minutes, pretokenised=pretokenised)
    else:
        chosen = _automatic(
            source or tsv or jsonl or tmx,
            target,
            hub,
            (from_language, into_language),
            reader={"--source": "aligned"}.get(given[0], given[0].removeprefix("--")),
            data=data,
            minutes=minutes,
            reverse=reverse,
            pretokenised=pretokenised,
            settings=settings,
            device=device.value,
            threads=threads,
        )
    final = apply_overrides(chosen.recipe, settings)
    if recipe and reverse and not any(one.strip().startswith("evaluation.tokenize") for one in settings):
        _tell_scoring(final)
    folder = RunFolder(run or RUNS / final.name)
    origin = _origin(recipe, folder) if recipe else None
    reasons = fitting(chosen.reasons, values(chosen.recipe, chosen.reasons), final)
    if recipe and folder.manifest.is_file() and find_recipe(recipe).resolve() == folder.recipe.resolve():
        before = folder.read_manifest()  # the run's own recipe, edited: what was not touched keeps its reason
        reasons = fitting_of(before, final)
    if part is not None:
        report_shard(
            prepare_shard(final, folder, part, folder=data, force=force, threads=threads), folder, as_json=as_json
        )
        return
    done = run_preparation(
        final,
        folder,
        folder=data,
        reasons=reasons,
        force=force,
        threads=threads,
        merge=merge,
        origin=origin,
        num_pairs=chosen.num_read,
    )
    if done.settings_changed:
        console.say(f"{folder.path}: the data is up to date; the new settings are in {folder.recipe}.")
    elif not done.changed:
        console.say(f"{folder.path} is up to date: nothing changed, nothing done.")
    report(done, device=device.value, threads=threads, as_json=as_json)


def _check_options(corpus: str, options: list[str]) -> None:
    """Refuses an option that would have no effect with this kind of corpus."""
    from seq2seq.errors import UserError

    own_sets = ("--development", "--test")
    useful = {
        "RECIPE": ("--data",),
        "--source": ("--target", "--from", "--into", *own_sets),
        "--tsv": ("--from", "--into", *own_sets),
        "--jsonl": ("--from", "--into", *own_sets),
        "--tmx": ("--from", "--into", *own_sets),
        "--hub": ("--from", "--into", "--data"),
    }
    for option in options:
        if option not in useful[corpus]:
            what = "a recipe" if corpus == "RECIPE" else corpus
            raise UserError(f"{option} does nothing with {what}.", hint=f"Leave out {option}, or see --help.")


def _set_files(sets: dict[str, list[Path] | None], *, num_files: int) -> list[str]:
    """Returns the assignments, as of `--set`, that name a person's own development and test files.

    Raises:
        UserError: A file is missing, or there are more or fewer than the corpus has.
    """
    from seq2seq.corpus.files import require_file
    from seq2seq.errors import UserError
    from seq2seq.pipeline.prepare.sources import check_name

    found = []
    for option, files in sets.items():
        if not files:
            continue
        if len(files) != num_files:
            usual = " ".join(f"{option} {name}" for name in ("SOURCE", "TARGET")[:num_files])
            raise UserError(
                f"{option} was given {len(files)} file{'s' * (len(files) > 1)}, and the corpus has {num_files}.",
                hint=f"Give the set as the corpus is given: {usual if num_files == 2 else f'{option} FILE'}",
            )
        for path in files:
            require_file(path)
            check_name(path)
        listed = json.dumps([str(path) for path in files], ensure_ascii=False)
        found.append(f"data.{option.removeprefix('--')}={listed}")
    return found


def _shipped(name: str, *, reverse: bool, minutes: float | None, pretokenised: bool) -> Preset:
    """Returns a recipe from a file; its reasons stand in that file's comments."""
    from msgspec.structs import replace

    from seq2seq.errors import UserError
    from seq2seq.pipeline.prepare.automatic import as_pretokenised
    from seq2seq.pipeline.prepare.turning import turned
    from seq2seq.recipe.catalog import find_recipe
    from seq2seq.recipe.presets import Preset
    from seq2seq.recipe.toml import load_recipe

    if Path(name).is_file() and Path(name).suffix != ".toml":
        raise UserError(
            f"{name} is no recipe: a recipe is a .toml file.",
            hint=f"Two text files are given as: --source {name} --target FILE",
        )
    path = find_recipe(name)
    found = load_recipe(path)
    label = path.stem if found.name == "run" else found.name
    # What was measured with the recipe elsewhere is no result of this run, whose settings may yet be changed.
    found = replace(found, name=label + "-reversed" if reverse else label, results=())
    if reverse:
        found = turned(found)
    if minutes:
        found = replace(found, training=replace(found.training, minutes=minutes, max_epochs=0.0, max_updates=0))
    return as_pretokenised(Preset(found, {})) if pretokenised else Preset(found, {})


def _origin(recipe: str, run: RunFolder) -> RunFolder | None:
    """Returns the prepared run whose own recipe this is; None: it is of none.

    Raises:
        UserError: It is of a fine-tuned one, and is to make another, which would begin with random weights.
    """
    from seq2seq.bundle import RunFolder
    from seq2seq.pipeline.prepare.basis import check_from_scratch
    from seq2seq.recipe.catalog import find_recipe

    path = find_recipe(recipe)
    found = RunFolder(path.parent)
    if path.name != found.recipe.name or not found.manifest.is_file():
        return None
    if found.path.resolve() != run.path.resolve():
        check_from_scratch(found, other="Give the recipe of another run")
    return found


def _tell_scoring(recipe: Recipe) -> None:
    """Warns where a recipe that was turned round counts words in a way that was chosen for its other language."""
    from seq2seq import console
    from seq2seq.pipeline.prepare.sources import languages
    from seq2seq.recipe.languages import metric_tokenizer

    old_target, new_target = languages(recipe.data)
    usual = metric_tokenizer(new_target)
    if recipe.evaluation.tokenize != usual and not recipe.data.pretokenised:  # then its own tokens are scored
        console.warn(
            f"evaluation.tokenize stays {recipe.evaluation.tokenize!r}, as the recipe says for text in {old_target!r}. "
            f"Usual for {new_target!r}: --set evaluation.tokenize={usual}"
        )


def _automatic(
    file: Path | None,
    target: Path | None,
    hub: str,
    pair: tuple[str, str],
    *,
    reader: str,
    data: Path | None,
    minutes: float | None,
    reverse: bool,
    pretokenised: bool,
    settings: list[str],
    device: str,
    threads: int,
) -> Preset:
    """Returns settings chosen for the user's own corpus: one file or two, or a dataset of the hub."""
    from seq2seq.corpus.files import require_file
    from seq2seq.errors import UserError
    from seq2seq.pipeline.prepare.automatic import choose_for, choose_for_files, choose_pair
    from seq2seq.pipeline.prepare.sources import check_name
    from seq2seq.pipeline.train.speed import tokens_per_second
    from seq2seq.recipe.schema import Choice, Data

    speed = partial(tokens_per_second, device=device, threads=threads)
    if hub:
        if not all(pair):
            raise UserError("A dataset of the hub needs --from and --into.", hint="For instance: --from en --into de")
        described = Data(
            reader=Choice("hub"),
            hub=hub,
            source_language=pair[0],
            target_language=pair[1],
            reverse=reverse,
            pretokenised=pretokenised,
        )
        name = _name(hub.rsplit("/", 1)[-1], pair, reverse)
        return choose_for(described, data, name=name, minutes=minutes, settings=settings, speed=speed)
    if reader == "aligned" and target is None:
        raise UserError("--source needs --target.", hint="For one file with both languages use --tsv.")
    assert file is not None
    for path in (file, target):
        if path is not None:
            require_file(path)
            check_name(path)
    codes = choose_pair(reader, file, target, given=pair)
    return choose_for_files(
        file,
        target,
        name=_name(file.name.split(".", 1)[0], codes, reverse),
        from_language=codes[0],
        into_language=codes[1],
        minutes=minutes,
        reverse=reverse,
        reader=reader,
        pretokenised=pretokenised,
        settings=settings,
        speed=speed,
    )


def _name(stem: str, pair: tuple[str, str], reverse: bool) -> str:
    """For instance "my-en-de"."""
    ordered = pair[::-1] if reverse else pair
    return f"{stem}-{ordered[0]}-{ordered[1]}"
