"""Minimum Bayes risk: of many candidates, the one that is most like all the others.

The likeliest translation of a sentence is often an odd one: short, or with a word that only it has. What many likely
translations agree on is right more often. Kumar & Byrne (2004) choose by expected utility over an n-best list, Eikema &
Aziz (2022) over samples:

    argmax_h  sum_h' p(h') u(h, h')

`u` is a score of one sentence against another, here sentence BLEU or chrF. The sum goes over all candidates, h itself
among them: that is the expectation under p. Samples are drawn from p as often as it says, so each counts alike. Of an
n-best list, whose members are distinct, p is the model's probability renormalised over the list; and, in which we
deviate, under the search's own length penalty a, as p ** ((mean length / length) ** a). The plain probability of a
translation is higher for no other reason than that it is short: with it (a = 0) the choice gets shorter as n grows, and
was 0.8 BLEU worse at n = 20 on the development set of multi30k.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, fields

import numpy as np
from numpy.typing import NDArray

from seq2seq.errors import UserError
from seq2seq.evaluation.sentence import SentenceMetric, pairwise
from seq2seq.search import Hypothesis

LEAST = 2
"""Among fewer candidates there is nothing to choose."""


@dataclass(frozen=True)
class Judged(Hypothesis):
    """A hypothesis that was compared with others.

    Attributes:
        utility: What it is ranked by: its expected utility, from 0 to 1.
    """

    utility: float = field(default=0.0, compare=False)


class MinimumBayes:
    """Ranks the candidates of a sentence by their expected utility.

    Args:
        count: How many candidates the search shall give.
        metric: The utility.
        length_penalty: The search's; of an n-best list.
        sampled: Whether candidates are independent draws, and not an n-best list.

    Raises:
        UserError: There are too few candidates to compare.
    """

    def __init__(self, count: int, metric: SentenceMetric, *, length_penalty: float, sampled: bool) -> None:
        if count < LEAST:
            raise UserError(
                f"Minimum Bayes risk compares at least {LEAST} candidates, not {count}.",
                hint="20 is a good start; 0 takes the likeliest translation instead.",
            )
        self.count = count
        self._metric = metric
        self._length_penalty = length_penalty
        self._sampled = sampled

    def __call__(self, hypotheses: Sequence[Hypothesis], texts: Sequence[str]) -> list[Judged]:
        """Returns the candidates of one sentence, those of the highest expected utility first.

        Of equals the likelier one comes first, as it does in `hypotheses`. Samples that are equal stay as many as they
        are.

        Args:
            hypotheses: The candidates, best score first.
            texts: Their texts.
        """
        weights = (
            np.full(len(hypotheses), 1 / len(hypotheses))
            if self._sampled
            else posterior(
                [one.log_prob for one in hypotheses],
                [len(one.token_log_probs) for one in hypotheses],
                self._length_penalty,
            )
        )
        utilities = expected_utilities(texts, weights, self._metric)
        order = np.argsort(-utilities, kind="stable").tolist()
        return [_judged(hypotheses[place], float(utilities[place])) for place in order]


def posterior(log_probs: Sequence[float], lengths: Sequence[int], length_penalty: float = 0.0) -> NDArray[np.float64]:
    """Returns probabilities renormalised over a list: exp(v_i) / sum_j exp(v_j).

    v_i = log p_i (mean length / length_i) ** length_penalty; with a penalty of 0, log p_i itself.

    Args:
        log_probs: [n], natural logarithms.
        lengths: [n], in tokens, EOS counted.
        length_penalty: At least 0.
    """
    counts = np.asarray(lengths, dtype=np.float64)
    with np.errstate(over="ignore"):
        values = np.asarray(log_probs, dtype=np.float64) * (counts.mean() / counts) ** length_penalty
    values = np.maximum(values, -_FAR)
    weights = np.exp(values - values.max())
    return np.asarray(weights / weights.sum())


def expected_utilities(
    texts: Sequence[str], weights: NDArray[np.float64], metric: SentenceMetric
) -> NDArray[np.float64]:
    """Returns sum_j weights_j u(text_i, text_j) for each i, with u from 0 to 1.

    Different ids may write the same text: each text is compared once, and stands for the weight of all that wrote it.
    Utilities of one text are therefore equal to the bit. Costs the square of the number of different texts.

    Args:
        texts: [n], at least one.
        weights: [n], adding up to 1.
        metric: u, but that u(h, h) = 1 for any h: else the empty translation, whose score is 0, could never be chosen.
    """
    different = {text: place for place, text in enumerate(dict.fromkeys(texts))}
    places = np.array([different[text] for text in texts])
    shares = np.bincount(places, weights=weights, minlength=len(different))
    # Rounding may carry a mean of ones above 1. Rounded, equals stay equal whatever order their terms were added in.
    found = (np.asarray(pairwise(metric, list(different))) * shares).sum(axis=1)
    return np.asarray(np.minimum(found.round(_DIGITS), 1.0)[places])


_DIGITS = 12
_FAR = 1e300  # instead of the infinity that a huge penalty makes


def _judged(one: Hypothesis, utility: float) -> Judged:
    return Judged(**{entry.name: getattr(one, entry.name) for entry in fields(one)}, utility=utility)
