"""The contract between text and ids that every tokenizer keeps."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import ClassVar, Protocol, Self


class Tokenizer(Protocol):
    """Turns one language's text into ids and back.

    Ids 0 to 3 are special (`seq2seq.text.special`). Text never produces PAD, GO or EOS, whatever a user writes in it,
    and adding GO and EOS is the business of whoever builds batches. A tokenizer may be called from several threads.

    To add one: write its file in this folder, and its line in `seq2seq.registry.TOKENIZERS`.
    """

    name: ClassVar[str]  # the registry's

    @property
    def vocabulary_size(self) -> int:
        """The number of ids, the special ones included."""
        ...

    def encode(self, text: str) -> list[int]:
        """Returns the ids of `text`, without GO and EOS; UNK stands where nothing in the vocabulary fits."""
        ...

    def encode_batch(self, texts: Sequence[str]) -> list[list[int]]:
        """Returns what `encode` gives for each text, in order."""
        ...

    def decode(self, ids: Sequence[int]) -> str:
        """Returns the text of `ids`; PAD, GO and EOS are skipped, UNK gives a placeholder."""
        ...

    def pieces(self, ids: Sequence[int]) -> list[str]:
        """Returns one printable token for each id, special ids included."""
        ...

    def save(self, folder: Path) -> None:
        """Writes into `folder` (made where it is missing) all that `load` needs."""
        ...

    @classmethod
    def load(cls, folder: Path) -> Self:
        """Returns the tokenizer that was saved in `folder`.

        Raises:
            UserError: A file of it is missing or damaged.
        """
        ...

    @classmethod
    def train(cls, texts: Iterable[str], *, vocabulary_size: int, seed: int) -> Self:
        """Learns a vocabulary from normalised texts; equal texts and settings give an equal tokenizer.

        Args:
            texts: One sentence each, with no line terminator inside.
            vocabulary_size: The most ids wanted, special ones included; a small corpus may give fewer.
            seed: Decides whatever chance there is in learning.

        A member adds keywords of its own, with the defaults that its registry entry gives.

        Raises:
            UserError: There is no text to learn from, or the vocabulary is too small to hold what it must.
        """
        ...
