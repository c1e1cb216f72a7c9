"""Several processes train the model that one would train: the exchange, the gradient, whole trainings."""

from __future__ import annotations

import hashlib
import math
import socket
import subprocess
import sys
import threading
import time
from functools import cache, partial
from importlib.util import module_from_spec, spec_from_file_location
from types import ModuleType

import numpy as np
import pytest
import torch
from ranks import together
from torch import nn
from torch.distributed import HashStore
from toy_training import Development, Shelf, Watcher, copy_store

from seq2seq import build
from seq2seq.data.batches import Batches
from seq2seq.data.store import Store
from seq2seq.errors import UserError
from seq2seq.recipe.schema import Choice, Model
from seq2seq.training import checkpoint, joined
from seq2seq.training.across import Across
from seq2seq.training.average import MovingAverage
from seq2seq.training.checkpoint import TrainingState
from seq2seq.training.counters import Counters
from seq2seq.training.gradient import Sums, Whole
from seq2seq.training.group import Alone
from seq2seq.training.joined import PeerLostError, interface_towards, leave, meet
from seq2seq.training.objective import CrossEntropy, TruncatedCrossEntropy
from seq2seq.training.optimizer import adamw
from seq2seq.training.randomness import seed_update
from seq2seq.training.schedules import Linear
from seq2seq.training.trainer import Limits, Trainer

pytestmark = pytest.mark.usefixtures("unchecked_shapes")
UPDATES = 10
SIZES = [2, pytest.param(3, marks=pytest.mark.slow)]


def digest(tensors) -> str:
    return hashlib.blake2b(b"".join(tensor.numpy().tobytes() for tensor in tensors)).hexdigest()


class Recut:
    """A sampler: cuts the text of a row in a way that its key decides, as subword sampling does."""

    def __init__(self, column) -> None:
        self.column = column

    def __call__(self, text: str, *, key) -> list[int]:
        epoch, row, side = key
        draw = np.random.default_rng([epoch, row, side])
        return [int(symbol) for symbol in self.column[row] for _ in range(draw.integers(1, 3))]


class Poisoned(Whole):
    """In the second epoch a row that makes numbers of the loss and of the gradient that are none, where it is read."""

    def __init__(self, *parts, row: int, **settings) -> None:
        super().__init__(*parts, **settings)
        self.row = row

    def add(self, batches, *, epoch, update, progress, part=(0, 1)):
        loss, tokens = super().add(batches, epoch=epoch, update=update, progress=progress, part=part)
        if epoch == 1 and any(self.row in rows[part[0] :: part[1]] for rows in batches):
            return self.spoilt(loss), tokens
        return loss, tokens

    def __call__(self, batches, *, epoch, update, progress) -> Sums:
        sums = super().__call__(batches, epoch=epoch, update=update, progress=progress)
        spoilt = epoch == 1 and any(self.row in rows for rows in batches)
        return Sums(self.spoilt(sums.loss), sums.num_tokens) if spoilt else sums

    def spoilt(self, loss):
        for weight in self.model.parameters():
            if weight.grad is not None:
                weight.grad.fill_(math.nan)
        return loss * math.nan


def trainer(
    folder, store: Store, group, *, precision="fp32", objective=None, batch_tokens=120, poison=None, **changes
) -> Trainer:
    """All that draws something is on: dropout, word dropout, recurrent dropout, sampled cuts."""
    seed_update(5, 0)
    settings = Model(
        attention=Choice("dot"), embedding_size=16, encoder_size=32, decoder_size=32, dropout=0.3, word_dropout=0.1
    )
    model = build.model(settings, source_symbols=14, target_symbols=14)
    batches = Batches(store, batch_tokens=batch_tokens, seed=5, sampler=(Recut(store.source), Recut(store.target)))
    made = Whole if poison is None else partial(Poisoned, row=poison)
    whole = made(model, batches, objective or CrossEntropy(0.1), precision=precision, seed=5)
    return Trainer(
        model,
        batches,
        gradient=Across(whole, model, group) if group.size > 1 else whole,
        validator=Development(Batches(store, batch_tokens=400, seed=0)),
        reporter=Watcher(),
        keeper=Shelf(),
        folder=folder / f"run-{group.size}",
        optimizer=adamw(model, weight_decay=0.1),
        schedule=Linear(warmup_updates=2),
        learning_rate=0.01,
        clip_norm=1.0,
        average=0.9,
        seed=5,
        group=group,
        **{"limits": Limits(max_updates=UPDATES), "accumulate": 2, **changes},
    )


