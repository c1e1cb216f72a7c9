"""`seq2seq evaluate`: sacreBLEU's own figures, kept where they are the model's own."""

from __future__ import annotations

import json
import shutil

import pytest
import sacrebleu
from made_manifests import made_manifest
from msgspec.structs import replace as changed
from tiny_bundles import make_bundle
from toy_runs import Toy, call, done, refused, sets, show_all_progress, toy, toy_pairs

from seq2seq.bundle import Bundle, RunFolder, open_bundle
from seq2seq.data.store import Row, Store, write_split
from seq2seq.errors import UserError, WorkError
from seq2seq.pipeline.evaluate.evaluate import Result, TestSet, evaluate, keep
from seq2seq.recipe.schema import Evaluation, Search
from seq2seq.translator import from_bundle

__all__ = ["toy"]
FEW = sets("evaluation.bootstrap=40")


@pytest.fixture
def trained(toy: Toy, tmp_path):
    """A copy of the trained toy to write into."""
    shutil.copytree(toy.run, tmp_path / "run")
    return tmp_path / "run"


@pytest.fixture(scope="module")
def evaluated(toy, tmp_path_factory):
    """A copy that was evaluated once, and what was told."""
    run = tmp_path_factory.mktemp("evaluated") / "run"
    shutil.copytree(toy.run, run)
    return run, done("evaluate", run)


def references(run, split="test"):
    return Store(run / "data" / f"{split}.arrow").texts("target")


def scores(run):
    return json.loads((run / "bundle" / "bundle.json").read_text())["scores"]


def test_scores_are_those_of_sacrebleu(evaluated):
    run, told = evaluated
    hypotheses = (run / "evaluation" / "test.hyp").read_text(encoding="utf-8").split("\n")[:-1]
    assert len(hypotheses) == len(references(run)) == 21
    assert (
        hypotheses
        == done("translate", run, stdin="".join(s + "\n" for s in Store(run / "data/test.arrow").texts("source"))).lines
    )
    own = {
        "BLEU": sacrebleu.corpus_bleu(hypotheses, [references(run)]),
        "chrF": sacrebleu.corpus_chrf(hypotheses, [references(run)]),
        "TER": sacrebleu.corpus_ter(hypotheses, [references(run)]),
    }
    kept = {score["name"]: score for score in scores(run)["test"]}
    for name, score in own.items():
        assert f"{name} {score.score:.2f} [" in told.out
        found = kept[name.lower()]
        assert found["value"] == pytest.approx(score.score, abs=1e-9)
        assert found["low"] < found["value"] < found["high"]
        assert found["signature"] in told.out
    for part in ("nrefs:1", "bs:1000", "tok:13a", "case:mixed", f"version:{sacrebleu.__version__}"):
        assert part in kept["bleu"]["signature"]
    interval = sacrebleu.BLEU().corpus_score(hypotheses, [references(run)], n_bootstrap=1000)
    half = (kept["bleu"]["high"] - kept["bleu"]["low"]) / 2
    assert half == pytest.approx(interval._ci, rel=0.25)  # another seed resamples otherwise


def test_the_worst_sentences_are_shown_with_their_references(evaluated):
    run, told = evaluated
    assert "the worst 5 by chrF:" in told.out
    shown = [line.split("reference  ")[1] for line in told.out.splitlines() if "reference  " in line]
    assert len(shown) == 5
    assert set(shown) <= set(references(run))
    assert "\x1b" not in told.out
    without = done("evaluate", run, "--worst", "0", *FEW)
    assert "worst" not in without.out


def test_json(trained):
    told = done("evaluate", trained, "--json", "--worst", "2", *FEW).json
    assert told["model"] == str(trained / "bundle")
    (result,) = told["results"]
    assert result["name"] == "test"
    assert result["sentences"] == 21
    assert [score["name"] for score in result["scores"]] == ["bleu", "chrf", "ter"]
    assert all(score["low"] <= score["high"] and score["signature"] for score in result["scores"])
    assert len(result["worst"]) == 2
    assert result["worst"][0]["chrf"] <= result["worst"][1]["chrf"]
    assert result["search"] == {"name": "beam", "beam": 5, "length_penalty": 1.0}
    assert result["comparison"] == []


