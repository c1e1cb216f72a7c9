"""The pieces of a sentence, as they are shown beside its translation."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from seq2seq.text.special import EOS, SPECIAL_TOKENS
from seq2seq.text.tokenizer import Tokenizer

_END: Final = SPECIAL_TOKENS[EOS]


class Pieces(dict[int, str]):
    """The piece of each id, asked for once: a tokenizer takes as long for the pieces of a sentence as for its text.

    Args:
        tokenizer: Knows the pieces.
    """

    def __init__(self, tokenizer: Tokenizer) -> None:
        super().__init__()
        self._tokenizer = tokenizer

    def __missing__(self, number: int) -> str:
        piece = self[number] = self._tokenizer.pieces([number])[0]
        return piece

    def of(self, ids: Iterable[int]) -> list[str]:
        """Returns the pieces of a sentence's ids, and EOS's."""
        return [*map(self.__getitem__, ids), _END]
