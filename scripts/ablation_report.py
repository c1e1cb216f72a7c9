"""What `ablate.py` found: each change against the default, as a table and as JSON.

A difference is of means over seeds. Its p-value says how often chance alone gives a difference as large, where chance
chose the development sentences, and the seeds. The sentences' part is a bootstrap's (Koehn 2004): a resample draws
sentences, the same ones for every run, and its distance from the observed difference is what chance does (the shift
method, Riezler & Maxwell 2005). The runs' translations are not strung together as one corpus: the same sentence
translated under three seeds would count as three sentences, and each difference would look surer than it is.

Two or three seeds are too few to be resampled, and to tell by themselves how far seeds lie apart. All rows together are
not: with x the scores of the seeds of row r, and m their mean, s^2 = sum_r sum (x - m_r)^2 / v, v = sum_r (S_r - 1), is
how seeds vary, if they vary alike in all rows. So each resample's distance gets t s sqrt(1 / S_1 + 1 / S_2) added; t is
drawn from Student's distribution with v degrees of freedom. Of searches with the same S models, x are what each model
gains, and t s sqrt(1 / S) is added. That holds for a row of one seed too. Where no row has two, p is of the sentences
alone, and is marked.

Of twenty changes that do nothing, one has a p-value below 0.05. So each row has a second one, adjusted for the number
of rows that are tested (Holm 1979, A simple sequentially rejective multiple test procedure): with the m p-values in
order, p_1 <= ... <= p_m, the i-th becomes max over j <= i of min(1, (m - j + 1) p_j). Whoever takes the rows below 0.05
for real takes chance for real in at most one table of twenty. What was tried in other tables is not counted.
"""

from __future__ import annotations

import math
import statistics
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from compare_precision import Counted, scores_of
from numpy.typing import NDArray

from seq2seq.recipe.schema import Evaluation

RESAMPLES = 10_000  # the smallest p-value is 1 / 10,001, so that a hundred rows can be tested
RESAMPLES_AT_ONCE = 500
RESAMPLING_SEED = 12345
SINGLE = "†"


@dataclass(frozen=True)
class Spread:
    """How far scores of one setting lie apart by their seeds alone.

    Attributes:
        variance: Of a score.
        degrees: Of freedom: how many scores it was reckoned from, less one a setting. 0: nothing is known.
    """

    variance: float = 0.0
    degrees: int = 0

    @classmethod
    def pooled(cls, settings: Iterable[Sequence[float]]) -> Spread:
        """Reckons it from the scores of several settings, each with its seeds; see above for the equation."""
        several = [scores for scores in settings if len(scores) > 1]
        degrees = sum(len(scores) - 1 for scores in several)
        squares = sum((len(scores) - 1) * statistics.variance(scores) for scores in several)
        return cls(squares / degrees, degrees) if degrees else cls()


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
        self._resample([run for side in (default, *others) for run in side.runs.values()])
        trained, searched = self.spreads([default, *others], default)
        found = [self._row(one, default, searched if one.shares_models else trained) for one in others if one.runs]
        adjust(found)
        found.sort(key=lambda row: -(row["difference"] or 0.0))
        return [self._row(default, None, trained), *found] if default.runs else found

    def spreads(self, sides: Sequence[Side], default: Side) -> tuple[Spread, Spread]:
        """Returns how seeds vary: the scores of trainings, and what a search gains with the default's own models."""
        trained = [list(map(self._bleu, side.runs.values())) for side in sides if not side.shares_models]
        searched = [
            [
                self._bleu(after) - self._bleu(before)
                for before, after in zip(*_model_by_model(default, side), strict=True)
            ]
            for side in sides
            if side.shares_models
        ]
        return Spread.pooled(trained), Spread.pooled(searched)

    def _row(self, side: Side, default: Side | None, spread: Spread) -> dict[str, Any]:
        difference = p_value = chrf_difference = None
        if default is not None and default.runs:
            first, second = list(default.runs.values()), list(side.runs.values())
            if side.shares_models:  # what models differ by is not what searches do
                first, second = _model_by_model(default, side)
            difference, p_value = self.tested(first, second, spread, paired=side.shares_models)
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
            "p_value": p_value,
            "p_holm": None,
            "seed_spread": round(math.sqrt(spread.variance), 3) if spread.degrees else None,
            "seed_degrees": spread.degrees,
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
        self,
        first: Sequence[Mapping[str, Any]],
        second: Sequence[Mapping[str, Any]],
        spread: Spread,
        *,
        paired: bool = False,
    ) -> tuple[float, float]:
        """Returns how much better the second side's BLEU is in the mean of its seeds, and the p-value of that.

        Args:
            first: The runs of one side.
            second: Those of the other.
            spread: How scores vary with their seeds; of paired sides, how the differences do.
            paired: Whether both are of the same models, in the same order.
        """
        difference = float(np.mean(list(map(self._bleu, second))) - np.mean(list(map(self._bleu, first))))
        self._resample([*first, *second])
        means = [np.mean([self._scores[id(run)] for run in side], axis=0) for side in (first, second)]
        by_chance = means[1] - means[0] - difference
        if spread.degrees:
            parts = 1 / len(first) if paired else 1 / len(first) + 1 / len(second)
            drawn = np.random.default_rng(RESAMPLING_SEED + 1).standard_t(spread.degrees, self.resamples)
            by_chance += math.sqrt(spread.variance * parts) * drawn
        if not difference:
            return 0.0, 1.0
        # Rounded: two sums of the same numbers in another order differ in their last bits.
        as_large = int(np.sum(np.round(np.abs(by_chance), 9) >= round(abs(difference), 9)))
        return difference, (as_large + 1) / (self.resamples + 1)

    def _bleu(self, run: Mapping[str, Any]) -> float:
        return self._count(run).score()

    def _count(self, run: Mapping[str, Any]) -> Counted:
        key = id(run)
        if key not in self._counted:
            self._known.append(run)
            self._counted[key] = Counted.of(run["hypotheses"], run["references"], self.rules)
        return self._counted[key]

    def _resample(self, runs: Sequence[Mapping[str, Any]]) -> None:
        """Scores the runs that are new on the resamples of the sentences, which are the same ones for each run."""
        new = {id(run): self._count(run) for run in runs if id(run) not in self._scores}
        for count in {len(counted.numbers) for counted in new.values()}:
            together = {key: counted.numbers for key, counted in new.items() if len(counted.numbers) == count}
            # All at once, for drawing takes the longest; in floating point, which is exact here and multiplies fast.
            numbers = np.concatenate(list(together.values()), axis=1).astype(np.float64)
            parts = [
                [scores_of(sums) for sums in np.split(times @ numbers, len(together), axis=1)]
                for times in self._drawn(count)
            ]
            self._scores |= dict(zip(together, map(np.concatenate, zip(*parts, strict=True)), strict=True))

    def _drawn(self, count: int) -> Iterator[NDArray[np.float64]]:
        """Yields how often each sentence comes in each resample, some resamples at once."""
        draw = np.random.default_rng(RESAMPLING_SEED)
        for first in range(0, self.resamples, RESAMPLES_AT_ONCE):
            rows = range(first, min(first + RESAMPLES_AT_ONCE, self.resamples))
            drawn = [np.bincount(draw.integers(0, count, count), minlength=count) for _ in rows]
            yield np.array(drawn, np.float64)


