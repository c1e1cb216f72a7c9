"""Measures what an engine's rounding costs: BLEU of two engines on the same sentences, over several models.

Usage: python scripts/compare_precision.py --model MODEL [MODEL ...] --split SOURCE REFERENCE [--split ...]
           [--engines onnx-fp32 onnx] [--beam 5] [--threads N] [--resamples 1000] [--seed 12345]

The splits of a model are one test set. `lost` is the first engine's BLEU less the second's, in the mean of the models;
its interval is the central 95 % over resamples of the sentences (paired bootstrap, Koehn 2004), the same sentences for
all models and both engines. `pooled` is the paired test over all models' translations as one corpus, as
`seq2seq evaluate --against` makes it. The last line is one JSON object.
"""

from __future__ import annotations

import argparse
import json
import statistics
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from synthetic import machine

from seq2seq.bundle import Bundle, open_bundle
from seq2seq.corpus.files import read_lines
from seq2seq.device import physical_cores
from seq2seq.evaluation.metrics import bleu
from seq2seq.evaluation.significance import compare
from seq2seq.recipe.schema import Evaluation
from seq2seq.translator import from_bundle

ORDER = 4


@dataclass(frozen=True)
class Counted:
    """What BLEU is made of, sentence by sentence, so that any choice of sentences can be scored.

    Attributes:
        numbers: [sentences, 10], runs of one to four words that are right; those there are; words of the translation
            and of the reference.
        metric: sacreBLEU's.
    """

    numbers: NDArray[np.int64]
    metric: Any

    @classmethod
    def of(cls, hypotheses: Sequence[str], references: Sequence[str], settings: Evaluation) -> Counted:
        """Counts."""
        metric: Any = bleu(tokenize=settings.tokenize, lowercase=settings.lowercase)
        rows = []
        for hypothesis, reference in zip(hypotheses, references, strict=True):
            one = metric.corpus_score([hypothesis], [[reference]])
            rows.append([*one.counts, *one.totals, one.sys_len, one.ref_len])
        return cls(np.array(rows, np.int64), metric)

    def score(self, times: NDArray[np.int64] | None = None) -> float:
        """Returns the BLEU of all sentences, or with each counted so many times."""
        sums = (self.numbers.sum(axis=0) if times is None else times @ self.numbers).tolist()
        right, there, (words, wanted) = sums[:ORDER], sums[ORDER : 2 * ORDER], sums[2 * ORDER :]
        return float(self.metric.compute_bleu(right, there, words, wanted, smooth_method="exp").score)


def scores_of(sums: NDArray[np.float64]) -> NDArray[np.float64]:
    """Returns the BLEU of each row of sums, [rows, 10] as in `Counted`, all at once: what sacreBLEU makes of each.

    Its smoothing "exp" is NIST's: the k-th order of which none is right counts as 1 / 2^k right ones.
    """
    right, there, words, wanted = sums[:, :ORDER], sums[:, ORDER : 2 * ORDER], sums[:, -2], sums[:, -1]
    halved = np.cumsum(right == 0, axis=1)
    with np.errstate(divide="ignore", invalid="ignore"):  # of nothing: below that is 0
        precisions = np.where(right == 0, 0.5**halved, right) / there
        brevity = np.exp(np.minimum(0.0, 1.0 - wanted / words))
        scores = 100.0 * brevity * np.exp(np.log(precisions).mean(axis=1))
    is_nothing = (right == 0).all(axis=1) | (there == 0).any(axis=1)
    return np.where(is_nothing, 0.0, scores)


def interval(pairs: Sequence[tuple[Counted, Counted]], resamples: int, seed: int) -> tuple[float, float]:
    """Returns the central 95 % of what is lost in the mean, over resamples of the sentences."""
    draw = np.random.default_rng(seed)
    count = len(pairs[0][0].numbers)
    lost = []
    for _ in range(resamples):
        times = np.bincount(draw.integers(0, count, count), minlength=count)
        lost.append(statistics.mean(first.score(times) - second.score(times) for first, second in pairs))
    low, high = np.percentile(lost, [2.5, 97.5])
    return float(low), float(high)


def translated(bundle: Bundle, engine: str, lines: list[str], given: argparse.Namespace) -> list[str]:
    """Returns the translations by an engine."""
    translator = from_bundle(bundle, engine=engine, device="cpu", threads=given.threads)
    settings = translator.with_settings(beam=given.beam)
    return [one.text for one in translator.translate_stream(lines, settings)]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("--model", type=Path, action="extend", nargs="+", required=True)
    parser.add_argument("--split", type=Path, nargs=2, action="append", required=True, metavar=("SOURCE", "REFERENCE"))
    parser.add_argument("--engines", nargs=2, default=["onnx-fp32", "onnx"], metavar=("FIRST", "SECOND"))
    parser.add_argument("--beam", type=int, default=5)
    parser.add_argument("--threads", type=int, default=0, help="0: all physical cores")
    parser.add_argument("--resamples", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=12345)
    given = parser.parse_args()
    given.threads = given.threads or physical_cores()
    sources, references = ([line for split in given.split for line in read_lines(split[side])] for side in (0, 1))
    texts: tuple[list[str], list[str]] = ([], [])
    results, pairs = [], []
    for path in given.model:
        bundle = open_bundle(path)
        both = [translated(bundle, engine, sources, given) for engine in given.engines]
        counted = [Counted.of(one, references, bundle.recipe.evaluation) for one in both]
        pairs.append((counted[0], counted[1]))
        for pool, one in zip(texts, both, strict=True):
            pool.extend(one)
        first, second = (one.score() for one in counted)
        results.append(
            {
                "model": str(path),
                "bleu": [round(first, 3), round(second, 3)],
                "lost": round(first - second, 3),
                "sentences_that_differ": sum(a != b for a, b in zip(*both, strict=True)),
            }
        )
    settings = bundle.recipe.evaluation
    (pooled,) = compare(
        *texts,
        references * len(given.model),
        metrics=["bleu"],
        tokenize=settings.tokenize,
        lowercase=settings.lowercase,
        resamples=given.resamples,
        seed=given.seed,
    )
    print(
        json.dumps(
            {
                "engines": given.engines,
                "beam": given.beam,
                "sentences": len(sources),
                "models": results,
                "lost": round(statistics.mean(first.score() - second.score() for first, second in pairs), 3),
                "interval": [round(end, 3) for end in interval(pairs, given.resamples, given.seed)],
                "pooled": pooled.to_dict(),
                "machine": machine(),
            }
        )
    )


if __name__ == "__main__":
    main()
