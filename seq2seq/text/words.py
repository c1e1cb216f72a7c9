"""Whole words and punctuation marks, with placeholders for what no vocabulary can list.

The textbook's vocabulary: the most frequent words get an id each, all others share [UNK]; numbers become [NUM],
addresses of pages and mail [URL]. Subwords translate better; this member is for teaching, and for tiny languages.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any, ClassVar, Final, Self

from seq2seq.errors import UserError
from seq2seq.text.characters import marks
from seq2seq.text.special import EOS, GO, NUM_SPECIAL, PAD, SPECIAL_TOKENS, UNK

FILE_NAME: Final = "vocabulary.tsv"

# A token that follows its left neighbour without a space begins with this mark. The mark itself is no letter, so as
# text it is always a token of one character, and "mark + something" can only mean "glued".
_JOINER: Final = "\uffed"
_NUMBER, _ADDRESS, _UNKNOWN = "[NUM]", "[URL]", "[UNK]"
_PLACEHOLDERS: Final = (_NUMBER, _JOINER + _NUMBER, _ADDRESS, _JOINER + _ADDRESS)
# The first tokens of every vocabulary, in the order of their ids. The text "[NUM]" or "<go>" is cut into brackets and
# letters before it is looked up, so it can never be taken for one of these.
_RESERVED: Final = (SPECIAL_TOKENS[0], _UNKNOWN, *SPECIAL_TOKENS[2:], *_PLACEHOLDERS)
_CACHED_CHUNKS: Final = 1 << 16  # most text is made of few different words; about 10 MB when full

_PUNCTUATION_TAIL: Final = ".,;:!?)\\]}'\"»”’…"
_ADDRESS_PATTERN: Final = (
    rf"(?:https?://|www\.)\S*[^\s{_PUNCTUATION_TAIL}]"  # a page's
    # and mail's; its parts are bounded as in RFC 5321, so that a long run of letters and dots costs no quadratic time
    r"|[\w.+-]{1,64}@[\w-]{1,63}(?:\.[\w-]{1,63})+"
)
_NUMBER_PATTERN: Final = r"\d+(?:[.,:]\d+)*"


class Words:
    """A tokenizer on words; `decode(encode(text)) == text` where every word is known and the text is normalised.

    Tokens are runs of letters, digits and combining marks, and single punctuation marks. Each remembers whether a
    space stood before it, so "word" and "glued word" are two tokens with two ids.

    Args:
        counts: The tokens beside the reserved ones, each with how often the training text had it, in the order of
            their ids.
    """

    name: ClassVar[str] = "words"

    def __init__(self, counts: Sequence[tuple[str, int]]) -> None:
        self._counts = [(str(token), int(count)) for token, count in counts]
        self._tokens = [*_RESERVED, *(token for token, _ in self._counts)]
        self._ids = {token: i for i, token in enumerate(self._tokens) if i >= NUM_SPECIAL}
        self._chunk_ids = lru_cache(maxsize=_CACHED_CHUNKS)(self._looked_up)

    @property
    def vocabulary_size(self) -> int:
        """The number of ids, the special ones and the placeholders included."""
        return len(self._tokens)

    def encode(self, text: str) -> list[int]:
        """Returns the ids of `text`, without GO and EOS; UNK for each word that is not in the vocabulary."""
        return [i for chunk in text.split() for i in self._chunk_ids(chunk)]

    def encode_batch(self, texts: Sequence[str]) -> list[list[int]]:
        """Returns what `encode` gives for each text, in order."""
        return [self.encode(text) for text in texts]

    def decode(self, ids: Sequence[int]) -> str:
        """Returns the text of `ids`; PAD, GO and EOS are skipped; "[UNK]", "[NUM]" and "[URL]" stand as they are.

        Raises:
            UserError: An id is not in the vocabulary.
        """
        tokens = self.pieces([i for i in ids if i not in (PAD, GO, EOS)])
        return "".join(t[1:] if _is_glued(t) else f" {t}" for t in tokens).removeprefix(" ")

    def pieces(self, ids: Sequence[int]) -> list[str]:
        """Returns one printable token for each id; U+FFED at its start says that no space stands before it.

        Raises:
            UserError: An id is not in the vocabulary.
        """
        for i in ids:
            if not 0 <= i < len(self._tokens):
                raise UserError(f"The id {i} is not in the vocabulary of {len(self._tokens)} ids.")
        return [self._tokens[i] for i in ids]

    def save(self, folder: Path) -> None:
        """Writes `vocabulary.tsv` into `folder`: a line for each id in order, token and count, a tab between."""
        folder.mkdir(parents=True, exist_ok=True)
        rows = [*((token, 0) for token in _RESERVED), *self._counts]
        with (folder / FILE_NAME).open("w", encoding="utf-8", newline="\n") as file:
            file.writelines(f"{token}\t{count}\n" for token, count in rows)

    @classmethod
    def load(cls, folder: Path) -> Self:
        """Returns the tokenizer that was saved in `folder`.

        Raises:
            UserError: The file is missing, or a line is not what `save` writes; the message names the line.
        """
        path = folder / FILE_NAME
        try:
            # Tokens may hold any character but white space, so only a line feed ends a line.
            lines = path.read_bytes().decode("utf-8").removesuffix("\n").split("\n")
        except OSError as error:
            raise UserError(f"The tokenizer's file {path} cannot be read: {error.strerror}.") from error
        except UnicodeDecodeError as error:
            raise UserError(f"{path} is not UTF-8: {error}.") from error
        rows: list[tuple[str, int]] = []
        for number, line in enumerate(lines, start=1):
            token, tab, count = line.partition("\t")
            if not (tab and token and count.isdecimal()) or (
                number <= len(_RESERVED) and token != _RESERVED[number - 1]
            ):
                raise UserError(f"{path}, line {number}: {line!r} is not a token and its count, or is out of place.")
            rows.append((token, int(count)))
        if len(rows) < len(_RESERVED) or len({token for token, _ in rows}) < len(rows):
            raise UserError(f"{path} is damaged: its first lines are missing, or a token is there twice.")
        return cls(rows[len(_RESERVED) :])

    @classmethod
    def train(cls, texts: Iterable[str], *, vocabulary_size: int, seed: int = 1, minimum_count: int = 1) -> Self:
        """Takes the most frequent tokens of the texts; of equally frequent ones, the first in code point order.

        Args:
            texts: One normalised sentence each.
            vocabulary_size: The most ids, of which 8 are special ids and placeholders.
            seed: Unused: counting needs no chance.
            minimum_count: Tokens that occur less often are left to [UNK].

        Raises:
            UserError: No text, or a vocabulary too small for a single word.
        """
        del seed
        room = vocabulary_size - len(_RESERVED)
        if room < 1:
            raise UserError(
                f"A word vocabulary of {vocabulary_size} ids is too small: {len(_RESERVED)} are reserved.",
                hint=f"Set vocabulary_size to more than {len(_RESERVED)}.",
            )
        chunks: Counter[str] = Counter()
        for text in texts:
            chunks.update(text.split())
        if not chunks:
            raise UserError("There is no text to learn words from.", hint="Check the training files.")
        counts: Counter[str] = Counter()
        for chunk, count in chunks.items():
            for token in _tokens(chunk):
                counts[token] += count
        ranked = sorted(counts.items(), key=lambda item: (-item[1], item[0]))
        return cls([(t, n) for t, n in ranked if n >= minimum_count and t not in _PLACEHOLDERS][:room])

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (self._counts,)

    def _looked_up(self, chunk: str) -> tuple[int, ...]:
        return tuple(self._ids.get(token, UNK) for token in _tokens(chunk))


def _tokens(chunk: str) -> list[str]:
    """Returns the tokens of a text without white space; all but the first are glued to their left neighbour."""
    found = []
    for match in _pattern().finditer(chunk):
        kind = match.lastgroup
        token = _NUMBER if kind == "number" else _ADDRESS if kind == "address" else match.group()
        found.append(_JOINER + token if match.start() else token)
    return found


def _is_glued(token: str) -> bool:
    return len(token) > 1 and token[0] == _JOINER


@lru_cache(maxsize=1)
def _pattern() -> re.Pattern[str]:
    """Whatever stands between spaces, cut into addresses, numbers, words and single other characters."""
    letter = f"[\\w{marks()}]"
    number = f"{_NUMBER_PATTERN}(?!{letter})"  # "3rd" and "4x4" are words
    return re.compile(f"(?P<address>{_ADDRESS_PATTERN})|(?P<number>{number})|{letter}+|.", re.DOTALL)