def holm(p_values: Sequence[float]) -> list[float]:
    """Returns p-values that are adjusted for their number, in the order given; see above for the equation."""
    adjusted, largest = [0.0] * len(p_values), 0.0
    for smaller, place in enumerate(sorted(range(len(p_values)), key=lambda place: p_values[place])):
        largest = max(largest, min(1.0, (len(p_values) - smaller) * p_values[place]))
        adjusted[place] = largest
    return adjusted


def adjust(rows: Sequence[dict[str, Any]]) -> None:
    """Gives the rows that were tested "p_holm", and rounds their "p_value"."""
    tested = [row for row in rows if row["p_value"] is not None]
    for row, adjusted in zip(tested, holm([row["p_value"] for row in tested]), strict=True):
        row["p_value"], row["p_holm"] = rounded(row["p_value"], 4), rounded(adjusted, 4)


def p_cell(row: Mapping[str, Any], key: str) -> str:
    """Returns "p_value" or "p_holm" as the table shows it: marked where how seeds vary is not in it."""
    return "" if row[key] is None else f"{row[key]:.4f}{SINGLE * (not row['seed_degrees'])}"


def about_p(rows: Sequence[Mapping[str, Any]], resamples: int = RESAMPLES) -> str:
    """Returns what the p-values of a table are, in words; nothing where it has none."""
    tested = [row for row in rows if row["p_value"] is not None]
    if not tested:
        return ""
    known = {(row["seed_degrees"], row["seed_spread"]) for row in tested if row["seed_degrees"]}
    seeds = " or ".join(f"{spread:.2f} ({degrees})" for degrees, spread in sorted(known, reverse=True))
    several = (
        f" Seeds vary by a standard deviation of {seeds}, reckoned from all rows that have several (in brackets: the "
        "degrees of freedom); searches with the same models are compared model by model."
    )
    single = (
        f" {SINGLE}: no row like it has two seeds, so p is of the sentences alone, and seeds may be all that there is "
        "to the difference."
    )
    how = ", and seeds by Student's t" * bool(known)
    return (
        f"p: sentences by bootstrap, {resamples:,} resamples{how}, against the first row. Holm: p adjusted for the "
        f"{len(tested)} rows of this table that are tested."
        + several * bool(known)
        + single * any(not row["seed_degrees"] for row in tested)
    )


def markdown(rows: Sequence[Mapping[str, Any]], notes: Sequence[str]) -> str:
    """Returns the table, under its notes."""
    lines = [
        *notes,
        "",
        "| change | BLEU | difference | p | Holm | chrF | minutes | updates | tokens/s |",
        "|---|---|---|---|---|---|---|---|---|",
    ]
    for row in rows:
        difference = "" if row["difference"] is None else f"{row['difference']:+.2f}"
        p_values = f"{p_cell(row, 'p_value')} | {p_cell(row, 'p_holm')}"
        lines.append(
            f"| {_name(row)} | {_plus_minus(row, 'bleu')} | {difference} | {p_values} | {_plus_minus(row, 'chrf')} "
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


def _model_by_model(default: Side, side: Side) -> tuple[list[Mapping[str, Any]], list[Mapping[str, Any]]]:
    """Returns the runs of the seeds that both have, in one order."""
    both = sorted(set(default.runs) & set(side.runs))
    return [default.runs[seed] for seed in both], [side.runs[seed] for seed in both]
