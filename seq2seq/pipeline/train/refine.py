"""The second stage of a training: the best model of the first goes on to minimum risk.

It stands in RUN/refined: `start`, the weights that it started from and how good they were; checkpoints and metrics of
its own. The run's bundle is replaced only by a model that is better on the development set than it and than that start,
so the stage can be left, killed and taken up at any moment. It belongs to one best model of the first stage: where that
goes on and finds one better than the bundle, the second stage begins anew. So it does, from the weights that it started
from, where settings in `training.risk` are changed, other than how long it takes.
"""

from __future__ import annotations

import math
import shutil
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec
from torch import Tensor

from seq2seq import build, console
from seq2seq.bundle import RunFolder, open_bundle
from seq2seq.bundle_facts import BundleFacts, Refinement, facts_of
from seq2seq.data.batches import Batches
from seq2seq.data.store import Store
from seq2seq.errors import UserError
from seq2seq.evaluation.sentence import SentenceMetric, sentence_metric
from seq2seq.folders import digest_of, read_json, settle, whole_folder, write_json
from seq2seq.pipeline.train.several import agreed
from seq2seq.pipeline.train.training_setup import BundleKeeper, Setup
from seq2seq.recipe.schema import Choice, Recipe, Schedule
from seq2seq.recipe.schema import Risk as RiskSettings
from seq2seq.text.pairs import TokenizerPair
from seq2seq.text.special import EOS, GO
from seq2seq.text.tokenizer import Tokenizer
from seq2seq.training import best as bests
from seq2seq.training import checkpoint
from seq2seq.training.candidates import Candidates, Ids
from seq2seq.training.checkpoint import TrainingState, read_tensors
from seq2seq.training.counters import Counters
from seq2seq.training.metrics_log import MetricsLog
from seq2seq.training.risk import Risk

LOOK_EVERY = 100
"""Updates between two looks at the development set, at most: one of this stage is worth several of the first."""
AVERAGE = 0.99
"""Decay of the moving average: of about a hundred updates, as there are a few hundred in all."""
WARMUP_SHARE = 0.05
"""Of the stage's updates: the optimizer begins without moments, so its first steps are as long as the rate allows."""
WARMUP_UPDATES = 20
"""Where a time budget decides, and nobody knows yet how many updates there will be."""

FIRST_SETTINGS = frozenset(
    {
        *("candidates", "temperature", "reference", "metric", "sharpness", "cross_entropy", "learning_rate"),
        "batch_sentences",
    }
)
"""The settings that decided what an update does when fingerprints of them were first noted. Nothing is added here."""


@dataclass(frozen=True)
class Refined:
    """How the second stage went.

    Attributes:
        counters: Where it stands.
        finished: False where it was asked to stop before its end.
        updates: How many updates this call made.
        before: The development scores that it started from.
        best: The development scores of its best model, where that is better; empty where none was.
    """

    counters: Counters
    finished: bool
    updates: int
    before: Mapping[str, float]
    best: Mapping[str, float]

    def to_dict(self) -> dict[str, Any]:
        """Returns what there is to say, as JSON values."""
        return {
            "finished": self.finished,
            "updates": self.counters.update,
            "before": dict(self.before),
            "best": dict(self.best),
        }


def wants_refining(recipe: Recipe) -> bool:
    """Whether the recipe asks for a second stage."""
    return bool(recipe.training.risk.epochs or recipe.training.risk.minutes)


def refine(recipe: Recipe, run: RunFolder, setup: Setup, *, found: bool, resume: bool) -> Refined | None:
    """Trains the run's best model on for minimum risk, or goes on with that. Several processes all call it.

    Args:
        recipe: All settings.
        run: A run whose first stage has come to its end.
        setup: What both stages are made of.
        found: Whether the first stage has a best model. Without one the bundle, if there is any, is another training's.
        resume: Whether this call goes on with a training, so that a second stage may have begun before.

    Returns:
        How it went; None where the first stage has left no model.

    Raises:
        UserError: What it started from is damaged.
    """
    group, folder = setup.group, run.refined
    first = group.rank == 0
    risk = digest(recipe.training.risk)
    before = agreed(group, lambda: _started_from(run, settings=risk, resume=resume) if first and found else None)
    before = group.from_first(before)
    if before is None:
        if first:
            console.say("No model of the first stage is there to refine: no look at the development set found one.")
        return None
    batches = setup.batches(recipe, batch_tokens=batch_tokens(recipe, setup.store))
    second = second_recipe(recipe, batches)
    trainer = setup.trainer(
        second,
        batches,
        keeper=_keeper(setup.keeper, before),
        folder=folder,
        weights=agreed(group, lambda: read_tensors(_weights(folder)) if first else None),
        minimised=objective(second, setup.tokenizers),
        rate_setting="training.risk.learning_rate",
    )
    if not trainer.resume() and group.size > 1:  # the first process alone has read the weights
        checkpoint.share(TrainingState(trainer.model, trainer.optimizer, trainer.average, trainer.counters), group)
    if trainer.counters.best is None:
        trainer.counters.best = group.from_first(_to_beat(run, before, recipe.training.stop_on) if first else None)
    begun = trainer.counters.update
    if first and (begun or not trainer.finished):
        _say_begun(before, begun, recipe)
    counters = trainer.run()
    return Refined(counters, trainer.finished, counters.update - begun, before["development"], _best(run, counters))


