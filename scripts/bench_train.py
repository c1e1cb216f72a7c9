"""Measures how fast a network trains, as a share of what this machine's processor can multiply.

Usage: python scripts/bench_train.py [--shape comparison] [--updates 60] [--batch-tokens N] [--precision auto]
           [--threads N] [--device cpu] [--pairs 29000] [--set section.key=value ...] [--peer NAME=COMMAND ...]
           [--rounds 1]

Shapes: `comparison` (embeddings of 256, a bidirectional LSTM layer of 2 x 256, attention, two decoder layers of 512 in
the parallel wiring, 8,000 joint subwords), `gru` and `elman` (the same with these cells), `shipped` (the recipe
multi30k-en-de), `gnmt` (four layers of 1,024 on both sides, 32,000 subwords).

The text is made by rule, with the lengths of Multi30k in 8,000 subwords: 14 and 15 tokens in the mean, EOS not counted.
Each update is a real one, from the planned rows to the moving average. Counted are

* target tokens a second: real ones, EOS counted;
* the model's operations: two for each number of a matrix and each real token that it is multiplied with, source and
  target, and as many again for each of the two products on the way back; padding, embeddings' lookups, sums and
  activations count nothing;
* the share of the peak: those operations a second over those of a plain product of 2048 x 1024 by 1024 x 2048 in the
  same type, with the same threads, before and after the training.

A peer is a command that trains for some time and prints, as its last line, JSON with `target_tokens_per_s`; it runs in
turn with ours, and the ratio is that of the means. The last line is one JSON object.
"""

from __future__ import annotations

import argparse
import json
import shlex
import statistics
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from synthetic import machine
from torch import nn

from seq2seq import build
from seq2seq.data.batches import Batches
from seq2seq.data.store import Row, Store, write_split
from seq2seq.device import choose_device
from seq2seq.nn.model import EncoderDecoder
from seq2seq.recipe.catalog import find_recipe
from seq2seq.recipe.overrides import apply_overrides
from seq2seq.recipe.schema import Recipe
from seq2seq.recipe.toml import load_recipe
from seq2seq.training import precision
from seq2seq.training.allocator import keep_large_buffers, release
from seq2seq.training.average import MovingAverage
from seq2seq.training.gradient import Whole
from seq2seq.training.optimizer import adamw
from seq2seq.training.step import Step
from seq2seq.training.trainer import RELEASE_EVERY

WARM_UP = 5
SHAPES: dict[str, tuple[int, list[str]]] = {
    "comparison": (8000, []),
    "gru": (8000, ["model.cell=gru"]),
    "elman": (8000, ["model.cell=elman"]),
    "shipped": (4000, []),
    "gnmt": (
        32000,
        [
            *("model.embedding_size=1024", "model.encoder_size=1024", "model.decoder_size=1024"),
            *("model.encoder_layers=4", "model.decoder_layers=4", "model.residual=true"),
        ],
    ),
}
"""Symbols, and what differs from the defaults."""
MEANS, DEVIATION, COUPLED, LONGEST = (14.0, 15.0), 5.2, 0.87, 60


def recipe_of(shape: str, changes: list[str]) -> Recipe:
    """Returns the settings of a shape."""
    base = load_recipe(find_recipe("multi30k-en-de")) if shape == "shipped" else Recipe(name=shape)
    return apply_overrides(base, [*SHAPES[shape][1], *changes])


def made_up_store(path: Path, num_pairs: int, num_symbols: int) -> Store:
    """Pairs of ids by Zipf's law, with lengths like those of Multi30k: two sides of a pair are about equally long."""
    generator = np.random.default_rng(1)
    common, own = generator.standard_normal(num_pairs), generator.standard_normal((2, num_pairs))
    lengths = [
        np.clip(mean + DEVIATION * (COUPLED**0.5 * common + (1 - COUPLED) ** 0.5 * o), 2, LONGEST).round().astype(int)
        for mean, o in zip(MEANS, own, strict=True)
    ]
    shares = 1.0 / np.arange(1, num_symbols - 3)
    shares /= shares.sum()
    ids = [generator.choice(num_symbols - 4, size=int(total.sum()), p=shares) + 4 for total in lengths]
    sides = [np.split(drawn, np.cumsum(n)[:-1]) for drawn, n in zip(ids, lengths, strict=True)]
    pairs = zip(*sides, strict=True)
    write_split(path, (Row(i, "", "", s.tolist(), t.tolist()) for i, (s, t) in enumerate(pairs, start=1)))
    return Store(path)


def gemm_flops(kind: torch.dtype, device: torch.device) -> float:
    """Returns the operations a second of a plain product, in the best of some bursts."""
    a = torch.randn(2048, 1024, device=device).to(kind)
    b = torch.randn(1024, 2048, device=device).to(kind)
    times = 8 if device.type == "cpu" else 500
    best = 0.0
    for _ in range(5):
        begin = time.perf_counter()
        for _ in range(times):
            a @ b
        wait(device)
        best = max(best, 2 * 2048 * 1024 * 2048 * times / (time.perf_counter() - begin))
    return best


