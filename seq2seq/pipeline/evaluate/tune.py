"""tune: how translations are searched for, chosen on the development set.

A length penalty changes which of the finished translations is taken, and when a search may stop. So everything that is
tried is searched with, where the development set is small enough. Where it is not, each beam is searched once for its n
best, and these are ranked by every penalty, in a moment; that leaves out what a search that stops elsewhere would find,
which on 1,014 captions was half a BLEU, more than there was to win. A ranking therefore only says what is to be
searched with. What is kept is better in a real search than the present settings are in another.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

from msgspec.structs import replace

from seq2seq import console
from seq2seq.bundle import Bundle, RunFolder, open_bundle, run_around, run_owning
from seq2seq.data.store import Store
from seq2seq.errors import Seq2SeqError, UserError
from seq2seq.evaluation.names import METRIC_NAMES
from seq2seq.folders import write_text
from seq2seq.pipeline.evaluate.evaluate import TestSet, files_as_test_set
from seq2seq.pipeline.evaluate.search_text import with_search
from seq2seq.pipeline.models.card import refresh_card
from seq2seq.recipe.rules.search import MOST_CANDIDATES
from seq2seq.recipe.schema import Evaluation, Recipe, Search
from seq2seq.registry import METRICS
from seq2seq.search.hypothesis import divisor
from seq2seq.translating.translation import Translation
from seq2seq.translator import Translator, from_bundle

PENALTIES: Final = tuple(step / 5 for step in range(11))
"""0 to 2 by fifths: 0 prefers short translations, 1 is the mean of a token, and above it long ones win."""
MOST_SEARCHED: Final = 25_000
"""Sentences, over all searches. 1,000 take some six seconds with a beam of 5, so a whole grid is tried in minutes."""
BEST_RANKED: Final = 3  # settings that are searched with, of more
METRICS_SHOWN: Final = ("bleu", "chrf")
_DIGITS: Final = 2  # of a score: a smaller difference is none


@dataclass(frozen=True)
class Trial:
    """One way to search, and what it gives on the development set.

    Attributes:
        name: Of the search.
        beam: Hypotheses a sentence.
        mbr: Candidates that are compared; 0: the likeliest is taken.
        length_penalty: What scores are divided by, as an exponent of the length.
        bleu: Of the whole set.
        chrf: Likewise.
        length_ratio: Words of the translations by those of the references; below 1 they are too short.
        seconds: What searching took; None where another search's translations were only ranked.
    """

    name: str
    beam: int
    mbr: int
    length_penalty: float
    bleu: float
    chrf: float
    length_ratio: float
    seconds: float | None = None

    def score(self, metric: str) -> float:
        """Returns the score that is chosen by, rounded as it is shown."""
        return round(float(getattr(self, metric)), _DIGITS)

    def settings(self) -> dict[str, Any]:
        """Returns what it would change in a recipe's `[search]`."""
        return {"name": self.name, "beam": self.beam, "mbr": self.mbr, "length_penalty": self.length_penalty}


@dataclass(frozen=True)
class Tuned:
    """What came out.

    Attributes:
        metric: What was chosen by.
        sentences: Of the development set.
        trials: Everything that was tried, once each, by beam, candidates and penalty.
        before: The present settings, searched with.
        best: The best settings that were searched with: `before` where nothing was better.
    """

    metric: str
    sentences: int
    trials: list[Trial]
    before: Trial
    best: Trial

    @property
    def changes(self) -> dict[str, Any]:
        """What is to be changed in `[search]`; empty where nothing is better than the present settings."""
        before = self.before.settings()
        return {name: value for name, value in self.best.settings().items() if value != before[name]}

    def to_dict(self) -> dict[str, Any]:
        """Returns all of it as JSON values."""
        return {**asdict(self), "changes": self.changes}


@dataclass(frozen=True)
class Grid:
    """What is tried.

    Attributes:
        penalties: Length penalties; the present one is always tried too.
        beams: Widths of the beam; empty: the present one.
        mbr: Numbers of candidates that are compared, 0 for none; empty: as now, or none where `beams` are tried.
    """

    penalties: Sequence[float] = PENALTIES
    beams: Sequence[int] = ()
    mbr: Sequence[int] = ()

    def check(self) -> None:
        """Refuses what cannot be tried.

        Raises:
            UserError: Names the value.
        """
        for penalty in self.penalties:
            if not 0 <= penalty < float("inf"):
                raise UserError(f"A length penalty must be at least 0, not {penalty}.", hint="1 is usual.")
        for beam in self.beams:
            if beam < 1:
                raise UserError(f"A beam must be at least 1, not {beam}.", hint="5 is usual.")
        for count in self.mbr:
            if count < 0 or count == 1:
                raise UserError(f"mbr must be 0, or 2 and more, not {count}.", hint="20 is a good start.")
            if count > MOST_CANDIDATES:
                raise UserError(f"mbr must be at most {MOST_CANDIDATES}, not {count}.", hint="20 is a good start.")


