"""scripts/ablate.py: one change at a time, what each run needs, what goes on after a stop, what the figures mean."""

from __future__ import annotations

import argparse
import json
import shutil
import signal
import statistics
import subprocess
import sys
import time
from pathlib import Path
from typing import ClassVar
from unittest import mock

import numpy as np
import pytest
from msgspec.structs import replace
from sacrebleu.metrics.bleu import BLEU
from toy_runs import ROOT, TINY, environment, toy_pairs, write_pairs

from seq2seq.data.store import Store
from seq2seq.errors import UserError
from seq2seq.folders import write_json
from seq2seq.recipe.catalog import find_recipe
from seq2seq.recipe.decode import complete
from seq2seq.recipe.differences import differences
from seq2seq.recipe.overrides import apply_overrides
from seq2seq.recipe.schema import Evaluation, Recipe
from seq2seq.recipe.toml import dump_recipe, load_recipe
from seq2seq.translator import load

SCRIPT = ROOT / "scripts" / "ablate.py"
with mock.patch.object(sys, "path", [str(SCRIPT.parent), *sys.path]):
    import ablate
    import ablation_report
    import ablation_run
    from ablation_changes import Change, built_in, changes
    from ablation_report import Report, Side, Spread, markdown

REFERENCES = [
    "ein Hund rennt über die Wiese .",
    "zwei Katzen schlafen auf dem Sofa .",
    "ein Boot liegt am Ufer .",
    "drei Kinder malen ein Haus .",
]
GOOD = [*REFERENCES[:3], "drei Kinder malen einen Baum ."]
FAIR = ["ein Hund läuft über die Wiese .", "zwei Katzen schlafen auf dem Bett .", *REFERENCES[2:]]
POOR = ["ein Hund läuft .", "zwei Katzen auf dem Bett .", "das Boot liegt am Ufer .", "drei Kinder ."]


# The changes


@pytest.mark.parametrize(
    "name",
    ["multi30k-en-de", *(pytest.param(name, marks=pytest.mark.slow) for name in ("demo", "iwslt14-100k-de-en"))],
)
def test_every_built_in_change_does_something_of_its_own(name):
    default = complete(load_recipe(find_recipe(name)))
    found, left_out = changes(default, None, [])
    assert len(found) > 50
    before = differences(default)
    for number, change in enumerate(found):
        assert change.recipe != default
        assert change.recipe not in [other.recipe for other in found[:number]]
        after = differences(change.recipe)
        own = {trail for trail in {**before, **after} if before.get(trail) != after.get(trail)}
        assert own <= {setting.partition("=")[0] for setting in change.settings}
    assert any("scheduled sampling" in reason and "word by word" in reason for reason in left_out)


def test_the_levers_of_the_literature_are_among_them():
    names = " ".join(built_in(complete(Recipe())))
    levers = "BPE-dropout, word dropout, recurrent weights, layer norm, second attention, BiDeep, label smoothing, "
    levers += "moving average, R-Drop, schedule, batch, vocabulary, minimum risk, lexical, length penalty, MBR, unigram"
    for lever in levers.split(", "):
        assert lever in names


@pytest.mark.parametrize(("updates", "half", "twice"), [(3000, 6000, 1500), (0, 0, 0)])
def test_batches_of_another_size_read_as_much_text(updates, half, twice):
    default = apply_overrides(Recipe(), [f"training.max_updates={updates}", "training.batch_tokens=1000"])
    found = {change.name: change.recipe.training for change in changes(default, None, ["batch"])[0]}
    assert (found["batch: half"].batch_tokens, found["batch: half"].max_updates) == (500, half)
    assert (found["batch: twice"].batch_tokens, found["batch: twice"].max_updates) == (2000, twice)


def test_unigram_subwords_are_sampled_too():
    (found,) = changes(Recipe(), None, ["unigram subwords, sampled*"])[0]
    assert found.recipe.text.tokenizer.settings["model"] == "unigram"
    assert found.recipe.training.subword_sampling == 0.1


