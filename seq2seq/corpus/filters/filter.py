"""The contract that every filter keeps."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable
from typing import ClassVar

from seq2seq.corpus.pair import Pair
from seq2seq.errors import UserError


class Filter(ABC):
    """One rule. To add one: write its file in `filters/`, and its line in `seq2seq.registry.FILTERS`."""

    reason: ClassVar[str]  # what the report counts its drops under: the registry's name

    def learn(self, pairs: Iterable[Pair]) -> None:  # noqa: B027 - most rules need no corpus to judge a pair
        """Looks at the beginning of the corpus, before the first pair is judged. Most rules have nothing to learn.

        Args:
            pairs: A bounded sample, normalised. It may be gone through more than once, and is read anew each time.
        """

    @abstractmethod
    def rejects(self, pair: Pair) -> bool:
        """Returns whether the rule drops `pair`, whose sides are normalised.

        Looks at nothing but this pair and what was learned, so the order of the corpus makes no difference.
        """


def check_share(reason: str, name: str, value: float) -> None:
    """Checks a setting that is a share.

    Raises:
        UserError: It is not from 0 to 1.
    """
    if not 0 <= value <= 1:
        raise UserError(
            f"The filter {reason!r} needs a {name} from 0 to 1, not {value}.", hint="It is a share: 0.5 is half."
        )