def tune(
    translator: Translator, test: TestSet, settings: Search, rules: Evaluation, grid: Grid, *, metric: str = "bleu"
) -> Tuned:
    """Looks for the best way to search.

    Every setting of the grid is searched with where that is `MOST_SEARCHED` sentences or fewer; otherwise, for each
    number of candidates, the `BEST_RANKED` that rank best. The present settings always are. Of settings that are
    equally good, those nearest to the present ones are taken.

    Args:
        translator: The model.
        test: The development set.
        settings: The present settings.
        rules: How the target language is scored.
        grid: What is tried.
        metric: What is chosen by: "bleu" or "chrf".

    Raises:
        UserError: Something of the grid cannot be tried.
    """
    grid.check()
    look = _Look(translator, test, rules)
    before = look.searched(settings)
    beams = _in_order(grid.beams) or [max(settings.beam, 2) if settings.name == "beam" else 5]
    penalties = _in_order([*grid.penalties, settings.length_penalty])
    # Candidates need a beam of their own: beside them, one width would be tried under many names.
    candidates = _in_order(grid.mbr) or [0 if grid.beams else settings.mbr]

    def merit(trial: Trial) -> tuple[float, ...]:
        far = (trial.mbr - settings.mbr, trial.length_penalty - settings.length_penalty, trial.beam - settings.beam)
        return trial.score(metric), trial is before, *(-abs(one) for one in far)

    pairs = [(beam, penalty) for beam in beams for penalty in penalties]
    ranked: list[Trial] = []
    if len(pairs) * len(candidates) * len(test.sources) > MOST_SEARCHED:
        plain = [replace(settings, name="beam", beam=beam, mbr=0) for beam in beams]
        ranked = sorted((trial for one in plain for trial in look.ranked(one, penalties)), key=merit, reverse=True)
        pairs = [(trial.beam, trial.length_penalty) for trial in ranked]
    most = BEST_RANKED if ranked else len(pairs)
    searched = [before]
    for mbr in candidates:
        wanted = [replace(settings, name="beam", beam=beam, length_penalty=penalty, mbr=mbr) for beam, penalty in pairs]
        searched += [look.searched(one) for one in [one for one in wanted if one != settings][:most]]
    return Tuned(metric, len(test.sources), _table(searched, ranked), before, max(searched, key=merit))


def _table(searched: Sequence[Trial], ranked: Sequence[Trial]) -> list[Trial]:
    """Returns each setting that was tried, once: as it was searched with, where it was."""

    def place(trial: Trial) -> tuple[bool, int, int, float]:
        return trial.name == "beam", trial.beam, trial.mbr, trial.length_penalty  # the present way first, if another

    found = {place(trial): trial for trial in (*ranked, *searched)}
    return [found[key] for key in sorted(found)]


class _Look:
    """Translates the development set in one way or another, and scores that."""

    def __init__(self, translator: Translator, test: TestSet, rules: Evaluation) -> None:
        self._translator, self._test = translator, test
        self._metrics = {
            name: METRICS.load(name)(tokenize=rules.tokenize, lowercase=rules.lowercase) for name in METRICS_SHOWN
        }

    def searched(self, settings: Search) -> Trial:
        """Returns what searching with these settings gives."""
        begin = time.perf_counter()
        texts = [one.text for one in self._translated(settings, 1)]
        return self._trial(settings, texts, time.perf_counter() - begin)

    def ranked(self, settings: Search, penalties: Sequence[float]) -> list[Trial]:
        """Returns what each penalty picks from what one beam finds."""
        found = [one.nbest or [one] for one in self._translated(settings, settings.beam)]
        trials = []
        for penalty in penalties:
            texts = [max(own, key=lambda one: rescored(one, settings.length_penalty, penalty)).text for own in found]
            trials.append(self._trial(replace(settings, length_penalty=penalty), texts))
        return trials

    def _translated(self, settings: Search, nbest: int) -> list[Translation]:
        found = []
        what = f"beam {settings.beam}" + (f", {settings.mbr} candidates" if settings.mbr else "")
        with console.Progress(f"translating, {what}", len(self._test.sources), unit="sentences") as progress:
            for one in self._translator.translate_stream(self._test.sources, settings, nbest=nbest):
                found.append(one)
                progress.advance()
        return found

    def _trial(self, settings: Search, texts: list[str], seconds: float | None = None) -> Trial:
        references = [self._test.references]
        bleu = self._metrics["bleu"].corpus_score(texts, references)
        return Trial(
            settings.name,
            settings.beam,
            settings.mbr,
            settings.length_penalty,
            float(bleu.score),
            float(self._metrics["chrf"].corpus_score(texts, references).score),
            bleu.sys_len / max(1, bleu.ref_len),
            seconds,
        )


def rescored(one: Translation, before: float, penalty: float) -> float:
    """Returns the score of a translation under another length penalty.

    log p / length ** penalty, and the coverage penalty as it was; of a translation in parts, the mean of theirs.

    Args:
        one: The translation.
        before: The penalty that its score was made with.
        penalty: The other one.
    """
    if one.parts:
        return sum(rescored(part, before, penalty) for part in one.parts) / len(one.parts)
    if not one.tokens:
        return one.score
    length = len(one.tokens)
    coverage = one.score - one.log_prob / divisor(length, before)
    return one.log_prob / divisor(length, penalty) + coverage


