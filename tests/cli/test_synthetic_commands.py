"""distill and backtranslate as commands: what they say, what they refuse, and that what they make can be trained."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import pytest
from tiny_bundles import make_bundle
from toy_runs import TINY, done, refused, sets, toy_pairs, write_pairs

from seq2seq.bundle import RunFolder
from seq2seq.cli.ensembles import Models
from seq2seq.pipeline.prepare.prepare import prepare
from seq2seq.recipe.overrides import apply_overrides
from seq2seq.recipe.schema import Data, Recipe
from seq2seq.recipe.toml import load_recipe
from seq2seq.text.pairs import TokenizerPair
from seq2seq.text.tagged import tags_of
from seq2seq.translating.translation import Translation

PAIRS = toy_pairs(120)
SMALL = (
    "training.max_updates=4",
    "training.schedule.warmup_updates=0",
    "data.development_size=15",
    "data.test_size=15",
    "text.vocabulary_size=330",
)


class Told:
    """A translator that answers each line backwards, and remembers how it was asked."""

    engine = SimpleNamespace(name="torch")
    settings: tuple = ()

    def translate_windows(self, windows, settings, *, nbest=1, **_):
        Told.settings = settings
        for window in windows:
            for line in window:
                yield Translation(line, line[::-1], -1.0, -1.0, [], [], [])


@pytest.fixture(scope="module")
def base(tmp_path_factory) -> Path:
    """A prepared run `mine` and a model `model` that nobody trained."""
    folder = tmp_path_factory.mktemp("synthetic")
    write_pairs(folder, PAIRS)
    data = Data(target_language="eu", train=("toy.en", "toy.eu"))
    recipe = apply_overrides(Recipe(data=data), [*TINY, *SMALL])
    prepare(recipe, RunFolder(folder / "mine"), folder=folder, threads=1)
    make_bundle(folder / "model")
    (folder / "mono.eu").write_text("".join(f"{target} hau\n" for _, target in PAIRS), encoding="utf-8")
    return folder


@pytest.fixture(autouse=True)
def told(monkeypatch) -> None:
    monkeypatch.setattr(Models, "translator", lambda *_, **__: Told())


def test_backtranslated_pairs_are_told_of_and_trained_on(base, tmp_path) -> None:
    arguments = ["backtranslate", base / "model", "--text", base / "mono.eu", "--of", base / "mine"]
    run = tmp_path / "more"
    train = sets("training.subword_sampling=0.1")
    outcome = done(*arguments, "--run", run, "--sample", "--lines", "60", "--threads", "1", *train)
    assert (Told.settings.name, Told.settings.top_k) == ("sampling", 10)
    assert f"backtranslated: of {outcome.lines[0].split()[2]} sentences 60 were translated" in outcome.lines[0]
    assert f"Train it: seq2seq train {run}" in outcome.out
    made = RunFolder(run).read_manifest()
    assert made.synthetic.by == "backtranslate"
    assert made.synthetic.sieved.kept == made.corpora[1].pairs == 60
    trained = done(*arguments, "--run", run, "--sample", "--lines", "60", "--threads", "1", "--json", "--train", *train)
    assert trained.json["updates"] == 4
    # One that was trained with tags translates, in graphs too: they are part of its vocabulary, and of no text.
    bundle = TokenizerPair.load(RunFolder(run).bundle / "tokenizer")
    assert list(tags_of(bundle.source)) == ["<bt>"]
    assert (RunFolder(run).bundle / "onnx").is_dir()
    assert "holds a training" in refused(*arguments, "--run", run)
    card = (RunFolder(run).bundle / "README.md").read_text("utf-8")
    assert "- of train, `backtranslated`: 60 pairs, weight 1, tag `<bt>`; a machine wrote the sources\n" in card


def test_a_model_with_tags_in_its_vocabulary_translates(tmp_path, monkeypatch) -> None:
    monkeypatch.undo()
    tagged = make_bundle(tmp_path / "tagged", tags=("<bt>",))
    for engine in ("torch", "onnx-fp32"):
        out = done("translate", tagged.path, "--engine", engine, "--threads", "1", stdin="two red dogs\n<bt> a cat\n")
        assert len(out.lines) == 2
        assert "<bt>" not in out.out


def test_distilling_tells_what_it_did(base, tmp_path) -> None:
    run = tmp_path / "student"
    arguments = ["distill", base / "model", "--of", base / "mine", "--run", run, "--beam", "2", "--minutes", "3"]
    told = done(*arguments, "--threads", "1", *sets("model.decoder_size=64"), "--json").json
    assert (Told.settings.name, Told.settings.beam) == ("beam", 2)
    assert told["synthetic"]["selected"]["kept"] == told["synthetic"]["sieved"]["kept"] == 91
    assert [one["name"] for one in told["corpora"]] == ["original", "distilled"]
    recipe = load_recipe(run / "recipe.toml")
    assert (recipe.model.decoder_size, recipe.training.minutes) == (64, 3)
    # Prepared once more from its recipe, it is still known what of it the teacher wrote, and its vocabulary.
    again = ["prepare", run / "recipe.toml", "--data", run / "text", "--threads", "1", "--json"]
    for options, by in ((sets("training.seed=2"), "distill"), (["--reverse"], "backtranslate")):
        other = done(*again, "--run", tmp_path / by, *options).json
        assert [one.get("by") for one in other["corpora"]] == [None, by]
        assert other["inputs"]["vocabulary"] == told["inputs"]["vocabulary"]
        assert other["synthetic"] == {"cleaning": told["synthetic"]["cleaning"]}
    reverse = ["backtranslate", base / "model", "--text", base / "mono.eu", "--of", base / "mine", "--run", run]
    assert "was made by distill" in refused(*reverse)


def test_what_is_refused(base, tmp_path) -> None:
    mono = ["--text", base / "mono.eu", "--of", base / "mine", "--run", tmp_path / "x"]
    assert "--sample and --beam" in refused("backtranslate", base / "model", *mono, "--sample", "--beam", "3")
    # What cannot be is refused before anything is translated.
    assert "no tag" in refused("backtranslate", base / "model", *mono, "--tag", "bt")
    assert "at once" in refused("backtranslate", base / "model", *mono, *sets("training.scheduled_sampling=0.5"))
    student = ["distill", base / "model", "--of", base / "mine", "--run", tmp_path / "x"]
    assert "at once" in refused(*student, *sets("training.scheduled_sampling=0.5"))
    assert not (tmp_path / "x").exists()
    # Neither is anything of the user's overwritten, nor a run turned into one of another kind.
    (tmp_path / "mine" / "text").mkdir(parents=True)
    (tmp_path / "mine" / "text" / "test.source").write_text("mine")
    for arguments in (
        ["backtranslate", base / "model", *mono[:-1], tmp_path / "mine"],
        [*student[:-1], tmp_path / "mine"],
    ):
        assert "'text' would be overwritten" in refused(*arguments)
    assert [path.name for path in (tmp_path / "mine").rglob("*")] == ["text", "test.source"]
    assert "leaves no choice" in refused(*student, "--nearest", "1")
    assert "--only-distilled" in refused(*student, "--only-distilled", "--weight", "1")
    assert not (tmp_path / "x").exists()
    assert "without its run" in refused("distill", base / "model")
    assert "no file" in refused("distill", base / "model", "--of", base / "mine", "--source", tmp_path / "none").lower()