def test_scores_with_other_settings_are_shown_and_not_kept(evaluated):
    run, _ = evaluated
    kept, files = scores(run), (run / "evaluation" / "test.json").read_bytes()
    for options in (sets("search.beam=1"), ["--beam", "1"], ["--engine", "onnx-fp32"], FEW):
        told = done("evaluate", run, *options)
        assert "shown and not kept" in told.err
        assert scores(run) == kept
        assert (run / "evaluation" / "test.json").read_bytes() == files


@pytest.mark.parametrize("error", [PermissionError(13, "Permission denied", "test.hyp"), WorkError("It was replaced.")])
def test_scores_that_cannot_be_kept_are_shown(evaluated, monkeypatch, error):
    run, _ = evaluated
    kept = scores(run)

    def keep(*_):
        raise error

    monkeypatch.setattr("seq2seq.pipeline.evaluate.evaluate.keep", keep)
    told = done("evaluate", run, "--split", "test", "--split", "development", "--worst", "0")
    of_test, _, of_development = told.out.partition("development: 21 sentences")
    assert "test: 21 sentences" in of_test
    for name, shown in (("test", of_test), ("development", of_development)):
        assert "BLEU " in shown
        assert f"warning: {name}: shown and not kept: {error}" in told.err
    assert scores(run) == kept


def test_a_bundle_that_was_replaced_meanwhile_leaves_the_files_of_the_run_alone(tmp_path):
    made = make_bundle(tmp_path / "run" / "bundle")
    run = RunFolder(tmp_path / "run")
    run.manifest.write_text("{}")
    earlier = Bundle(made.path, made.recipe, changed(made.facts, update=-1))
    with pytest.raises(WorkError, match="was replaced"):
        keep(Result("test", [], ["one"], [], 0.0), run, earlier)
    assert not run.evaluation.exists()
    keep(Result("test", [], ["one"], [], 0.0), run, made)
    assert (run.evaluation / "test.hyp").read_text() == "one\n"


def new_files(folder, *, size=15):
    """Files of pairs that no split holds, as the options that name them, and their number."""
    pairs = toy_pairs(2 * size)[-size:]
    source, reference = folder / "new.en", folder / "new.eu"
    source.write_text("".join(s + "\n" for s, _ in pairs))
    reference.write_text("".join(t + "\n" for _, t in pairs))
    return ["--source", source, "--reference", reference]


@pytest.mark.parametrize("error", [MemoryError(), KeyboardInterrupt()])
@pytest.mark.parametrize("alone", [False, True])
def test_translations_outlive_a_scoring_that_is_cut_off(evaluated, tmp_path, monkeypatch, error, alone):
    run, _ = evaluated
    model, place = run, run / "evaluation" / "new.en.unscored"
    if alone:
        model, place = tmp_path / "alone", tmp_path / "alone-new.en.unscored"
        shutil.copytree(run / "bundle", model)
    files = new_files(tmp_path)

    def score(*_, **__):
        assert place.is_file()
        raise error

    with monkeypatch.context() as patched:
        patched.setattr("seq2seq.pipeline.evaluate.evaluate.score", score)
        told = call("evaluate", model, *files, *FEW)
    assert told.code
    assert f"{place} holds the translations" in told.err
    assert place.read_text().splitlines() == done("translate", model, files[1]).lines
    done("evaluate", model, *files, *FEW)
    assert not place.exists()


def test_scoring_tells_how_far_each_metric_has_come(evaluated, tmp_path, monkeypatch):
    run, _ = evaluated
    show_all_progress(monkeypatch)
    told = done("evaluate", run, *new_files(tmp_path), "--against", run, *FEW).err
    for what in ("each sentence", "bleu", "chrf", "ter"):
        assert f"scoring: {what}: 15/15 sentences, 100 %" in told
    for name in ("bleu", "chrf", "ter"):
        assert f"scoring: {name} of both: 15/30 sentences, 50 %" in told
        assert f"scoring: {name} of both: 30/30 sentences, 100 %" in told


