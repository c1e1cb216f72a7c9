"""`seq2seq train`: what it leaves behind, going on, starting again, and every way of being stopped."""

from __future__ import annotations

import json
import math
import random
import shutil
import signal
import time

import pytest
from toy_runs import TINY, Toy, done, refused, sets, started, toy, toy_pairs, write_pairs

from seq2seq.bundle import open_bundle
from seq2seq.errors import UserError
from seq2seq.recipe.toml import load_recipe
from seq2seq.training.metrics_log import MetricsLog

__all__ = ["toy"]
SHORT = sets("training.max_updates=40", "training.validate_every=16", "training.schedule.warmup_updates=5")


@pytest.fixture
def prepared(toy: Toy, tmp_path):
    """A copy of the toy as it was before training."""
    run = tmp_path / "run"
    run.mkdir()
    for name in ("data", "tokenizer"):
        shutil.copytree(toy.run / name, run / name)
    for name in ("recipe.toml", "manifest.json"):
        shutil.copy(toy.run / name, run / name)
    return run


def rows(run, kind):
    return [row for row in MetricsLog(run / "metrics.jsonl").rows() if row["kind"] == kind]


def weights(run):
    """What two equal trainings have in common, byte for byte."""
    files = (
        "bundle/weights.safetensors",
        "checkpoints/last/weights.safetensors",
        "checkpoints/last/optimizer.safetensors",
    )
    return [(run / name).read_bytes() for name in files]


def figures(run):
    """The metrics, without what the clock says."""
    return [
        {k: v for k, v in row.items() if k not in ("seconds", "tokens_per_second")}
        for row in MetricsLog(run / "metrics.jsonl").rows()
    ]


def test_a_training_over_a_damaged_bundle_keeps_what_people_wrote_and_needs_no_picture(prepared, toy, monkeypatch):
    def full(*_: object) -> None:
        raise UserError("No space is left.")

    monkeypatch.setattr("seq2seq.plots.learning_curve.learning_curve", full)
    shutil.copytree(toy.run / "bundle", prepared / "bundle")
    card = prepared / "bundle" / "README.md"
    card.write_text(card.read_text("utf-8").replace("Not stated.", "Ours."), "utf-8")
    for path in (prepared / "bundle" / "tokenizer").rglob("*.*"):
        path.unlink()
    (prepared / "bundle" / "recipe.toml").write_text("no recipe")
    few = sets("training.max_updates=4", "training.validate_every=2", "training.schedule.warmup_updates=0")
    told = done("train", prepared, "--restart", *few)
    assert "The learning curve is not drawn: No space is left." in told.err
    assert open_bundle(prepared).facts.update in (2, 4)
    assert "Ours." in card.read_text("utf-8")


def test_a_gpu_that_this_torch_cannot_use_is_told_unless_the_cpu_is_asked_for(prepared, monkeypatch):
    monkeypatch.setattr("seq2seq.pipeline.train.train.unused_gpu", lambda: "A GPU is not used.")
    few = sets("training.max_updates=2", "training.validate_every=2", "training.schedule.warmup_updates=0")
    assert "warning: A GPU is not used." in done("train", prepared, *few).err
    assert "not used" not in done("train", prepared, "--restart", "--device", "cpu", *few).err


def test_what_the_development_score_lacks_is_told_before_the_first_update(prepared, monkeypatch):
    def missing(**_: object) -> None:
        raise ImportError("no MeCab here")

    monkeypatch.setattr("sacrebleu.metrics.bleu.BLEU.__init__", lambda self, **_: missing())
    told = refused("train", prepared, *sets("evaluation.tokenize=ja-mecab"))
    assert "sacreBLEU's tokenizer 'ja-mecab' cannot be loaded: no MeCab here" in told
    assert not (prepared / "checkpoints").exists()
    assert load_recipe(prepared / "recipe.toml").evaluation.tokenize == "13a"


def test_a_training_leaves_metrics_checkpoints_a_bundle_and_a_picture(toy):
    assert (toy.run / "pictures" / "learning-curve.png").read_bytes().startswith(b"\x89PNG")
    assert {path.name for path in (toy.run / "checkpoints" / "last").iterdir()} == {
        "average.safetensors", "checkpoint.json", "optimizer.safetensors", "weights.safetensors"
    }  # fmt: skip
    assert {path.name for path in (toy.run / "bundle").iterdir()} == {
        "README.md", "bundle.json", "onnx", "recipe.toml", "tokenizer", "weights.safetensors"
    }  # fmt: skip
    validations = rows(toy.run, "validation")
    assert [row["update"] for row in validations] == [50, 100, 150]
    assert validations[-1]["bleu"] > 60  # the toy language is learned
    steps = rows(toy.run, "train")
    assert {"update", "epoch", "loss", "gradient_norm", "rate", "tokens_per_second"} <= steps[0].keys()
    assert steps[-1]["loss"] < steps[0]["loss"]
    facts = json.loads((toy.run / "bundle" / "bundle.json").read_text())
    best = max(validations, key=lambda row: row["bleu"])
    assert facts["update"] == best["update"]
    assert facts["development"]["bleu"] == best["bleu"]
    assert {"seq2seq", "torch", "python"} <= facts["versions"].keys()
    assert list(facts["data"]["files"]) == ["toy.en", "toy.eu"]


