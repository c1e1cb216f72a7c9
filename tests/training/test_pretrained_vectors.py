"""Pretrained vectors: where they go, that frozen ones never move, what is reported, and that files are read once."""

from __future__ import annotations

import gzip
import json
import shutil

import numpy as np
import pytest
import torch
from tiny_models import random_batch, tiny
from toy_runs import TINY, call, done, refused, sets, write_pairs
from toy_training import Planned, Scripted, Shelf, Watcher

from seq2seq import build
from seq2seq.bundle import RunFolder
from seq2seq.data.batches import collate
from seq2seq.nn.pretrained import Pretrained, hold, plant
from seq2seq.pipeline.prepare.vectors import Vectors, _divided, note
from seq2seq.recipe.schema import Model
from seq2seq.recipe.toml import load_recipe
from seq2seq.text.pairs import TokenizerPair
from seq2seq.text.vectors import usual_spread
from seq2seq.training.gradient import Whole
from seq2seq.training.objective import CrossEntropy, TruncatedCrossEntropy
from seq2seq.training.optimizer import adamw
from seq2seq.training.schedules import Constant
from seq2seq.training.trainer import Limits, Trainer

ROWS = torch.tensor([4, 6, 11])
SIZE = 32


class Pairs(Planned):
    """The same few pairs in every batch."""

    def fill(self, rows, epoch=None):
        return collate(*random_batch([4, 1, 6, 3], [6, 2, 0, 4]))


def trained(folder, model, frozen, objective, *, updates: int = 12) -> Trainer:
    batches = Pairs(4)
    trainer = Trainer(
        model,
        batches,
        gradient=Whole(model, batches, objective, precision="fp32", seed=1),
        validator=Scripted(),
        reporter=Watcher(),
        keeper=Shelf(),
        folder=folder,
        optimizer=adamw(model, weight_decay=0.5, undecayed=frozen),
        schedule=Constant(warmup_updates=0),
        limits=Limits(max_updates=updates),
        learning_rate=0.01,
        clip_norm=1.0,
        clip_value=0.5,
        accumulate=2,
        average=0.9,
        validate_every=1000,
    )
    trainer.resume()
    trainer.run()
    return trainer


@pytest.mark.parametrize(
    ("tie", "objective"),
    [("none", CrossEntropy(0.1)), ("target", TruncatedCrossEntropy(2, 0.1)), ("all", TruncatedCrossEntropy(3, 0.1))],
)
@pytest.mark.usefixtures("unchecked_shapes")
def test_frozen_rows_stay_bit_for_bit_and_their_neighbours_learn(tmp_path, tie, objective) -> None:
    model = tiny(tie=tie, dropout=0.3, word_dropout=0.1)
    weight = model.target_embedding.weight
    values = torch.randn(3, weight.shape[1], generator=torch.Generator().manual_seed(1))
    plant(weight, ROWS, values)
    before = weight.detach().clone()
    assert torch.equal(before[ROWS], values)
    hold(weight, ROWS)
    trainer = trained(tmp_path, model, [weight], objective)
    name = next(name for name, one in model.named_parameters() if one is weight)
    averaged = trainer.average.tensors()[name]
    assert torch.equal(averaged[ROWS], values)
    assert torch.equal(weight[ROWS], values)
    learned = sorted(set(range(4, len(weight))) - set(ROWS.tolist()))
    for found in (weight, averaged):
        assert (found[learned] != before[learned]).any(dim=1).all()
    resumed = tiny(tie=tie, dropout=0.3, word_dropout=0.1, seed=2)
    hold(resumed.target_embedding.weight, ROWS)
    trained(tmp_path, resumed, [resumed.target_embedding.weight], objective, updates=18)
    assert torch.equal(resumed.target_embedding.weight[ROWS], values)


def test_what_is_frozen_counts_in_no_norm() -> None:
    model, batch = tiny().train(), collate(*random_batch([4, 2], [3, 5]))
    norms = []
    for held in (False, True):
        if held:
            hold(model.target_embedding.weight, ROWS)
        model.zero_grad()
        CrossEntropy().add_gradient(model, batch, num_tokens=1, progress=0.0, precision="fp32")
        norms.append(float(torch.nn.utils.get_total_norm([w.grad for w in model.parameters()])))
        if not held:
            frozen = float(model.target_embedding.weight.grad[ROWS].norm())
    assert frozen > 0
    assert norms[1] == pytest.approx((norms[0] ** 2 - frozen**2) ** 0.5, rel=1e-5)