def test_a_folder_in_which_nothing_can_be_written_is_scored_all_the_same(evaluated, tmp_path, monkeypatch):
    run, _ = evaluated

    def refuse(*_):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr("seq2seq.pipeline.evaluate.unscored.write_text", refuse)
    assert "BLEU" in done("evaluate", run, *new_files(tmp_path), *FEW).out


def test_scores_on_the_training_pairs_are_shown_and_not_kept(tmp_path):
    made = make_bundle(tmp_path / "run" / "bundle", "search.name=greedy", "search.max_length_constant=4")
    run = RunFolder(tmp_path / "run")
    write_split(run.split("train"), (Row(n, f"{n} dogs", f"{n} hund", (), ()) for n in (1, 2)))
    made_manifest().write(run.manifest)
    told = done("evaluate", made.path, "--split", "train", "--threads", "1")
    assert "train: 2 sentences" in told.out
    assert "train: shown and not kept, because the model was trained on it." in told.err
    assert "train" not in open_bundle(made.path).facts.scores
    assert not run.evaluation.exists()


def test_too_few_resamples_are_refused_before_anything_is_translated(evaluated):
    run, _ = evaluated
    told = refused("evaluate", run, *sets("evaluation.bootstrap=39"))
    assert "at least 40" in told and "translating" not in told


@pytest.mark.parametrize("metrics", [("bleu",), ("chrf",)])
def test_a_missing_tokenizer_is_told_before_anything_is_translated(monkeypatch, metrics):
    monkeypatch.setattr("sacrebleu.tokenizers.tokenizer_ja_mecab.MeCab", None)
    rules, test = Evaluation(metrics=metrics, tokenize="ja-mecab"), TestSet("t", ["a"], ["b"])
    with pytest.raises(UserError, match="'ja-mecab' cannot be loaded"):
        evaluate(None, test, Search(), rules, diagnose=lambda _: pytest.fail("it came to scores"))


def test_scores_and_comparisons_are_by_the_rules_of_the_target_language(tmp_path):
    made = make_bundle(tmp_path / "made", "search.name=greedy", "search.max_length_constant=4")
    rules = Evaluation(metrics=("bleu", "chrf"), tokenize="char", lowercase=True, bootstrap=0)
    test = TestSet("t", ["one dog", "a cat"], ["bat hund", "un katz"])
    told = evaluate(from_bundle(made, engine="torch"), test, made.recipe.search, rules, other=["bat katz", "un hund"])
    for found in (told.scores, told.comparison):
        bleu, chrf = (one.signature.split("|") for one in found)
        assert {"tok:char", "case:lc"} <= set(bleu)
        assert {"case:lc", "nc:6"} <= set(chrf)


def test_a_missing_tokenizer_is_told_before_the_other_model_is_opened(tmp_path, monkeypatch):
    monkeypatch.setattr("sacrebleu.tokenizers.tokenizer_ja_mecab.MeCab", None)
    made = make_bundle(tmp_path / "alone", "evaluation.tokenize=ja-mecab")
    for side in ("en", "eu"):
        (tmp_path / f"t.{side}").write_text("a\n")
    files = ["--source", tmp_path / "t.en", "--reference", tmp_path / "t.eu"]
    assert "'ja-mecab' cannot be loaded" in refused("evaluate", made.path, *files, "--against", tmp_path / "nothing")


def test_a_copy_that_was_exported_into_the_run_keeps_its_own_scores(evaluated):
    run, _ = evaluated
    copy = run / "small"
    done("export", run, copy)
    before, files = scores(run), (run / "evaluation" / "test.json").read_bytes()
    done("evaluate", copy)
    assert (run / "evaluation" / "test.json").read_bytes() == files and scores(run) == before
    assert "test" in json.loads((copy / "bundle.json").read_text())["scores"]
    shutil.rmtree(copy)