def test_a_training_tells_how_it_goes_and_what_comes_next(toy):
    told = toy.trained.err
    assert toy.trained.out == ""
    assert "update 50: development loss" in told
    assert "best so far" in told
    assert "Trained to update 150" in told
    assert f"seq2seq evaluate {toy.run}" in told
    assert f"seq2seq repl {toy.run}" in told
    assert "\x1b" not in told


def test_development_scores_are_those_of_the_model_that_is_kept(toy, tmp_path):
    shutil.copytree(toy.run, tmp_path / "run")
    told = done("evaluate", tmp_path / "run", "--split", "development", "--beam", "1", "--json").json["results"][0]
    found = {score["name"]: score["value"] for score in told["scores"]}
    kept = json.loads((toy.run / "bundle" / "bundle.json").read_text())["development"]
    assert kept["bleu"] == pytest.approx(found["bleu"], abs=1e-3)
    assert kept["chrf"] == pytest.approx(found["chrf"], abs=1e-3)


def test_settings_given_to_train_are_the_runs_from_then_on(toy):
    assert load_recipe(toy.run / "recipe.toml").training.validate_every == 50
    assert load_recipe(toy.run / "bundle" / "recipe.toml").training.validate_every == 50


def test_nothing_is_overwritten_unasked(toy):
    before = weights(toy.run)
    told = refused("train", toy.run)
    assert "has been trained before" in told
    assert "--resume" in told
    assert "--restart" in told
    assert weights(toy.run) == before
    assert "contradict" in refused("train", toy.run, "--resume", "--restart")


def test_a_finished_run_has_nothing_left_to_do_and_says_how_to_make_it_longer(toy):
    before, recipe = weights(toy.run), (toy.run / "recipe.toml").read_bytes()
    told = done("train", toy.run, "--resume")
    assert "nothing left to do" in told.err
    assert f"seq2seq train {toy.run} --resume --set training.max_updates=300" in told.err
    assert weights(toy.run) == before
    assert (toy.run / "recipe.toml").read_bytes() == recipe


def test_a_finished_run_goes_on_with_a_higher_limit(prepared):
    done("train", prepared, *SHORT)
    more = done("train", prepared, "--resume", *sets("training.max_updates=60"), "--json")
    assert "going on after update 40" in more.err
    assert more.json["updates"] == 60
    assert more.json["finished"] is True
    assert more.json["bundle"] == str(prepared / "bundle")
    assert more.json["best"]["bleu"] >= 0
    updates = [row["update"] for row in MetricsLog(prepared / "metrics.jsonl").rows()]
    assert updates == sorted(updates)
    again = done("train", prepared, "--restart", *SHORT)
    assert "going on" not in again.err
    assert [row["update"] for row in rows(prepared, "validation")] == [16, 32, 40]


def test_resume_where_nothing_began_starts(prepared):
    told = done("train", prepared, "--resume", *SHORT)
    assert "Trained to update 40" in told.err
    assert "going on" not in told.err


def test_what_was_logged_before_a_kill_without_a_checkpoint_is_not_counted_twice(prepared):
    (prepared / "metrics.jsonl").write_text('{"kind": "train", "update": 20, "loss": 9}\n{"kind": "tra')
    done("train", prepared, "--resume", *SHORT)
    assert [row["update"] for row in rows(prepared, "train")] == [20, 40]
    assert rows(prepared, "train")[0]["loss"] != 9


def test_restart_gives_the_same_model_again(prepared):
    done("train", prepared, *SHORT)
    first, told = weights(prepared), figures(prepared)
    done("train", prepared, "--restart", *SHORT)
    assert weights(prepared) == first
    assert figures(prepared) == told


def test_a_restart_that_cannot_begin_keeps_what_was_trained(prepared):
    import torch

    if torch.cuda.is_available():
        pytest.skip("a GPU is there")
    done("train", prepared, *SHORT)
    before = weights(prepared)
    assert "No GPU can be used" in refused("train", prepared, "--restart", "--device", "cuda")
    assert weights(prepared) == before


