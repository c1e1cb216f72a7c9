"""Measures what the searches themselves cost at each step, beside the model: with a model that costs next to nothing.

Usage: python scripts/bench_search.py [--repeats 20] [--beam 5]

The model answers from arrays that were drawn before: its log-probabilities fall by about half a unit a token, and ends
become likely where translations of captions end. What is left of a step's time is the search's own. Given are the
microseconds of the fastest of all repeats, reading out the results included. The last line is one JSON object.
"""

from __future__ import annotations

import argparse
import json
import time
from typing import Any

import numpy as np
from synthetic import machine

from seq2seq.search import Beam, Greedy, IntArray, Search, Step

VOCABULARY, EOS, MOST_STEPS, MOST_ROWS, MOST_K = 4000, 1, 64, 64 * 16, 64
SOURCE_LENGTH, USUAL_END = 14, 15
SENTENCES = (1, 64)


class Canned:
    """A `StepModel` that looks its answers up by the step's number and the row's place."""

    go, eos, vocabulary_size = 0, EOS, VOCABULARY

    def __init__(self) -> None:
        generator = np.random.default_rng(1)
        shape = (MOST_STEPS, MOST_ROWS, MOST_K)
        self._ids: IntArray = generator.integers(2, VOCABULARY, shape)
        gaps = generator.exponential(1.0, shape)
        gaps[:, :, 0] *= 0.4
        self._log_probs = -np.cumsum(gaps, axis=2).astype(np.float32)
        # EOS is the likeliest for more and more rows, and the third for some of the others.
        chance = (np.arange(MOST_STEPS)[:, None] - USUAL_END + 8) / 20
        first = generator.random(shape[:2]) < chance
        self._ids[:, :, 0][first] = EOS
        self._ids[:, :, 2][~first & (generator.random(shape[:2]) < chance)] = EOS
        self._also = np.full((MOST_ROWS, MOST_K), -3.0, dtype=np.float32)
        self._attention = np.full((MOST_ROWS, SOURCE_LENGTH), 1 / SOURCE_LENGTH, dtype=np.float32)
        self.num_steps = 0

    def step(
        self, memory: None, owner: IntArray, last_ids: IntArray, state: int, k: int, also: IntArray | None = None
    ) -> Step:
        """Answers the step whose number is the state."""
        self.num_steps += 1
        rows = len(owner)
        wanted = None if also is None else self._also[:rows, : also.shape[1]]
        ids, log_probs = self._ids[state, :rows, :k], self._log_probs[state, :rows, :k]
        return Step(ids, log_probs, state + 1, wanted, self._attention[:rows])

    def select(self, state: int, rows: IntArray) -> int:
        """Every row is in the same state."""
        return state


def measure(model: Canned, search: Search, num_sentences: int, repeats: int) -> dict[str, float]:
    """Returns the microseconds of one step, and how many there were."""
    lengths = np.full(num_sentences, SOURCE_LENGTH)
    fastest = float("inf")
    for _ in range(repeats):
        model.num_steps = 0
        begin = time.perf_counter()
        search(model, None, 0, lengths)
        fastest = min(fastest, time.perf_counter() - begin)
    return {"microseconds": round(1e6 * fastest / model.num_steps, 1), "steps": model.num_steps}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("--repeats", type=int, default=20)
    parser.add_argument("--beam", type=int, default=5)
    given = parser.parse_args()
    model = Canned()
    searches: dict[str, Any] = {
        "greedy": Greedy(),
        "beam": Beam(given.beam),
        "beam_no_repeat": Beam(given.beam, no_repeat_ngram=3),
        "beam_coverage": Beam(given.beam, coverage_penalty=0.2),
    }
    result: dict[str, Any] = {"beam": given.beam, "repeats": given.repeats, "machine": machine()}
    for name, search in searches.items():
        for count in SENTENCES:
            result[f"{name}_{count}"] = found = measure(model, search, count, given.repeats)
            print(f"{name}, {count} at once: {found['microseconds']} microseconds a step, {found['steps']} steps")
    print(json.dumps(result))


if __name__ == "__main__":
    main()
