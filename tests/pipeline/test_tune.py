"""tune: what each penalty picks, what is written where, and what is left alone."""

from __future__ import annotations

import json
import shutil
import tomllib

import pytest
import sacrebleu
from made_facts import made_score
from toy_runs import Toy, done, refused, sets, toy

from seq2seq.bundle import RunFolder, open_bundle
from seq2seq.cli.tune import table
from seq2seq.data.store import Store
from seq2seq.errors import UserError, WorkError
from seq2seq.pipeline.evaluate import tune as tuning
from seq2seq.pipeline.evaluate.evaluate import TestSet
from seq2seq.pipeline.evaluate.search_text import with_search
from seq2seq.recipe.decode import complete, recipe_from_table
from seq2seq.recipe.overrides import apply_overrides
from seq2seq.recipe.schema import Evaluation, Recipe, Search
from seq2seq.recipe.toml import dump_recipe, load_recipe
from seq2seq.translating.translation import Translation

__all__ = ["toy"]
REFERENCE = "a b c d e f"


def translation(text: str, log_prob: float, penalty: float, *, coverage: float = 0.0, parts=()) -> Translation:
    tokens = [*text.split(), "<eos>"]
    score = log_prob / len(tokens) ** penalty + coverage
    return Translation(text, text, score, log_prob, ["x"], tokens, [log_prob], parts=list(parts))


class Scripted:
    """A translator with one long and one short translation of everything; a real search is right about them, too."""

    LONG, SHORT = ("a b c d e f", -6.0), ("a b c d", -4.5)

    def __init__(self, *, honest: bool = True) -> None:
        self.honest, self.asked = honest, []

    def translate_stream(self, sources, settings, *, nbest=1):
        self.asked.append((settings.name, settings.beam, settings.mbr, settings.length_penalty, nbest))
        found = [translation(text, p, settings.length_penalty) for text, p in (self.LONG, self.SHORT)]
        found.sort(key=lambda one: -one.score)
        if nbest == 1 and not self.honest:
            found = [translation(*self.SHORT, settings.length_penalty)]
        for _ in sources:
            yield found[0] if nbest == 1 else Translation(**{**vars(found[0]), "nbest": found})


TEST = TestSet("development", ["x"] * 5, [REFERENCE] * 5)
AT_ZERO = Search(length_penalty=0.0, beam=2)


def tuned(translator, settings=AT_ZERO, **grid):
    return tuning.tune(translator, TEST, settings, Evaluation(), tuning.Grid(**grid))


def few_searches(monkeypatch):
    """Makes any development set too large for searching it with everything."""
    monkeypatch.setattr(tuning, "MOST_SEARCHED", 0)


def test_a_small_set_is_searched_with_every_penalty():
    translator = Scripted()
    found = tuned(translator, penalties=[0.0, 0.5, 1.0])
    # -6 / 7^p against -4.5 / 5^p: the long one wins from p = log(4/3) / log(7/5) = 0.855
    assert [(one.length_penalty, one.length_ratio) for one in found.trials] == [
        (0.0, pytest.approx(4 / 6)),
        (0.5, pytest.approx(4 / 6)),
        (1.0, 1.0),
    ]
    assert found.changes == {"length_penalty": 1.0}
    assert translator.asked == [("beam", 2, 0, penalty, 1) for penalty in (0.0, 0.5, 1.0)]
    assert all(one.seconds is not None for one in found.trials)
    assert found.before is found.trials[0] and found.best is found.trials[2]


def test_what_is_small_is_a_matter_of_sentences_times_searches(monkeypatch):
    for most, num_ranked in ((15, 0), (14, 3)):  # three searches of five sentences
        monkeypatch.setattr(tuning, "MOST_SEARCHED", most)
        translator = Scripted()
        tuned(translator, penalties=[0.0, 0.5, 1.0])
        assert len([asked for asked in translator.asked if asked[-1] > 1]) == (num_ranked > 0)
    translator = Scripted()
    monkeypatch.setattr(tuning, "MOST_SEARCHED", 10_000)
    tuned(translator)
    assert [asked[3] for asked in translator.asked] == sorted(tuning.PENALTIES)  # the present one, 0, being of them