def trained(group, folder, store_path, changes) -> dict[str, object]:
    """Trains, and returns what came of it."""
    run = trainer(folder, Store(store_path), group, **changes)
    counters = run.run()
    return {
        "weights": {name: weight.detach().numpy().copy() for name, weight in run.model.named_parameters()},
        "counters": counters.to_dict(),
        "rows": run.log.rows(),
        "reported": len(run.reporter.rows),
        "kept": len(run.keeper.kept),
        "files": sorted(path.name for path in (folder / f"run-{group.size}").glob("*")),
    }


CASES = {
    "whole": {},
    "parts of the target": {"objective": TruncatedCrossEntropy(3, 0.1)},
    # Most batches have one or two pairs: of three processes some have no rows, of one update perhaps none.
    "fewer rows than processes": {"batch_tokens": 8, "accumulate": 1},
    "bf16": {"precision": "bf16"},
    "going back": {"poison": 77},
    "going back, read late": {"poison": 77, "read_every": 20},
}


def all_cases(group, folder, store_path) -> dict[str, object]:
    return {name: trained(group, folder / str(place), store_path, CASES[name]) for place, name in enumerate(CASES)}


@pytest.fixture(scope="module")
def outcomes(tmp_path_factory):
    """What so many processes made of every case, one entry a process; computed when it is asked for."""
    folder = tmp_path_factory.mktemp("several")
    store = folder / "train.arrow"
    copy_store(store)

    @cache
    def made(size: int) -> list[dict]:
        if size == 1:
            return [all_cases(Alone(), folder, store)]
        return together(size, all_cases, folder / f"meet-{size}", folder, store)

    return made


def difference(found, wanted) -> float:
    """The largest difference of any weight matrix, relative to its norm."""
    return max(norm([found[name] - wanted[name]]) / norm([wanted[name]]) for name in wanted)


def total_difference(found, wanted) -> float:
    """The difference of all weights, relative to their norm."""
    return norm([found[name] - wanted[name] for name in wanted]) / norm(wanted.values())


def norm(arrays) -> float:
    return math.sqrt(sum(float((array.astype(np.float64) ** 2).sum()) for array in arrays))


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("case", CASES)
def test_several_processes_make_the_updates_of_one(outcomes, case, size):
    """In fp32 the order of adding is all that differs. In bf16 a product of other rows is rounded in another way: then
    the processes differ from one as that one differs from itself in fp32, and a small bias may differ by much.
    """
    wanted, found = outcomes(1)[0][case], outcomes(size)[0][case]
    assert found["counters"]["update"] == wanted["counters"]["update"] == UPDATES
    if case == "bf16":
        assert total_difference(found["weights"], wanted["weights"]) < 5e-3
    else:
        assert difference(found["weights"], wanted["weights"]) < 1e-5


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("case", CASES)
def test_all_processes_hold_the_same_bits(outcomes, case, size):
    first, *others = outcomes(size)
    for other in others:
        for name, weight in first[case]["weights"].items():
            assert weight.tobytes() == other[case]["weights"][name].tobytes(), name
        assert other[case]["counters"] == first[case]["counters"]


def test_only_the_first_writes_and_tells(outcomes):
    first, second = (outcome["whole"] for outcome in outcomes(2))
    assert (first["reported"], first["kept"] > 0) == (UPDATES, True)
    assert (second["reported"], second["kept"]) == (0, 0)
    assert first["files"] == ["checkpoints", "metrics.jsonl"]
    alone = outcomes(1)[0]["whole"]["rows"]
    assert [row["update"] for row in first["rows"]] == [row["update"] for row in alone]
    for found, wanted in zip(first["rows"], alone, strict=True):
        assert found["loss"] == pytest.approx(wanted["loss"], rel=1e-4)


