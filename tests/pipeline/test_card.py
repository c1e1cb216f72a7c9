"""A model card says what the bundle knows, keeps what a person wrote, and holds no sentence of any text."""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path

import pytest
from made_facts import made_score, scored_with
from made_manifests import made_manifest, report_of, split_of
from msgspec.structs import replace
from safetensors.numpy import load_file
from tiny_bundles import make_bundle
from toy_runs import RARE, RARE_TRANSLATION, Toy, done, toy

from seq2seq.bundle import Bundle, RunFolder, open_bundle
from seq2seq.bundle_facts import Flagged, LearnedText
from seq2seq.data.store import Store
from seq2seq.evaluation.diagnosis.diagnose import diagnose
from seq2seq.evaluation.worst import scored
from seq2seq.folders import write_json
from seq2seq.manifest import CountedPairs, ExamplePair, Inputs, TrainingCorpus, VocabularySizes
from seq2seq.pipeline.models.card import MARK, data_facts, refresh_card, write_card
from seq2seq.pipeline.train import environment as timing
from seq2seq.pipeline.train.environment import Spent, note_environment, spent
from seq2seq.recipe.toml import dump_recipe

__all__ = ["toy"]
SIGNATURE = "nrefs:1|case:mixed|tok:13a"
FACTS = {
    "name": "tales",
    "data": LearnedText(files={"old/tales.en": "ab12"}, pairs=12_345, dropped={"ratio": 17}),
    "development": {"loss": 1.5, "bleu": 30.125, "chrf": 50.0, "variety": 1.0},
    "vocabulary": VocabularySizes(joint=True, source=310, target=310),
}


@pytest.fixture(scope="module")
def made(tmp_path_factory) -> Bundle:
    return make_bundle(tmp_path_factory.mktemp("card") / "run" / "bundle", "model.dropout=0.45", "search.beam=3")


@pytest.fixture
def bundle(made: Bundle, tmp_path) -> Bundle:
    shutil.copytree(made.path, tmp_path / "run" / "bundle")
    return open_bundle(tmp_path / "run" / "bundle").with_facts(**FACTS)


def text_of(bundle: Bundle) -> str:
    assert write_card(bundle)
    return bundle.card.read_text("utf-8")


def rows(text: str, title: str) -> list[list[str]]:
    """The table of a section, without its heading."""
    section = text.partition(f"## {title}\n")[2].partition("\n## ")[0]
    found = [line for line in section.splitlines() if line.startswith("|")]
    return [[cell.strip() for cell in re.split(r"(?<!\\)\|", line)[1:-1]] for line in found[2:]]


def test_it_says_what_the_bundle_knows(bundle):
    text = text_of(bundle)
    assert text.startswith("# tales: English to French\n")
    assert "trained on 12,345 sentence pairs" in text
    assert rows(text, "Data") == [["`old/tales.en`", "`ab12`"]]
    assert "- left out of train, ratio: 17" in text
    assert "BLEU 30.12" in text  # of the greedy look
    assert "Not scored yet" in text
    numbers = sum(array.size for array in load_file(bundle.weights).values())
    assert f"- {numbers:,} parameters" in text
    size = bundle.weights.stat().st_size / 1e6
    assert f"- weights in 32 bits: {size:.1f} MB" in text
    for command in ("seq2seq translate MODEL text.en", "seq2seq repl MODEL", 'seq2seq.load("MODEL")'):
        assert command in text
    assert "energy" not in text.lower()  # nobody measured it


def test_scores_come_with_interval_and_signature(bundle):
    score = made_score(41.257, signature=SIGNATURE, low=40.0, high=42.5)
    scored = bundle.with_scores("test", [score, made_score(41.257, name="ter", signature=SIGNATURE)])
    text = text_of(scored)
    signature = SIGNATURE.replace("|", "\\|")
    assert rows(text, "Scores") == [
        ["test", "BLEU", "41.26 [40.00, 42.50]", f"`{signature}`"],
        ["test", "TER (lower is better)", "41.26", f"`{signature}`"],
    ]
    assert "beam 3, length penalty 1." in text
    assert "Not scored yet" not in text