def test_names_are_chosen_by_part_or_pattern():
    found, _ = changes(Recipe(), None, ["R-Drop", "*beam*", "GRU"])
    assert [change.name for change in found] == ["R-Drop 1", "R-Drop 5", "GRU", "beam 10"]
    with pytest.raises(UserError, match="No change is called like Transformer"):
        changes(Recipe(), None, ["Transformer"])


@pytest.mark.parametrize(
    ("only", "chosen"),
    [
        (["label smoothing 0"], ["label smoothing 0"]),
        (["label smoothing"], ["label smoothing 0", "label smoothing 0.2"]),
        (["label smoothing 0", "R-Drop"], ["label smoothing 0", "R-Drop 1", "R-Drop 5"]),
    ],
)
def test_a_whole_name_does_not_stand_for_longer_ones(only, chosen):
    assert {change.name for change in changes(Recipe(), None, only)[0]} == set(chosen)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ('"x" = ["model.dropout=2"]', "'x': .*model.dropout"),
        ('"x" = "model.dropout=0.3"', "'x' is the same as the default"),
        ('"x" = "model.dropout=0"\n"y" = ["model.dropout=0.0"]', "'y' is the same as x"),
        ('"x" = 3', "'x' is no list of assignments"),
        ('"x" = []', "'x' is no list of assignments"),
        ('"default" = "model.dropout=0"', "is the recipe itself"),
        ('"x" = ', "is not valid TOML"),
        ('"x" = "evaluation.tokenize=intl"', r"'x' changes \[evaluation\]"),
        ('"x" = ["model.dropout=0.3", "evaluation.lowercase=true"]', r"'x' changes \[evaluation\]"),
    ],
)
def test_a_file_of_changes_is_checked_before_anything_trains(tmp_path, text, told):
    (tmp_path / "c.toml").write_text(text, "utf-8")
    with pytest.raises(UserError, match=told):
        changes(Recipe(), tmp_path / "c.toml", [])


def test_a_file_that_is_not_there_says_so(tmp_path):
    with pytest.raises(UserError, match="cannot be read"):
        changes(Recipe(), tmp_path / "none.toml", [])


# The runs


def change(*settings: str, name: str = "x") -> Change:
    return Change(name, settings, complete(apply_overrides(Recipe(), settings)))


def test_only_what_is_trained_otherwise_is_trained_again():
    default = complete(Recipe())
    assert ablate.needs_no_training(change("search.beam=2", "search.mbr=4"), default)
    assert not ablate.needs_no_training(change("search.beam=2", "model.dropout=0"), default)
    assert not ablate.needs_no_training(change(), default)


def test_seeds_come_first_and_models_before_those_who_use_them(tmp_path):
    default, other, search = change(name="default"), change("model.dropout=0"), change("search.beam=2", name="s")
    runs = ablate.planned(tmp_path, default, [search, other], [1, 2])
    assert [(run.change.name, run.seed) for run in runs] == [
        *(("default", 1), ("x", 1), ("s", 1)),
        *(("default", 2), ("x", 2), ("s", 2)),
    ]
    assert [run.model for run in runs] == [None, None, runs[0].folder, None, None, runs[3].folder]
    assert len({run.folder for run in runs}) == 6


def test_a_folder_is_of_its_settings_and_not_of_its_name_alone(tmp_path):
    one = ablate.folder_of(tmp_path, change("model.dropout=0"), 1)
    assert one == ablate.folder_of(tmp_path, change("model.dropout=0", "description=New words."), 1)
    assert one != ablate.folder_of(tmp_path, change("model.dropout=0", "training.minutes=5"), 1)
    assert one != ablate.folder_of(tmp_path, change("model.dropout=0"), 2)
    assert one.name.startswith("x-seed-1-")


def test_a_setting_that_a_newer_version_adds_changes_no_folder(monkeypatch):
    before = ablate.digest_of(Recipe())
    real = ablate.table_from_recipe
    monkeypatch.setattr(ablate, "table_from_recipe", lambda one: {**real(one), "news": {"lever": 0}})
    assert ablate.digest_of(Recipe()) == before
    assert ablate.digest_of(complete(apply_overrides(Recipe(), ["model.dropout=0"]))) != before