def test_a_ranking_that_is_wrong_costs_nothing_where_all_is_searched():
    """A search with 0.4 ends better than any ranking of another search's translations can tell."""

    class Early(Scripted):
        def translate_stream(self, sources, settings, *, nbest=1):
            for one in super().translate_stream(sources, settings, nbest=nbest):
                ends = nbest == 1 and settings.length_penalty == 0.4
                yield translation(*self.LONG, 0.4) if ends else one

    assert tuned(Early(), penalties=[0.0, 0.4, 0.8]).changes == {"length_penalty": 0.4}


def test_of_a_large_set_the_three_that_rank_best_are_searched_with(monkeypatch):
    few_searches(monkeypatch)
    translator = Scripted()
    found = tuned(translator, penalties=[0.2, 0.5, 0.9, 1.0, 1.2, 1.5])
    # All from 0.855 rank alike, and the nearest to the present one come first.
    assert [(asked[3], asked[4]) for asked in translator.asked] == [
        *[(0.0, 1), (0.0, 2)],  # the present settings, and the n best
        *[(0.9, 1), (1.0, 1), (1.2, 1)],
    ]
    shown = {one.length_penalty: one.seconds is not None for one in found.trials}
    assert shown == {0.0: True, 0.2: False, 0.5: False, 0.9: True, 1.0: True, 1.2: True, 1.5: False}
    assert len(found.trials) == 7  # one row each
    assert found.changes == {"length_penalty": 0.9}
    how = [line.split("  ")[-1].split(",")[0] for line in table(found)[1:]]
    assert how == ["searched", "only ranked", "only ranked", "searched", "searched", "searched", "only ranked"]


def test_the_penalty_that_picks_the_right_ones_is_found_by_ranking(monkeypatch):
    few_searches(monkeypatch)
    translator = Scripted()
    found = tuned(translator, penalties=[0.0, 0.5, 1.0])
    assert [(one.length_penalty, one.length_ratio) for one in found.trials] == [
        (0.0, pytest.approx(4 / 6)),
        (0.5, pytest.approx(4 / 6)),
        (1.0, 1.0),
    ]
    assert found.changes == {"length_penalty": 1.0}
    assert (found.best.bleu, found.best.chrf) == (pytest.approx(100), pytest.approx(100))
    short = sacrebleu.corpus_bleu(["a b c d"] * 5, [[REFERENCE] * 5], force=True).score
    assert found.before.bleu == pytest.approx(short)
    # the present settings, the n best, and what looked best: there are no more than two others
    assert translator.asked == [
        *[("beam", 2, 0, 0.0, 1), ("beam", 2, 0, 0.0, 2)],
        *[("beam", 2, 0, 1.0, 1), ("beam", 2, 0, 0.5, 1)],
    ]
    assert found.best.seconds is not None


@pytest.mark.parametrize("large", [False, True])
def test_what_a_real_search_does_not_confirm_is_not_taken(monkeypatch, large):
    if large:
        few_searches(monkeypatch)
    found = tuned(Scripted(honest=False), penalties=[0.0, 1.0])
    assert found.changes == {}
    assert found.best is found.before
    assert "nothing is better" in tuning.told(found)


def test_of_equals_the_nearest_to_the_present_one():
    assert tuned(Scripted(), penalties=[0.9, 1.2, 1.8, 2.0]).best.length_penalty == 0.9
    at_one = Search(length_penalty=1.0, beam=2)
    translator = Scripted()
    assert tuned(translator, at_one, penalties=[0.9, 1.1]).changes == {}
    assert len(translator.asked) == 3  # the present one is searched, though nobody named it


def test_beams_and_candidates_are_tried_too():
    translator = Scripted()
    found = tuned(translator, penalties=[1.0], beams=[2, 4], mbr=[0, 3])
    every = [(2, 0, 0.0), (2, 0, 1.0), (2, 3, 0.0), (2, 3, 1.0), (4, 0, 0.0), (4, 0, 1.0), (4, 3, 0.0), (4, 3, 1.0)]
    assert sorted(asked[1:4] for asked in translator.asked) == every
    assert [(one.beam, one.mbr, one.length_penalty) for one in found.trials] == every
    assert found.changes == {"length_penalty": 1.0}  # candidates that give no more are not taken