@pytest.mark.parametrize(("tie", "freeze"), [("none", False), ("none", True), ("target", True), ("all", False)])
def test_each_side_gets_its_own_vectors(tie: str, freeze: bool) -> None:
    settings = Model(embedding_size=6, encoder_size=8, decoder_size=8, tie=tie)
    torch.manual_seed(1)
    plain = build.model(settings, source_symbols=9, target_symbols=9)
    torch.manual_seed(1)
    network = build.model(settings, source_symbols=9, target_symbols=9)
    given = {
        "source": Pretrained(np.array([4, 5]), np.full((2, 6), 2.0, np.float32)),
        "target": Pretrained(np.array([5, 8]), np.full((2, 6), 3.0, np.float32)),
    }
    if tie == "all":
        given["source"] = Pretrained(np.array([4]), np.full((1, 6), 2.0, np.float32))
    frozen = build._start_from(network, given, freeze=freeze)
    source, target = network.source_embedding.weight, network.target_embedding.weight
    assert frozen == ([source, target] if freeze else [])
    for side, weight in (("source", source), ("target", target)):
        assert torch.equal(weight[given[side].rows], torch.from_numpy(given[side].vectors))
    untouched = [6, 7]
    assert torch.equal(source[untouched], plain.source_embedding.weight[untouched])
    assert (network.output.weight is target) == (tie != "none")  # tied, the output layer scores with them


# --- through the commands


@pytest.fixture(scope="module")
def prepared(tmp_path_factory):
    """A prepared run, of subwords that both languages share, and the pieces that each side's text uses."""
    base = tmp_path_factory.mktemp("vectors")
    source, target = write_pairs(base)
    settings = sets(*TINY, "training.max_updates=8", "training.schedule.warmup_updates=2")
    done("prepare", "--source", source, "--target", target, "--run", base / "run", *settings)
    return base / "run"


def copied(prepared, tmp_path):
    shutil.copytree(prepared, tmp_path / "run")
    return tmp_path / "run"


def vectors_of(words, *, size: int = SIZE, scale: float = 5.0, seed: int = 1):
    values = (scale * np.random.default_rng(seed).normal(size=(len(words), size))).astype(np.float32)
    return dict(zip(words, values, strict=True))


def written(path, vectors, *, header: bool = True):
    lines = [f"{len(vectors)} {SIZE}"] if header else []
    lines += [f"{word} " + " ".join(f"{v!r}" for v in row.tolist()) for word, row in vectors.items()]
    text = "".join(line + "\n" for line in lines).encode()
    path.write_bytes(gzip.compress(text) if path.suffix == ".gz" else text)
    return path


def weights(run, name="source_embedding.weight"):
    from safetensors.numpy import load_file

    return load_file(run / "bundle" / "weights.safetensors")[name]


def facts(run):
    return json.loads((run / "bundle" / "bundle.json").read_text())


def scaled(found):
    """All vectors by the factor that makes them 1 long in the mean square."""
    return dict(zip(found, usual_spread(np.stack(list(found.values())))[0], strict=True))


SOURCE_WORDS = ["dog", "cat", "house", "red", "sees"]


def test_frozen_vectors_end_in_the_bundle_as_they_began(prepared, tmp_path) -> None:
    run = copied(prepared, tmp_path)
    vectors = vectors_of([*SOURCE_WORDS, "zebra", "hund", "."])
    path = written(tmp_path / "wiki.vec.gz", vectors)
    settings = sets(f"model.source_vectors={path}", "model.freeze_vectors=true", "training.weight_decay=0.5")
    told = done("train", run, *settings)
    tokenizer = TokenizerPair.load(run / "tokenizer").source
    own = {word: tokenizer.encode(word) for word in SOURCE_WORDS}
    assert all(len(ids) == 1 for ids in own.values())
    full_stop = tokenizer.encode("dog.")[-1]
    assert tokenizer.pieces([full_stop]) == ["."]
    # "zebra" and "hund" are in the file and not in the source's text: they count for nothing, in the scale either.
    expected = scaled({word: vectors[word] for word in [*SOURCE_WORDS, "."]})
    found = weights(run)
    for word, ids in [*own.items(), (".", [full_stop])]:
        np.testing.assert_array_equal(found[ids[0]], expected[word])
    report = facts(run)["vectors"]["source"]
    assert report.items() >= {"file": "wiki.vec.gz", "words": 8, "covered": 6, "frozen": True}.items()
    assert f"source vectors: 6 of {report['tokens']} tokens ({6 / report['tokens']:.1%}), " in told.err
    assert 0 < report["running_text"] < 1