@pytest.mark.parametrize("size", SIZES)
def test_a_loss_that_is_no_number_in_one_process_takes_all_of_them_back(outcomes, size):
    """The row is read by one of them. Early or late, they go back to the look before and leave the same batches out."""
    alone = [row for row in outcomes(1)[0]["going back"]["rows"] if row["kind"] == "rollback"]
    assert [(row["update"], row["factor"]) for row in alone] == [(outcomes(1)[0]["whole"]["rows"][0]["update"], 0.5)]
    for case in ("going back", "going back, read late"):
        first, *others = (outcome[case] for outcome in outcomes(size))
        assert [row for row in first["rows"] if row["kind"] == "rollback"] == alone
        assert all(math.isfinite(norm([weight])) for weight in first["weights"].values())
        for found in (first, *others):  # the last bit too: when a loss is read changes nothing
            wanted = outcomes(size)[0]["going back"]
            assert found["counters"] == wanted["counters"]
            assert all((found["weights"][name] == weight).all() for name, weight in wanted["weights"].items())


def exchange(group) -> dict[str, object]:
    generator = torch.Generator().manual_seed(group.rank)
    random = torch.randn(1001, generator=generator)
    several = [torch.full((2, 3), float(group.rank + 1)), torch.tensor(group.rank), torch.ones(4)[::2]]
    group.sum_([random])
    group.sum_(several)
    return {
        "random": digest([random]),
        "several": [tensor.tolist() for tensor in several],
        "largest": [group.largest(value) for value in (float(group.rank), -math.inf)],
        "nan": math.isnan(group.largest(math.nan if group.rank == 1 else 5.0)),
        "from_first": group.from_first({"Zoë": [1.5, None, group.rank]} if group.rank == 0 else object),
        "everyone": group.everyone([group.rank, "é" * group.rank]),
        "once": said_by(group, "the same"),
        "each": said_by(group, f"process {group.rank}"),
        "shared": shared(group),
    }


def said_by(group, message: str) -> int | None:
    with group.only_once(message) as is_first:
        return group.rank if is_first else None


def shared(group) -> str:
    """What every process holds after the first one's state was shared: it has been trained, the others not."""
    model = nn.Linear(3, 2)
    with torch.no_grad():
        model.weight.fill_(group.rank)
        model.bias.fill_(-0.0)  # whose sign a sum would lose
    optimizer = adamw(model, weight_decay=0.1)
    average = MovingAverage(model, 0.9)
    if group.rank == 0:
        model(torch.ones(1, 3)).sum().backward()
        optimizer.step()
        average.update(1)
    state = TrainingState(model, optimizer, average, Counters(update=7 - group.rank))
    counters = checkpoint.share(state, group)
    moments = [value for weight in model.parameters() for value in optimizer.state[weight].values()]
    assert len(moments) == 6
    return f"{counters.update} {digest([weight.detach() for weight in model.parameters()] + average.values + moments)}"


@pytest.fixture(scope="module")
def exchanged(tmp_path_factory):
    return together(3, exchange, tmp_path_factory.mktemp("exchange"))


def test_sums_are_the_same_bits_everywhere(exchanged):
    assert len({found["random"] for found in exchanged}) == 1
    total = sum(torch.randn(1001, generator=torch.Generator().manual_seed(rank)).double() for rank in range(3))
    assert total.abs().max() > 1  # there was something to add in some order
    for found in exchanged:
        assert found["several"] == [[[6.0] * 3] * 2, 3, [3.0, 3.0]]


def test_flags_and_json_reach_everyone(exchanged):
    for found in exchanged:
        assert found["largest"] == [2.0, -math.inf]
        assert found["nan"]
        assert found["from_first"] == {"Zoë": [1.5, None, 0]}
        assert found["everyone"] == [[0, ""], [1, "é"], [2, "éé"]]