def wait(device: torch.device) -> None:
    """Waits until a GPU has done what it was told."""
    if device.type == "cuda":
        torch.cuda.synchronize()


@dataclass(frozen=True)
class Counted:
    """Numbers in matrices, by what they are multiplied with: a source token, a target token, a pair of the two."""

    source: int
    target: int
    each: int

    @classmethod
    def of(cls, network: EncoderDecoder) -> Counted:
        """Counts those of a network with an encoder, a decoder and an attention between them."""
        decoder = network.decoder
        keys = sum(
            weight.numel()
            for name, weight in decoder.attention.named_parameters()
            if name.startswith(("key", "value", "memory")) and weight.dim() == 2
        )
        everything = matrices(decoder) + matrices(network.output.projection) + network.output.weight.numel()
        bridge = matrices(decoder.bridge)  # once a sentence: left out
        width = decoder.hidden_size + decoder.attention.context_size  # one product for the scores, one for the context
        return cls(matrices(network.encoder) + keys, everything - keys - bridge, width)

    def operations(self, source: float, target: float, pairs: float) -> float:
        """Returns the operations of so many tokens, there and back."""
        return 3 * 2 * (self.source * source + self.target * target + self.each * pairs)


def matrices(module: nn.Module) -> int:
    return sum(weight.numel() for weight in module.parameters() if weight.dim() == 2)


@dataclass
class Phases:
    """Seconds by phase, measured from inside."""

    device: torch.device
    seconds: dict[str, float] = field(default_factory=lambda: defaultdict(float))

    def timed(self, name: str, function: Callable[..., Any], *, within: str = "") -> Callable[..., Any]:
        """Returns `function`, whose time is added to `name` and taken off `within`."""

        def call(*arguments: Any, **named: Any) -> Any:  # noqa: ANN401 - whatever it is that is timed
            begin = time.perf_counter()
            result = function(*arguments, **named)
            wait(self.device)
            took = time.perf_counter() - begin
            self.seconds[name] += took
            if within:
                self.seconds[within] -= took
            return result

        return call


class Training:
    """A network in training on made-up text."""

    def __init__(self, recipe: Recipe, store: Store, num_symbols: int, device: torch.device) -> None:
        settings = recipe.training
        torch.manual_seed(1)
        self.kind = precision.choose(settings.precision, device)
        self.device = device
        self.network = build.model(recipe.model, source_symbols=num_symbols, target_symbols=num_symbols).to(device)
        self.batches = Batches(store, batch_tokens=settings.batch_tokens, seed=1)
        self.objective = build.objective(settings)
        self.gradient = Whole(self.network, self.batches, self.objective, precision=self.kind, seed=1)
        optimizer = adamw(self.network, weight_decay=settings.weight_decay)
        self.step = Step(self.network, optimizer, clip_norm=settings.clip_norm, clip_value=settings.clip_value)
        self.average = MovingAverage(self.network, settings.average)
        self.rate = settings.learning_rate
        self.update, self.epoch, self.place = 0, -1, 0
        self.plan: Sequence[NDArray[np.int64]] = []

    def next(self) -> NDArray[np.int64]:
        """Returns the rows of the next batch."""
        if self.place >= len(self.plan):
            self.epoch, self.place = self.epoch + 1, 0
            self.plan = self.batches.plan(self.epoch)
        self.place += 1
        return self.plan[self.place - 1]

    def make(self, updates: int) -> tuple[float, list[NDArray[np.int64]]]:
        """Makes so many updates. Returns the seconds that they took, and the rows that were read."""
        read = []
        self.network.train()
        begin = time.perf_counter()
        for _ in range(updates):
            self.update += 1
            rows = self.next()
            read.append(rows)
            sums = self.gradient([rows], epoch=self.epoch, update=self.update, progress=0.0)
            self.step(self.rate)
            self.average.update(self.update)
            if self.device.type == "cpu":
                float(sums.loss)
            if self.update % RELEASE_EVERY == 0:
                release()
        wait(self.device)
        return time.perf_counter() - begin, read

    def phases(self, updates: int) -> dict[str, float]:
        """Makes so many updates more. Returns milliseconds an update by phase."""
        watch = Phases(self.device)
        fill, loss, add = self.batches.fill, type(self.objective).__call__, self.objective.add_gradient
        step, average = self.step, self.average.update
        self.batches.fill = watch.timed("data", fill)
        self.objective.add_gradient = watch.timed("backward", add)
        # Looked up on the type: an instance cannot replace its own call.
        forward = watch.timed("forward", loss, within="backward")
        type(self.objective).__call__ = forward
        self.step = watch.timed("optimizer", step)
        self.average.update = watch.timed("optimizer", average)
        try:
            self.make(updates)
        finally:
            type(self.objective).__call__ = loss
            self.batches.fill, self.objective.add_gradient = fill, add
            self.step, self.average.update = step, average
        return {name: round(1000 * seconds / updates, 2) for name, seconds in watch.seconds.items()}


