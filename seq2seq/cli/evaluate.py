"""seq2seq evaluate."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from seq2seq.cli.options import (
    Device,
    DeviceOption,
    EngineOption,
    JsonOption,
    MbrOption,
    ModelArgument,
    SetOption,
    ThreadsOption,
    num_candidates,
)
from seq2seq.engines.names import EngineName

if TYPE_CHECKING:
    from seq2seq.bundle import Bundle, RunFolder
    from seq2seq.pipeline.evaluate.evaluate import Result, TestSet

EXAMPLES = (
    ("seq2seq evaluate runs/mine", "the run's own test sets"),
    ("seq2seq evaluate runs/mine --split development", "for choosing settings: never by a test set"),
    ("seq2seq evaluate runs/mine --source new.en --reference new.de", "other files"),
    ("seq2seq evaluate runs/mine --against runs/older", "is the difference more than chance?"),
    ("seq2seq evaluate runs/mine --against theirs.de --json", "against a file of translations"),
    ("seq2seq evaluate runs/mine --details", "where it goes wrong: every flagged sentence"),
    ("seq2seq evaluate runs/mine --html page.html", "the same to look at in a browser, also offline"),
)


def evaluate(
    model: ModelArgument,
    split: Annotated[
        list[str] | None,
        typer.Option(
            "--split",
            help="A split of the run, development or a test set's name; several times for several. Default: all tests.",
        ),
    ] = None,
    source: Annotated[Path | None, typer.Option("--source", help="Translate this file instead.")] = None,
    reference: Annotated[Path | None, typer.Option("--reference", help="Its reference translations.")] = None,
    against: Annotated[
        Path | None, typer.Option("--against", help="Another model, or a file of translations, to compare with.")
    ] = None,
    beam: Annotated[
        int | None,
        typer.Option("--beam", min=1, help="Hypotheses a sentence; 1 is greedy. Without --mbr the likeliest is taken."),
    ] = None,
    mbr: MbrOption = None,
    num_worst: Annotated[int, typer.Option("--worst", min=0, help="How many of the worst sentences to show.")] = 5,
    details: Annotated[
        bool, typer.Option("--details", help="Show all of where it goes wrong, and not the most frequent alone.")
    ] = False,
    html: Annotated[
        Path | None,
        typer.Option(
            "--html",
            help="Write it as one page too: charts, attention maps, the worst sentences. It needs no network.",
        ),
    ] = None,
    engine: EngineOption = EngineName.AUTO,
    device: DeviceOption = Device.AUTO,
    threads: ThreadsOption = 0,
    settings: SetOption = None,
    as_json: JsonOption = False,
) -> None:
    """Score a translator on a test set, with signatures and intervals.

    BLEU, chrF and TER by the recipe's rules for the target language, each with sacreBLEU's signature and a 95 %
    bootstrap interval. With --against, a paired significance test: p is the chance of a difference as large as this
    between two systems that are equally good.

    Then where it goes wrong: numbers and names lost or invented, repetitions, outputs too short or too long, words left
    as they are in the source, scores by sentence length and by rarity of the words, and the most common wrong words.

    Scores of the run's own sets but train, with the model's own settings and without --engine, are kept in the run and
    in the model card; others are shown.
    """
    from seq2seq import console
    from seq2seq.bundle import open_bundle
    from seq2seq.cli.diagnosis import show_diagnosis
    from seq2seq.cli.scores import show_result
    from seq2seq.errors import UserError
    from seq2seq.pipeline.evaluate import evaluate as scoring
    from seq2seq.pipeline.evaluate.diagnosis import check_page, diagnoser, write_diagnosis
    from seq2seq.pipeline.evaluate.unscored import place_of
    from seq2seq.recipe.overrides import apply_overrides
    from seq2seq.translator import from_bundle

    if (source is None) != (reference is None):
        raise UserError("--source and --reference go together.", hint="Give both files, or neither.")
    if source is not None and split:
        raise UserError("--split is of the run, --source of your own files.", hint="Give one of them.")
    if html is not None:
        check_page(html)
    bundle = open_bundle(model)
    assignments = [] if beam is None else [f"search.beam={beam}", "search.name=beam"]
    candidates = num_candidates(mbr, settings or [], otherwise=beam is not None)
    assignments += [] if candidates is None else [f"search.mbr={candidates}"]
    recipe = apply_overrides(bundle.recipe, [*(settings or []), *assignments])
    scoring.check_rules(recipe.evaluation, diagnosed=True)  # and before the other model translates
    run = _run_with_sets(bundle.path) if source is None else None
    tests = _tests(run, split, source, reference)
    if against is not None and against.is_file() and len(tests) > 1:
        raise UserError(
            f"{against} holds the translations of one test set, and there are {len(tests)}.",
            hint=f"Say which: --split {tests[0].name}",
        )
    translator = from_bundle(bundle, engine=engine.value, device=device.value, threads=threads)
    translator.evaluation = recipe.evaluation  # by which candidates are compared
    results = []
    for test in tests:
        other = None
        if against is not None:
            other = scoring.other_translations(against, test, engine=engine.value, device=device.value, threads=threads)
        result = scoring.evaluate(
            translator,
            test,
            recipe.search,
            recipe.evaluation,
            num_worst=num_worst,
            against="" if against is None else str(against),
            other=other,
            diagnose=diagnoser(bundle, recipe.evaluation),
            unscored=place_of(bundle.path, test.name),
        )
        results.append(result)
        if run is not None and (why := _not_the_models_own(test.name, recipe == bundle.recipe, engine)):
            console.say(f"{test.name}: shown and not kept, because {why}.")
        elif run is not None:
            bundle = _kept(result, run, bundle)
    if as_json:
        console.emit_json({"model": bundle.path, "results": [result.to_dict() for result in results]})
    for result in results if not as_json else ():
        show_result(result, against=str(against), num_worst=num_worst)
        show_diagnosis(result, details=details)
    if html is not None:  # last, for where it cannot be written the results are told
        write_diagnosis(html, bundle, results, translator, recipe.search)
        console.say(f"{html}: where it goes wrong, to look at in a browser.")


def _not_the_models_own(name: str, as_it_is_used: bool, engine: EngineName) -> str:
    """Returns why scores on a split of the run say nothing of the model as it is used; empty where they do."""
    if name == "train":
        return "the model was trained on it"
    if not as_it_is_used:
        return "the settings are not the model's own"
    return "" if engine is EngineName.AUTO else "an engine was asked for"


def _kept(result: Result, run: RunFolder, bundle: Bundle) -> Bundle:
    """Stores a result and returns the bundle as it then is. Where that cannot be, says why: the scores are there."""
    from seq2seq import console
    from seq2seq.errors import Seq2SeqError
    from seq2seq.pipeline.evaluate.evaluate import keep

    try:
        return keep(result, run, bundle)
    except (OSError, Seq2SeqError) as error:
        console.warn(f"{result.name}: shown and not kept: {error}")
        return bundle


def _tests(
    run: RunFolder | None, split: list[str] | None, source: Path | None, reference: Path | None
) -> list[TestSet]:
    from seq2seq.pipeline.evaluate.evaluate import files_as_test_set, test_sets

    if run is not None:
        return test_sets(run, split or [])
    assert source is not None
    assert reference is not None
    return [files_as_test_set(source, reference)]


def _run_with_sets(bundle: Path) -> RunFolder:
    """Returns the run whose test sets a bundle is scored on: the one in whose folder it stands, its own or not.

    Raises:
        UserError: It stands alone.
    """
    from seq2seq.bundle import run_around
    from seq2seq.errors import UserError

    run = run_around(bundle)
    if run is None:
        raise UserError(
            f"{bundle} is a bundle without its run, and so without test sentences.",
            hint="Give files: --source FILE --reference FILE",
        )
    return run