def test_each_run_has_a_core_where_there_are_as_many(monkeypatch):
    monkeypatch.setattr(ablate.os, "sched_getaffinity", lambda _: {4, 6}, raising=False)
    assert ablate.cores(0, threads=1, pinned=True) == [[4], [6]]
    assert ablate.cores(3, threads=1, pinned=True) == [[4], [6], [4]]
    assert ablate.cores(0, threads=2, pinned=True) == [[4, 6]]
    assert ablate.cores(0, threads=3, pinned=True) == [[4, 6]]
    assert ablate.cores(0, threads=1, pinned=False) == [None]
    assert ablate.cores(4, threads=2, pinned=False) == [None] * 4


# The figures


def run_of(texts: list[str], **figures: float) -> dict:
    value = BLEU(force=True).corpus_score(texts, [REFERENCES]).score
    training = {"seconds": 60, "updates": 10, "best_update": 9, "epochs": 1, "tokens_per_second": 5, "parameters": 7}
    figures = {"bleu": value, "chrf": value / 2, "decoding_seconds": 1.0, **figures}
    return {**figures, "hypotheses": texts, "references": REFERENCES, "training": training, "signatures": {"bleu": "s"}}


def test_a_row_is_means_and_spreads_over_the_seeds():
    default = Side("default", (), {1: run_of(FAIR), 2: run_of(GOOD)})
    other = Side("x", ("a=1",), {1: run_of(POOR), 2: run_of(FAIR)}, failed=(3,))
    better = Side("y", ("a=2",), {1: run_of(GOOD)}, missing=(2,))
    rows = Report(Evaluation(), resamples=50).rows(default, [other, better, Side("z", (), {}, missing=(1, 2))])
    assert [row["name"] for row in rows] == ["default", "y", "x"]  # the default, then best first
    values = {
        name: BLEU(force=True).corpus_score(t, [REFERENCES]).score
        for name, t in zip("gfp", (GOOD, FAIR, POOR), strict=True)
    }
    assert rows[2]["bleu_mean"] == pytest.approx((values["p"] + values["f"]) / 2, abs=1e-3)
    assert rows[2]["bleu_spread"] == pytest.approx(statistics.stdev([values["p"], values["f"]]), abs=1e-3)
    assert rows[2]["difference"] == pytest.approx((values["p"] - values["g"]) / 2, abs=1e-3)
    assert rows[1]["bleu_spread"] is None
    assert rows[0]["difference"] is None
    assert rows[0]["minutes"] == 1.0
    table = markdown(rows, ["A note."]).splitlines()
    assert table[0] == "A note."
    assert table[4].startswith(f"| default | {rows[0]['bleu_mean']:.2f} ± ")
    assert table[5].startswith(f"| y (1 of 2 seeds) | {values['g']:.2f} | +")
    assert table[6].startswith("| x (2 of 3 seeds, 1 failed) | ")


def test_the_same_translations_differ_in_nothing():
    report = Report(Evaluation(), resamples=50)
    assert report.tested([run_of(FAIR)], [run_of(FAIR)], Spread(4.0, 2)) == (0.0, 1.0)


def test_the_same_sentence_under_three_seeds_is_not_three_sentences():
    report = Report(Evaluation(), resamples=200)
    once = report.tested([run_of(FAIR)], [run_of(GOOD)], Spread())
    thrice = report.tested([run_of(FAIR) for _ in range(3)], [run_of(GOOD) for _ in range(3)], Spread())
    assert thrice == pytest.approx(once)


def many(texts: list[str], wrong: int) -> dict:
    """A hundred sentences, of which the first ones are translated wrongly."""
    references = [f"{text} {number}" for number in range(25) for text in REFERENCES]
    hypotheses = ["nichts davon ist richtig hier ." if i < wrong else text for i, text in enumerate(references)]
    found = run_of(REFERENCES)
    return {**found, "hypotheses": hypotheses, "references": references}


