"""Tags: ids that stand before a source to say what kind of text it is, for instance that a machine made it.

Caswell, Chelba & Grangier 2019, "Tagged Back-Translation": a network that is told which of its sources are synthetic
learns from their targets without taking on the sources' mistakes. A tag is an id of its own behind all others: no text
is cut into it, whatever a user writes; no search may write it; and what a vocabulary knew before keeps its ids, so that
a vocabulary which somebody trained with can be given tags later.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

from seq2seq.text.special import UNK
from seq2seq.text.tokenizer import Tokenizer

BACK_TRANSLATED: Final = "<bt>"


class Tagged:
    """A tokenizer with tags: all that the inner one gives, it gives too.

    Args:
        inner: The tokenizer.
        tags: The tags, in the order of their ids, which come after the inner tokenizer's.

    Attributes:
        tags: The id of each tag.
    """

    def __init__(self, inner: Tokenizer, tags: Sequence[str]) -> None:
        if not tags or len(set(tags)) < len(tags):
            raise ValueError(f"Each tag must be given once, and at least one: {list(tags)}.")
        self.inner = inner
        self.tags: Mapping[str, int] = {tag: inner.vocabulary_size + n for n, tag in enumerate(tags)}
        self._names = {number: tag for tag, number in self.tags.items()}

    @property
    def name(self) -> str:
        """The inner tokenizer's."""
        return self.inner.name

    @property
    def vocabulary_size(self) -> int:
        """The number of ids: the inner tokenizer's, and one a tag."""
        return self.inner.vocabulary_size + len(self.tags)

    @property
    def placeholders(self) -> Mapping[int, str]:
        """The inner tokenizer's."""
        return self.inner.placeholders

    def encode(self, text: str) -> list[int]:
        """Returns the ids of `text`, without GO and EOS; never a tag's."""
        return self.inner.encode(text)

    def encode_batch(self, texts: Sequence[str]) -> list[list[int]]:
        """Returns what `encode` gives for each text, in order."""
        return self.inner.encode_batch(texts)

    def surfaces(self, text: str) -> list[str]:
        """Returns the text of each id."""
        return self.inner.surfaces(text)

    def decode(self, ids: Sequence[int], fill: Mapping[int, str] | None = None) -> str:
        """Returns the text of `ids`; tags are skipped.

        Args:
            ids: The ids.
            fill: The text of the placeholder at a position of `ids`.

        Raises:
            UserError: An id is not in the vocabulary.
        """
        kept = [(position, int(i)) for position, i in enumerate(ids) if i not in self._names]
        given = fill or {}
        moved = {new: given[old] for new, (old, _) in enumerate(kept) if old in given}
        return self.inner.decode([i for _, i in kept], moved)

    def pieces(self, ids: Sequence[int]) -> list[str]:
        """Returns one printable token for each id; a tag is its own."""
        pieces = self.inner.pieces([UNK if i in self._names else i for i in ids])
        return [self._names.get(i, piece) for i, piece in zip(ids, pieces, strict=True)]


def tags_of(tokenizer: Tokenizer) -> Mapping[str, int]:
    """Returns the id of each tag of a tokenizer; empty where it has none."""
    return tokenizer.tags if isinstance(tokenizer, Tagged) else {}


def untagged(tokenizer: Tokenizer) -> Tokenizer:
    """Returns the tokenizer below the tags, or itself."""
    return tokenizer.inner if isinstance(tokenizer, Tagged) else tokenizer
