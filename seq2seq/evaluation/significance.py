"""Is one system better than another, or was it the choice of test sentences?

Both systems translate the same sentences, so the test is paired: what varies is which sentences are in the test set
(paired bootstrap, Koehn 2004), or which system is said to have made which translation (approximate randomisation,
Riezler & Maxwell 2005). The counting is sacreBLEU's.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal

from seq2seq.errors import UserError
from seq2seq.evaluation.metrics import LOWER_IS_BETTER, check_lines
from seq2seq.evaluation.resampling import check_resamples, sacrebleu_seed
from seq2seq.registry import METRICS

Method = Literal["bootstrap", "randomisation"]
_SACREBLEU_NAMES = {"bootstrap": "bs", "randomisation": "ar"}
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

    Returns:
        One comparison a metric. Where the two scores are equal the p-value is 1: sacreBLEU alone would answer
        1 / (resamples + 1), the smallest there is, because no resample exceeds a difference of nothing. Of n sentences
        it is at least 2 / 2^n, as in a paired permutation test, where the signs of n differences fall in 2^n ways:
        resamples of few sentences are too much alike to tell.

    Raises:
        UserError: Nothing to compare, different counts, or an unknown metric, method or number of resamples.
    """
    from sacrebleu.significance import PairedTest

    check_lines(first_translations=first, second_translations=second, references=references)
    if method not in _SACREBLEU_NAMES:
        known = " or ".join(_SACREBLEU_NAMES)
        raise UserError(f"There is no significance test called {method!r}.", hint=f"Choose {known}.")
    check_resamples(resamples, seed)
    built = {name: METRICS.load(name)(tokenize=tokenize, lowercase=lowercase) for name in metrics}
    with sacrebleu_seed(seed):
        test = PairedTest(
            [("first", list(first)), ("second", list(second))],
            built,
            [list(references)],
            test_type=_SACREBLEU_NAMES[method],
            n_samples=resamples,
            n_ar_confidence=_CONFIDENCE_RESAMPLES if method == "randomisation" else -1,
        )
        signatures, results = test()
    # sacreBLEU keeps the order in which the metrics were given, under names of its own ("chrF2").
    return [
        _comparison(name, results[label], str(signatures[label]), len(references))
        for name, label in zip(built, signatures, strict=True)
    ]


def _comparison(name: str, results: Sequence[Any], signature: str, sentences: int) -> Comparison:
    first, second = results  # sacreBLEU's Result objects, the baseline first
    difference = float(second.score) - float(first.score)
    return Comparison(
        metric=name,
        first=Estimate(float(first.score), float(first.mean), float(first.ci)),
        second=Estimate(float(second.score), float(second.mean), float(second.ci)),
        difference=difference,
        p_value=max(float(second.p_value), min(1.0, 2.0 ** (1 - sentences))) if difference else 1.0,
        signature=signature,
    )
