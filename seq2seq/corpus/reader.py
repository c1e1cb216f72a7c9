"""The contract that every source of sentence pairs keeps."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Protocol

from seq2seq.corpus.pair import Pair


class Reader(Protocol):
    """Gives sentence pairs, streamed: memory does not grow with the corpus. Each call starts again from the first.

    To add one: write its file in `readers/`, and its line in `seq2seq.registry.READERS`.
    """

    def __call__(self) -> Iterator[Pair]:
        """Yields the pairs in the order of the source, as they stand there, lines numbered from 1.

        Raises:
            UserError: The source is missing or damaged; the message names file and line.
        """
        ...