def test_the_share_of_the_running_text_is_counted(prepared, tmp_path) -> None:
    from seq2seq.data.store import Store

    run = copied(prepared, tmp_path)
    path = written(tmp_path / "wiki.vec", vectors_of(SOURCE_WORDS), header=False)
    done("train", run, *sets(f"model.source_vectors={path}", "training.learning_rate=0.001"))
    tokenizer = TokenizerPair.load(run / "tokenizer").source
    covered = {i for word in SOURCE_WORDS for i in tokenizer.encode(word)}
    ids = [i for row in Store(run / "data" / "train.arrow").rows() for i in row.source_ids]
    report = facts(run)["vectors"]["source"]
    assert report["running_text"] == pytest.approx(sum(i in covered for i in ids) / len(ids), abs=1e-4)
    assert report["tokens"] == len(set(ids))
    assert report["vocabulary"] == pytest.approx(len(covered) / len(set(ids)), abs=1e-4)
    found, rows = weights(run), [tokenizer.encode(word)[0] for word in SOURCE_WORDS]
    start = np.stack(list(scaled(vectors_of(SOURCE_WORDS)).values()))
    assert not np.array_equal(found[rows], start), "tuned, not frozen"
    assert np.abs(found[rows] - start).mean() < 0.1 * np.abs(start).mean()


def test_going_on_needs_no_file_and_keeps_what_is_frozen(prepared, tmp_path) -> None:
    run = copied(prepared, tmp_path)
    path = written(tmp_path / "wiki.vec", vectors_of(SOURCE_WORDS))
    settings = sets(f"model.source_vectors={path}", "model.freeze_vectors=true")
    done("train", run, *settings)
    before, report = weights(run), facts(run)["vectors"]
    path.unlink()
    done("translate", run, stdin="the dog sees a cat.\n")
    done("train", run, "--resume", *settings, *sets("training.max_updates=30", "training.stop_on=loss"))
    rows = [TokenizerPair.load(run / "tokenizer").source.encode(word)[0] for word in SOURCE_WORDS]
    assert facts(run)["update"] > 8
    np.testing.assert_array_equal(weights(run)[rows], before[rows])
    assert not np.array_equal(weights(run), before)
    assert facts(run)["vectors"] == report
    shutil.rmtree(run / "checkpoints" / "vectors")
    assert "--restart" in refused("train", run, "--resume", *settings)
    assert f"There is no file {path}" in refused("train", run, "--restart", *settings)
    assert (run / "checkpoints" / "last").is_dir(), "what was trained is still there"
    done("train", run, "--restart", *sets("model.source_vectors=", "model.freeze_vectors=false"))
    assert "vectors" not in facts(run)
    assert not (run / "checkpoints" / "vectors").exists()


def test_going_on_with_other_files_is_refused(prepared, tmp_path) -> None:
    run = copied(prepared, tmp_path)
    path = written(tmp_path / "wiki.vec", vectors_of(SOURCE_WORDS))
    named = sets(f"model.source_vectors={path}")
    done("train", run, *named)
    before = weights(run)
    for changed in (
        sets("model.source_vectors="),
        sets(f"model.source_vectors={written(tmp_path / 'other.vec', vectors_of(SOURCE_WORDS))}"),
        [*named, *sets(f"model.target_vectors={path}")],
        sets(f"model.target_vectors={path}", "model.source_vectors="),
    ):
        told = refused("train", run, "--resume", *changed, *sets("training.max_updates=12"))
        assert f"The training in {run} began with" in told
        assert "Take the change back, or start again with --restart" in told
    assert "with other settings in [model]" in refused("train", run, "--resume", *sets("model.freeze_vectors=true"))
    np.testing.assert_array_equal(weights(run), before)
    done("train", run, "--resume", *named, *sets("training.max_updates=12"))
    done("train", run, "--restart", *sets("model.source_vectors="))
    assert "began without vectors for the source" in refused("train", run, "--resume", *named)


def test_a_note_of_a_start_that_came_to_nothing_is_forgotten(prepared, tmp_path) -> None:
    run = copied(prepared, tmp_path)
    note(Vectors({"source": Pretrained(np.array([4]))}, {}, {"source": "far/away.vec"}), RunFolder(run))
    done("train", run)
    done("train", run, "--resume", *sets("training.max_updates=12"))


def test_files_of_vectors_are_looked_at_in_preparing_and_found_from_anywhere(tmp_path, monkeypatch) -> None:
    source, target = write_pairs(tmp_path)
    path = written(tmp_path / "wiki.vec", vectors_of(SOURCE_WORDS), header=False)
    monkeypatch.chdir(tmp_path)

    def told(how, *changes):
        short = ("training.max_updates=2", "training.schedule.warmup_updates=1")
        settings = sets(*TINY, *short, "model.source_vectors=wiki.vec", *changes)
        return how("prepare", "--source", source, "--target", target, "--run", tmp_path / "run", *settings)

    wrong = told(refused, "model.embedding_size=48")
    assert f"{path} has vectors of 32 values, and model.embedding_size is 48" in wrong
    assert f"There is no file {tmp_path / 'no.vec'}" in told(refused, "model.target_vectors=no.vec")
    assert not (tmp_path / "run" / "manifest.json").exists()
    told(done)
    assert load_recipe(tmp_path / "run" / "recipe.toml").model.source_vectors == str(path)
    assert "nothing changed" in told(done).err
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    done("train", tmp_path / "run")