def test_other_data_settings_are_refused(prepared):
    for assignment in ("text.vocabulary_size=300", "data.seed=5"):
        told = refused("train", prepared, "--set", assignment)
        assert "was prepared with other settings" in told
        assert "seq2seq prepare" in told


def test_another_network_is_refused_on_resume_and_spoils_nothing(prepared):
    done("train", prepared, *SHORT)
    recipe = (prepared / "recipe.toml").read_bytes()
    told = refused("train", prepared, "--resume", "--set", "model.encoder_size=16")
    assert "other settings in [model]" in told
    assert (prepared / "recipe.toml").read_bytes() == recipe
    assert "nothing left to do" in done("train", prepared, "--resume").err


@pytest.mark.parametrize("shape", ["linear", "cosine", "inverse-square-root", "constant", "plateau"])
def test_schedules_by_name(prepared, shape):
    # With a rate of nothing the second look, after 32 updates, is no better than the first: a plateau.
    peak, own = (1e-30, ["shape.patience=0", "shape.factor=0.3"]) if shape == "plateau" else (0.01, [])
    settings = [f"training.schedule.{setting}" for setting in (f"shape={shape}", *own)]
    done("train", prepared, *SHORT, *sets(*settings, f"training.learning_rate={peak}", "training.average=0"))
    assert [row["update"] for row in rows(prepared, "train")] == [20, 40]
    expected = {
        "linear": [(40 - 20) / 35, 0.0],
        "cosine": [(1 + math.cos(math.pi * 15 / 35)) / 2, 0.0],
        "inverse-square-root": [(5 / 20) ** 0.5, (5 / 40) ** 0.5],
        "constant": [1.0, 1.0],
        "plateau": [1.0, 0.3],
    }
    assert [row["rate"] / peak for row in rows(prepared, "train")] == pytest.approx(expected[shape])


def test_early_stopping_with_patience(prepared):
    # With a rate of nothing no look is better than the first.
    settings = sets("training.learning_rate=1e-30", "training.validate_every=5", "training.patience=3")
    told = done("train", prepared, *SHORT, *settings, *sets("training.average=0"))
    assert [row["update"] for row in rows(prepared, "validation")] == [5, 10, 15, 20]
    assert "early: 3 looks without a better score" in told.err
    again = done("train", prepared, "--resume")
    assert "--set training.patience=6" in again.err


@pytest.mark.parametrize("score", ["loss", "bleu", "chrf"])
def test_the_best_model_is_chosen_by_the_named_score(prepared, score):
    done("train", prepared, *SHORT, *sets(f"training.stop_on={score}"))
    best = min if score == "loss" else max
    chosen = best(rows(prepared, "validation"), key=lambda row: row[score])
    assert json.loads((prepared / "bundle" / "bundle.json").read_text())["update"] == chosen["update"]


def test_going_on_by_another_score_reports_the_model_that_is_kept(prepared):
    done("train", prepared, *SHORT)
    told = done("train", prepared, "--resume", "--json", *SHORT, *sets("training.stop_on=loss")).json
    facts = json.loads((prepared / "bundle" / "bundle.json").read_text())
    assert told["best"]["update"] == facts["update"]
    assert told["best"]["loss"] == facts["development"]["loss"]


def test_accumulated_batches_are_one_update(prepared):
    done("train", prepared, *SHORT, *sets("training.accumulate=3", "training.max_epochs=1", "training.max_updates=0"))
    one = MetricsLog(prepared / "metrics.jsonl").rows()[-1]["update"]
    done(
        "train",
        prepared,
        "--restart",
        *SHORT,
        *sets("training.accumulate=1", "training.max_epochs=1", "training.max_updates=0"),
    )
    assert one == -(-MetricsLog(prepared / "metrics.jsonl").rows()[-1]["update"] // 3)


def test_tensorboard_gets_the_same_figures(prepared):
    pytest.importorskip("tensorboard")
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    done("train", prepared, "--tensorboard", *SHORT)
    events = EventAccumulator(str(prepared / "tensorboard")).Reload()
    scores = {event.step: event.value for event in events.Scalars("development/loss")}
    assert scores == pytest.approx({row["update"]: row["loss"] for row in rows(prepared, "validation")})
    assert len(events.Scalars("train/loss")) == 40


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["runs/nothing"], "There is no run at runs/nothing"),
        ([".", "--resume"], "holds no prepared run"),
        (["RUN", "--restart", "--set", "training.shedule.shape=linear"], "Did you mean"),
        (["RUN", "--restart", "--set", "training.schedule.shape=cosin"], "Did you mean 'cosine'?"),
        (["RUN", "--restart", "--set", "training.stop_on=bleue"], "training.stop_on"),
    ],
)
def test_what_is_refused_says_what_to_do(toy, tmp_path, monkeypatch, arguments, told):
    monkeypatch.chdir(tmp_path)
    before = weights(toy.run)
    assert told in refused("train", *(toy.run if a == "RUN" else a for a in arguments))
    assert weights(toy.run) == before


