"""What `ablate.py` found: each change against the default, as a table and as JSON.

A difference is of means over seeds. Its p-value is a bootstrap's (Koehn 2004): how often chance alone gives a
difference as large, where chance chose the development sentences, and the seeds. A resample draws sentences, the same
ones for every run, and of each side seeds; its distance from the observed difference is what chance does (the shift
method, Riezler & Maxwell 2005). The runs' translations are not strung together as one corpus: the same sentence
translated under three seeds would count as three sentences, and each difference would look surer than it is.

Resampling S seeds gives (S - 1) / S of their mean's variance, so their part is stretched by sqrt(S / (S - 1)). Of a
single seed nothing can be said: its p-value is of the sentences alone.
"""

from __future__ import annotations

import math
import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from compare_precision import Counted
from numpy.typing import NDArray

from seq2seq.recipe.schema import Evaluation

RESAMPLES = 1000
RESAMPLING_SEED = 12345


@dataclass(frozen=True)
class Side:
    """The finished runs of one change, or of the default.

    Attributes:
        name: What the table calls it.
        settings: What was changed.
        runs: What `result.json` says of each seed, and the "references".
        failed: Seeds of which the run failed.
        missing: Seeds that are still to come.
        shares_models: Whether its runs translate with the default's own models.
    """

    name: str
    settings: Sequence[str]
    runs: Mapping[int, Mapping[str, Any]]
    failed: Sequence[int] = ()
    missing: Sequence[int] = ()
    shares_models: bool = False

    def mean(self, key: str) -> float:
        """Returns the mean of a score over the seeds."""
        return statistics.mean(run[key] for run in self.runs.values())

    def spread(self, key: str) -> float | None:
        """Returns the standard deviation of a score over the seeds (S - 1); None of a single one."""
        values = [run[key] for run in self.runs.values()]
        return statistics.stdev(values) if len(values) > 1 else None

    def trained(self, key: str) -> float:
        """Returns the mean of a figure of the trainings."""
        return statistics.mean(run["training"][key] for run in self.runs.values())