def test_scores_that_were_searched_for_otherwise_say_how(bundle):
    for split, search in (("same", {}), ("wider", {"beam": 9}), ("mbr", {"mbr": 8, "mbr_utility": "bleu"})):
        bundle = bundle.with_scores(split, [made_score()], how=scored_with(**search))
    assert [row[0] for row in rows(text_of(bundle.with_scores("before", [made_score()])), "Scores")] == [
        "same",
        "wider with beam 9, length penalty 1",
        "mbr with beam 3, length penalty 1, the one of 8 most like the others by bleu",
        "before",
    ]


def test_flags_are_told_where_they_were_counted(bundle):
    assert "Where it goes wrong" not in text_of(bundle)
    sentences = scored(["room 17", "a dog"], ["Raum 71", "ein Hund"], ["Raum 17", "ein Hund"])
    found = Flagged(**diagnose(sentences, languages=("en", "de")).summary())
    assert rows(text_of(bundle.with_scores("test", [], diagnosis=found)), "Where it goes wrong") == [
        ["test", "numbers lost", "1", "50.0%"],
        ["test", "numbers invented", "1", "50.0%"],
    ]


def test_sets_that_are_no_tests_are_named_as_such(bundle):
    score, found = made_score(), Flagged(sentences=2, flags={"copied": 1})
    for split in ("development", "train", "test"):  # an earlier version kept scores of train too
        bundle = bundle.with_scores(split, [score], diagnosis=found)
    text = text_of(bundle)
    assert "test set |" not in text
    for title in ("Scores", "Where it goes wrong"):
        assert [row[0] for row in rows(text, title)] == [
            "development (the model was chosen by it)",
            "train (the model was trained on it)",
            "test",
        ]


def test_settings_that_differ_are_listed_with_their_reasons(bundle):
    (bundle.path / "recipe.toml").write_text(
        dump_recipe(bundle.recipe, {"model.dropout": "So few sentences | so soon learned.", "search.seed": "None."})
    )
    found = {row[0]: row[1:] for row in rows(text_of(open_bundle(bundle.path)), "Settings that are not the defaults")}
    assert found["`model.dropout`"] == ["`0.45`", "`0.3`", "So few sentences \\| so soon learned."]
    assert found["`search.beam`"] == ["`3`", "`5`", ""]
    assert "`search.seed`" not in found  # the default


def test_where_files_lay_is_not_told(bundle):
    text = text_of(bundle.with_facts(data=LearnedText(files={"/home/ann/secret/a.en": "00"}, pairs=1)))
    assert "`a.en`" in text
    assert "secret" not in text


def test_what_stands_below_the_mark_is_kept(bundle):
    text = text_of(bundle)
    assert "Not stated." in text.partition(MARK)[2]
    bundle.card.write_text(text.partition(MARK)[0] + MARK + "\n\n## Licence\n\nCC BY 4.0, by Ann.\n")
    again = text_of(bundle.with_scores("test", [made_score()]))
    assert again.endswith(MARK + "\n\n## Licence\n\nCC BY 4.0, by Ann.\n")
    assert "| 1.00 |" in again
    assert text_of(open_bundle(bundle.path)) == again  # nothing grows


def test_a_card_without_the_mark_is_left_alone(bundle):
    bundle.card.write_text("# Ours\n")
    assert not write_card(bundle)
    assert bundle.card.read_text() == "# Ours\n"


def test_editing_it_does_not_damage_the_bundle(bundle):
    text_of(bundle)
    bundle.card.write_text("anything")
    assert open_bundle(bundle.path).facts.name == "tales"
    bundle.card.unlink()
    assert open_bundle(bundle.path).facts.name == "tales"