def test_chance_in_the_seeds_counts_too():
    def p_values(first: tuple[int, ...], second: tuple[int, ...]) -> float:
        default, other = (
            Side(name, (), {seed: many(REFERENCES, wrong) for seed, wrong in enumerate(side)})
            for name, side in (("default", first), ("x", second))
        )
        return Report(Evaluation(), resamples=400).rows(default, [other])[1]["p_value"]

    assert p_values((30, 30, 30), (20, 20, 20)) < 0.05 < p_values((10, 30, 50), (0, 20, 40))


def test_searches_with_the_same_models_are_compared_model_by_model():
    """What the models differ by is no chance of the search's."""
    default = Side("default", (), {seed: many(REFERENCES, n) for seed, n in enumerate((10, 30, 50))})
    better = {seed: many(REFERENCES, n) for seed, n in enumerate((4, 24, 44))}
    found = {
        shares: Report(Evaluation(), resamples=400).rows(
            default, [Side("x", ("search.beam=9",), better, shares_models=shares)]
        )
        for shares in (False, True)
    }
    assert found[True][1]["difference"] == found[False][1]["difference"]
    assert found[True][1]["p_value"] < 0.05 < found[False][1]["p_value"]
    # While a seed is still to come, the others are compared with their own models.
    few = Side("x", ("search.beam=9",), {2: better[2]}, missing=(0, 1), shares_models=True)
    alone = Report(Evaluation(), resamples=50).rows(default, [few])[1]
    wanted = BLEU(force=True).corpus_score(better[2]["hypotheses"], [better[2]["references"]]).score
    before = BLEU(force=True).corpus_score(default.runs[2]["hypotheses"], [better[2]["references"]]).score
    assert alone["difference"] == pytest.approx(wanted - before, abs=1e-3)
    assert alone["chrf_difference"] == round(better[2]["chrf"] - default.runs[2]["chrf"], 3)


def test_how_seeds_vary_is_pooled_from_all_settings():
    """Against the mean square within groups of a one-way analysis of variance."""
    groups = [[10.0, 13.0, 19.0], [5.0], [4.0, 6.0], [], [7.0, 7.0]]
    told = Spread.pooled(groups)
    assert told.degrees == 4
    assert told.variance == pytest.approx((statistics.variance(groups[0]) * 2 + statistics.variance(groups[2])) / 4)
    assert Spread.pooled([[1.0], [2.0]]) == Spread(0.0, 0)


def test_how_searches_vary_is_of_what_they_gain_with_each_model():
    default = Side("default", (), {seed: many(REFERENCES, wrong) for seed, wrong in enumerate((10, 30, 50))})
    steady = Side(
        "x", (), {seed: many(REFERENCES, wrong) for seed, wrong in enumerate((10, 30, 50))}, shares_models=True
    )
    trained, searched = Report(Evaluation(), resamples=10).spreads([default, steady], default)
    assert trained.degrees == searched.degrees == 2
    assert trained.variance > 1.0 and searched.variance == 0.0


@pytest.mark.parametrize("seeds", [(2, 2), (1, 2)])
def test_where_seeds_are_all_that_there_is_one_table_of_twenty_is_wrong(monkeypatch, seeds):
    """Two settings that differ in nothing: a p-value below 0.05 is to come as often as that, with two seeds too."""
    draw, report, wrong = np.random.default_rng(1), Report(Evaluation(), resamples=400), 0
    runs = [{"bleu": 0.0} for _ in range(sum(seeds))]
    scores: dict[int, float] = {}
    monkeypatch.setattr(report, "_bleu", lambda run: scores[id(run)])
    monkeypatch.setattr(report, "_resample", lambda runs: None)
    for _ in range(600):
        scores.update({id(run): value for run, value in zip(runs, draw.normal(40.0, 0.4, len(runs)), strict=True)})
        report._scores = {id(run): np.full(400, scores[id(run)]) for run in runs}
        sides = runs[: seeds[0]], runs[seeds[0] :]
        spread = Spread.pooled([[scores[id(run)] for run in side] for side in sides])
        wrong += report.tested(*sides, spread)[1] < 0.05
    assert 0.025 < wrong / 600 < 0.075


