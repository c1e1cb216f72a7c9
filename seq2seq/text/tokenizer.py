"""The contract between text and ids that every tokenizer keeps."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Protocol, Self


class Tokenizer(Protocol):
    """Turns one language's text into ids and back.

    Ids 0 to 3 are special (`seq2seq.text.special`). Text never produces PAD, GO or EOS, whatever a user writes in it,
    and adding GO and EOS is the business of whoever builds batches. A tokenizer may be called from several threads.

    Nothing of a normalised text is lost: `decode(encode(text), fill) == text` where `fill` takes, for each id that is a
    placeholder, what `surfaces(text)` says there.
    """

    @property
    def name(self) -> str:
        """The registry's name of the member: a class variable of each."""
        ...

    @property
    def vocabulary_size(self) -> int:
        """The number of ids, the special ones included."""
        ...

    @property
    def placeholders(self) -> Mapping[int, str]:
        """The ids that stand for what no vocabulary can list, with their kind: "unk", "num" or "url".

        Empty where the tokenizer can write any text. UNK is among them where text can produce it.
        """
        ...

    def encode(self, text: str) -> list[int]:
        """Returns the ids of `text`, without GO and EOS; UNK stands where nothing in the vocabulary fits."""
        ...

    def encode_batch(self, texts: Sequence[str]) -> list[list[int]]:
        """Returns what `encode` gives for each text, in order."""
        ...

    def surfaces(self, text: str) -> list[str]:
        """Returns, for each id of `encode(text)`, the part of the text that it stands for.

        Put together they are the text, but for the spaces that a tokenizer on words needs no id for.
        """
        ...

    def decode(self, ids: Sequence[int], fill: Mapping[int, str] | None = None) -> str:
        """Returns the text of `ids`; PAD, GO and EOS are skipped.

        Args:
            ids: The ids.
            fill: The text that stands in for the placeholder at a position of `ids`, counted from 0 with the special
                ids; other positions are ignored. A placeholder without one prints as a mark of its kind.
        """
        ...

    def pieces(self, ids: Sequence[int]) -> list[str]:
        """Returns one printable token for each id, special ids included."""
        ...


class Member(Tokenizer, Protocol):
    """A tokenizer that learns, is saved, and stands in the registry.

    To add one: write its file in this folder, and its line in `seq2seq.registry.TOKENIZERS`.
    """

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