def test_names_cannot_break_the_page(bundle):
    data = LearnedText(files={"x|`y\n.en": "00"}, pairs=1, splits={"t|t": 2})
    text = text_of(bundle.with_facts(name="a|b<script>`", data=data))
    assert text.startswith("# a\\|b\\<script\\>\\`: ")
    assert rows(text, "Data") == [["`x\\|'y .en`", "`00`"]]
    assert "- t\\|t: 2 pairs" in text


def test_the_runs_time_and_machine_go_into_the_bundle(bundle, tmp_path):
    environment = {"processor": "Abacus 9", "threads": 2, "precision": "bf16", "seconds": 90.0, "processes": 1}
    write_json(bundle.path.parent / "environment.json", {"schema_version": 1, **environment})
    write_json(bundle.path.parent / "manifest.json", {})  # which makes it a run's folder
    assert "- 1.5 minutes" in text_of(bundle)
    shutil.copytree(bundle.path, tmp_path / "alone")
    alone = open_bundle(tmp_path / "alone")
    assert alone.facts.training.to_dict() == environment
    text = text_of(alone)
    assert "- 1.5 minutes" in text
    assert "- Abacus 9, 2 threads, bf16" in text


def test_a_bundle_that_says_nothing_of_itself_has_a_card_too(made, tmp_path):
    shutil.copytree(made.path, tmp_path / "old")
    old = open_bundle(tmp_path / "old")
    text = text_of(old)
    assert text.startswith("# run: English to French\n")
    assert "## Data" not in text
    assert "sentence pairs" not in text


def test_what_is_wrong_with_a_card_stops_nothing(bundle, capsys):
    bundle.card.mkdir()
    bundle.card.joinpath("in the way").write_text("")
    refresh_card(bundle.path)
    assert "The model card is not up to date" in capsys.readouterr().err


def test_counts_are_taken_from_the_manifest_and_no_sentence():
    secret = ExamplePair(line=1, source="A secret.", target="A secret.")
    manifest = made_manifest(
        inputs=Inputs(settings="0", files={"a.en": "00"}),
        splits={"train": split_of(5), "test": split_of(2)},
        cleaning={"train": report_of(8, 5, ratio=CountedPairs(count=3, examples=(secret,)))},
        corpora=(
            TrainingCorpus(name="a", pairs=4, weight=1.0, others={"x": "A secret."}),
            TrainingCorpus(name="b", pairs=1, weight=2.0, tag="<bt>", by="backtranslate"),
        ),
    )
    found = data_facts(manifest).to_dict()
    assert found["splits"] == {"train": 5, "test": 2}
    assert found["dropped"] == {"ratio": 3}
    assert found["corpora"] == [
        {"name": "a", "pairs": 4, "weight": 1.0},
        {"name": "b", "pairs": 1, "weight": 2.0, "tag": "<bt>", "by": "backtranslate"},
    ]
    assert "secret" not in json.dumps(found)
    # One corpus is all there is to say, unless a machine had a hand in it.
    one = TrainingCorpus(name="b", pairs=5, weight=1.0)
    assert data_facts(replace(manifest, corpora=(one,))).corpora == ()
    of_machine = replace(one, by="distill")
    assert data_facts(replace(manifest, corpora=(of_machine,))).corpora == (of_machine,)


def test_what_a_machine_wrote_is_told(bundle):
    corpora = (
        TrainingCorpus(name="original", pairs=70, weight=1.0),
        TrainingCorpus(name="backtranslated", pairs=1_200, weight=0.5, tag="<bt>", by="backtranslate"),
        TrainingCorpus(name="distilled", pairs=60, weight=1.0, by="distill"),
        TrainingCorpus(name="spoken", pairs=5, weight=1.0, tag="<s`p>"),
    )
    text = text_of(bundle.with_facts(data=LearnedText(pairs=1_335, corpora=corpora)))
    assert [line for line in text.splitlines() if line.startswith("- of train")] == [
        "- of train, `original`: 70 pairs, weight 1",
        "- of train, `backtranslated`: 1,200 pairs, weight 0.5, tag `<bt>`; a machine wrote the sources",
        "- of train, `distilled`: 60 pairs, weight 1; a machine wrote the targets",
        "- of train, `spoken`: 5 pairs, weight 1, tag `<s'p>`",
    ]
    alone = text_of(bundle.with_facts(data=LearnedText(pairs=60, corpora=corpora[2:3])))
    assert "- of train, `distilled`: 60 pairs, weight 1; a machine wrote the targets\n" in alone


