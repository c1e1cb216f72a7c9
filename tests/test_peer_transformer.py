"""scripts/peer_transformer.py: what a peer is given, what is read of it, and how the two are compared."""

from __future__ import annotations

import json
import shlex
import sys
from unittest import mock

import pytest
from sacrebleu.metrics.bleu import BLEU
from safetensors.numpy import load_file
from toy_runs import ROOT, TINY, done, sets, toy_pairs, write_pairs

from seq2seq.bundle import RunFolder, open_bundle
from seq2seq.data.store import Store
from seq2seq.pipeline.prepare.prepare import prepare
from seq2seq.recipe.decode import complete
from seq2seq.recipe.overrides import apply_overrides
from seq2seq.recipe.schema import Recipe
from seq2seq.recipe.toml import load_recipe
from seq2seq.text.pairs import TokenizerPair
from seq2seq.translator import from_bundle

SCRIPT = ROOT / "scripts" / "peer_transformer.py"
with mock.patch.object(sys, "path", [str(SCRIPT.parent), *sys.path]):
    import peer_transformer as peer

# Knows no more than its job says. "average" translates all of it as the reference does, "last" without its last words.
STAND_IN = """
import json, sys
from pathlib import Path
script, flag, path = sys.argv[1:]
job = json.loads(Path(path).read_text("utf-8"))
print("it began with", flag)
if "fails" in path:
    sys.exit("no such option")
if job["kind"] == "train":
    folder = Path(job["folder"])
    for line in (folder / "train.source.ids").read_text("utf-8").splitlines():
        assert all(one.isdigit() for one in line.split())
    models = {name: str(folder / f"{name}.pt") for name in ("last", "average")}
    result = {"parameters": 7, "target_tokens_per_second": 5, "target_tokens_per_update": 3, "models": models}
else:
    answers = Path(job["source"].replace("source", "target")).read_text("utf-8").splitlines()
    for name, output in job["outputs"].items():
        cut = -3 if name == "last" else None
        Path(output).write_text("".join("<s> " + " ".join(one.split()[:cut]) + "\\n" for one in answers), "utf-8")
    result = {"seconds": 1}
Path(job["result"]).write_text(json.dumps(result), "utf-8")
"""


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """A run that has seen two batches: what it says is wrong, and that is all that is needed of it."""
    folder = tmp_path_factory.mktemp("peer")
    source, target = write_pairs(folder / "files")
    given = ["--source", source, "--target", target, "--run", folder / "run"]
    few = ("training.max_updates=2", "training.schedule.warmup_updates=0")
    done("prepare", *given, *sets(*TINY, *few, "data.development_size=20", "data.test_size=30"))
    done("train", folder / "run", "--threads", "1")
    return folder / "run"


@pytest.fixture
def stand_in(tmp_path):
    path = tmp_path / "stand_in.py"
    path.write_text(STAND_IN, encoding="utf-8")
    return shlex.join([sys.executable, str(path)])


@pytest.fixture
def script(monkeypatch, capsys, stand_in):
    def run(*arguments):
        monkeypatch.setattr(sys, "argv", [str(SCRIPT), *map(str, arguments), "--peer-python", stand_in])
        peer.main()
        return json.loads(capsys.readouterr().out.splitlines()[-1])

    return run


def test_the_mean_of_checkpoints_is_one_where_weights_are_shared(tmp_path, monkeypatch):
    import torch

    paths = []
    for value in (0.0, 1.0, 5.0):
        table = torch.full((2, 3), value)
        parts = {"model": {"source": table, "target": table}, "generator": {"weight": table}}
        paths.append(tmp_path / f"{value}.pt")
        torch.save(parts, paths[-1])
    saver = mock.Mock(load_checkpoint=torch.load)
    monkeypatch.setitem(sys.modules, "onmt.models.model_saver", saver)
    monkeypatch.setitem(sys.modules, "onmt.models", mock.Mock(model_saver=saver))
    monkeypatch.setitem(sys.modules, "onmt", mock.Mock())
    mean = torch.load(peer._averaged(paths, tmp_path / "average.pt"))
    for part in (*mean["model"].values(), *mean["generator"].values()):
        torch.testing.assert_close(part, torch.full((2, 3), 2.0))