def test_a_wrong_name_is_answered_with_the_nearest_run(toy, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "runs").mkdir()
    (tmp_path / "runs" / "mine").symlink_to(toy.run)
    (tmp_path / "mine").mkdir()  # a folder of the same name beside it hides no run
    assert "Did you mean 'mine'?" in refused("train", "mien", "--resume")
    assert "nothing left to do" in done("train", "mine", "--resume").err


def test_damaged_prepared_data_is_named(prepared):
    (prepared / "data" / "train.arrow").write_bytes(b"nonsense")
    assert "train.arrow is damaged" in refused("train", prepared)


# Being stopped: a real process, real signals.
LONG = sets("training.max_updates=160", "training.validate_every=60")


@pytest.fixture(scope="session")
def uninterrupted(tmp_path_factory):
    """A training that nobody disturbs, and what it was prepared from."""
    base = tmp_path_factory.mktemp("uninterrupted")
    source, target = write_pairs(base, toy_pairs(150))
    done("prepare", "--source", source, "--target", target, "--run", base / "prepared", *sets(*TINY), *LONG)
    shutil.copytree(base / "prepared", base / "run")
    done("train", base / "run", "--threads", "1")
    return base


def interrupted(base, run, *, number, when, resume=False):
    """Trains in a process that gets the signal `number` at the moment `when` says so. Returns its code and words."""
    if not resume:
        shutil.copytree(base / "prepared", run)
    with started("train", run, "--threads", "1", *(["--resume"] if resume else [])) as process:
        while process.poll() is None and not when(run):
            time.sleep(0.005)
        process.send_signal(number)
        _, told = process.communicate(timeout=120)
    return process.returncode, told.decode()


def logged(least):
    """Whether so many rows of metrics are written."""

    def reached(run):
        path = run / "metrics.jsonl"
        return path.exists() and path.read_bytes().count(b"\n") >= least

    return reached


@pytest.mark.parametrize(("number", "least"), [(signal.SIGTERM, 2), (signal.SIGINT, 5)])
def test_a_signal_saves_and_says_how_to_go_on(uninterrupted, tmp_path, number, least):
    run = tmp_path / "run"
    code, told = interrupted(uninterrupted, run, number=number, when=logged(least))
    assert code == 130, told
    assert "stopping after this update" in told
    assert "Stopped after update" in told
    assert f"Go on with: seq2seq train {run} --resume" in told
    assert "Traceback" not in told
    counters = json.loads((run / "checkpoints" / "last" / "checkpoint.json").read_text())["counters"]
    assert 0 < counters["update"] < 160
    assert f"going on after update {counters['update']}" in done("train", run, "--resume", "--threads", "1").err
    assert weights(run) == weights(uninterrupted / "run")
    assert figures(run) == figures(uninterrupted / "run")


# At the first row there is no checkpoint yet, at the sixth there is one and something was logged after it.
@pytest.mark.parametrize("least", [pytest.param(1, marks=pytest.mark.slow), 6])
def test_a_killed_training_goes_on_as_if_nothing_had_been(uninterrupted, tmp_path, least):
    run = tmp_path / "run"
    code, _ = interrupted(uninterrupted, run, number=signal.SIGKILL, when=logged(least))
    assert code == -signal.SIGKILL
    done("train", run, "--resume", "--threads", "1")
    assert weights(run) == weights(uninterrupted / "run")
    assert figures(run) == figures(uninterrupted / "run")


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(5))
def test_killed_at_any_two_moments(uninterrupted, tmp_path, seed):
    draw, run = random.Random(seed), tmp_path / "run"

    def at_random():
        begin, seconds = None, draw.uniform(0, 2)

        def reached(run):
            nonlocal begin
            if begin is None and logged(1)(run):
                begin = time.monotonic()
            return begin is not None and time.monotonic() - begin > seconds

        return reached

    interrupted(uninterrupted, run, number=signal.SIGKILL, when=at_random())
    interrupted(uninterrupted, run, number=signal.SIGKILL, when=at_random(), resume=True)
    done("train", run, "--resume", "--threads", "1")
    assert weights(run) == weights(uninterrupted / "run")
    assert figures(run) == figures(uninterrupted / "run")
    assert not [path for path in run.rglob("*.tmp") if path.parent.name == "checkpoints"]
