"""Some thousand pairs under examination: what several examinations look at is computed once, when first asked for."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterable, Iterator, Sequence
from functools import cache, cached_property
from typing import Final
from zlib import crc32

import numpy as np
from numpy.typing import NDArray

from seq2seq.corpus.cleaning import in_batches
from seq2seq.corpus.doctor.minhash import sketches
from seq2seq.corpus.doctor.ragged import Ragged, cut_after, fingerprints
from seq2seq.corpus.filters.words import count_words
from seq2seq.corpus.pair import Pair
from seq2seq.text.characters import IDEOGRAPHS, UNSPACED_LETTERS, marks

BATCH_PAIRS: Final = 4096
_KNOWN_WORDS: Final = 200_000  # words whose ids are remembered, some 30 MB at most; then they are hashed anew


class WordIds(dict[str, int]):
    """Ids of words: the same word has the same id on both sides, in every batch and in every process.

    A 31-bit hash and a bit that tells words (1) from signs (0). Of 100,000 words about two in 100,000 share their id
    with another, which adds a little noise to counts and breaks nothing.
    """

    def __missing__(self, word: str) -> int:
        if len(self) >= _KNOWN_WORDS:
            self.clear()
        self[word] = number = word_id(word)
        return number


def word_id(word: str) -> int:
    """Returns the id of a lower-case word or sign: its CRC-32, the last bit set in words only."""
    number = crc32(word.encode("utf-8", "surrogatepass"))
    return number | 1 if word[0].isalnum() else number & ~1


class Side:
    """One side of a batch.

    Args:
        texts: Its sentences.
        ids: The words met so far.
    """

    def __init__(self, texts: Sequence[str], ids: WordIds) -> None:
        # A JSON string can hold a line feed, which means the end of a sentence below.
        self.texts = [text.replace("\n", " ") if "\n" in text else text for text in texts]
        self._ids = ids

    def __len__(self) -> int:
        return len(self.texts)

    @cached_property
    def joined(self) -> str:
        """All sentences, each with a line feed after it: one call of a pattern instead of thousands."""
        return "\n".join(self.texts) + "\n" if self.texts else ""

    @cached_property
    def codes(self) -> Ragged:
        """The code points of each sentence, and the line feed after it."""
        flat = np.frombuffer(self.joined.encode("utf-32-le", "surrogatepass"), np.uint32)
        lengths = np.fromiter(map(len, self.texts), np.int64, len(self.texts))
        return Ragged(flat, np.concatenate((np.zeros(1, np.int64), np.cumsum(lengths + 1))))

    def matches(self, pattern: re.Pattern[str]) -> NDArray[np.int64]:
        """Returns the sentences in which `pattern` is found, each once; shape [sentences found], ascending."""
        at = np.fromiter((match.start() for match in pattern.finditer(self.joined)), np.int64)
        return np.unique(np.searchsorted(self.codes.starts, at, side="right") - 1)

    @cached_property
    def words(self) -> Ragged:
        """Ids of the lower-case words and signs; an ideograph, or a letter of a script without spaces, is a word."""
        text = self.joined.lower()
        # The pattern for all scripts is slower, and seldom needed.
        tokens = (_any_token() if _special()[self.codes.values].any() else _TOKEN).findall(text)
        numbers = np.fromiter(map(self._ids.__getitem__, tokens), np.uint32, len(tokens))
        return cut_after(numbers, self._ids["\n"])

    @cached_property
    def num_words(self) -> NDArray[np.int64]:
        """Words of each sentence, as the filters count them; shape [pairs]."""
        return np.fromiter(map(count_words, self.texts), np.int64, len(self.texts))

    @cached_property
    def plain(self) -> Ragged:
        """`words` without the signs; a sentence of signs only keeps them."""
        wordless = self.words.count((self.words.values & 1).astype(np.bool_)) == 0
        return self.words.only((self.words.values & 1).astype(np.bool_) | wordless[self.words.rows])

    @cached_property
    def sketch(self) -> NDArray[np.uint32]:
        """What tells how many words two sentences share; see `minhash`. Shape [pairs, hashes]."""
        return sketches(self.plain)

    @cached_property
    def loose(self) -> NDArray[np.uint64]:
        """Fingerprints of the words in their order, without case, punctuation and spaces; shape [pairs]."""
        return fingerprints(self.plain)


class Batch:
    """Pairs under examination.

    Args:
        pairs: Some thousands.
        first_row: Pairs that came before them.
        origin: The file or corpus they are from, where there are several; else empty.
        ids: The words met so far.
    """

    def __init__(
        self, pairs: Sequence[Pair], *, first_row: int = 0, origin: str = "", ids: WordIds | None = None
    ) -> None:
        lines, sources, targets = zip(*pairs, strict=True) if pairs else ((), (), ())
        known = WordIds() if ids is None else ids
        self.lines: tuple[int, ...] = lines
        self.first_row, self.origin = first_row, origin
        self.source, self.target = Side(sources, known), Side(targets, known)

    def __len__(self) -> int:
        return len(self.lines)


def batches(corpora: Iterable[tuple[str, Iterable[Pair]]], *, size: int = BATCH_PAIRS) -> Iterator[Batch]:
    """Yields the pairs of each corpus in batches; no batch holds pairs of two.

    Args:
        corpora: Names and pairs.
        size: Pairs of a batch; the last of a corpus is shorter.
    """
    ids, row = WordIds(), 0
    for origin, pairs in corpora:
        for some in in_batches(pairs, size):
            yield Batch(some, first_row=row, origin=origin, ids=ids)
            row += len(some)


_TOKEN: Final = re.compile(r"\n|\w+|[^\w\s]")


@cache
def _special() -> NDArray[np.bool_]:
    """Returns for each code point whether it needs `_any_token`: ideographs, unspaced letters, combining marks."""
    found = np.zeros(sys.maxunicode + 1, np.bool_)
    for ranges in (IDEOGRAPHS, UNSPACED_LETTERS, marks()):
        for first, last in re.findall("(.)-(.)", ranges, re.DOTALL):
            found[ord(first) : ord(last) + 1] = True
    return found


@cache
def _any_token() -> re.Pattern[str]:
    alone = f"{IDEOGRAPHS}{UNSPACED_LETTERS}"
    return re.compile(rf"\n|[{alone}]|(?:(?![{alone}])[\w{marks()}])+|[^\w\s]")