def peak_memory(device: torch.device) -> int | None:
    """Returns the largest memory of this process so far, in megabytes: the device's own, on a GPU."""
    if device.type == "cuda":
        return round(torch.cuda.max_memory_allocated() / 1e6)
    try:
        import resource
    except ImportError:  # Windows has no such figure
        return None
    return round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024) / 1e6)


def run_peer(command: str) -> dict[str, Any]:
    """Runs a peer. Returns the JSON of its last line."""
    done = subprocess.run(shlex.split(command), stdout=subprocess.PIPE, check=True, text=True)
    result: dict[str, Any] = json.loads(done.stdout.strip().splitlines()[-1])
    return result


def measure(training: Training, counted: Counted, updates: int) -> dict[str, Any]:
    """Makes updates. Returns speeds and shares."""
    peak = gemm_flops(torch.bfloat16 if training.kind == "bf16" else torch.float32, training.device)
    seconds, read = training.make(updates)
    source = [training.batches.store.source.lengths[rows] + 1 for rows in read]
    target = [training.batches.store.target.lengths[rows] + 1 for rows in read]
    real = sum(map(np.sum, source)), sum(map(np.sum, target))
    padded = sum(len(one) * one.max() for one in (*source, *target))
    pairs = sum(int((one.astype(np.int64) * other).sum()) for one, other in zip(source, target, strict=True))
    operations = counted.operations(float(real[0]), float(real[1]), pairs)
    return {
        "target_tokens_per_s": float(real[1]) / seconds,
        "source_and_target_tokens_per_s": float(sum(real)) / seconds,
        "padded_share": 1 - float(sum(real)) / float(padded),
        "flops": operations / seconds,
        "peak_flops": peak,
        "milliseconds_an_update": 1000 * seconds / updates,
    }


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("--shape", choices=SHAPES, default="comparison")
    parser.add_argument("--updates", type=int, default=60)
    parser.add_argument("--batch-tokens", type=int, default=0, help="default: the recipe's own")
    parser.add_argument("--precision", choices=["auto", "bf16", "fp32"], default="auto")
    parser.add_argument("--threads", type=int, default=0, help="0: all cores")
    parser.add_argument("--device", default="auto")
    parser.add_argument("--pairs", type=int, default=29_000)
    parser.add_argument("--set", action="append", default=[], dest="settings")
    parser.add_argument("--peer", action="append", default=[], metavar="NAME=COMMAND")
    parser.add_argument("--rounds", type=int, default=1, help="turns of ours and of each peer")
    return parser.parse_args()


def main() -> None:
    given = arguments()
    device = choose_device(given.device, threads=given.threads)
    keep_large_buffers()
    changes = [*given.settings, f"training.precision={given.precision}"]
    if given.batch_tokens:
        changes.append(f"training.batch_tokens={given.batch_tokens}")
    recipe, num_symbols = recipe_of(given.shape, changes), SHAPES[given.shape][0]
    with tempfile.TemporaryDirectory() as folder:
        store = made_up_store(Path(folder) / "train.arrow", given.pairs, num_symbols)
        training = Training(recipe, store, num_symbols, device)
        counted = Counted.of(training.network)
        training.make(WARM_UP)
        rounds, peers = [], defaultdict(list)
        for _ in range(given.rounds):
            rounds.append(measure(training, counted, given.updates))
            for peer in given.peer:
                name, _, command = peer.partition("=")
                peers[name].append(run_peer(command)["target_tokens_per_s"])
        phases = training.phases(max(10, given.updates // 4))
    mean = {key: statistics.mean(one[key] for one in rounds) for key in rounds[0]}
    ours = mean["target_tokens_per_s"]
    result = {
        "shape": given.shape,
        "settings": given.settings,
        "precision": training.kind,
        "threads": torch.get_num_threads(),
        "batch_tokens": recipe.training.batch_tokens,
        "parameters": sum(weight.numel() for weight in training.network.parameters()),
        "target_tokens_per_s": round(ours),
        "source_and_target_tokens_per_s": round(mean["source_and_target_tokens_per_s"]),
        "padded_share": round(mean["padded_share"], 4),
        "model_gflops": round(mean["flops"] / 1e9, 1),
        "peak_gflops": round(mean["peak_flops"] / 1e9, 1),
        "share_of_peak": round(mean["flops"] / mean["peak_flops"], 3),
        "milliseconds_an_update": round(mean["milliseconds_an_update"], 1),
        "phases_ms": phases,
        "peak_memory_mb": peak_memory(device),
        "rounds": [round(one["target_tokens_per_s"]) for one in rounds],
        "peers": {name: {"target_tokens_per_s": speeds} for name, speeds in peers.items()},
        "ratio": {name: round(ours / statistics.mean(speeds), 2) for name, speeds in peers.items()},
        "device": str(device),
        "machine": torch.cuda.get_device_name() if device.type == "cuda" else machine(),
        "torch": torch.__version__,
    }
    print(json.dumps(result))


if __name__ == "__main__":
    main()