def steps_down(p_values: list[float], level: float) -> set[int]:
    """Holm's procedure itself: from the smallest on, while p <= level / (rows that are left), a row is no chance."""
    left, found = dict(enumerate(p_values)), set()
    while left:
        place = min(left, key=lambda one: left[one])
        if left[place] > level / len(left):
            break
        found.add(place)
        del left[place]
    return found


@pytest.mark.parametrize(
    "p_values", [[0.01, 0.04, 0.03, 0.005], [0.2, 0.0001, 0.2, 0.9, 0.0001, 0.02, 0.019, 1.0], [0.3], []]
)
def test_an_adjusted_p_value_is_the_smallest_level_at_which_holm_steps_over_the_row(p_values):
    adjusted = ablation_report.holm(p_values)
    assert len(adjusted) == len(p_values)
    for place, level in enumerate(adjusted):
        assert level == 1.0 or place in steps_down(p_values, level + 1e-9)
        assert place not in steps_down(p_values, level - 1e-9)


def test_as_many_rows_as_there_are_changes_can_be_told_from_chance():
    assert len(built_in(complete(Recipe()))) / (ablation_report.RESAMPLES + 1) < 0.05


def test_among_many_changes_that_do_nothing_none_is_taken_for_real():
    draw = np.random.default_rng(1)

    def side(name: str, wrong: float) -> Side:
        runs = {}
        for seed in (1, 2, 3):
            texts = ["nichts davon ist richtig hier ." if draw.random() < wrong else one for one in REFERENCES * 10]
            runs[seed] = {**run_of(REFERENCES), "hypotheses": texts, "references": REFERENCES * 10}
        return Side(name, (), runs)

    rows = Report(Evaluation()).rows(side("default", 0.3), [*(side("null", 0.3) for _ in range(30)), side("real", 0.0)])
    p_values = [row["p_value"] for row in rows[1:]]
    assert [row["p_holm"] for row in rows[1:]] == pytest.approx(ablation_report.holm(p_values), abs=31 * 5e-5)
    assert [row["name"] for row in rows if row["p_holm"] is not None and row["p_holm"] < 0.05] == ["real"]


def test_where_no_row_has_two_seeds_the_p_values_are_marked():
    default = {seed: run_of(FAIR) for seed in (1, 2)}
    others = [Side("one", (), {1: run_of(GOOD)}), Side("y", (), {1: run_of(POOR)}, shares_models=True)]
    rows = Report(Evaluation(), resamples=50).rows(Side("default", (), default), others)
    assert [row["seed_degrees"] for row in rows] == [1, 1, 0]
    assert [row["seed_spread"] for row in rows] == [0.0, 0.0, None]
    cells = [line.split("|")[4:6] for line in markdown(rows, []).splitlines()[3:]]
    assert [[cell.strip()[-1:] == "†" for cell in both] for both in cells] == [[False] * 2, [False] * 2, [True] * 2]
    told = ablation_report.about_p(rows)
    assert "†" in told and "the 2 rows" in told and "0.00 (1)" in told
    assert "†" not in ablation_report.about_p(rows[:2])
    assert ablation_report.about_p(rows[:1]) == ""
    alone = Report(Evaluation(), resamples=50).rows(Side("default", (), {1: default[1]}), others)
    assert [row["seed_degrees"] for row in alone] == [0, 0, 0]
    assert "Student" not in ablation_report.about_p(alone) and "vary by" not in ablation_report.about_p(alone)


# The whole of it


@pytest.fixture
def place(tmp_path):
    """A folder with a toy corpus, a recipe of it and a file of changes."""
    write_pairs(tmp_path / "files")
    settings = ["name=toy", "data.source_language=en", "data.target_language=eu", "data.train=['toy.en', 'toy.eu']"]
    settings += ["data.development_size=20", "data.test_size=10", "training.max_updates=20"]
    recipe = apply_overrides(complete(Recipe()), [*TINY, *settings])
    (tmp_path / "toy.toml").write_text(dump_recipe(recipe), "utf-8")
    lines = ['"no average" = ["training.average=0"]', '"greedy" = "search.name=greedy"']
    lines.append('"large" = "text.vocabulary_size=9000"')
    (tmp_path / "changes.toml").write_text("\n".join(lines), "utf-8")
    return tmp_path


