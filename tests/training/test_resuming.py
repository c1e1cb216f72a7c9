"""A run that was interrupted ends exactly where one that was not ends: weights, optimizer, scores and metrics."""

from __future__ import annotations

import pytest
import torch
from toy_training import Development, Shelf, Watcher, copy_store

from seq2seq import build
from seq2seq.data.batches import Batches
from seq2seq.recipe.schema import Choice, Model
from seq2seq.training.gradient import Whole
from seq2seq.training.objective import CrossEntropy, TruncatedCrossEntropy
from seq2seq.training.optimizer import adamw
from seq2seq.training.randomness import seed_update
from seq2seq.training.schedules import Linear, Plateau
from seq2seq.training.trainer import Limits, Trainer

LAST = 41
pytestmark = pytest.mark.usefixtures("unchecked_shapes")
CLOCKED = {"tokens_per_second", "seconds"}


def trainer(
    folder, store, *, act=lambda row: None, wiring: str = "parallel", seed: int = 5, objective=None, **changes
) -> Trainer:
    """Everything that could be forgotten is on: dropout, averaging, accumulation, a schedule with a memory."""
    seed_update(seed, 0)
    settings = Model(
        wiring=Choice(wiring),
        attention=Choice("dot"),
        embedding_size=8,
        encoder_size=16,
        decoder_size=16,
        dropout=0.3,
        word_dropout=0.1,
    )
    model = build.model(settings, source_symbols=14, target_symbols=14)
    batches = Batches(store, batch_tokens=60, seed=seed)
    return Trainer(
        model,
        batches,
        gradient=Whole(model, batches, objective or CrossEntropy(0.1), precision="fp32", seed=seed),
        validator=Development(Batches(store, batch_tokens=400, seed=0)),
        reporter=Watcher(act),
        keeper=Shelf(),
        folder=folder,
        optimizer=adamw(model, weight_decay=0.1),
        learning_rate=0.02,
        clip_norm=1.0,
        accumulate=2,
        average=0.9,
        validate_every=6,
        stop_on="bleu",
        seed=seed,
        **{
            "schedule": Plateau(warmup_updates=5, factor=0.7, patience=0),
            "limits": Limits(max_updates=LAST),
            **changes,
        },
    )


def everything(trainer: Trainer) -> dict[str, object]:
    """All that a run leaves behind."""
    model = trainer.model
    rows = [{k: v for k, v in row.items() if k not in CLOCKED} for row in trainer.log.rows()]
    return {
        "weights": {name: w.detach().clone() for name, w in model.named_parameters()},
        "average": {name: w.clone() for name, w in trainer.average.tensors().items()},
        "optimizer": {
            f"{name}/{key}": value.clone()
            for name, w in model.named_parameters()
            for key, value in trainer.optimizer.state[w].items()
        },
        "counters": trainer.counters.to_dict(),
        "rows": rows,
    }


def assert_same(found: dict[str, object], wanted: dict[str, object]) -> None:
    for part in ("weights", "average", "optimizer"):
        assert found[part].keys() == wanted[part].keys()
        for name, tensor in wanted[part].items():
            assert torch.equal(found[part][name], tensor), (part, name)
    assert found["counters"] == wanted["counters"]
    assert found["rows"] == wanted["rows"]


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    return copy_store(tmp_path_factory.mktemp("data") / "train.arrow", num_pairs=160)


@pytest.fixture(scope="module")
def uninterrupted(tmp_path_factory, store):
    torch.set_num_threads(1)
    whole = trainer(tmp_path_factory.mktemp("whole"), store)
    whole.run()
    return everything(whole), whole.keeper.kept, len(whole.batches.plan(0))


def test_the_run_has_what_could_be_forgotten(uninterrupted) -> None:
    whole, kept, num_batches = uninterrupted
    assert num_batches % 2 == 1  # so that an epoch ends with half an update
    assert whole["counters"]["epoch"] >= 2
    assert whole["counters"]["schedule"]["share"] < 1.0
    assert 1 < len(kept) < len([row for row in whole["rows"] if row["kind"] == "validation"])
    assert sum(row["kind"] == "train" for row in whole["rows"]) == 2