def test_a_peer_is_trained_chosen_and_compared(trained, tmp_path, script):
    work, run = tmp_path / "work", RunFolder(trained)
    result = script(
        *("--run", trained, "--work", work, "--seconds", 600, "--threads", 1, "--model", trained, "--split", "test"),
        *("--set", "dropout=0.2", "--set", "share_embeddings=false"),
    )
    store, tokenizers = Store(run.split("test")), TokenizerPair.load(run.tokenizers)
    references = store.texts("target")
    # By the development set the second one wins, and all that it says of the test set is right.
    assert result["chosen"] == "average"
    assert result["development"]["average"] == 100.0 > result["development"]["last"]
    assert peer.lines_of(work / "hypotheses.test") == references
    assert result["scores"][0]["value"] == pytest.approx(100.0)
    assert result["scores"][0]["signature"].startswith("nrefs:1|bs:1000|")
    assert (result["split"], result["sentences"], result["threads"]) == ("test", 30, 1)
    # Our own translations of the same sentences.
    bundle = open_bundle(trained)
    translator = from_bundle(bundle, device="cpu", threads=1)
    texts = [one.text for one in translator.translate_stream(store.texts("source"), bundle.recipe.search)]
    assert peer.lines_of(work / "hypotheses.test.ours") == texts
    ours = BLEU().corpus_score(texts, [references]).score
    assert result["ours"][0]["value"] == pytest.approx(ours)
    compared = result["comparison"][0]
    assert compared["first"]["value"] == pytest.approx(100.0)
    assert compared["second"]["value"] == pytest.approx(ours)
    assert compared["better"] == "first"
    # The size of the one, the size of the other as it says, and as it was meant to be.
    own = sum(weight.size for weight in load_file(bundle.weights).values())
    assert result["parameters"] == {"ours": own, "peer": 7}
    # What it was told to do.
    job = json.loads((work / "train.job.json").read_text("utf-8"))
    assert (job["seconds"], job["threads"], job["looks"], job["schedule"]) == (600, 1, 10, "inverse-sqrt")
    assert {"--dropout=0.2", "--share_vocab", "--heads=4", "--label_smoothing=0.1"} <= set(job["arguments"])
    assert "--share_embeddings" not in job["arguments"]
    search = json.loads((work / "test.job.json").read_text("utf-8"))
    assert (search["beam"], search["length_ratio"], list(search["models"])) == (5, 2.0, ["average"])
    # Texts in their order; ids of training in another one, each pair together.
    pairs = {}
    for side, tokenizer in (("source", tokenizers.source), ("target", tokenizers.target)):
        train = Store(run.split("train")).texts(side)
        assert peer.lines_of(work / f"train.{side}") == train
        ids = [list(map(int, line.split())) for line in peer.lines_of(work / f"train.{side}.ids")]
        pairs[side] = [tokenizer.decode(one) for one in ids]
        assert pairs[side] != train
        vocabulary = list(map(int, peer.lines_of(work / f"vocabulary.{side}")))
        assert vocabulary == list(range(4, tokenizer.vocabulary_size))
    told = Store(run.split("train"))
    wanted = zip(told.texts("source"), told.texts("target"), strict=True)
    assert sorted(zip(pairs["source"], pairs["target"], strict=True)) == sorted(wanted)


def test_a_peer_that_fails_is_told_of(tmp_path, stand_in):
    with pytest.raises(SystemExit, match=r"(?s)it began with --job.*no such option.*exit code 1"):
        peer.Peer(stand_in, tmp_path, 1).do("fails", {"kind": "train"})


def test_what_cannot_be_is_refused(trained, tmp_path, script, capsys):
    some = ("--run", trained, "--seconds", 9)
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "file").touch()
    for wrong, message in (
        ((*some, "--work", tmp_path / "full"), "not empty"),
        ((*some, "--work", tmp_path / "new", "--set", "dropout"), "NAME=VALUE"),
        ((*some, "--work", tmp_path / "new", "--warmup", 1), "--warmup"),
    ):
        with pytest.raises(SystemExit):
            script(*wrong)
        assert message in capsys.readouterr().err
    with pytest.raises(SystemExit, match="There is no run at"):
        script("--run", tmp_path / "none", "--seconds", 9, "--work", tmp_path / "new", "--split", "test")


def test_a_model_of_another_split_is_refused(trained, tmp_path):
    source, target = write_pairs(tmp_path / "files", toy_pairs(150, seed=3))
    other = tmp_path / "other"
    done("prepare", "--source", source, "--target", target, "--run", other, *sets(*TINY, "training.max_updates=20"))
    peer.check_same_data(trained, RunFolder(trained))
    with pytest.raises(SystemExit, match="trained with other data"):
        peer.check_same_data(trained, RunFolder(other))


