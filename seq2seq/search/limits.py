"""How long a translation may get."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from seq2seq.errors import UserError
from seq2seq.search.step_model import IntArray


@dataclass(frozen=True)
class Limits:
    """The longest translation of a sentence: floor(factor * source length + constant) tokens, and at least 1.

    Tokens are counted without EOS. A hypothesis that has as many must end: EOS is forced on it, at its price.

    Raises:
        UserError: A setting is negative or not a finite number.
    """

    max_length_factor: float = 2.0
    max_length_constant: float = 10

    def __post_init__(self) -> None:
        for name, value in (("factor", self.max_length_factor), ("constant", self.max_length_constant)):
            if not (np.isfinite(value) and value >= 0):
                raise UserError(f"The maximum length's {name} must be a finite number of at least 0, not {value}.")

    def __call__(self, source_lengths: IntArray) -> IntArray:
        """Returns the most target tokens of each sentence, [sentences], from its number of source tokens."""
        longest = np.floor(self.max_length_factor * source_lengths + self.max_length_constant)
        return np.asarray(np.maximum(1, longest), dtype=np.int64)


DEFAULT_LIMITS = Limits()
