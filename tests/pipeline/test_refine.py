"""The second stage of a training: what it starts from, what it may replace, and that a kill changes nothing."""

from __future__ import annotations

import hashlib
import json
import math
import shutil
import weakref

import msgspec
import numpy as np
import pytest
from msgspec.structs import replace
from toy_runs import Toy, done, sets, toy, toy_pairs  # noqa: F401 - the fixture

from seq2seq import build
from seq2seq.bundle import RunFolder, open_bundle
from seq2seq.bundle_facts import Refinement
from seq2seq.data.batches import Batches
from seq2seq.data.mixing import epoch_counts
from seq2seq.data.store import Row, Store, write_split
from seq2seq.errors import UserError
from seq2seq.evaluation.sentence import sentence_metric
from seq2seq.folders import read_json
from seq2seq.manifest import TrainingCorpus
from seq2seq.pipeline.prepare.inputs import data_digest
from seq2seq.pipeline.train import first_stage
from seq2seq.pipeline.train import refine as refine_module
from seq2seq.pipeline.train import train as train_module
from seq2seq.pipeline.train.refine import (
    FIRST_SETTINGS,
    SentenceCosts,
    batch_tokens,
    digest,
    objective,
    refined_rows,
    second_recipe,
    wants_refining,
)
from seq2seq.recipe.overrides import apply_overrides
from seq2seq.recipe.schema import Choice, Evaluation, Recipe, Schedule, Search, Text, Training
from seq2seq.recipe.schema import Risk as RiskSettings
from seq2seq.recipe.toml import load_recipe
from seq2seq.search import Limits
from seq2seq.text.pairs import TokenizerPair
from seq2seq.text.special import EOS, GO
from seq2seq.training.stop import Stop

pytestmark = pytest.mark.usefixtures("unchecked_shapes")
RISK = ("training.risk.epochs=0.5", "training.risk.candidates=3", "training.validate_every=3")
UPDATES = 6  # of about 32 sentences, in half of the toy's pairs


class Killed(BaseException):
    """What a process that is killed does: nothing more."""


class Watcher:
    """A reporter that dies at a moment: after an update of the second stage, or as the stage begins."""

    def __init__(self, dies: int | str | None = None) -> None:
        self.dies, self.stages, self.updates = dies, [], []

    def begin_stage(self, work) -> None:
        self.stages.append(work)
        if self.dies == "before":
            raise Killed

    def started(self, *, update, total) -> None:
        if self.stages and self.dies == "begun":
            raise Killed

    def updated(self, row) -> None:
        self.updates.append(row["update"])
        if self.stages and row["update"] == self.dies:
            raise Killed

    def validated(self, row, *, best) -> None:
        if self.stages and self.dies == f"look {row['update']}":
            raise Killed

    def said(self, message) -> None:
        pass


def by_weights(model) -> dict[str, float]:
    """Scores that go up and down with the weights: any bit counts."""
    total = sum(float(weight.double().abs().sum()) for weight in model.parameters())
    return {"loss": 1.0, "bleu": 100 * math.modf(total * 1e4)[0], "chrf": 2.0, "variety": 1.0}


def always(bleu: float):
    return lambda model: {"loss": 1.0, "bleu": bleu, "chrf": 2.0, "variety": 1.0}


@pytest.fixture
def run(tmp_path, toy: Toy, monkeypatch) -> RunFolder:  # noqa: F811
    # What comes after a training, and takes longer than these do.
    monkeypatch.setattr(train_module, "export_trained", lambda run: None)
    monkeypatch.setattr("seq2seq.pipeline.train.learning_curve.draw_learning_curve", lambda run: None)
    folder = RunFolder(tmp_path / "run")
    shutil.copytree(toy.run, folder.path, ignore=shutil.ignore_patterns("pictures", "evaluation"))
    return folder


def refined(run: RunFolder, monkeypatch, scores=by_weights, watcher=None, more=(), **changes):
    monkeypatch.setattr(first_stage, "validator", lambda *_: scores)
    recipe = apply_overrides(load_recipe(run.recipe), [*RISK, *more])
    return train_module.train(
        recipe, run, resume=True, device="cpu", threads=1, reporter=watcher or Watcher(), **changes
    )