def test_a_split_by_name(trained):
    told = done("evaluate", trained, "--split", "development", "--split", "test")
    assert told.out.index("development: 21 sentences") < told.out.index("test: 21 sentences")
    assert scores(trained).keys() == {"development", "test"}
    assert "Did you mean 'development'?" in refused("evaluate", trained, "--split", "developement")


def test_other_files(evaluated, tmp_path):
    run, _ = evaluated
    files = new_files(tmp_path)
    source, reference = files[1::2]
    kept = scores(run)
    told = done("evaluate", run, *files, "--json", *FEW).json["results"][0]
    hypotheses = done("translate", run, source).lines
    wanted = sacrebleu.corpus_bleu(hypotheses, [reference.read_text().splitlines()]).score
    assert told["scores"][0]["value"] == pytest.approx(wanted)
    assert scores(run) == kept

    reference.write_text("lo hund .\n" * 14)
    message = refused("evaluate", run, "--source", source, "--reference", reference)
    assert f"{source} has 15 lines and {reference} has 14" in message
    assert "go together" in refused("evaluate", run, "--source", source)
    assert "Give one of them" in refused(
        "evaluate", run, "--source", source, "--reference", reference, "--split", "test"
    )


def test_against_a_file_says_which_is_better(evaluated, tmp_path):
    run, _ = evaluated
    theirs = tmp_path / "theirs.eu"
    theirs.write_text("lo hund .\n" * 21)
    told = done("evaluate", run, "--against", theirs, *FEW)
    own = sacrebleu.corpus_bleu((run / "evaluation" / "test.hyp").read_text().splitlines(), [references(run)]).score
    other = sacrebleu.corpus_bleu(["lo hund ."] * 21, [references(run)]).score
    assert f"against {theirs}:" in told.out
    assert f"BLEU {own:.2f} against {other:.2f}: {own - other:+.2f}, p = 0.00" in told.out
    assert own > other
    for line in told.out.splitlines():
        if " against " in line and "p = " in line:
            assert line.endswith(", better")  # TER too, though its difference is negative
    best = tmp_path / "perfect.eu"
    best.write_text("".join(line + "\n" for line in references(run)))
    found = done("evaluate", run, "--against", best, "--json", *FEW).json["results"][0]
    assert found["against"] == str(best)
    for comparison in found["comparison"]:
        assert 0 < comparison["p_value"] <= 1
        assert comparison["better"] in ("first", "neither")  # the first is the baseline: what it is compared with
    assert found["comparison"][0]["first"]["value"] == pytest.approx(100)


def test_against_a_model(evaluated):
    run, _ = evaluated
    told = done("evaluate", run, "--against", run / "bundle", *FEW)
    assert told.out.count("+0.00, p = 1.0000, may be chance") == 3


def test_a_comparison_that_cannot_be_made_says_why(evaluated, tmp_path):
    run, _ = evaluated
    short = tmp_path / "short.eu"
    short.write_text("lo hund .\n" * 20)
    told = refused("evaluate", run, "--against", short)
    assert f"{short} has 20 lines, and the test set test has 21 sentences" in told
    assert "Say which: --split" in refused(
        "evaluate", run, "--against", short, "--split", "test", "--split", "development"
    )
    assert "There is no model at" in refused("evaluate", run, "--against", tmp_path / "nothing")


def test_a_bundle_alone_needs_files(toy, tmp_path):
    shutil.copytree(toy.run / "bundle", tmp_path / "alone")
    told = refused("evaluate", tmp_path / "alone")
    assert "without its run" in told
    assert "--source FILE --reference FILE" in told


def test_a_run_without_a_model(toy, tmp_path):
    (tmp_path / "run").mkdir()
    shutil.copy(toy.run / "manifest.json", tmp_path / "run")
    assert f"Train it: seq2seq train {tmp_path / 'run'}" in refused("evaluate", tmp_path / "run")


def test_help_teaches_with_examples():
    told = call("evaluate", "--help")
    assert told.code == 0
    assert "--against theirs.de --json" in told.out
