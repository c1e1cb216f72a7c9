"""demo: the whole way, from the embedded phrasebook to a scored translator, in minutes."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from msgspec.structs import replace

from seq2seq.bundle import RunFolder, open_bundle
from seq2seq.pipeline.evaluate import evaluate as scoring
from seq2seq.pipeline.prepare.inputs import current_inputs
from seq2seq.pipeline.prepare.prepare import Prepared, prepare
from seq2seq.pipeline.train.train import Trained, train
from seq2seq.recipe.schema import Recipe
from seq2seq.recipe.toml import load_recipe
from seq2seq.translator import from_bundle

NUM_EXAMPLES = 10


@dataclass(frozen=True)
class Example:
    """A held-out sentence, what the model made of it, and what was expected."""

    source: str
    output: str
    reference: str


@dataclass(frozen=True)
class Demonstration:
    """What the demonstration made.

    Attributes:
        prepared: The corpus.
        trained: The training, which may have been finished before.
        results: The scores by test set; none where the training was interrupted.
        examples: Some translations, from both test sets in turn.
        bundle: Where the model is.
    """

    prepared: Prepared
    trained: Trained
    results: list[scoring.Result]
    examples: list[Example]
    bundle: Path


def demonstrate(
    recipe: Recipe, run: RunFolder, *, as_tuned: bool = True, device: str = "auto", threads: int = 0
) -> Demonstration:
    """Prepares, trains, translates and scores. A training that was cut off goes on; a finished one is not repeated.

    Args:
        recipe: All settings.
        run: Where everything is kept.
        as_tuned: Whether a demonstration that is there is searched as its own recipe says, which `tune` may change.
        device: "auto", "cpu" or "cuda".
        threads: CPU cores to use; 0: all.
    """
    # The folder is the demonstration's own: other phrases or another network than were learned there start it again.
    anew = run.checkpoints.exists() and load_recipe(run.recipe).model != recipe.model
    if as_tuned and run.checkpoints.exists() and not anew:
        recipe = replace(recipe, search=load_recipe(run.recipe).search)
    prepared = prepare(recipe, run, force=_is_older(recipe, run))
    trained = train(recipe, run, resume=not anew, restart=anew, device=device, threads=threads)
    if not trained.finished:
        return Demonstration(prepared, trained, [], [], run.bundle)
    bundle = open_bundle(run.path)
    translator = from_bundle(bundle, device=device, threads=threads)
    tests = scoring.test_sets(run, [])
    results = []
    for test in tests:
        result = scoring.evaluate(translator, test, recipe.search, recipe.evaluation)
        if (recipe.search, recipe.evaluation) == (bundle.recipe.search, bundle.recipe.evaluation):
            bundle = scoring.keep(result, run, bundle)
        results.append(result)
    return Demonstration(prepared, trained, results, _examples(tests, results), bundle.path)


def _is_older(recipe: Recipe, run: RunFolder) -> bool:
    """Whether the folder holds a demonstration on other data or other settings of the text.

    A copy of its recipe on a person's own files keeps its name: only what learned from the phrasebook is ours to drop.
    """
    if not run.manifest.is_file():
        return False
    manifest = run.read_manifest()
    learned = load_recipe(run.recipe).data
    is_ours = manifest.name == recipe.name and learned.reader.name == "phrasebook" and not learned.corpora
    return is_ours and manifest.inputs != current_inputs(recipe)


def _examples(tests: list[scoring.TestSet], results: list[scoring.Result]) -> list[Example]:
    """Returns the first sentences of each test set: as they come, not chosen."""
    each = NUM_EXAMPLES // max(1, len(tests))
    return [
        Example(test.sources[i], result.hypotheses[i], test.references[i])
        for test, result in zip(tests, results, strict=True)
        for i in range(min(each, len(test.sources)))
    ]