def arguments(place: Path, *more: object) -> list[str]:
    given = [place / "toy.toml", "--run", place / "out", "--data", place / "files", "--changes", place / "changes.toml"]
    return [str(one) for one in (*given, "--updates", 20, "--seeds", 1, "--jobs", 2, *more)]


class Here:
    """Stands for a process: does the work of a run in this one. Runs named in `broken` fail."""

    started: ClassVar[list[str]] = []
    broken: ClassVar[tuple[str, ...]] = ()

    def __init__(self, run: ablate.Run) -> None:
        Here.started.append(run.change.name)
        (run.folder / "log.txt").write_text("It begins.\nIt broke.\n\n", "utf-8")
        self.returncode = 1 if run.change.name in Here.broken else ablation_run.run(run.folder, None)

    def poll(self) -> int:
        return self.returncode

    def wait(self) -> int:
        return self.returncode


@pytest.fixture
def sweep(place, monkeypatch, capsys):
    """Runs the script as it is called, without processes. Returns its exit code, JSON and messages."""
    monkeypatch.setattr(ablate.Sweep, "_start", lambda self, run, core: Here(run))
    monkeypatch.setattr(ablation_run, "_end_with_parent", lambda: None)
    monkeypatch.setattr(ablate, "POLL_SECONDS", 0.0)
    monkeypatch.setattr(ablate.signal, "signal", lambda *_: None)
    monkeypatch.setattr(Here, "broken", ())
    monkeypatch.setattr(
        "seq2seq.pipeline.train.train.export_trained", lambda run: None
    )  # the graphs are of no use here

    def run(*more: object):
        monkeypatch.setattr(sys, "argv", [str(SCRIPT), *arguments(place, *more)])
        Here.started = []
        code = 0
        try:
            ablate.main()
        except SystemExit as end:
            code = int(end.code or 0)
        out, err = capsys.readouterr()
        return code, json.loads(out.splitlines()[-1]) if out else None, err

    return run


def test_a_row_that_does_not_train_takes_over_what_training_has_tuned():
    default = Recipe().search
    tuned = replace(default, length_penalty=0.6)
    assert ablation_run.changed_search(tuned, default, replace(default, beam=10)) == replace(tuned, beam=10)
    assert ablation_run.changed_search(tuned, default, replace(default, length_penalty=1.4)).length_penalty == 1.4
    assert ablation_run.changed_search(tuned, default, default) == tuned


def test_a_sweep_goes_on_where_it_was_left(place, sweep):
    Here.broken = ("no average",)
    code, found, err = sweep()
    assert code == 1
    assert sorted(found["failed"]) == ["large, seed 1", "no average, seed 1"]
    assert "large, seed 1 cannot be prepared: " in err
    assert "no average, seed 1 failed: It broke." in err
    assert Here.started == ["default", "no average", "greedy"]
    assert [row["name"] for row in found["rows"]] == ["default", "greedy"]
    Here.broken = ()
    code, found, err = sweep("--only", "no average", "greedy")
    assert (code, found["failed"]) == (0, [])
    assert Here.started == ["no average"]
    rows = {row["name"]: row for row in found["rows"]}
    assert set(rows) == {"default", "no average", "greedy"}
    for name in ("default", "no average"):
        assert rows[name]["updates"] == 20
        assert rows[name]["tokens_per_second"] > 0
        assert rows[name]["minutes"] > 0
    assert rows["greedy"]["updates"] == rows["default"]["updates"]
    (base,) = (place / "out" / "runs").glob("default-*")
    result = json.loads((base / "result.json").read_text("utf-8"))
    assert rows["default"]["bleu"] == [round(result["bleu"], 2)]
    assert len(result["hypotheses"]) == 20
    assert not (base / "checkpoints").exists()
    assert (base / "bundle" / "bundle.json").is_file()
    assert len(list((place / "out" / "data").iterdir())) == 1  # shared: nothing but training differs
    table = (place / "out" / "table.md").read_text("utf-8")
    assert "20 updates on 1 thread" in table
    assert "| no average | " in table
    assert sweep("--only", "no average", "greedy")[1]["rows"] == found["rows"]
    assert Here.started == []


