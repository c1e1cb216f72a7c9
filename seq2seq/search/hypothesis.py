"""One translation as ids, with what the model thought of it."""

from __future__ import annotations

import math
from dataclasses import dataclass, field

import numpy as np

from seq2seq.errors import UserError
from seq2seq.search.step_model import FloatArray


@dataclass(frozen=True)
class Hypothesis:
    """One ended translation.

    Attributes:
        ids: The tokens, without GO and without EOS.
        log_prob: The natural logarithm of the model's probability of the whole: the sum over the tokens and EOS.
        score: What hypotheses are ranked by: log_prob / length ** length_penalty, where length counts EOS and
            length_penalty is the search's setting. Scores compare only under equal settings: with 0 the score is
            log_prob itself and long translations lose; with 1 it is the mean log-probability of a token. A coverage
            penalty, at most 0, is added. With required phrases it is reported, and `Banks` says what they are ranked
            by.
        token_log_probs: One per id, and then EOS's: always one more than `ids`; they add up to `log_prob`.
        attention: [tokens, source_length], EOS's row included; None where not asked for or where the model has none.
            Takes no part in comparisons with ==.
        finished: Whether the model ended the translation. False: it reached the length limit and its best next token
            there was not EOS, so that EOS was put there by force (and counted in `log_prob` and `score`).
    """

    ids: tuple[int, ...]
    log_prob: float
    score: float
    token_log_probs: tuple[float, ...]
    attention: FloatArray | None = field(default=None, compare=False, repr=False)
    finished: bool = True


def divisor(length: int, length_penalty: float) -> float:
    """Returns length ** length_penalty, which scores are divided by; the length counts EOS.

    The one place that computes it, and number by number: powers of whole arrays may differ in the last bit.
    """
    try:
        return float(float(length) ** length_penalty)
    except OverflowError:
        return math.inf


def check_length_penalty(value: float) -> None:
    """Refuses what would not be a length penalty.

    Raises:
        UserError: The penalty is negative or not a finite number.
    """
    if not (np.isfinite(value) and value >= 0):
        raise UserError(
            f"The length penalty must be a finite number of at least 0, not {value}.",
            hint="Take 0 for plain log-probabilities or 1 for the mean of a token.",
        )
