"""seq2seq inspect."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

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
from seq2seq.cli.options import JsonOption

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from seq2seq.corpus.doctor.examination import Example, Finding
    from seq2seq.corpus.doctor.examine import Diagnosis
    from seq2seq.pipeline.prepare.inspect import Inspected

EXAMPLES = (
    ("seq2seq inspect --source my.en --target my.de", "your own files, before anything else"),
    ("seq2seq inspect --tsv pairs.tsv.gz --from en --into de", "one file with both languages"),
    ("seq2seq inspect multi30k-en-de --data ~/multi30k", "a recipe's corpus, with its test sets"),
    ("seq2seq inspect runs/mine --examples 10", "what prepare kept, with more examples"),
    ("seq2seq inspect --source my.en --target my.de --strict", "in a script: fail where training would be time lost"),
)
WIDTH = 96  # of the histograms, in a file


def inspect(
    corpus: Annotated[
        str | None,
        typer.Argument(metavar="CORPUS", help="A prepared run, a shipped recipe's name (see: recipes) or a .toml."),
    ] = None,
    source: SourceOption = None,
    target: TargetOption = None,
    tsv: TsvOption = None,
    jsonl: JsonlOption = None,
    tmx: TmxOption = None,
    hub: HubOption = "",
    from_language: FromOption = "",
    into_language: IntoOption = "",
    data: DataOption = None,
    examples: Annotated[int, typer.Option("--examples", min=0, help="Lines shown of each finding.")] = 3,
    strict: Annotated[
        bool, typer.Option("--strict", help="Exit with 1 where something serious is found; else that is advice only.")
    ] = False,
    as_json: JsonOption = False,
) -> None:
    """Look for what would spoil a training: slipped lines, wrong languages, broken characters, leaked test sentences.

    Reads the corpus once and says what it finds, each with its count, lines to look at, and what to do: lines that slip
    against their translations from some line on, sides that are swapped or not translated, text in a wrong encoding,
    duplicates, test sentences in the training set, boilerplate, numbers that differ, markup, and how long the sentences
    are. Changes nothing.
    """
    from seq2seq import console

    found = _look(
        corpus,
        {"--source": source, "--tsv": tsv, "--jsonl": jsonl, "--tmx": tmx},
        hub=hub,
        target=target,
        pair=(from_language, into_language),
        data=data,
        examples=examples,
    )
    if as_json:
        console.emit_json(found.to_dict())
    else:
        for line in _report(found):
            console.emit(line)
    if strict and found.diagnosis.is_serious():
        raise typer.Exit(1)


def _look(
    corpus: str | None,
    files: Mapping[str, Path | None],
    *,
    hub: str,
    target: Path | None,
    pair: tuple[str, str],
    data: Path | None,
    examples: int,
) -> Inspected:
    """Finds out which corpus is meant, and looks at it."""
    from seq2seq.errors import UserError
    from seq2seq.pipeline.prepare.inspect import inspect_data
    from seq2seq.recipe.schema import Choice, Data

    given = [name for name, value in {"CORPUS": corpus, **files, "--hub": hub}.items() if value]
    if len(given) != 1:
        what = " and ".join(given) if given else "nothing"
        raise UserError(
            f"inspect needs one corpus, and was given {what}.",
            hint="Give a run or a recipe's name, or --source and --target, or one of --tsv, --jsonl, --tmx and --hub.",
        )
    _check_options(given[0], {"--target": target, "--from": pair[0], "--into": pair[1], "--data": data})
    if corpus:
        return _named(corpus, data, examples)
    if hub:
        if not all(pair):
            raise UserError("A dataset of the hub needs --from and --into.", hint="For instance: --from en --into de")
        described = Data(reader=Choice("hub"), hub=hub, source_language=pair[0], target_language=pair[1])
        return inspect_data(described, data, name=hub, num_examples=examples)
    file = files[given[0]]
    assert file is not None
    return _own_files(file, target, given[0].removeprefix("--"), pair, examples)


def _own_files(file: Path, target: Path | None, kind: str, pair: tuple[str, str], examples: int) -> Inspected:
    from seq2seq.corpus.files import require_file
    from seq2seq.errors import UserError
    from seq2seq.pipeline.prepare.automatic import choose_pair
    from seq2seq.pipeline.prepare.inspect import inspect_data
    from seq2seq.recipe.schema import Choice, Data

    reader = "aligned" if kind == "source" else kind
    if reader == "aligned" and target is None:
        raise UserError("--source needs --target.", hint="For one file with both languages use --tsv.")
    paths = [path for path in (file, target) if path is not None]
    for path in paths:
        require_file(path)
    codes = choose_pair(reader, file, target, given=pair)
    described = Data(
        reader=Choice(reader),
        train=tuple(map(str, paths)),
        source_language=codes[0],
        target_language=codes[1],
    )
    return inspect_data(described, None, name=" and ".join(path.name for path in paths), num_examples=examples)


def _named(name: str, data: Path | None, examples: int) -> Inspected:
    """A run, or where --data says otherwise or there is none, a recipe."""
    from seq2seq.bundle import find_run
    from seq2seq.errors import UserError
    from seq2seq.pipeline.prepare.inspect import inspect_data, inspect_run
    from seq2seq.recipe.catalog import find_recipe
    from seq2seq.recipe.toml import load_recipe

    path = Path(name)
    if path.is_file() and path.suffix != ".toml":
        raise UserError(
            f"{name} is neither a run nor a recipe.", hint=f"Text files are given as: --source {name} --target FILE"
        )
    if data is None:
        try:
            run = find_run(path)
        except UserError:
            if path.is_dir():
                raise
        else:
            return inspect_run(run, num_examples=examples)
    try:
        recipe = find_recipe(path)
    except UserError as error:
        raise UserError(f"{name} is no prepared run and no recipe.", hint=error.hint) from None
    found = load_recipe(recipe)
    label = recipe.stem if found.name == "run" else found.name
    return inspect_data(found.data, data, name=label, num_examples=examples)


def _check_options(corpus: str, options: Mapping[str, object]) -> None:
    """Refuses an option that would have no effect with this kind of corpus."""
    from seq2seq.errors import UserError

    useful = {
        "CORPUS": ("--data",),
        "--source": ("--target", "--from", "--into"),
        "--hub": ("--from", "--into", "--data"),
    }
    for option, value in options.items():
        if value and option not in useful.get(corpus, ("--from", "--into")):
            what = "a run or a recipe" if corpus == "CORPUS" else corpus
            raise UserError(f"{option} does nothing with {what}.", hint=f"Leave out {option}, or see --help.")


def _report(found: Inspected) -> Iterator[str]:
    from seq2seq.corpus.doctor.examination import counted

    diagnosis = found.diagnosis
    size = counted(diagnosis.num_pairs, "pair")
    yield f"{found.name}: {found.source_language} to {found.target_language}, {size}"
    for finding in diagnosis.of_weight():
        yield from _finding(finding)
    if not diagnosis.of_weight():
        yield from ("", "Nothing suspicious found.")
    yield from _not_judged(diagnosis)
    notes = diagnosis.findings[len(diagnosis.of_weight()) :]
    if notes:
        yield from ("", "Worth knowing:")
    for finding in notes:
        yield f"  {finding.kind}: {finding.message}"
        yield from (f"    {line}" for example in finding.examples[:1] for line in _example(example))
        yield f"    {finding.advice}"
    yield from _lengths(diagnosis.figures)


def _finding(finding: Finding) -> Iterator[str]:
    from seq2seq.corpus.doctor.examination import percent

    share = f"{finding.count:,} of {finding.total:,} ({percent(finding.share)})"
    yield from ("", f"{finding.severity.value.upper()}: {finding.kind}, {share}", f"  {finding.message}")
    for example in finding.examples:
        yield from (f"  {line}" for line in _example(example))
    yield f"  What to do: {finding.advice}"


def _example(example: Example) -> Iterator[str]:
    from seq2seq.plots.characters import printable

    where = f"{example.origin}, " if example.origin else ""
    yield f"{where}line {example.line:,}: {printable(example.source)} | {printable(example.target)}"
    if example.note:
        yield f"    {printable(example.note)}"


def _not_judged(diagnosis: Diagnosis) -> Iterator[str]:
    """What there was too little text for: silence would look like health."""
    lacking = []
    accused = any(finding.kind == "unrelated sides" for finding in diagnosis.findings)
    if not diagnosis.figures["alignment slip"]["judged"] and not accused:
        lacking.append("whether the lines are aligned")
    if not any(diagnosis.figures["languages"].values()):
        lacking.append("the languages")
    if lacking:
        yield from ("", f"Not judged, for want of text that tells: {' and '.join(lacking)}.")


def _lengths(figures: Mapping[str, Any]) -> Iterator[str]:
    from seq2seq import console
    from seq2seq.plots.histogram import histograms

    lengths = figures["lengths"]
    width = console.output().width if console.output().is_terminal else WIDTH
    sides = [(name, [entry["pairs"] for entry in lengths[name]["histogram"]]) for name in ("source", "target")]
    labels = [_label(entry) for entry in lengths["source"]["histogram"]]
    yield from ("", f"Words a sentence: {_average(lengths, 'source')}, {_average(lengths, 'target')}")
    yield from histograms(labels, sides, width=width)
    ratio = lengths["ratio"]
    if ratio["average"] is not None:
        yield from ("", f"Target words for a source word: {ratio['average']:.2f} on average")
        labels = [
            f"{entry['from']:.2f}-" + (f"{entry['to']:.2f}" if entry["to"] else "") for entry in ratio["histogram"]
        ]
        yield from histograms(labels, [("pairs", [entry["pairs"] for entry in ratio["histogram"]])], width=width // 2)


def _label(entry: Mapping[str, int | None]) -> str:
    """For instance "4-5", "3" or "201-"."""
    first, end = entry["from"], entry["to"]
    if end is None:
        return f"{first}-"
    return str(first) if end - 1 == first else f"{first}-{end - 1}"


def _average(lengths: Mapping[str, Any], side: str) -> str:
    return f"{side} {lengths[side]['average']:.1f} on average, {lengths[side]['longest']:,} at most"
