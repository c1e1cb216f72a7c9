"""Computes what an update of a network costs in communication, for any number of processes and speed of the links.

Usage: python scripts/scale_out.py [--vocabulary 8000] [--processes 2 8 64 1000] [--gigabits 1 10 100 400]
           [--tokens-per-second 10000] [--batch-tokens 2048] [--latency-microseconds 20] [--set model.KEY=VALUE ...]

Nothing is measured here: the gradient is 4 bytes a parameter, and a ring all-reduce over n processes makes each send
and receive 2 (n - 1) / n times that, in 2 (n - 1) steps, each of which also costs one latency:

    seconds = 2 (n - 1) / n * 4 * parameters / bandwidth + 2 (n - 1) * latency

No exchange overlaps with computing, which is what `seq2seq.training.across` does. The batch is that of one process: the
global one is n times as large. The share of the time that is left for computing then depends only on how many tokens a
process computes between two exchanges, and a larger batch or `training.accumulate` raises it. A tree or a hierarchy of
rings, as NCCL chooses them, takes fewer steps: with many processes the figures are an upper bound.

The last line is one JSON object.
"""

from __future__ import annotations

import argparse
import json
from typing import Any

from seq2seq import build
from seq2seq.recipe.overrides import apply_overrides
from seq2seq.recipe.schema import Model, Recipe

BYTES = 4  # of a number in fp32


def parameters(settings: Model, vocabulary: int) -> dict[str, int]:
    """Returns how many numbers the network has, in its embeddings, and in a source embedding that stands alone."""
    network = build.model(settings, source_symbols=vocabulary, target_symbols=vocabulary)
    tables = {id(table.weight): table.weight for table in (network.source_embedding, network.target_embedding)}
    return {
        "all": sum(weight.numel() for weight in network.parameters()),
        "embeddings": sum(weight.numel() for weight in tables.values()),
        "source_alone": network.source_embedding.weight.numel() if len(tables) > 1 else 0,
    }


def ring_bytes(processes: int, numbers: int) -> float:
    """Returns the bytes that each process sends, and as many that it receives, in an update."""
    return 2 * (processes - 1) / processes * BYTES * numbers


def ring_seconds(processes: int, numbers: int, *, gigabits: float, latency_seconds: float) -> float:
    """Returns how long the exchange takes."""
    return ring_bytes(processes, numbers) / (gigabits * 1e9 / 8) + 2 * (processes - 1) * latency_seconds


def sparse_pays(processes: int, vocabulary: int, batch_tokens: int) -> bool:
    """Whether sending only the rows of a source embedding that a batch has would send less than all of its rows.

    Rows of different processes differ, so each must get those of all others: (n - 1) times the rows of one batch, at
    most its tokens, against 2 (n - 1) / n times the vocabulary. Only an embedding that no softmax is tied to has rows
    without a gradient.
    """
    return processes * min(batch_tokens, vocabulary) < 2 * vocabulary


def costs(numbers: dict[str, int], vocabulary: int, asked: argparse.Namespace) -> list[dict[str, Any]]:
    """Returns a row for every number of processes and speed."""
    rows = []
    computing = asked.batch_tokens / asked.tokens_per_second
    for processes in asked.processes:
        for gigabits in asked.gigabits:
            seconds = ring_seconds(
                processes, numbers["all"], gigabits=gigabits, latency_seconds=asked.latency_microseconds / 1e6
            )
            rows.append(
                {
                    "processes": processes,
                    "gigabits_per_second": gigabits,
                    "megabytes_sent": round(ring_bytes(processes, numbers["all"]) / 1e6, 1),
                    "exchange_seconds": round(seconds, 4),
                    "share_computing": round(computing / (computing + seconds), 3),
                    "tokens_per_second": round(processes * asked.batch_tokens / (computing + seconds)),
                    "global_batch_tokens": processes * asked.batch_tokens,
                    "sparse_source_embedding_pays": numbers["source_alone"] > 0
                    and sparse_pays(processes, vocabulary, asked.batch_tokens),
                }
            )
    return rows


def show(rows: list[dict[str, Any]], numbers: dict[str, int]) -> None:
    print(f"{numbers['all']:,} parameters, {numbers['embeddings']:,} of them embeddings: ", end="")
    print(f"{numbers['all'] * BYTES / 1e6:.1f} MB of gradients")
    print(
        f"{'processes':>9} {'Gbit/s':>7} {'MB sent':>8} {'seconds':>8} {'computing':>9} {'tokens/s':>12} {'batch':>11}"
    )
    for row in rows:
        print(
            f"{row['processes']:>9,} {row['gigabits_per_second']:>7g} {row['megabytes_sent']:>8.1f} "
            f"{row['exchange_seconds']:>8.3f} {100 * row['share_computing']:>7.0f} % {row['tokens_per_second']:>12,} "
            f"{row['global_batch_tokens']:>11,}"
        )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--vocabulary", type=int, default=8000)
    parser.add_argument("--processes", type=int, nargs="+", default=[2, 8, 64, 1000])
    parser.add_argument("--gigabits", type=float, nargs="+", default=[1, 10, 100, 400])
    parser.add_argument("--tokens-per-second", type=float, default=10_000, help="target tokens, of one process")
    parser.add_argument("--batch-tokens", type=int, default=2048, help="target tokens an update, of one process")
    parser.add_argument("--latency-microseconds", type=float, default=20, help="of one message")
    parser.add_argument("--set", action="append", default=[], metavar="model.KEY=VALUE")
    asked = parser.parse_args()
    settings = apply_overrides(Recipe(), asked.set).model
    numbers = parameters(settings, asked.vocabulary)
    rows = costs(numbers, asked.vocabulary, asked)
    show(rows, numbers)
    shape = {"parameters": numbers, "vocabulary": asked.vocabulary, "settings": asked.set}
    print(json.dumps({**shape, "gradient_bytes": numbers["all"] * BYTES, "costs": rows}))


if __name__ == "__main__":
    main()