def test_an_interrupted_training_with_vectors_ends_as_one_that_was_not(prepared, tmp_path) -> None:
    path = written(tmp_path / "wiki.vec", vectors_of(SOURCE_WORDS))
    settings = sets(f"model.source_vectors={path}", "model.freeze_vectors=true", "training.schedule.shape=constant")
    settings += sets("training.guided_attention=0")  # its weight falls with the share of all updates
    ended = []
    for name, stops in (("whole", [12]), ("parts", [5, 12])):
        run = copied(prepared, tmp_path / name)
        for stop in stops:
            last = sets(f"training.max_updates={stop}", "training.validate_every=100")
            done("train", run, "--resume", *settings, *last)
        ended.append((run / "checkpoints" / "last" / "weights.safetensors").read_bytes())
    assert ended[0] == ended[1]


def test_one_matrix_takes_the_vectors_of_both_sides(prepared, tmp_path) -> None:
    run = copied(prepared, tmp_path)
    source, target = vectors_of(SOURCE_WORDS, seed=1), vectors_of(["hund", "katz"], seed=2)
    paths = written(tmp_path / "en.vec", source), written(tmp_path / "eu.vec", target)
    done(
        "train",
        run,
        *sets(f"model.source_vectors={paths[0]}", f"model.target_vectors={paths[1]}", "model.freeze_vectors=true"),
    )
    tokenizer, found = TokenizerPair.load(run / "tokenizer").source, weights(run)
    for vectors in (source, target):
        for word, vector in scaled(vectors).items():
            np.testing.assert_array_equal(found[tokenizer.encode(word)[0]], vector)
    assert {side: told["covered"] for side, told in facts(run)["vectors"].items()} == {"source": 5, "target": 2}


def test_a_token_that_both_files_have_goes_to_the_side_that_uses_it_more() -> None:
    given = {
        "source": Pretrained(np.array([4, 5, 6, 7]), np.arange(4, dtype=np.float32)[:, None]),
        "target": Pretrained(np.array([5, 6, 7, 9]), 10 + np.arange(4, dtype=np.float32)[:, None]),
    }
    used = {"source": np.array([0, 0, 0, 0, 9, 3, 2, 2, 0, 0]), "target": np.array([0, 0, 0, 0, 0, 1, 5, 2, 0, 4])}
    found = _divided(given, used)
    assert found["source"].rows.tolist() == [4, 5]
    assert found["source"].vectors.ravel().tolist() == [0.0, 1.0]
    assert found["target"].rows.tolist() == [6, 7, 9]
    assert found["target"].vectors.ravel().tolist() == [11.0, 12.0, 13.0]


def test_vectors_that_do_not_fit_are_refused_before_anything_is_changed(prepared, tmp_path) -> None:
    run = copied(prepared, tmp_path)
    path = written(tmp_path / "wiki.vec", vectors_of(SOURCE_WORDS))

    def told(*settings):
        found = refused("train", run, *sets(f"model.source_vectors={path}", *settings))
        assert not (run / "checkpoints").exists()
        return found

    assert "has vectors of 32 values, and model.embedding_size is 48" in told("model.embedding_size=48")
    path.write_text(path.read_text().replace("cat ", "cat x"))
    assert f"{path}, line 3: 'x" in told()
    written(path, vectors_of(SOURCE_WORDS))
    path.write_text(path.read_text().rsplit(" ", 3)[0] + "\n")
    assert f"{path}, line 6: 29 values stand after the word, and the others have 32" in told()
    written(path, vectors_of(["neither", "nor"]))
    assert "has no vector for any of the" in told()
    path.unlink()
    assert f"There is no file {path}" in told()


def test_freezing_without_vectors_is_refused() -> None:
    assert "no vectors to freeze" in refused("info", "demo", *sets("model.freeze_vectors=true"))


def test_info_counts_a_model_with_vectors_as_one_without(prepared, tmp_path) -> None:
    run = copied(prepared, tmp_path)
    plain = done("info", run, "--json").json
    path = written(tmp_path / "wiki.vec", vectors_of(SOURCE_WORDS))
    done("train", run, *sets(f"model.source_vectors={path}", "model.freeze_vectors=true"))
    path.unlink()
    assert done("info", run, "--json").json["parameters"] == plain["parameters"]
    assert call("neighbours", run, "dog").code == 0
