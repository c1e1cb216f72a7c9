"""Is one system better than another, or was it the choice of test sentences?

Both systems translate the same sentences, so the test is paired: what varies is which sentences are in the test set
(paired bootstrap, Koehn 2004), or which system is said to have made which translation (approximate randomisation,
Riezler & Maxwell 2005). The counting is sacreBLEU's.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, Literal

from seq2seq.errors import UserError
from seq2seq.evaluation.counting import Watch, counted, nobody
from seq2seq.evaluation.metrics import LOWER_IS_BETTER, check_lines
from seq2seq.evaluation.resampling import check_resamples, exchanged, resampled
from seq2seq.registry import METRICS

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from sacrebleu.metrics.base import Metric

Method = Literal["bootstrap", "randomisation"]
_SACREBLEU_NAMES = {"bootstrap": "bs", "randomisation": "ar"}  # in signatures
_USUAL_RESAMPLES = {"bootstrap": 1000, "randomisation": 10_000}
_CONFIDENCE_RESAMPLES = 1000  # randomisation says nothing of a single system's spread: resampled beside it


@dataclass(frozen=True)
class Estimate:
    """One system's score: on the test set, and the mean and half width of the 95 % interval over resamples of it."""

    value: float
    mean: float
    half_width: float


@dataclass(frozen=True)
class Comparison:
    """Two systems under one metric.

    Args:
        metric: The registry's name.
        first: The first system, the baseline.
        second: The second system.
        difference: second.value - first.value.
        p_value: How often chance alone gives a difference this large; small means that the difference is real.
        signature: sacreBLEU's, with the test's settings.
    """

    metric: str
    first: Estimate
    second: Estimate
    difference: float
    p_value: float
    signature: str

    def better(self, level: float = 0.05) -> Literal["first", "second", "neither"]:
        """Returns which system is better at the significance level `level`; knows that a lower TER is the better."""
        if self.p_value >= level or not self.difference:
            return "neither"
        return "second" if (self.difference > 0) != (self.metric in LOWER_IS_BETTER) else "first"

    def to_dict(self) -> dict[str, Any]:
        """Returns the fields as plain values, and `better` at the level 0.05, ready for JSON."""
        return {**asdict(self), "better": self.better()}


def compare(
    first: Sequence[str],
    second: Sequence[str],
    references: Sequence[str],
    *,
    metrics: Sequence[str] = ("bleu", "chrf", "ter"),
    tokenize: str = "13a",
    lowercase: bool = False,
    method: Method = "bootstrap",
    resamples: int = 0,
    seed: int = 12345,
    watch: Watch = nobody,
) -> list[Comparison]:
    """Tests whether two systems differ, with each of `metrics`, in their order.

    Args:
        first: The baseline's translations.
        second: The other system's translations of the same sentences.
        references: The reference of each.
        metrics: Names of the registry.
        tokenize: sacreBLEU's tokenizer for BLEU.
        lowercase: Whether case is folded before counting.
        method: "bootstrap" (1,000 resamples are usual) or "randomisation" (10,000 trials are).
        resamples: Resamples or trials; 0 for the method's usual number.
        seed: Of the resampling.
        watch: Told now and then how many sentences of both are counted under the metric that is at work.

    Returns:
        One comparison a metric. Where the two scores are equal the p-value is 1: sacreBLEU alone would answer
        1 / (resamples + 1), the smallest there is, because no resample exceeds a difference of nothing. Of n sentences
        it is at least 2 / 2^n, as in a paired permutation test, where the signs of n differences fall in 2^n ways:
        resamples of few sentences are too much alike to tell.

    Raises:
        UserError: Nothing to compare, different counts, or an unknown metric, method or number of resamples.
    """
    check_lines(first_translations=first, second_translations=second, references=references)
    if method not in _SACREBLEU_NAMES:
        known = " or ".join(_SACREBLEU_NAMES)
        raise UserError(f"There is no significance test called {method!r}.", hint=f"Choose {known}.")
    check_resamples(resamples, seed)
    built = {name: METRICS.load(name)(tokenize=tokenize, lowercase=lowercase) for name in metrics}
    test = _bootstrap if method == "bootstrap" else _randomisation
    times = resamples or _USUAL_RESAMPLES[method]
    found = []
    for name, metric in built.items():
        systems = [
            counted(metric, first, references, watch),
            counted(metric, second, references, lambda done: watch(len(references) + done)),
        ]
        values = [float(metric._aggregate_and_compute(counts).score) for counts in systems]
        estimates, p_value = test(metric, systems, values, times, seed)
        signature = metric.get_signature()
        signature.update("seed", str(seed))
        if method == "randomisation":
            signature.update("bs", _CONFIDENCE_RESAMPLES)
        signature.update(_SACREBLEU_NAMES[method], times)
        found.append(_comparison(name, estimates, p_value, str(signature), len(references)))
    return found


def _bootstrap(
    metric: Metric, systems: Sequence[Any], values: Sequence[float], resamples: int, seed: int
) -> tuple[list[Estimate], float]:
    """Returns both systems' intervals, and how often the difference of resamples exceeds its mean by that observed."""
    import numpy as np

    first, second = _scores(metric, resampled(systems, resamples, np.random.default_rng(seed)))
    gaps = np.abs(second - first)
    estimates = [_estimate(value, scores) for value, scores in zip(values, (first, second), strict=True)]
    return estimates, _p_value(gaps - gaps.mean(), values)


def _randomisation(
    metric: Metric, systems: Sequence[Any], values: Sequence[float], trials: int, seed: int
) -> tuple[list[Estimate], float]:
    """Returns both systems' intervals, and how often trials differ by more than the difference observed."""
    import numpy as np

    rng = np.random.default_rng(seed)
    first, second = _scores(metric, exchanged(systems[0], systems[1], trials, rng))
    # As sacreBLEU has it: the baseline is resampled by the seed, and the other by what comes behind its trials.
    generators = np.random.default_rng(seed), rng
    estimates = [
        _estimate(value, *_scores(metric, resampled([counts], _CONFIDENCE_RESAMPLES, own)))
        for value, counts, own in zip(values, systems, generators, strict=True)
    ]
    return estimates, _p_value(np.abs(first - second), values)


def _scores(metric: Metric, totals: Iterable[Sequence[NDArray[Any]]]) -> list[NDArray[Any]]:
    """Returns the scores of counts, system by system."""
    import numpy as np

    found = [[metric._compute_score_from_stats(own).score for own in systems] for systems in totals]  # type: ignore[arg-type]
    return [np.array(own) for own in zip(*found, strict=True)]


def _estimate(value: float, scores: NDArray[Any]) -> Estimate:
    from sacrebleu.significance import estimate_ci

    mean, half_width = estimate_ci(scores)
    return Estimate(value, float(mean), float(half_width))


def _p_value(gaps: NDArray[Any], values: Sequence[float]) -> float:
    from sacrebleu.significance import _compute_p_value

    return float(_compute_p_value(gaps, abs(values[0] - values[1])))


def _comparison(name: str, estimates: Sequence[Estimate], p_value: float, signature: str, sentences: int) -> Comparison:
    first, second = estimates
    difference = second.value - first.value
    return Comparison(
        metric=name,
        first=first,
        second=second,
        difference=difference,
        p_value=max(p_value, min(1.0, 2.0 ** (1 - sentences))) if difference else 1.0,
        signature=signature,
    )