def _in_order(values: Sequence[Any]) -> list[Any]:
    return sorted(set(values))


def development_set(bundle: Bundle, sentences: int = 0) -> TestSet:
    """Returns the development set of the run that `bundle` stands in.

    Args:
        bundle: The model.
        sentences: How many, the first ones; 0: all.

    Raises:
        UserError: The bundle stands alone.
    """
    run = run_around(bundle.path)
    if run is None:
        raise UserError(
            f"{bundle.path} is a bundle without its run, and so without a development set.",
            hint="Give files: --source FILE --reference FILE",
        )
    store = Store(run.split("development"))
    count = min(sentences, len(store)) if sentences else len(store)
    return TestSet("development", store.texts("source", count), store.texts("target", count))


def files(source: Path, reference: Path, sentences: int = 0) -> TestSet:
    """Returns a development set of two files; likewise.

    Raises:
        UserError: They differ in length, or cannot be read.
    """
    found = files_as_test_set(source, reference)
    count = sentences or len(found.sources)
    return TestSet(found.name, found.sources[:count], found.references[:count])


def keep(tuned: Tuned, bundle: Bundle) -> Bundle:
    """Writes the better settings into the recipes of the run and of the bundle. Returns the bundle as it now is.

    Scores in the bundle were made with the old settings; where those change, they go first. What was found is noted in
    either case. Each file is written whole; the bundle's recipe, which decides, comes last.

    Raises:
        WorkError: The bundle was replaced in the meantime.
    """
    if tuned.changes:
        bundle = bundle.without_scores()
    bundle = bundle.with_facts(tuned=_note(tuned, bundle.facts.update))
    if tuned.changes:
        run, reason = run_owning(bundle.path), _reason(tuned)
        if run is not None:
            _write_recipe(run.recipe, tuned.changes, reason)
        _write_recipe(bundle.path / "recipe.toml", tuned.changes, reason)
    refresh_card(bundle.path)
    return open_bundle(bundle.path)


def _write_recipe(path: Path, changes: Mapping[str, Any], reason: str) -> None:
    text = path.read_text(encoding="utf-8-sig")
    write_text(path, with_search(text, changes, reasons=dict.fromkeys(changes, reason), where=str(path)))


def _note(tuned: Tuned, update: int | None) -> dict[str, Any]:
    return {
        "update": update,
        "metric": tuned.metric,
        "sentences": tuned.sentences,
        "before": asdict(tuned.before),
        "after": asdict(tuned.best),
    }


def _reason(tuned: Tuned) -> str:
    name, before, after = METRIC_NAMES[tuned.metric], tuned.before.score(tuned.metric), tuned.best.score(tuned.metric)
    return f"Chosen on {tuned.sentences:,} development sentences by seq2seq tune: {name} {after}, and {before} before."


def tune_trained(run: RunFolder, *, device: str = "auto", threads: int = 0) -> None:
    """Chooses the length penalty of a run that was just trained. Where that cannot be, says why.

    A model that was tuned is left as it is. The network computes in torch: no graphs are made yet.

    Args:
        run: The run; held by who calls.
        device: Where to compute.
        threads: CPU cores; 0: all.
    """
    if not (run.bundle / "bundle.json").is_file():
        return
    try:
        bundle = open_bundle(run.bundle)
        recipe = bundle.recipe
        if bundle.facts.tuned is not None:
            return
        if recipe.search.name != "beam" or recipe.search.beam == 1:
            console.warn(
                "The length penalty stays as it is: training.tune_length_penalty = true chooses between translations "
                "that beam search ends, and this recipe's search gives one. seq2seq tune --beam 5 looks for a beam too."
            )
            return
        test = development_set(bundle, recipe.training.validate_sentences)
        translator = from_bundle(bundle, engine="torch", device=device, threads=threads)
        tuned = tune(translator, test, recipe.search, recipe.evaluation, Grid(), metric=metric_of(recipe))
        keep(tuned, bundle)
        console.say(told(tuned))
    except Exception as error:  # hours of training are over and saved: this must not look like a failure
        what = error.message if isinstance(error, Seq2SeqError) else f"{type(error).__name__}: {error}"
        console.warn(f"The length penalty stays as it is: {what}")


def metric_of(recipe: Recipe) -> str:
    """Returns what is chosen by unless someone says otherwise: the score that training was stopped by."""
    return recipe.training.stop_on if recipe.training.stop_on in METRICS_SHOWN else "bleu"


def told(tuned: Tuned) -> str:
    """Returns what came out, in a sentence."""
    name, before, after = METRIC_NAMES[tuned.metric], tuned.before.score(tuned.metric), tuned.best.score(tuned.metric)
    if not tuned.changes:
        return f"nothing is better on the development set than the present settings: {name} {before:.2f}"
    changes = ", ".join(f"search.{key} = {value}" for key, value in tuned.changes.items())
    return f"{changes}: {name} {after:.2f} on the development set, {before:.2f} before"