def left(run: RunFolder) -> dict[str, object]:
    """What a training left behind, but for what a clock says."""
    last = run.refined / "checkpoints" / "last"
    counters = read_json(last / "checkpoint.json")["counters"]
    rows = [json.loads(line) for line in (run.refined / "metrics.jsonl").read_text("utf-8").splitlines()]
    kept = [{k: v for k, v in row.items() if k not in ("tokens_per_second", "seconds")} for row in rows]
    files = {path.name: path.read_bytes() for path in last.glob("*.safetensors")}
    return {**files, "counters": counters, "rows": kept, "bundle": open_bundle(run.bundle).weights.read_bytes()}


def test_it_trains_on_from_the_best_model_and_keeps_what_is_better(run, monkeypatch):
    before = open_bundle(run.bundle)
    weights, update = before.weights.read_bytes(), before.facts.update
    watcher = Watcher()
    found = refined(run, monkeypatch, always(101.0), watcher)
    assert watcher.stages == ["refining"]
    assert watcher.updates == list(range(1, UPDATES + 1))
    assert (found.finished, found.updates, found.refined.updates) == (True, UPDATES, UPDATES)
    assert (run.refined / "start" / "weights.safetensors").read_bytes() == weights
    after = open_bundle(run.bundle)
    assert after.weights.read_bytes() != weights
    # The first look was the best, the later ones no better than it.
    assert found.refined.best["update"] == 3
    assert after.facts.refined == Refinement(from_update=update, updates=3, before=before.facts.development)
    assert (after.facts.update, after.facts.development["bleu"]) == (update + 3, 101.0)