@pytest.mark.parametrize("left", [ablation_run.RESULT, "checkpoints/last/weights"])
def test_runs_of_another_device_stand_in_another_table(tmp_path, left):
    run = ablate.Run(Change("default", (), Recipe()), 1, tmp_path / "run", None)
    write_json(run.folder / ablation_run.JOB, {"device": "cuda"})
    ablate.check_devices([run], "cpu")  # it has not begun
    write_json(run.folder / left, {})
    ablate.check_devices([run], "cuda:1")
    with pytest.raises(UserError, match=r"computed with --device cuda.*another --run"):
        ablate.check_devices([run], "cpu")


def test_the_table_names_the_gpu(monkeypatch):
    monkeypatch.setattr("torch.cuda.is_available", lambda: True)
    monkeypatch.setattr("torch.cuda.get_device_name", lambda device: f"Fast GPU {device}")
    assert ablate.computer("cuda:1").endswith("Fast GPU cuda:1")
    assert "GPU" not in ablate.computer("cpu")


def test_a_corpus_that_changed_is_refused(place, sweep):
    Here.broken = ("default", "no average", "greedy")
    assert sweep("--only", "no average")[0] == 1
    assert Here.started == ["default", "no average"]
    (data,) = (place / "out" / "data").iterdir()
    before = (data / "manifest.json").read_bytes()
    pairs = toy_pairs()
    write_pairs(place / "files", [*pairs[:-2], pairs[-1], pairs[-2]])
    code, found, err = sweep()
    assert (code, found, Here.started) == (2, None, [])
    assert "The corpus has changed since this sweep began: toy.en, toy.eu." in err
    assert "another --run" in err
    assert (data / "manifest.json").read_bytes() == before
    shutil.rmtree(data)  # the runs know by themselves what they learned from
    assert "The corpus has changed" in sweep("--only", "no average")[2]
    write_pairs(place / "files", pairs)
    assert sweep("--only", "no average")[0] == 1
    assert Here.started == ["default", "no average"]


@pytest.mark.parametrize(
    "setting", ["data.seed=5", "data.filters=[{name='length', maximum=8}]", "data.quotes=straight", "data.reverse=true"]
)
def test_a_change_of_the_development_set_is_refused_before_anything_trains(place, sweep, setting):
    quoted = [(f"{source} “", f"{target} “") for source, target in toy_pairs()]
    write_pairs(place / "files", quoted)
    (place / "changes.toml").write_text(f'"less" = "training.average=0"\n"another" = "{setting}"', "utf-8")
    code, found, err = sweep()
    assert (code, found, Here.started) == (2, None, [])
    assert "'another' changes the development set" in err


def test_a_change_of_the_training_pairs_alone_is_tried(place, sweep):
    Here.broken = ("default", "fewer")
    pairs = toy_pairs()
    write_pairs(place / "files", pairs[:40], name="own")
    write_pairs(place / "files", pairs[40:])
    lines = [
        f"{name} = \"data.filters=[{{name='length', maximum={most}}}]\"" for name, most in (("fewer", 8), ("none", 1))
    ]
    (place / "changes.toml").write_text("\n".join(lines), "utf-8")
    code, found, err = sweep("--set", "data.development=['own.en', 'own.eu']", "--set", "data.development_size=0")
    assert Here.started == ["default", "fewer"]
    assert code == 1
    assert "none, seed 1 cannot be prepared: No training pair is left" in err
    assert sorted(found["failed"]) == ["default, seed 1", "fewer, seed 1", "none, seed 1"]