# In the middle of an epoch, at a look, just before and after one, and at the end of an epoch or near it.
@pytest.mark.parametrize("stops", [(1,), (6,), (7,), (14,), (17, 20, 33)])
def test_asked_to_stop_and_resumed_it_ends_the_same(tmp_path, store, uninterrupted, stops) -> None:
    kept = []
    for stop in stops:
        part = trainer(tmp_path, store)
        part.reporter.act = lambda row, part=part, stop=stop: row["update"] == stop and part.request_stop()
        part.resume()
        assert part.run().update == stop
        assert not part.finished
        kept += part.keeper.kept
    torch.manual_seed(999)  # whatever was drawn in between must not matter
    rest = trainer(tmp_path, store)
    assert rest.resume()
    rest.run()
    whole, wanted_kept, _ = uninterrupted
    assert_same(everything(rest), whole)
    kept += rest.keeper.kept
    assert [(update, scores) for update, scores, _ in kept] == [(update, scores) for update, scores, _ in wanted_kept]
    for (_, _, found), (_, _, wanted) in zip(kept, wanted_kept, strict=True):
        assert all(torch.equal(found[name], wanted[name]) for name in wanted)


@pytest.mark.parametrize("cut", [3, 16])
def test_cut_off_without_warning_it_goes_on_from_the_last_look(tmp_path, store, uninterrupted, cut: int) -> None:
    def fail(row) -> None:
        if row["update"] == cut:
            raise RuntimeError("the power went")

    with pytest.raises(RuntimeError, match="the power went"):
        trainer(tmp_path, store, act=fail).run()
    rest = trainer(tmp_path, store)
    assert rest.resume()  # before the first look, from the very beginning
    assert rest.counters.update == cut // 6 * 6
    rest.run()
    assert_same(everything(rest), uninterrupted[0])


def test_parts_guesses_and_clipped_values_go_on_exactly(tmp_path, store) -> None:
    def stepping(folder) -> Trainer:
        objective = TruncatedCrossEntropy(3, 0.1, scheduled_sampling=0.9)
        return trainer(folder, store, wiring="input-feeding", objective=objective, clip_value=0.01)

    whole = stepping(tmp_path / "whole")
    whole.run()
    part = stepping(tmp_path / "parts")
    part.reporter.act = lambda row: row["update"] == 23 and part.request_stop()
    assert part.run().update == 23
    torch.manual_seed(999)
    rest = stepping(tmp_path / "parts")
    assert rest.resume()
    rest.run()
    assert_same(everything(rest), everything(whole))
    plain = trainer(tmp_path / "plain", store, wiring="input-feeding", clip_value=0.01)
    plain.run()
    assert everything(plain)["rows"] != everything(whole)["rows"]


def test_another_seed_is_another_run(tmp_path, store, uninterrupted) -> None:
    other = trainer(tmp_path, store, seed=6)
    other.run()
    assert everything(other)["rows"] != uninterrupted[0]["rows"]


def test_seeding_an_update_is_a_function_of_both_numbers() -> None:
    drawn = {}
    for seed, update in ((1, 1), (1, 2), (2, 1), (11, 1), (1, 11)):
        seed_update(seed, update)
        drawn[seed, update] = torch.rand(4)
    seed_update(1, 1)
    assert torch.equal(torch.rand(4), drawn[1, 1])
    assert len({tuple(value.tolist()) for value in drawn.values()}) == len(drawn)


@pytest.mark.parametrize("stop", [None, 15, 31])
def test_a_finished_run_that_is_extended_is_the_longer_run(tmp_path, store, stop) -> None:
    # Where the rate does not depend on the end, and the end is at a look, ending early leaves no trace at all.
    whole = trainer(tmp_path / "whole", store, limits=Limits(max_updates=36))
    whole.run()
    short = trainer(tmp_path / "run", store, limits=Limits(max_updates=12))
    short.run()
    assert short.finished
    if stop is not None:
        part = trainer(tmp_path / "run", store, limits=Limits(max_updates=36))
        part.reporter.act = lambda row: row["update"] == stop and part.request_stop()
        part.resume()
        part.run()
    rest = trainer(tmp_path / "run", store, limits=Limits(max_updates=36))
    rest.resume()
    rest.run()
    assert_same(everything(rest), everything(whole))


def test_an_extension_in_epochs_that_is_interrupted_ends_the_same(tmp_path, store) -> None:
    for name, stops in (("whole", ()), ("parts", (9, 20))):
        first = trainer(tmp_path / name, store, limits=Limits(max_epochs=1), schedule=Linear(warmup_updates=5))
        first.run()
        for stop in (*stops, 10**6):
            more = trainer(tmp_path / name, store, limits=Limits(max_epochs=3), schedule=Linear(warmup_updates=5))
            more.reporter.act = lambda row, more=more, stop=stop: row["update"] == stop and more.request_stop()
            assert more.resume()
            more.run()
        assert more.finished
        assert more.counters.total == 3 * -(-len(more.epochs.batches.plan(0)) // 2)
        found = everything(more)
        if name == "whole":
            wanted = found
    assert_same(found, wanted)