@pytest.mark.parametrize(
    ("weights", "temperature", "told"),
    [((1, 1), 1, ""), ((3, 1), 1, r"an epoch has 267 of a \(200 pairs\), 53 of b"), ((1, 1), 5, "of b")],
)
def test_weighted_corpora_are_refused(tmp_path, script, weights, temperature, told):
    pairs = toy_pairs(320)
    for name, part in (("a", pairs[:200]), ("b", pairs[200:320]), ("own", pairs[320:])):
        write_pairs(tmp_path / "files", part, name=name)
    corpora = ", ".join(
        f"{{name='{name}', train=['{name}.en', '{name}.eu'], weight={weight}}}"
        for name, weight in zip("ab", weights, strict=True)
    )
    settings = ("name=mixed", f"data.corpora=[{corpora}]", f"data.temperature={temperature}", "data.filters=[]")
    settings += ("data.deduplicate=false", "data.development_size=0", "data.development=['own.en', 'own.eu']")
    recipe = apply_overrides(complete(Recipe()), [*TINY, "training.max_updates=20", *settings])
    prepare(recipe, RunFolder(tmp_path / "run"), folder=tmp_path / "files")
    run, loaded = RunFolder(tmp_path / "run"), load_recipe(tmp_path / "run" / "recipe.toml")
    if not told:
        peer.check_unweighted(run, loaded)
        return
    with pytest.raises(SystemExit, match=f"are weighted: .*{told}"):
        script("--run", run.path, "--seconds", 9, "--work", tmp_path / "new")
    assert not (tmp_path / "new").exists()


def test_weights_are_counted_as_the_peer_counts_them():
    # What OpenNMT-py 3.5.1 itself counted of this one.
    assert peer.Shape((8000, 8000), True, 256, 4, 1216).parameters == 10_193_728
    apart = peer.Shape((50, 70), False, 8, 1, 16)
    norms = 2 * 2 * 8 + 3 * 2 * 8 + 2 * 2 * 8
    assert apart.parameters == 50 * 8 + 70 * 8 + 70 + 3 * 4 * 8 * 8 + 2 * 2 * 8 * 16 + norms


@pytest.mark.parametrize("parameters", [3_000_000, 7_600_000, 10_197_056, 40_000_000])
def test_the_shape_is_as_large_as_wanted(parameters):
    shape = peer.fitted(parameters, (8000, 8000), tied=True, width=250)
    assert shape.width % peer.HEADS == 0
    assert shape.width >= 250
    assert shape.layers <= peer.MOST_LAYERS
    step = 4 * shape.width * shape.layers * peer.INNER_STEP
    assert abs(shape.parameters - parameters) <= step / 2
    assert peer.fitted(parameters, (8000, 8000), tied=True, width=256, layers=2).layers == 2


def test_batches_are_of_about_the_same_tokens(trained):
    # Three pairs whose longest side is 4 fit into 12, and so do two of 5; the last begins a batch of its own.
    assert peer.real_tokens([1, 1, 1, 2, 2, 9], [2, 2, 2, 3, 3, 1], 12) == (3 * 3 + 2 * 4 + 2) / 3
    store = Store(RunFolder(trained).split("train"))
    size = peer.batch_size(store, 300)
    lengths = [list(map(int, one.lengths)) for one in (store.source, store.target)]
    assert peer.real_tokens(*lengths, size) == pytest.approx(300, rel=0.1)


def test_the_learning_rate_goes_by_the_clock():
    for schedule, later in (("inverse-sqrt", 0.5), ("linear", 2 / 3)):
        rule = {"schedule": schedule, "warmup": 0.1}
        assert peer.rate(0.05, **rule) == pytest.approx(0.5)
        assert peer.rate(0.1, **rule) == pytest.approx(1.0)
        assert peer.rate(0.4, **rule) == pytest.approx(later)
    assert peer.rate(1.2, schedule="linear", warmup=0.1) == 0.0
    assert peer.rate(0.0, schedule="inverse-sqrt", warmup=0.1) > 0.0


def test_looks_take_from_the_seconds_and_not_from_the_speed(monkeypatch):
    now = 1000.0
    monkeypatch.setattr(peer.time, "perf_counter", lambda: now)
    clock = peer.Clock(100.0, 4)
    assert clock.elapsed == 0.0
    assert not clock.look_is_due
    for _ in range(30):  # a batch a second
        clock.count(50, 2)
        now += 1.0
    assert clock.look_is_due
    began = clock.elapsed
    now += 25.0
    clock.look_is_over(began)
    assert not clock.look_is_due  # that of half of the time was over with it
    clock.count(50, 2)
    now += 1.0
    assert (clock.elapsed, clock.looking, clock.looked) == (56.0, 25.0, 2)
    assert (clock.tokens, clock.sentences, clock.updates) == (31 * 50, 62, 31)
    assert clock.speed() == 50