def test_time_adds_up_over_the_processes_of_a_training(tmp_path, monkeypatch):
    clock = [0.0]
    monkeypatch.setattr(timing.time, "monotonic", lambda: clock[0])
    run = RunFolder(tmp_path)
    note_environment(run, {"torch": "1"}, goes_on=False)
    first = Spent(run)
    clock[0] = 60.0
    first.note()
    clock[0] = 100.0
    second = Spent(run)  # another process, later
    note_environment(run, {"torch": "1"}, goes_on=True)
    clock[0] = 130.0
    second.note()
    second.note()
    assert spent(run) == 90.0
    note_environment(run, {"torch": "1"}, goes_on=False)  # from the start
    third = Spent(run)
    clock[0] = 135.0
    third.note()
    assert spent(run) == 5.0
    run.environment.write_text("{")
    assert spent(run) == 0.0


def test_training_evaluating_and_exporting_keep_it_up_to_date(toy: Toy, tmp_path):
    run = tmp_path / "run"
    shutil.copytree(toy.run, run)
    card = run / "bundle" / "README.md"
    text = card.read_text("utf-8")
    facts = json.loads((run / "bundle" / "bundle.json").read_text())
    assert "Not scored yet" in text
    assert f"{facts['parameters']:,} parameters" in text
    assert facts["training"]["seconds"] > 0
    assert "ONNX graphs in 8 bits" in text  # written again after the graphs were
    prepared = Store(run / "data" / "train.arrow")
    for sentence in (RARE, RARE_TRANSLATION, *prepared.texts("source"), *prepared.texts("target")):
        assert sentence not in text
    card.write_text(text.replace("Not stated.", "Ours."), "utf-8")
    on_the_cpu = ["--device", "cpu", "--threads", "1"]  # as the copy translates: its scores are taken over
    result = done("evaluate", run, "--split", "test", *on_the_cpu, "--json").json["results"][0]
    bleu = next(score for score in result["scores"] if score["name"] == "bleu")
    told = f"{bleu['value']:.2f} [{bleu['low']:.2f}, {bleu['high']:.2f}]"
    assert told in card.read_text("utf-8")
    done("export", run, tmp_path / "small")
    small = (tmp_path / "small" / "README.md").read_text("utf-8")
    assert told in small
    assert "Ours." in small
    assert "weights in 32 bits" not in small
    assert f"{facts['parameters']:,} parameters" in small
    assert Path(tmp_path / "small" / "weights.safetensors").exists() is False


def test_a_bundle_that_takes_anothers_place_keeps_its_card(tmp_path):
    make_bundle(tmp_path / "bundle")
    (tmp_path / "bundle" / "README.md").write_text("Ours.\n")
    facts = open_bundle(make_bundle(tmp_path / "bundle", seed=2).path).facts
    assert (tmp_path / "bundle" / "README.md").read_text() == "Ours.\n"
    assert "README.md" not in facts.files


def test_exporting_again_keeps_what_was_written_into_the_copy(toy: Toy, tmp_path):
    small = tmp_path / "small" / "README.md"
    done("export", toy.run, small.parent)
    assert "Not stated." in small.read_text("utf-8")
    small.write_text(small.read_text("utf-8").replace("Not stated.", "The copy's own."), "utf-8")
    done("export", toy.run, small.parent)
    assert "The copy's own." in small.read_text("utf-8")
    small.write_text("All of it is ours.\n", "utf-8")
    done("export", toy.run, small.parent)
    assert small.read_text("utf-8") == "All of it is ours.\n"