def second_recipe(recipe: Recipe, batches: Batches) -> Recipe:
    """Returns the recipe of the second stage: as the first, but for what `training.risk` says, and what it cannot use.

    Args:
        recipe: All settings.
        batches: Those of the second stage.
    """
    from msgspec.structs import replace

    training = recipe.training
    changed = replace(
        training,
        batch_tokens=batches.batch_tokens,
        accumulate=1,
        max_epochs=training.risk.epochs,
        max_updates=0,
        minutes=training.risk.minutes,
        learning_rate=training.risk.learning_rate,
        truncate=0,
        scheduled_sampling=0.0,
        r_drop=0.0,
        guided_attention=0.0,
        subword_sampling=0.0,
        average=AVERAGE,
        average_looks=0,
        schedule=Schedule(shape=Choice("linear"), warmup_updates=_warmup(training.risk, batches)),
        validate_every=min(training.validate_every or LOOK_EVERY, LOOK_EVERY),
        patience=0,
    )
    return replace(recipe, training=changed)


def batch_tokens(recipe: Recipe, store: Store) -> int:
    """Returns the target tokens of a batch.

    In the mean it has as many sentences as are asked for; and all have as many tokens, so that one of long sentences
    costs no more than another.
    """
    length = float(store.target.lengths.mean()) + 1 if len(store) else 1.0
    return max(1, round(recipe.training.risk.batch_sentences * length))


def _warmup(risk: RiskSettings, batches: Batches) -> int:
    """Returns the length of the warm-up. Batches are all but full, so tokens tell how many there are without a plan."""
    if risk.minutes:
        return WARMUP_UPDATES
    return math.ceil(WARMUP_SHARE * risk.epochs * batches.num_tokens() / batches.batch_tokens)


def digest(risk: RiskSettings) -> str:
    """Returns a fingerprint of what decides what each update does: all of `training.risk` but how long it takes.

    A setting that came later counts where it is not the default: else no stage that was begun before could go on.
    """
    usual = msgspec.to_builtins(type(risk)())
    told = {
        name: value
        for name, value in msgspec.to_builtins(risk).items()
        if name in FIRST_SETTINGS or (name not in ("epochs", "minutes") and value != usual[name])
    }
    return digest_of(told)


def objective(recipe: Recipe, tokenizers: TokenizerPair) -> Risk:
    """Builds what the second stage minimises."""
    risk = recipe.training.risk
    metric = sentence_metric(risk.metric, tokenize=recipe.evaluation.tokenize, lowercase=recipe.evaluation.lowercase)
    return Risk(
        Candidates(
            samples=risk.candidates,
            limits=build.limits(recipe.search),
            go=GO,
            eos=EOS,
            never=build.never_written(tokenizers),
            temperature=risk.temperature,
        ),
        SentenceCosts(tokenizers.target, metric),
        sharpness=risk.sharpness,
        reference=risk.reference,
        cross_entropy=risk.cross_entropy,
        label_smoothing=recipe.training.label_smoothing,
    )


class SentenceCosts:
    """What a translation costs: 1 minus its score against the reference, as detokenised text.

    The n-grams of a reference are counted once for all its candidates.

    Args:
        tokenizer: Of the target language.
        metric: Scores a sentence.
    """

    def __init__(self, tokenizer: Tokenizer, metric: SentenceMetric) -> None:
        self._tokenizer, self._metric = tokenizer, metric

    def __call__(self, candidates: Sequence[Sequence[Ids]], references: Sequence[Ids]) -> list[list[float]]:
        """See `seq2seq.training.risk.Costs`."""
        metric, costs = self._metric, []
        for of_one, ids in zip(candidates, references, strict=True):
            reference = metric.prepare(self._tokenizer.decode(ids))
            texts = (self._tokenizer.decode(candidate) for candidate in of_one)
            costs.append([1.0 - metric.score(metric.prepare(text), reference) for text in texts])
        return costs


def forget(run: RunFolder) -> None:
    """Removes the second stage of a run."""
    shutil.rmtree(run.refined, ignore_errors=True)


