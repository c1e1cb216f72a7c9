"""evaluate: a model's scores on a test set, beside another's where one is given."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from seq2seq import console
from seq2seq.bundle import Bundle, RunFolder, open_bundle, run_owning
from seq2seq.bundle_facts import Flagged, ScoredWith, SearchedWith, SetScore
from seq2seq.corpus.files import read_lines
from seq2seq.data.store import Store
from seq2seq.errors import UserError, nearest
from seq2seq.evaluation.diagnosis.diagnose import Diagnosis
from seq2seq.evaluation.metrics import Score, check_metrics, score
from seq2seq.evaluation.resampling import check_resamples
from seq2seq.evaluation.significance import Comparison, compare
from seq2seq.evaluation.worst import Sentence, lowest, scored
from seq2seq.folders import write_json, write_text
from seq2seq.pipeline.evaluate.unscored import waiting
from seq2seq.pipeline.models.card import refresh_card
from seq2seq.pipeline.prepare.basis import OLD
from seq2seq.recipe.schema import Evaluation, Search
from seq2seq.recipe.toml import load_recipe
from seq2seq.translator import Translator, from_bundle

# Readers that number pairs without a gap: a unit of TMX has the line where it begins, and blank lines of JSON count.
_A_PAIR_A_LINE = ("aligned", "tsv", "hub")


@dataclass(frozen=True)
class TestSet:
    """Sentences and their reference translations.

    Attributes:
        name: What it is called.
        sources: The sentences.
        references: Their translations.
        num_given: Lines there were before those without text were left out; 0 where none had to be.
        places: Where each sentence stood among them, from 0.
    """

    __test__ = False  # pytest collects by name

    name: str
    sources: list[str]
    references: list[str]
    num_given: int = 0
    places: Sequence[int] = ()


@dataclass(frozen=True)
class Result:
    """How a model did on a test set.

    Attributes:
        name: Of the test set.
        scores: Each with its signature and, where asked for, its 95 % interval.
        hypotheses: The translations.
        worst: The sentences with the lowest chrF.
        seconds: What translating took, the model loaded.
        comparison: Against another system, which is the first, the baseline; empty where none was given.
        against: What the other system was.
        settings: How translations were searched for; scores mean nothing without.
        sentences: All of them with their chrF, in order; empty where neither the worst nor a diagnosis was asked for.
        diagnosis: Where it goes wrong; None where that was not asked.
        engine: What computed the translations: ONNX in "int8" or "fp32", or "torch"; empty where that is not known.
    """

    name: str
    scores: list[Score]
    hypotheses: list[str]
    worst: list[Sentence]
    seconds: float
    comparison: list[Comparison] = field(default_factory=list)
    against: str = ""
    settings: dict[str, Any] = field(default_factory=dict)
    sentences: list[Sentence] = field(default_factory=list)
    diagnosis: Diagnosis | None = None
    engine: str = ""

    def to_dict(self) -> dict[str, Any]:
        """Returns all but the translations as JSON values."""
        from dataclasses import asdict

        found = {
            "name": self.name,
            "sentences": len(self.hypotheses),
            "scores": [s.to_dict() for s in self.scores],
            "seconds": round(self.seconds, 3),
            "search": self.settings,
            "engine": self.engine,
            "worst": [asdict(sentence) for sentence in self.worst],
            "against": self.against,
            "comparison": [c.to_dict() for c in self.comparison],
        }
        return found if self.diagnosis is None else {**found, "diagnosis": self.diagnosis.to_dict()}


def test_sets(run: RunFolder, names: Sequence[str]) -> list[TestSet]:
    """Returns the run's test sets: those named, each once, or all.

    Raises:
        UserError: The run has no such split, or no test set at all.
    """
    known = run.splits()
    wanted = list(dict.fromkeys(names)) or [name for name in known if _is_test(name)]
    if not wanted:
        raise UserError(
            f"{run.path} has no test set.", hint="Use --split development, or give --source and --reference files."
        )
    found = []
    for name in wanted:
        if name not in known:
            raise UserError(f"{run.path} has no split {name!r}.", hint=nearest(name, known))
        store = Store(run.split(name))
        found.append(TestSet(name, store.texts("source"), store.texts("target"), *_places(run, name, store)))
    return found


def _is_test(split: str) -> bool:
    """Whether models are neither trained on a split nor chosen by it; each fine-tuning puts `OLD` before its name."""
    while split.startswith(OLD):
        split = split.removeprefix(OLD)
    return split not in ("train", "development")


test_sets.__test__ = False  # type: ignore[attr-defined]  # as above


def _places(run: RunFolder, name: str, store: Store) -> tuple[int, Sequence[int]]:
    """Returns how many lines a split was made of and where in them its sentences stood.

    Nothing where all are kept, and where the number of a line does not say which pair it holds.
    """
    report = run.read_manifest().cleaning.get(name)
    num_given = report.read if report else 0
    if num_given <= len(store):
        return 0, ()
    data = load_recipe(run.recipe).data
    if data.reader.name not in _A_PAIR_A_LINE:
        return 0, ()
    lines = {"development": data.development_lines, "test": data.test_lines}.get(name)
    first = lines[0] if lines else 1
    places = [row.line - first for row in store.rows()]
    return (num_given, places) if all(0 <= place < num_given for place in places) else (0, ())


def files_as_test_set(source: Path, reference: Path) -> TestSet:
    """Returns the test set in two files.

    Raises:
        UserError: They differ in length, or cannot be read.
    """
    sources, references = list(read_lines(source)), list(read_lines(reference))
    if len(sources) != len(references):
        raise UserError(
            f"{source} has {len(sources)} lines and {reference} has {len(references)}.",
            hint="Line n of one must be the translation of line n of the other.",
        )
    return TestSet(source.name, sources, references)


def check_rules(rules: Evaluation, *, diagnosed: bool) -> None:
    """Refuses what cannot be scored by, before the work and not after it.

    Args:
        rules: How the target language is scored.
        diagnosed: Whether it is also asked where it goes wrong, which is told with BLEU whatever the rules say.

    Raises:
        UserError: A metric cannot be built, or there are too few resamples for an interval.
    """
    check_resamples(rules.bootstrap)
    names = dict.fromkeys([*rules.metrics, *(["bleu"] if diagnosed else [])])
    check_metrics(list(names), tokenize=rules.tokenize, lowercase=rules.lowercase)


def evaluate(
    translator: Translator,
    test: TestSet,
    settings: Search,
    rules: Evaluation,
    *,
    num_worst: int = 10,
    against: str = "",
    other: Sequence[str] | None = None,
    diagnose: Callable[[Sequence[Sentence]], Diagnosis] | None = None,
    unscored: Path | None = None,
) -> Result:
    """Translates a test set and scores it.

    Args:
        translator: The model.
        test: The test set.
        settings: How to search.
        rules: How the target language is scored.
        num_worst: How many of the worst sentences to return; 0 for none.
        against: What `other` is called.
        other: Translations of the same set by another system.
        diagnose: Finds out where it goes wrong; None: nobody asks.
        unscored: The file that holds the translations while they are scored; None: none does.

    Raises:
        UserError: `other` has another number of lines, or the rules are as `check_rules` refuses them.
    """
    check_rules(rules, diagnosed=diagnose is not None)
    begin = time.perf_counter()
    hypotheses = translate_all(translator, test.sources, settings)
    seconds = time.perf_counter() - begin
    with waiting(unscored, hypotheses):
        sentences = _sentences(test, hypotheses, rules) if num_worst or diagnose else []
        return Result(
            test.name,
            _scores(hypotheses, test.references, rules),
            hypotheses,
            lowest(sentences, num_worst),
            seconds,
            [] if other is None else _compared(list(other), hypotheses, test.references, rules),
            against,
            _told(settings),
            sentences,
            None if diagnose is None else diagnose(sentences),
            translator.engine.precision,
        )


def _sentences(test: TestSet, hypotheses: Sequence[str], rules: Evaluation) -> list[Sentence]:
    with _progress("each sentence", len(hypotheses)) as progress:
        return scored(test.sources, hypotheses, test.references, lowercase=rules.lowercase, watch=progress.update)


def _scores(hypotheses: Sequence[str], references: Sequence[str], rules: Evaluation) -> list[Score]:
    found = []
    for name in dict.fromkeys(rules.metrics):
        with _progress(name, len(hypotheses)) as progress:
            found += score(
                hypotheses,
                references,
                metrics=[name],
                tokenize=rules.tokenize,
                lowercase=rules.lowercase,
                bootstrap=rules.bootstrap,
                watch=progress.update,
            )
    return found


def _compared(
    other: Sequence[str], hypotheses: Sequence[str], references: Sequence[str], rules: Evaluation
) -> list[Comparison]:
    found = []
    for name in dict.fromkeys(rules.metrics):
        with _progress(f"{name} of both", 2 * len(hypotheses)) as progress:
            found += compare(
                other,
                hypotheses,
                references,
                metrics=[name],
                tokenize=rules.tokenize,
                lowercase=rules.lowercase,
                watch=progress.update,
            )
    return found


def _progress(what: str, total: int) -> console.Progress:
    """Returns how far scoring has come: under one metric, for a sentence takes each of them another time."""
    return console.Progress(f"scoring: {what}", total, unit="sentences")


def _told(settings: Search) -> dict[str, Any]:
    """Returns what scores mean nothing without."""
    told = {"name": settings.name, "beam": settings.beam, "length_penalty": settings.length_penalty}
    return {**told, "mbr": settings.mbr, "mbr_utility": settings.mbr_utility} if settings.mbr else told


def translate_all(translator: Translator, sources: list[str], settings: Search) -> list[str]:
    """Returns the translations of `sources`, showing how far it is."""
    texts = []
    with console.Progress("translating", len(sources), unit="sentences") as progress:
        for translation in translator.translate_stream(sources, settings):
            texts.append(translation.text)
            progress.advance()
    return texts


def other_translations(given: Path, test: TestSet, *, engine: str = "auto", device: str, threads: int) -> list[str]:
    """Returns another system's translations: those in a file, or those of another model.

    A file may hold a translation for each sentence, or, where the test set was read a pair a line, for each line that
    it was made of, with those too that were left out for want of text.

    Raises:
        UserError: The file has another number of lines, or there is no such model.
    """
    if given.is_file():
        lines = list(read_lines(given))
        if test.num_given and len(lines) == test.num_given:
            return [lines[place] for place in test.places]
        if len(lines) != len(test.sources):
            left_out = test.num_given - len(test.sources)
            all_lines = f", and {test.num_given} lines with the {left_out} that have no text" if test.num_given else ""
            raise UserError(
                f"{given} has {len(lines)} lines, and the test set {test.name} has {len(test.sources)} sentences"
                f"{all_lines}.",
                hint="Give one translation a line, in the order of the test set.",
            )
        return lines
    bundle = open_bundle(given)
    translator = from_bundle(bundle, engine=engine, device=device, threads=threads)
    return translate_all(translator, test.sources, bundle.recipe.search)


def keep(result: Result, run: RunFolder, bundle: Bundle) -> Bundle:
    """Stores a result: translations and scores in the run, scores with signatures in the bundle, which is returned.

    A copy that was exported into the run's folder keeps its own scores; those of the run are its bundle's. The bundle
    comes first: where it was replaced meanwhile, what the run holds stays that of one model.

    Raises:
        OSError: Something cannot be written.
        WorkError: The bundle was replaced in the meantime.
    """
    scores = [SetScore(**one.to_dict()) for one in result.scores]
    diagnosis = None if result.diagnosis is None else Flagged(**result.diagnosis.summary())
    how = ScoredWith(engine=result.engine, search=SearchedWith(**result.settings)) if result.engine else None
    scored = bundle.with_scores(result.name, scores, diagnosis=diagnosis, how=how)
    if run_owning(bundle.path) is not None:
        run.evaluation.mkdir(exist_ok=True)
        write_text(run.evaluation / f"{result.name}.hyp", "".join(line + "\n" for line in result.hypotheses))
        write_json(run.evaluation / f"{result.name}.json", result.to_dict())
    refresh_card(bundle.path)
    return scored