def test_what_all_would_say_is_said_once(exchanged):
    assert len([found for found in exchanged if found["once"] is not None]) == 1
    assert [found["each"] for found in exchanged] == [0, 1, 2]


def test_everyone_gets_the_first_ones_state(exchanged):
    assert len({found["shared"] for found in exchanged}) == 1
    assert exchanged[0]["shared"].startswith("7 ")


def lived(store, ranks, size: int = 3) -> list[tuple[int, str]]:
    """What each of these processes learns when they meet."""
    found: dict[int, tuple[int, str]] = {}
    threads = [
        threading.Thread(target=lambda rank=rank: found.setdefault(rank, meet(store, rank, size, seconds=20)))
        for rank in ranks
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return [found[rank] for rank in ranks]


def test_processes_that_are_started_again_do_not_meet_the_dead():
    store = HashStore()
    first, second = lived(store, (0, 1, 2)), lived(store, (2, 1, 0))
    assert [number for number, _ in first + second] == [1, 1, 1, 2, 2, 2]
    assert len(set(first)) == len(set(second)) == 1
    store.set("token/1", "of one that died before it was answered")
    store.set("token/2", "likewise")
    (third,) = set(lived(store, (0, 1, 2)))
    assert third[0] == 3


def test_a_build_of_torch_that_cannot_says_so(monkeypatch):
    without = ModuleType("torch.distributed")  # all that such a build has of it
    without.is_available = lambda: False
    monkeypatch.setitem(sys.modules, "torch.distributed", without)
    monkeypatch.setattr(torch, "distributed", without)
    spec = spec_from_file_location("joined_there", joined.__file__)
    there = module_from_spec(spec)
    spec.loader.exec_module(there)  # as every training does, that of a single process too
    with pytest.raises(UserError, match="cannot train with several processes"):
        there.join(rank=0, size=2, cuda=False)


def test_who_does_not_come_is_named():
    with pytest.raises(RuntimeError, match="process 1 did not come"):
        meet(HashStore(), 0, 3, seconds=0.05)


def abandoned(group) -> tuple[str, float]:
    """The last process goes without a word while the others wait for it."""
    group.largest(0.0)
    if group.rank == group.size - 1:
        leave()  # its sockets are closed, as those of a process that died
        return "", 0.0
    begin = time.monotonic()
    with pytest.raises(PeerLostError) as caught:
        group.sum_([torch.ones(100_000)])
    return str(caught.value), time.monotonic() - begin


def test_a_lost_process_is_noticed_at_once_and_told_in_one_line(tmp_path):
    *survivors, _ = together(2, abandoned, tmp_path)
    for rank, (told, seconds) in enumerate(survivors):
        assert told.startswith(f"Process {rank} on {socket.gethostname()} lost another process of this training: ")
        assert told.endswith(". Go on.")
        assert "\n" not in told
        assert ".cc:" not in told  # no places in torch's sources
        assert seconds < 30


PARTED = """
import sys
from pathlib import Path

import torch

from seq2seq.training.joined import join, leave
from seq2seq.training.optimizer import adamw

join(rank=0, size=1, cuda=False, url=f"file://{sys.argv[1]}").largest(0.0)
model = torch.nn.Linear(2, 2)
model(torch.ones(1, 2)).sum().backward()
adamw(model, weight_decay=0.0).step()  # imports modules of torch that take hold of the group
names = lambda: [path.read_text().strip() for path in Path("/proc/self/task").glob("*/comm")]
before = names()
leave()
print(sum("gloo" in name for name in before), sum("gloo" in name for name in names()))
"""


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="reads the names of threads in /proc")
def test_no_thread_of_the_group_outlives_it(tmp_path):
    """One that does aborts the process now and then, when the interpreter ends."""
    command = [sys.executable, "-c", PARTED, str(tmp_path / "meeting")]
    before, after = subprocess.run(command, check=True, capture_output=True, text=True).stdout.split()
    assert (int(before) > 0, int(after)) == (True, 0)