@pytest.mark.slow
def test_the_seeds_translate_together(place, sweep):
    code, found, _ = sweep("--only", "greedy", "--seeds", "2", "--ensemble")
    assert code == 0
    assert Here.started == ["default", "greedy", "default", "greedy", "ensemble of 2"]
    rows = {row["name"]: row for row in found["rows"]}
    assert rows["ensemble of 2"]["seeds"] == [0]
    runs = {path.name.partition("-")[0]: path for path in (place / "out" / "runs").iterdir()}
    models = sorted((place / "out" / "runs").glob("default-*"))
    sources = Store(next((place / "out" / "data").glob("*/data/development.arrow"))).texts("source")
    both = load([path / "bundle" for path in models], engine="torch").translate(sources)
    result = json.loads((runs["ensemble"] / "result.json").read_text("utf-8"))
    assert result["hypotheses"] == [one.text for one in both]


def test_the_list_is_shown_without_training(place, monkeypatch, capsys):
    monkeypatch.setattr(sys, "argv", [str(SCRIPT), *arguments(place, "--list")])
    monkeypatch.setattr(ablate.signal, "signal", lambda *_: None)
    ablate.main()
    assert capsys.readouterr().out.splitlines() == [
        "no average\ttraining.average=0",
        "greedy\tsearch.name=greedy",
        "large\ttext.vocabulary_size=9000",
    ]
    assert not (place / "out").exists()


@pytest.mark.parametrize(
    ("given", "told"),
    [
        (["--seeds", "0"], "--seeds and --threads are at least 1"),
        (["--minutes", "3"], "not allowed with argument"),
        (["--ensemble"], "--ensemble needs --seeds of at least 2"),
    ],
)
def test_what_cannot_be_meant_is_refused(place, monkeypatch, capsys, given, told):
    monkeypatch.setattr(sys, "argv", [str(SCRIPT), *arguments(place, *given)])
    with pytest.raises(SystemExit) as end:
        ablate.main()
    assert end.value.code == 2
    assert told in capsys.readouterr().err


def test_the_time_it_will_take_is_told(tmp_path):
    runs = ablate.planned(
        tmp_path, change(name="default"), [change("model.dropout=0"), change("search.beam=2")], [1, 2]
    )
    assert ablate.expected_hours(runs, 30.0, 2) == 1.0  # four trainings, two at a time
    assert ablate.expected_hours(runs, 30.0, 3) == 1.0
    assert ablate.expected_hours(runs, 0.0, 2) == 0.0


def test_a_budget_takes_the_place_of_every_limit():
    given = {"recipe": "multi30k-en-de", "settings": [], "updates": 0, "minutes": 0.0}
    own = ablate.recipe_of(argparse.Namespace(**given)).training
    assert own.minutes > 30
    minutes = ablate.recipe_of(argparse.Namespace(**{**given, "minutes": 7.5})).training
    assert (minutes.minutes, minutes.max_updates, minutes.max_epochs) == (7.5, 0, 0.0)
    updates = ablate.recipe_of(argparse.Namespace(**{**given, "updates": 900})).training
    assert (updates.minutes, updates.max_updates, updates.max_epochs) == (0.0, 900, 0.0)


@pytest.mark.slow
def test_processes_are_stopped_and_go_on(place):
    """As it is called: SIGTERM saves both trainings, and the same command goes on from there to the same result."""
    few = ["--only", "no average", "--set", "training.validate_every=40", "--updates", "400"]
    command = [sys.executable, str(SCRIPT), *arguments(place), *few]
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "env": environment()}
    with subprocess.Popen(command, **pipes) as process:
        logs = lambda: list((place / "out" / "runs").glob("*/metrics.jsonl"))  # noqa: E731
        until = time.monotonic() + 120
        while len(logs()) < 2 and time.monotonic() < until and process.poll() is None:
            time.sleep(0.1)
        process.send_signal(signal.SIGTERM)
        out, err = process.communicate(timeout=60)
    assert process.returncode == 130, err
    assert b"The same command goes on." in err
    assert out == b""
    assert len(list((place / "out" / "runs").glob("*/checkpoints/last"))) == 2
    done = subprocess.run(command, check=True, capture_output=True, env=environment())
    found = json.loads(done.stdout.splitlines()[-1])
    assert [row["updates"] for row in found["rows"]] == [400, 400]
    assert b"going on after update" in b"".join(path.read_bytes() for path in (place / "out").glob("runs/*/log.txt"))