def refined_rows(run: RunFolder, *, after: int) -> list[dict[str, Any]]:
    """Returns what the learning curve shows of the second stage, counted on from update `after` of the first.

    Its looks at the development set, and where they begin; not its training loss, which is of another kind.
    """
    rows = MetricsLog(run.refined / "metrics.jsonl").rows()
    looks = [{**row, "update": after + row["update"]} for row in rows if row["kind"] == "validation"]
    return [{"kind": "stage", "called": "minimum risk", "update": after}, *looks] if looks else []


def refined_scores(run: RunFolder, stop_on: str) -> Mapping[str, float] | None:
    """Returns the development scores of the bundle where it is a refined model of the training under way.

    None where it is a model of the first stage, or was left by a training that was started again: the one under way
    then has not looked at the model that it was refined from, by the score `stop_on`.
    """
    facts = _bundle_facts(run)
    if facts is None or facts.refined is None:
        return None
    rows = MetricsLog(run.metrics).rows()
    own = bests.logged(rows, facts.refined.from_update, stop_on) is not None
    return facts.development if own else None


def _started_from(run: RunFolder, *, settings: str, resume: bool) -> dict[str, Any] | None:
    """Returns the facts of the model that the second stage starts from, which are noted with its weights.

    They are `update` and `development`; `origin`, the update of the model of the first stage that it comes from, which
    is another where a refined model was refined once more; and `settings`, the `digest` of those that it trains with.
    A stage that comes from another model is forgotten; so is all of it where the call does not `resume`. One of other
    settings keeps its start and nothing else.
    """
    known = _facts(run) if resume else None
    facts = _bundle_facts(run)
    if facts is None:
        return None
    # A bundle of this very stage tells where it came from; any other is a model of the first stage, by its update.
    origin = facts.update if facts.refined is None else facts.refined.from_update
    if known is not None and known.get("origin") == origin and _weights(run.refined).is_file():
        return known if known.get("settings") == settings else _begun_anew(run, {**known, "settings": settings})
    forget(run)
    noted = {
        "origin": origin,
        "update": facts.update,
        "development": dict(facts.development),
        "settings": settings,
    }
    with whole_folder(run.refined / "start") as folder:
        shutil.copyfile(open_bundle(run.bundle).weights, folder / "weights.safetensors")
        write_json(folder / "start.json", noted)
    return noted


def _begun_anew(run: RunFolder, noted: dict[str, Any]) -> dict[str, Any]:
    """Forgets what the second stage has done, and keeps what it started from. Returns `noted`, which is written last.

    Killed before that, the next call finds the old settings noted, and does the same again.
    """
    console.say(
        "Settings in training.risk have changed: the second stage begins anew, from the weights that it started from."
    )
    shutil.rmtree(run.refined / "checkpoints", ignore_errors=True)
    (run.refined / "metrics.jsonl").unlink(missing_ok=True)
    write_json(run.refined / "start" / "start.json", noted)
    return noted


def _to_beat(run: RunFolder, before: Mapping[str, Any], stop_on: str) -> float | None:
    """Returns the score above which a model replaces the bundle: the start's, or that of a bundle refined before."""
    facts = _bundle_facts(run)
    known = [before["development"], *([] if facts is None else [facts.development])]
    values = [bests.value_of(scores, stop_on) for scores in known]
    return max((value for value in values if not math.isnan(value)), default=None)


def _bundle_facts(run: RunFolder) -> BundleFacts | None:
    """Returns what the bundle says of itself; None where there is none that could be read.

    Its files are not looked at: a damaged one is about to be replaced, and must not end the training that does so.
    """
    try:
        return facts_of(run.bundle)
    except UserError:
        return None


def _facts(run: RunFolder) -> dict[str, Any] | None:
    settle(run.refined / "start")
    try:
        return read_json(run.refined / "start" / "start.json")
    except UserError:
        return None


def _weights(folder: Path) -> Path:
    return folder / "start" / "weights.safetensors"


def _keeper(keeper: BundleKeeper, before: Mapping[str, Any]) -> Callable[..., None]:
    """Makes what keeps a better model: its updates count on from those of the model that it started from.

    `from_update` is the first stage's, as `_started_from` looks for it.
    """

    def keep(tensors: Mapping[str, Tensor], scores: Mapping[str, float], update: int) -> None:
        told = Refinement(from_update=before["origin"], updates=update, before=before["development"])
        keeper(tensors, scores, before["update"] + update, refined=told)

    return keep


def _best(run: RunFolder, counters: Counters) -> Mapping[str, float]:
    """Returns the development scores of the best model, where it is one of this stage."""
    if not counters.best_update:
        return {}
    return bests.look(MetricsLog(run.refined / "metrics.jsonl").rows(), counters.best_update)


def _say_begun(before: Mapping[str, Any], begun: int, recipe: Recipe) -> None:
    name, scores = recipe.training.stop_on, before["development"]
    verb = f"going on after update {begun:,} of the second stage" if begun else "second stage: minimum risk"
    console.say(f"{verb}, from the best model: development {name} {scores[name]:.2f}")