def test_both_stages_draw_each_corpus_in_its_share(run, monkeypatch):
    changes = [*RISK, "data.temperature=2"]
    num_pairs = len(Store(run.split("train")))
    counts, weights = [num_pairs // 3, num_pairs - num_pairs // 3], [3.0, 1.0]
    manifest = run.read_manifest()
    corpora = tuple(
        TrainingCorpus(name=f"{n} pairs", pairs=n, weight=weight) for n, weight in zip(counts, weights, strict=True)
    )
    settings = data_digest(apply_overrides(load_recipe(run.recipe), changes))
    inputs = replace(manifest.inputs, settings=settings)
    replace(manifest, corpora=corpora, inputs=inputs).write(run.manifest)
    drawn, made = [], build.trainer

    def remembered(*arguments, batches, **settings):
        rows = np.concatenate(list(batches.plan(0)))
        drawn.append(np.bincount(rows >= counts[0], minlength=2).tolist())
        if len(drawn) == 2:
            raise Killed
        return made(*arguments, batches=batches, **settings)

    monkeypatch.setattr(build, "trainer", remembered)
    with pytest.raises(Killed):
        refined(run, monkeypatch, more=["data.temperature=2"])
    wanted = epoch_counts(counts, weights, 2.0)
    assert wanted not in (epoch_counts(counts, weights, 1.0), epoch_counts(counts, [1.0, 1.0], 2.0), counts)
    assert drawn == [wanted, wanted]


def test_what_is_no_better_replaces_nothing(run, monkeypatch):
    before = open_bundle(run.bundle)
    weights = before.weights.read_bytes()
    found = refined(run, monkeypatch, always(before.facts.development["bleu"]))
    assert found.finished and not found.refined.best
    assert open_bundle(run.bundle).weights.read_bytes() == weights
    assert open_bundle(run.bundle).facts == replace(before.facts, training=open_bundle(run.bundle).facts.training)


@pytest.mark.parametrize("deaths", [["before", "begun", 2], ["look 3", 5, 6]], ids=str)
def test_killed_at_any_moment_it_ends_the_same_to_the_bit(run, monkeypatch, tmp_path, deaths):
    whole = RunFolder(tmp_path / "whole")
    shutil.copytree(run.path, whole.path)
    refined(whole, monkeypatch)
    for moment in deaths:
        with pytest.raises(Killed):
            refined(run, monkeypatch, watcher=Watcher(moment))
    refined(run, monkeypatch)
    wanted = left(whole)
    assert wanted["counters"]["update"] == UPDATES
    for name, found in left(run).items():
        assert found == wanted[name], name


def test_it_is_left_where_someone_asks_to_stop_and_done_once(run, monkeypatch):
    stop = Stop()
    monkeypatch.setattr(first_stage, "Stop", lambda: stop)

    class Stopper(Watcher):
        def updated(self, row) -> None:
            super().updated(row)
            if row["update"] == 2:
                stop.request()

    found = refined(run, monkeypatch, watcher=Stopper())
    assert (found.finished, found.refined.finished, found.refined.updates) == (False, False, 2)
    monkeypatch.setattr(first_stage, "Stop", Stop)
    assert refined(run, monkeypatch).updates == UPDATES - 2
    again = refined(run, monkeypatch)
    assert again.finished and again.updates == 0


def test_a_better_model_of_the_first_stage_begins_it_anew(run, monkeypatch):
    refined(run, monkeypatch, always(101.0))
    first = read_json(run.refined / "start" / "start.json")
    again = refined(run, monkeypatch, always(102.0), more=["training.max_updates=152"])
    start = read_json(run.refined / "start" / "start.json")
    assert start["update"] == 152 != first["update"]
    assert again.refined.before["bleu"] == 102.0
    assert again.refined.updates == UPDATES


def test_a_longer_first_stage_that_finds_nothing_better_leaves_it(run, monkeypatch):
    refined(run, monkeypatch, always(101.0))
    weights = open_bundle(run.bundle).weights.read_bytes()
    again = refined(run, monkeypatch, always(0.0), more=["training.max_updates=152"])
    assert (again.updates, again.refined.updates) == (2, 0)
    assert open_bundle(run.bundle).weights.read_bytes() == weights


def test_restarting_forgets_it(run, monkeypatch):
    refined(run, monkeypatch, always(101.0))
    monkeypatch.setattr(first_stage, "validator", lambda *_: always(5.0))
    recipe = apply_overrides(load_recipe(run.recipe), ["training.risk.epochs=0", "training.max_updates=12"])
    watcher = Watcher()
    found = train_module.train(recipe, run, restart=True, device="cpu", threads=1, reporter=watcher)
    assert found.finished and found.refined is None and not watcher.stages  # without risk there is one stage
    assert not run.refined.exists()
    assert run.refined in run.products()


def begun(run: RunFolder) -> dict[str, object]:
    return read_json(run.refined / "start" / "start.json")


def test_a_setting_that_comes_later_does_not_begin_it_anew():
    class Later(RiskSettings, frozen=True):
        later: float = 0.5

    usual = msgspec.to_builtins(RiskSettings())
    first = {name: usual[name] for name in FIRST_SETTINGS}
    noted = hashlib.blake2b(json.dumps(first, sort_keys=True).encode(), digest_size=8).hexdigest()
    for same in (RiskSettings(), RiskSettings(epochs=2.0, minutes=1.0), Later(), Later(later=0.5)):
        assert digest(same) == noted
    others = [Later(later=0.6), RiskSettings(sharpness=0.1), RiskSettings(reference=True), RiskSettings(candidates=4)]
    assert len({noted, *map(digest, others)}) == 5


def test_changed_settings_begin_it_anew_from_the_same_start(run, monkeypatch, capsys):
    weights = open_bundle(run.bundle).weights.read_bytes()
    refined(run, monkeypatch, always(101.0))
    first, refined_weights = begun(run), open_bundle(run.bundle).weights.read_bytes()
    again = refined(run, monkeypatch, always(101.0), more=["training.risk.sharpness=0.1"])
    assert again.refined.updates == UPDATES
    assert "training.risk have changed" in capsys.readouterr().err
    assert (run.refined / "start" / "weights.safetensors").read_bytes() == weights
    assert begun(run) == first | {"settings": begun(run)["settings"]} != first
    # As good as the refined model of before is not better.
    assert not again.refined.best and open_bundle(run.bundle).weights.read_bytes() == refined_weights
    rows = [row["update"] for row in refined_rows(run, after=0)[1:]]
    assert rows == [3, 6]
    better = refined(run, monkeypatch, always(101.5), more=["training.risk.sharpness=0.2"])
    assert better.refined.best["bleu"] == 101.5
    assert open_bundle(run.bundle).facts.refined.before == first["development"]
    assert refined(run, monkeypatch, always(101.5), more=["training.risk.sharpness=0.2"]).updates == 0


def test_more_passes_go_on(run, monkeypatch, capsys):
    refined(run, monkeypatch)
    settings = begun(run)
    longer = refined(run, monkeypatch, more=["training.risk.epochs=0.75"])
    assert 0 < longer.refined.updates == longer.refined.counters.update - UPDATES
    assert begun(run) == settings
    assert "changed" not in capsys.readouterr().err


def test_the_first_stage_replaces_a_refined_model_by_a_better_one_only(run, monkeypatch, capsys):
    refined(run, monkeypatch, always(101.0))
    weights = open_bundle(run.bundle).weights.read_bytes()
    found = refined(run, monkeypatch, always(100.5), more=["training.max_updates=152"])
    assert open_bundle(run.bundle).weights.read_bytes() == weights
    assert (found.counters.best, found.counters.best_update) == (100.5, 152)  # its own choice
    assert found.best["bleu"] == 100.5
    assert "no better than the refined model at 101.00" in capsys.readouterr().err.replace("\n", " ")
    assert found.refined.updates == 0
    # A training that is started again owes an earlier one nothing.
    monkeypatch.setattr(first_stage, "validator", lambda *_: always(3.0))
    recipe = apply_overrides(load_recipe(run.recipe), ["training.risk.epochs=0", "training.max_updates=12"])
    train_module.train(recipe, run, restart=True, device="cpu", threads=1, reporter=Watcher())
    assert open_bundle(run.bundle).facts.development["bleu"] == 3.0


def test_progress_is_kept_after_the_folder_was_removed(run, monkeypatch):
    refined(run, monkeypatch, always(101.0))
    origin = open_bundle(run.bundle).facts.refined.from_update
    refined_weights = open_bundle(run.bundle).weights.read_bytes()
    shutil.rmtree(run.refined)
    assert refined(run, monkeypatch, always(101.0)).updates == UPDATES
    assert (run.refined / "start" / "weights.safetensors").read_bytes() == refined_weights
    assert (begun(run)["origin"], begun(run)["update"]) == (origin, origin + 3)
    assert refined(run, monkeypatch, always(101.0)).updates == 0
    shutil.rmtree(run.refined)
    refined(run, monkeypatch, always(102.0))
    facts = open_bundle(run.bundle).facts
    assert (facts.refined.from_update, facts.update) == (origin, origin + 6)
    assert refined(run, monkeypatch, always(102.0)).updates == 0


def test_the_first_stages_trainer_is_gone_when_the_second_begins(run, monkeypatch):
    alive, made = [], build.trainer

    def remembered(*arguments, **settings):
        trainer = made(*arguments, **settings)
        alive.append([weakref.ref(thing) for thing in (trainer, trainer.model, trainer.optimizer)])
        return trainer

    def look(*_, **__):
        assert [reference() for reference in alive[0]] == [None] * 3
        alive.append("looked")

    monkeypatch.setattr(build, "trainer", remembered)
    monkeypatch.setattr(train_module, "refine", look)
    refined(run, monkeypatch)
    assert alive[1:] == ["looked"]


def test_it_holds_on_to_the_weights_that_the_first_stage_holds_on_to(run, monkeypatch):
    weights = refine_module.read_tensors(open_bundle(run.bundle).weights)
    far = {name: value + 1.0 for name, value in weights.items()}
    monkeypatch.setattr(first_stage, "first_weights", lambda *_: far)
    strength = 1000.0  # with the default rate 0.03 of the way an update, at the most
    distances = []
    for hold in (0.0, strength):
        other = RunFolder(run.path.with_name(f"hold-{hold:g}"))
        shutil.copytree(run.path, other.path)
        rates = [f"training.hold={hold}", "training.learning_rate=0.0005"]
        refined(other, monkeypatch, always(101.0), more=rates)
        trained = refine_module.read_tensors(other.refined / "checkpoints" / "last" / "weights.safetensors")
        distances.append(max(float((trained[name] - far[name]).abs().mean()) for name in far))
    assert distances[0] > 0.99
    assert distances[1] < 0.95


def test_a_restart_that_finds_no_model_refines_no_other(run, monkeypatch, capsys):
    refined(run, monkeypatch, always(101.0))
    weights = open_bundle(run.bundle).weights.read_bytes()
    monkeypatch.setattr(first_stage, "validator", lambda *_: always(math.nan))
    recipe = apply_overrides(load_recipe(run.recipe), [*RISK, "training.max_updates=12"])
    found = train_module.train(recipe, run, restart=True, device="cpu", threads=1, reporter=Watcher())
    assert found.finished and found.refined is None and not run.refined.exists()
    assert "No model of the first stage" in capsys.readouterr().err
    assert open_bundle(run.bundle).weights.read_bytes() == weights


@pytest.mark.parametrize("limits", [["epochs=10"], ["minutes=1"], ["minutes=1", "epochs=9"]], ids=str)
def test_it_warms_up_over_a_twentieth_of_its_updates(toy, limits):  # noqa: F811
    recipe = apply_overrides(load_recipe(toy.run / "recipe.toml"), [f"training.risk.{limit}" for limit in limits])
    store = Store(toy.run / "data" / "train.arrow")
    batches = Batches(store, batch_tokens=batch_tokens(recipe, store), seed=1)
    settings = second_recipe(recipe, batches).training
    warmup = settings.schedule.warmup_updates
    if settings.minutes:
        assert warmup == 20
    else:  # but for what rounding does
        assert warmup == pytest.approx(0.05 * settings.max_epochs * len(batches.plan(0)), abs=1)
        assert warmup > 4
    assert settings.batch_tokens == batches.batch_tokens


def changed(usual, **own):
    """Settings none of which is the usual one."""
    made = replace(usual, **own)
    assert [name for name in made.__struct_fields__ if getattr(made, name) == getattr(usual, name)] == []
    return made


ALL_RISK = changed(
    RiskSettings(),
    epochs=2.0,
    minutes=3.0,
    candidates=5,
    temperature=0.9,
    reference=True,
    metric="chrf",
    sharpness=0.2,
    cross_entropy=0.4,
    learning_rate=7e-5,
    batch_sentences=6,
)
ALL = changed(
    Training(),
    batch_tokens=99,
    accumulate=3,
    max_epochs=4.5,
    max_updates=77,
    minutes=2.5,
    learning_rate=0.01,
    weight_decay=0.25,
    label_smoothing=0.3,
    clip_norm=0.7,
    clip_value=0.4,
    truncate=5,
    scheduled_sampling=0.4,
    r_drop=1.5,
    guided_attention=0.5,
    subword_sampling=0.1,
    average=0.8,
    hold=2.0,
    average_looks=4,
    schedule=Schedule(shape=Choice("cosine"), warmup_updates=11),
    risk=ALL_RISK,
    tune_length_penalty=True,
    precision="bf16",
    validate_every=13,
    validate_sentences=50,
    stop_on="chrf",
    patience=6,
    seed=9,
)


@pytest.mark.parametrize(("asked", "looks"), [(13, 13), (300, 100), (0, 100)])
def test_it_is_trained_as_the_first_stage_but_for_what_risk_says(tmp_path, asked, looks):
    recipe = Recipe(training=replace(ALL, validate_every=asked))
    write_split(tmp_path / "a.arrow", (Row(n, "", "", [4], [4] * (n % 7)) for n in range(70)))
    store = Store(tmp_path / "a.arrow")
    batches = Batches(store, batch_tokens=batch_tokens(recipe, store), seed=9)
    assert batches.batch_tokens == 6 * 4  # sentences of three tokens in the mean, and EOS
    found = second_recipe(recipe, batches)
    assert replace(found, training=recipe.training) == recipe
    assert found.training == replace(
        recipe.training,
        batch_tokens=24,
        accumulate=1,
        max_epochs=2.0,
        max_updates=0,
        minutes=3.0,
        learning_rate=7e-5,
        truncate=0,
        scheduled_sampling=0.0,
        r_drop=0.0,
        guided_attention=0.0,
        subword_sampling=0.0,
        average=0.99,
        average_looks=0,
        schedule=Schedule(shape=Choice("linear"), warmup_updates=20),
        validate_every=looks,
        patience=0,
    )


@pytest.mark.parametrize("metric", ["bleu", "chrf"])
def test_what_it_minimises_is_what_the_recipe_says(metric):
    rules = {"tokenize": "char", "lowercase": True}
    recipe = Recipe(
        text=Text(vocabulary_size=320, joint=False),
        training=replace(ALL, risk=replace(ALL_RISK, metric=metric)),
        search=Search(max_length_factor=3.0, max_length_constant=4),
        evaluation=Evaluation(**rules),
    )
    sources, targets = zip(*toy_pairs(30), strict=True)
    pair = build.tokenizers(recipe, lambda: iter(sources), lambda: iter(targets))
    found = objective(recipe, pair)
    drawn = found.candidates
    assert (drawn.samples, drawn.temperature, drawn.limits) == (5, 0.9, Limits(3.0, 4))
    assert (drawn.go, drawn.eos, drawn.never) == (GO, EOS, build.never_written(pair))
    assert (found.sharpness, found.reference, found.cross_entropy, found.label_smoothing) == (0.2, True, 0.4, 0.3)
    texts = ["LO HUND", "lo hunt gorri", "lo hund gorri"]
    ids = [tuple(pair.target.encode(text)) for text in texts]
    counts = sentence_metric(metric, **rules)
    wanted = [1 - counts.score(counts.prepare(text), counts.prepare(texts[2])) for text in texts]
    assert found.costs([ids], [ids[2]])[0] == pytest.approx(wanted)
    assert 0 == wanted[2] < wanted[1] < wanted[0] < 1


def test_the_command_tells_of_it(run, monkeypatch):
    monkeypatch.setattr(first_stage, "validator", lambda *_: always(101.0))
    before = open_bundle(run.bundle).facts
    out = done("train", run.path, "--resume", "--threads", "1", "--json", *sets(*RISK))
    told = json.loads(out.out.splitlines()[-1])
    assert told["refined"]["updates"] == UPDATES and told["refined"]["finished"]
    assert "minimum risk" in out.err
    assert "risk" in done("train", "--help").out
    rows = refined_rows(run, after=150)
    assert [row["update"] for row in rows] == [150, 153, 156]
    after = open_bundle(run.bundle).facts.development
    assert json.loads(done("info", run.path, "--json").out)["refined"] == {
        "from_update": before.update,
        "updates": 3,
        "before": before.development,
        "development": after,
    }
    assert after["bleu"] == 101.0
    shown = f"3 updates: development BLEU {before.development['bleu']:.2f} -> 101.00"
    assert shown in " ".join(done("info", run.path).out.split())


def test_costs_are_one_minus_the_score_of_the_text(toy):  # noqa: F811
    tokenizer = TokenizerPair.load(RunFolder(toy.run).tokenizers).target
    metric = sentence_metric("chrf")
    texts = ["lo hund gorri .", "lo katz ."]
    ids = [tuple(tokenizer.encode(text)) for text in texts]
    found = SentenceCosts(tokenizer, metric)([[ids[0], ids[1], ()]], [ids[0]])[0]
    wanted = 1 - metric.score(metric.prepare(texts[1]), metric.prepare(texts[0]))
    assert found == pytest.approx([0.0, wanted, 1.0])


def test_candidates_without_which_nothing_is_asked_for_are_free():
    alone = ["training.risk.candidates=1", "training.risk.reference=false"]
    recipe = apply_overrides(Recipe(), alone)  # it is switched off
    assert not wants_refining(recipe)
    with pytest.raises(UserError, match=r"risk\.candidates"):
        apply_overrides(recipe, ["training.risk.minutes=1"])