def test_in_a_large_set_each_beam_is_ranked_and_each_number_of_candidates_searched_with(monkeypatch):
    few_searches(monkeypatch)
    translator = Scripted()
    found = tuned(translator, penalties=[1.0], beams=[2, 4], mbr=[0, 3])
    assert translator.asked[:3] == [("beam", 2, 0, 0.0, 1), ("beam", 2, 0, 0.0, 2), ("beam", 4, 0, 0.0, 4)]
    assert [asked[1:4] for asked in translator.asked[3:]] == [
        *[(2, 0, 1.0), (4, 0, 1.0), (4, 0, 0.0)],
        *[(2, 3, 1.0), (4, 3, 1.0), (2, 3, 0.0)],
    ]
    assert [(one.beam, one.mbr, one.length_penalty) for one in found.trials] == [
        *[(2, 0, 0.0), (2, 0, 1.0), (2, 3, 0.0), (2, 3, 1.0), (4, 0, 0.0), (4, 0, 1.0), (4, 3, 1.0)],
    ]
    assert found.changes == {"length_penalty": 1.0}  # candidates that give no more are not taken


def test_a_greedy_model_becomes_one_with_a_beam():
    found = tuned(Scripted(), Search(name="greedy", length_penalty=0.0), penalties=[1.0], beams=[3])
    assert found.changes == {"name": "beam", "beam": 3, "length_penalty": 1.0}


def test_scores_under_another_penalty():
    one = translation("a b c", -8.0, 1.0, coverage=-0.25)
    assert one.score == -2.25
    assert tuning.rescored(one, 1.0, 0.0) == -8.25
    assert tuning.rescored(one, 1.0, 0.5) == -4.25
    two = translation("a", -2.0, 1.0)
    whole = translation("a b c a", -10.0, 1.0, parts=[one, two])
    assert tuning.rescored(whole, 1.0, 0.0) == (-8.25 + -2.0) / 2
    blank = Translation("", "", 0.0, 0.0, [], [], [])
    assert tuning.rescored(blank, 1.0, 0.5) == 0.0


@pytest.mark.parametrize(
    ("grid", "wrong"),
    [
        *[({"penalties": [-0.1]}, "-0.1"), ({"beams": [0]}, "not 0"), ({"mbr": [1]}, "not 1"), ({"mbr": [-2]}, "-2")],
        ({"mbr": [0, 201]}, "at most 200, not 201"),
    ],
)
def test_what_cannot_be_tried(grid, wrong):
    with pytest.raises(UserError, match=wrong):
        tuned(Scripted(), **grid)


TEXT = """name = "mine"

# my own words
[search]
# an old reason
# in two lines
length_penalty = 1.0  # behind
beam = 5

[evaluation]
# stays
lowercase = true
"""


def test_a_recipe_keeps_what_a_person_wrote():
    found = with_search(TEXT, {"length_penalty": 0.6, "mbr": 20}, reasons={"length_penalty": "Why."}, where="x")
    assert found == TEXT.replace(
        "# an old reason\n# in two lines\nlength_penalty = 1.0  # behind\n", "# Why.\nlength_penalty = 0.6\n"
    ).replace("[search]\n", "[search]\nmbr = 20\n")
    assert with_search('name = "a"\n', {"beam": 7}, reasons={}, where="x") == 'name = "a"\n\n[search]\nbeam = 7\n'


@pytest.mark.parametrize("text", ["search = { beam = 3 }\n", "search.beam = 3\n", 'description = """\n[search]\n"""\n'])
def test_a_recipe_in_another_form_is_right_too(text):
    before = recipe_from_table(tomllib.loads(text), where="x")
    found = recipe_from_table(tomllib.loads(with_search(text, {"beam": 9}, reasons={}, where="x")), where="x")
    assert found == apply_overrides(before, ["search.beam=9"])


def test_a_dumped_recipe():
    recipe = complete(Recipe())
    found = with_search(dump_recipe(recipe), {"length_penalty": 0.8}, reasons={"length_penalty": "Why."}, where="x")
    assert recipe_from_table(tomllib.loads(found), where="x") == apply_overrides(recipe, ["search.length_penalty=0.8"])
    assert "\n# Why.\nlength_penalty = 0.8\n" in found