@dataclass
class Report:
    """Compares sides with the default; what was counted of a run once is kept.

    Args:
        rules: How the target language is scored.
        resamples: Of the bootstrap.
    """

    rules: Evaluation
    resamples: int = RESAMPLES
    _counted: dict[int, Counted] = field(default_factory=dict)
    _scores: dict[int, NDArray[np.float64]] = field(default_factory=dict)
    _known: list[Mapping[str, Any]] = field(default_factory=list)  # kept, for no two of them to have one id

    def rows(self, default: Side, others: Sequence[Side]) -> list[dict[str, Any]]:
        """Returns a row a side that has finished runs: the default first, then by difference, best first."""
        found = [self._row(other, default) for other in others if other.runs]
        found.sort(key=lambda row: -(row["difference"] or 0.0))
        return [self._row(default, None), *found] if default.runs else found

    def _row(self, side: Side, default: Side | None) -> dict[str, Any]:
        difference = p_value = chrf_difference = None
        if default is not None and default.runs:
            first, second = list(default.runs.values()), list(side.runs.values())
            if side.shares_models:  # each seed's model with itself: what models differ by is not what searches do
                both = sorted(set(default.runs) & set(side.runs))
                first, second = [default.runs[seed] for seed in both], [side.runs[seed] for seed in both]
            difference, p_value = self.tested(first, second, paired=side.shares_models)
            chrf_difference = statistics.mean(run["chrf"] for run in second) - statistics.mean(
                run["chrf"] for run in first
            )
        any_run = next(iter(side.runs.values()))
        return {
            "name": side.name,
            "settings": list(side.settings),
            "seeds": sorted(side.runs),
            "failed": list(side.failed),
            "missing": list(side.missing),
            "bleu": [round(run["bleu"], 2) for _, run in sorted(side.runs.items())],
            "bleu_mean": round(side.mean("bleu"), 3),
            "bleu_spread": rounded(side.spread("bleu"), 3),
            "difference": rounded(difference, 3),
            "p_value": rounded(p_value, 4),
            "chrf_mean": round(side.mean("chrf"), 3),
            "chrf_spread": rounded(side.spread("chrf"), 3),
            "chrf_difference": rounded(chrf_difference, 3),
            "minutes": round(side.trained("seconds") / 60, 2),
            "updates": round(side.trained("updates")),
            "best_update": round(side.trained("best_update")),
            "epochs": round(side.trained("epochs"), 1),
            "tokens_per_second": round(side.trained("tokens_per_second")),
            "parameters": round(side.trained("parameters")),
            "decoding_seconds": round(side.mean("decoding_seconds"), 2),
            "signatures": any_run["signatures"],
        }

    def tested(
        self, first: Sequence[Mapping[str, Any]], second: Sequence[Mapping[str, Any]], *, paired: bool = False
    ) -> tuple[float, float]:
        """Returns how much better the second side's BLEU is in the mean of its seeds, and the p-value of that.

        Args:
            first: The runs of one side.
            second: Those of the other.
            paired: Whether both are of the same models, in the same order: then the same ones are drawn of both.
        """
        observed = [np.mean([self._count(run).score() for run in side]) for side in (first, second)]
        difference = float(observed[1] - observed[0])
        draw = np.random.default_rng(RESAMPLING_SEED)
        scores = [np.stack([self._resampled(run) for run in side]) for side in (first, second)]
        chosen = [draw.integers(0, len(side), side.shape) for side in scores]
        if paired:
            chosen[1] = chosen[0]
        resampled = [_means(side, drawn) for side, drawn in zip(scores, chosen, strict=True)]
        by_chance = resampled[1] - resampled[0] - difference
        if not difference:
            return 0.0, 1.0
        # Rounded: two sums of the same numbers in another order differ in their last bits.
        as_large = int(np.sum(np.round(np.abs(by_chance), 9) >= round(abs(difference), 9)))
        return difference, (as_large + 1) / (self.resamples + 1)

    def _count(self, run: Mapping[str, Any]) -> Counted:
        key = id(run)
        if key not in self._counted:
            self._known.append(run)
            self._counted[key] = Counted.of(run["hypotheses"], run["references"], self.rules)
        return self._counted[key]

    def _resampled(self, run: Mapping[str, Any]) -> NDArray[np.float64]:
        """Returns the BLEU of one run over the resamples of the sentences, which are the same ones for each run."""
        key = id(run)
        if key not in self._scores:
            counted, count = self._count(run), len(run["references"])
            draw = np.random.default_rng(RESAMPLING_SEED)
            times = (np.bincount(draw.integers(0, count, count), minlength=count) for _ in range(self.resamples))
            self._scores[key] = np.array([counted.score(one) for one in times])
        return self._scores[key]


def markdown(rows: Sequence[Mapping[str, Any]], notes: Sequence[str]) -> str:
    """Returns the table, under its notes."""
    lines = [
        *notes,
        "",
        "| change | BLEU | difference | p | chrF | minutes | updates | tokens/s |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for row in rows:
        difference = "" if row["difference"] is None else f"{row['difference']:+.2f}"
        p_value = "" if row["p_value"] is None else f"{row['p_value']:.3f}"
        lines.append(
            f"| {_name(row)} | {_plus_minus(row, 'bleu')} | {difference} | {p_value} | {_plus_minus(row, 'chrf')} "
            f"| {row['minutes']:.1f} | {row['updates']:,} | {row['tokens_per_second']:,} |"
        )
    return "\n".join(lines) + "\n"


def _name(row: Mapping[str, Any]) -> str:
    done, lost = len(row["seeds"]), len(row["failed"])
    wanted = done + lost + len(row["missing"])
    failed = f", {lost} failed" if lost else ""
    partly = f" ({done} of {wanted} seeds{failed})" if done < wanted else ""
    return f"{row['name']}{partly}".replace("|", "\\|")


def _plus_minus(row: Mapping[str, Any], key: str) -> str:
    spread = row[f"{key}_spread"]
    return f"{row[f'{key}_mean']:.2f}" + ("" if spread is None else f" ± {spread:.2f}")


def rounded(value: float | None, digits: int) -> float | None:
    return None if value is None else round(value, digits)


def _means(scores: NDArray[np.float64], chosen: NDArray[np.int64]) -> NDArray[np.float64]:
    """Returns the mean over the `chosen` seeds of `scores`, both [seeds, resamples], for every resample."""
    seeds = len(scores)
    if seeds == 1:
        return scores[0]
    means = scores.mean(axis=0)
    drawn = np.take_along_axis(scores, chosen, axis=0).mean(axis=0)
    stretched: NDArray[np.float64] = means + math.sqrt(seeds / (seeds - 1)) * (drawn - means)
    return stretched
