"""One sentence of a test set with its translation, cut into words once; and what a flag says of it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

from seq2seq.evaluation.diagnosis.words import is_word, tokens

if TYPE_CHECKING:
    from seq2seq.evaluation.diagnosis.evidence import Evidence


@dataclass(frozen=True)
class Line:
    """A sentence, its translation and its reference.

    Attributes:
        number: Its line in the test set, from 1.
        source: What was translated.
        hypothesis: The translation.
        reference: What it should have been like.
    """

    number: int
    source: str
    hypothesis: str
    reference: str

    @cached_property
    def source_tokens(self) -> list[str]:
        """Words and punctuation of the source."""
        return tokens(self.source)

    @cached_property
    def hypothesis_tokens(self) -> list[str]:
        """Words and punctuation of the translation."""
        return tokens(self.hypothesis)

    @cached_property
    def reference_tokens(self) -> list[str]:
        """Words and punctuation of the reference."""
        return tokens(self.reference)

    @cached_property
    def source_words(self) -> list[str]:
        """Words of the source, as they are written."""
        return [token for token in self.source_tokens if is_word(token)]

    @cached_property
    def hypothesis_words(self) -> list[str]:
        """Words of the translation, as they are written."""
        return [token for token in self.hypothesis_tokens if is_word(token)]

    @cached_property
    def reference_words(self) -> list[str]:
        """Words of the reference, as they are written."""
        return [token for token in self.reference_tokens if is_word(token)]


@dataclass(frozen=True)
class Finding:
    """What is wrong with a sentence.

    Attributes:
        line: Its line in the test set, from 1.
        flag: The flag's name.
        detail: What of it: a number, a name, the words that come again.
    """

    line: int
    flag: str
    detail: str

    def to_dict(self) -> dict[str, Any]:
        """Returns the fields as plain values, ready for JSON."""
        return asdict(self)


@dataclass(frozen=True)
class Flag:
    """One thing that can be wrong with a translation.

    Attributes:
        name: What it is called in tables and JSON.
        meaning: What it says, a sentence.
        find: Gives the details of a line that are wrong, none where nothing is.
    """

    name: str
    meaning: str
    find: Callable[[Line, Evidence], Iterator[str]]