@pytest.fixture
def run(toy: Toy, tmp_path):
    """A copy of the toy, which starts with a penalty that cannot be right."""
    shutil.copytree(toy.run, tmp_path / "run", ignore=shutil.ignore_patterns("checkpoints", "pictures"))
    folder = RunFolder(tmp_path / "run")
    for path in (folder.recipe, folder.bundle / "recipe.toml"):
        path.write_text(with_search(path.read_text(), {"beam": 3}, reasons={}, where=str(path)))
    return folder


TORCH = ("--engine", "torch", "--threads", 1, "--sentences", 8)


def pick_better(monkeypatch):
    """Lets the toy, which is hardly ever wrong, have something to win."""
    look = tuning._Look.searched

    def searched(self, settings):
        found = look(self, settings)
        return tuning.Trial(**{**vars(found), "bleu": 50.0 + settings.length_penalty})

    monkeypatch.setattr(tuning._Look, "searched", searched)


def test_the_better_settings_are_written_and_old_scores_go(run, monkeypatch):
    pick_better(monkeypatch)
    open_bundle(run.bundle).with_scores("test", [made_score()])
    before = load_recipe(run.recipe)
    files = {p: p.read_bytes() for p in run.path.rglob("*") if p.is_file()}
    told = done("tune", run.path, "--penalties", "0.5,1.5", "--dry-run", *TORCH)
    assert "Nothing was written" in told.err
    assert {p: p.read_bytes() for p in files} == files

    told = done("tune", run.path, "--penalties", "0.5,1.5", *TORCH)
    assert "search.length_penalty = 1.5: BLEU 51.50 on the development set, 51.00 before" in told.err
    assert "The scores of test were made with the old settings" in told.err
    assert told.lines[0].split() == ["beam", "mbr", "penalty", "BLEU", "chrF", "length", "how"]
    assert [line.split()[2] for line in told.lines[1:]] == ["0.5", "1", "1.5"]
    assert all("searched" in line for line in told.lines[1:])
    assert told.lines[-2].endswith("now")
    assert told.lines[-1].endswith("best")
    wanted = apply_overrides(before, ["search.length_penalty=1.5"])
    assert load_recipe(run.recipe) == wanted
    assert "# Chosen on 8 development sentences by seq2seq tune: BLEU 51.5, and 51.0 before." in run.recipe.read_text()
    bundle = open_bundle(run.bundle)
    assert bundle.recipe == wanted
    assert bundle.facts.scores == {}
    assert bundle.facts.tuned["after"]["length_penalty"] == 1.5
    # and a second time there is nothing left to win
    told = done("tune", run.path, "--penalties", "0.5,1.5", "--json", *TORCH)
    assert (told.json["written"], told.json["changes"]) == (False, {})
    assert load_recipe(run.recipe) == wanted


def test_an_exported_bundle_in_a_runs_folder_is_tuned_alone(run, monkeypatch):
    pick_better(monkeypatch)
    shutil.copytree(run.bundle, run.path / "small")
    before = run.recipe.read_bytes(), (run.bundle / "recipe.toml").read_bytes()
    done("tune", run.path / "small", "--penalties", "1.5", *TORCH)  # the run's development set is still at hand
    assert load_recipe(run.path / "small" / "recipe.toml").search.length_penalty == 1.5
    assert (run.recipe.read_bytes(), (run.bundle / "recipe.toml").read_bytes()) == before


def test_a_real_search_with_a_real_model(run, toy):
    store = Store(run.split("development"))
    source, reference = toy.folder / "dev.en", toy.folder / "dev.eu"
    source.write_text("".join(line + "\n" for line in store.texts("source", 8)))
    reference.write_text("".join(line + "\n" for line in store.texts("target", 8)))
    of_run = done("tune", run.path, "--penalties", "0,1", "--mbr", "0,4", "--dry-run", "--json", *TORCH).json
    of_files = done(
        *("tune", run.bundle, "--source", source, "--reference", reference, "--penalties", "0,1", "--mbr", "0,4"),
        *("--dry-run", "--json", *TORCH),
    ).json
    for told in (of_run, of_files):
        for trial in told["trials"]:
            trial.pop("seconds")
    assert of_run["trials"] == of_files["trials"]
    assert [(t["mbr"], t["length_penalty"]) for t in of_run["trials"]] == [(0, 0.0), (0, 1.0), (4, 0.0), (4, 1.0)]
    hypotheses = done("translate", run.path, source, "--engine", "torch").lines
    wanted = sacrebleu.corpus_bleu(hypotheses, [store.texts("target", 8)]).score
    assert of_run["before"]["bleu"] == pytest.approx(wanted)