class Uneven(nn.Module):
    """Two weights, of which the loss uses one."""

    def __init__(self) -> None:
        super().__init__()
        self.used, self.unused = nn.Parameter(torch.ones(3)), nn.Parameter(torch.ones(2))


class ByRows:
    """A part whose loss is the sum of the rows' numbers times the weights; no rows, no gradient."""

    def __init__(self, model: Uneven) -> None:
        self.model, self.parts = model, []

    def add(self, batches, *, epoch, update, progress, part=(0, 1)):
        self.parts.append(part)
        rows = np.concatenate([batch[part[0] :: part[1]] for batch in batches])
        if not len(rows):
            return torch.zeros(()), 0
        loss = (self.model.used * float(rows.sum())).sum()
        loss.backward()
        return loss.detach(), len(rows) * 5000


class TwoSame(Alone):
    """A group of two, seen by one of them, of which the other always has just the same."""

    size = 2

    def sum_(self, tensors) -> None:
        for tensor in tensors:
            tensor.mul_(2)


def test_the_gradient_is_of_the_mean_over_all_tokens():
    model = Uneven()
    part = ByRows(model)
    across = Across(part, model, TwoSame())
    for rows, wanted in ((np.array([3, 100, 4]), 7), (np.array([5, 100]), 5), (np.array([1, 2, 1]), 2)):
        sums = across([rows], epoch=0, update=1, progress=0.0)
        num_rows = len(rows[::2])
        assert sums.num_tokens == 2 * num_rows * 5000
        assert model.used.grad.tolist() == pytest.approx([wanted / num_rows / 5000] * 3)
        assert float(sums.loss) == pytest.approx(3 * wanted / num_rows / 5000)
        assert model.unused.grad is None  # or the optimizer would decay it
        model.zero_grad(set_to_none=True)
    assert part.parts == [(0, 2)] * 3


def test_counts_are_exact_beyond_what_fp32_holds():
    model = Uneven()
    part = ByRows(model)
    across = Across(part, model, TwoSame())
    sums = across([np.ones(2 * 3_355_444, np.int64)], epoch=0, update=1, progress=0.0)
    assert sums.num_tokens == 2 * 3_355_444 * 5000


def test_a_gradient_that_nobody_had_at_first_is_no_silent_loss():
    model = Uneven()
    across = Across(ByRows(model), model, TwoSame())
    across([np.array([1])], epoch=0, update=1, progress=0.0)
    model.zero_grad(set_to_none=True)
    model.unused.grad = torch.ones(2)
    with pytest.raises(RuntimeError, match="none of the processes had"):
        across([np.array([1])], epoch=0, update=2, progress=0.0)


def test_the_interface_towards_this_machine_itself_is_none():
    assert interface_towards("127.0.0.1") == ""
    assert interface_towards("no.such.host.invalid") == ""


def test_parts_of_a_batch_add_up_to_the_batch(tmp_path):
    """What is divided among processes, and in each among threads, is the gradient of the whole."""
    store = copy_store(tmp_path / "train.arrow")
    run = trainer(tmp_path, store, Alone())
    run.model.train()
    whole, rows = run.gradient, [np.arange(7), np.arange(20, 22)]
    moment = {"epoch": 0, "update": 3, "progress": 0.0}
    sums = whole(rows, **moment)
    wanted = {name: weight.grad.clone() for name, weight in run.model.named_parameters()}
    run.model.zero_grad(set_to_none=True)
    parts = [whole.add(rows, **moment, part=(k, 4)) for k in range(4)]
    assert sum(tokens for _, tokens in parts) == sums.num_tokens
    assert float(sum(loss for loss, _ in parts)) / sums.num_tokens == pytest.approx(float(sums.loss), rel=1e-5)
    for name, weight in run.model.named_parameters():
        torch.testing.assert_close(weight.grad / sums.num_tokens, wanted[name], rtol=1e-4, atol=1e-7, msg=name)