def test_what_is_refused(run, tmp_path):
    assert "no list of numbers" in refused("tune", run.path, "--penalties", "0,a")
    assert "no list of whole numbers" in refused("tune", run.path, "--beam", "2.5")
    assert "at least 0, not -1.0" in refused("tune", run.path, "--penalties", "-1")
    assert "go together" in refused("tune", run.path, "--source", run.recipe)
    shutil.copytree(run.bundle, tmp_path / "alone")
    assert "without its run" in refused("tune", tmp_path / "alone", *TORCH)


def test_a_bundle_that_was_replaced_is_left_alone(run):
    bundle = open_bundle(run.bundle)
    trial = tuning.Trial("beam", 5, 0, 1.0, 1.0, 1.0, 1.0)
    facts = json.loads((run.bundle / "bundle.json").read_text())
    (run.bundle / "bundle.json").write_text(json.dumps({**facts, "update": -1}))
    with pytest.raises(WorkError, match="was replaced"):
        tuning.keep(tuning.Tuned("bleu", 1, [], trial, trial), bundle)


def test_training_does_it_at_its_end_where_it_is_asked_to(run, monkeypatch):
    calls = []
    monkeypatch.setattr(tuning, "tune_trained", lambda run, **_: calls.append(run.path))
    monkeypatch.setattr("seq2seq.pipeline.train.train.export_trained", lambda run: calls.append("export"))
    short = sets(
        "training.max_updates=2",
        "training.schedule.warmup_updates=0",
        "training.validate_every=2",
        "training.validate_sentences=2",
    )
    done("train", run.path, "--threads", 1, *short)
    assert calls == ["export"]
    done("train", run.path, "--restart", "--threads", 1, *short, *sets("training.tune_length_penalty=true"))
    assert calls == ["export", run.path, "export"]


@pytest.mark.parametrize("settings", [["search.beam=1"], ["search.name=greedy"], ["search.name=sampling"]])
def test_a_model_that_is_tuned_at_its_end_can_be_searched_in_any_way(settings, run, monkeypatch, capsys):
    recipe = apply_overrides(load_recipe(run.bundle / "recipe.toml"), ["training.tune_length_penalty=true"])
    assert apply_overrides(recipe, settings).training.tune_length_penalty
    # Only the tuning itself needs a beam, and what was trained for hours stays whatever it says.
    (run.bundle / "recipe.toml").write_text(dump_recipe(apply_overrides(recipe, settings)))
    monkeypatch.setattr(tuning, "tune", None)
    tuning.tune_trained(run)
    assert "beam search ends" in capsys.readouterr().err


def test_at_a_trainings_end_it_is_done_once_and_never_fails(run, monkeypatch, capsys):
    pick_better(monkeypatch)
    for path in (run.recipe, run.bundle / "recipe.toml"):
        recipe = apply_overrides(
            load_recipe(path), ["training.tune_length_penalty=true", "training.validate_sentences=3"]
        )
        path.write_text(dump_recipe(recipe))
    tuning.tune_trained(run, threads=1)
    assert open_bundle(run.bundle).recipe.search.length_penalty == 2.0
    assert open_bundle(run.bundle).facts.tuned["sentences"] == 3
    monkeypatch.setattr(tuning, "tune", None)
    tuning.tune_trained(run)  # it was tuned before, and is not looked at
    facts = json.loads((run.bundle / "bundle.json").read_text())
    del facts["tuned"]
    (run.bundle / "bundle.json").write_text(json.dumps(facts))
    tuning.tune_trained(run)
    assert "The length penalty stays as it is: TypeError" in capsys.readouterr().err
    assert open_bundle(run.bundle).recipe.search.length_penalty == 2.0
