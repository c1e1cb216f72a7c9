"""Whole words and punctuation marks, with placeholders for what no vocabulary can list.

The textbook's vocabulary: the most frequent words get an id each, all others share [UNK]; numbers become [NUM],
addresses of pages and mail [URL]. Subwords translate better; this member is for teaching, for tiny languages, and for
text that somebody has cut into tokens before.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from functools import lru_cache, partial
from pathlib import Path
from typing import Any, ClassVar, Final, Self

from seq2seq.errors import UserError, nearest
from seq2seq.text.characters import IDEOGRAPHS, UNSPACED_LETTERS, marks
from seq2seq.text.special import EOS, GO, NUM_SPECIAL, PAD, SPECIAL_TOKENS, UNK

FILE_NAME: Final = "vocabulary.tsv"
SETTINGS_NAME: Final = "settings.json"
SPLITS: Final = ("words", "spaces")

# A token that follows its left neighbour without a space begins with this mark. The mark itself is no letter, so as
# text it is always a token of one character, and "mark + something" can only mean "glued".
_JOINER: Final = "\uffed"
_NUMBER, _ADDRESS, _UNKNOWN = "[NUM]", "[URL]", "[UNK]"
_KINDS: Final = {_UNKNOWN: "unk", _NUMBER: "num", _ADDRESS: "url"}
_SPECIAL: Final = (SPECIAL_TOKENS[0], _UNKNOWN, *SPECIAL_TOKENS[2:])
_NUMBERS_AND_ADDRESSES: Final = (_NUMBER, _JOINER + _NUMBER, _ADDRESS, _JOINER + _ADDRESS)
_GLUED_UNKNOWN: Final = _JOINER + _UNKNOWN
# The first tokens of a vocabulary, in the order of their ids. As words, the text "[NUM]" or "<go>" is cut into brackets
# and letters before it is looked up; between spaces, such a token is written behind the mark: it can never be taken for
# one of these.
_RESERVED: Final = {"words": (*_SPECIAL, *_NUMBERS_AND_ADDRESSES, _GLUED_UNKNOWN), "spaces": _SPECIAL}
_MARKED: Final = frozenset((*SPECIAL_TOKENS, _UNKNOWN, _NUMBER, _ADDRESS))
_SKIPPED: Final = frozenset({PAD, GO, EOS})
_CACHED_CHUNKS: Final = 1 << 16  # most text is made of few different words; about 10 MB when full
_BETWEEN_SPACES: Final = re.compile("[^ \t\n\r\v\f]+")  # a no-break space is part of its token: somebody left it there

# What stands behind an address and is not of it: stops and closing marks, whichever the language closes with.
_PUNCTUATION_TAIL: Final = ".,;:!?)\\]}>'\"»”’…›«“‘‹。，、；：！？）」』】》،؛؟।"
_UNSPACED: Final = IDEOGRAPHS + UNSPACED_LETTERS  # beside which an address stands without a space, and which it has not
_IN_MAIL: Final = rf"[^\W{_UNSPACED}]"
_ADDRESS_PATTERN: Final = (
    # a page's, in whose path may stand what must not stand beside it
    rf"(?:https?://|www\.)(?:[^\s{_UNSPACED}]|(?<=[/=#])[{_UNSPACED}]++)+(?<![{_PUNCTUATION_TAIL}])"
    # and mail's; its parts are bounded as in RFC 5321, so that a long run of letters and dots costs no quadratic time
    rf"|(?:{_IN_MAIL}|[.+-]){{1,64}}@(?:{_IN_MAIL}|-){{1,63}}(?:\.(?:{_IN_MAIL}|-){{1,63}})+"
)
_NUMBER_PATTERN: Final = r"\d+(?:[.,:]\d+)*"


class Words:
    """A tokenizer on words; `decode(encode(text)) == text` where every word is known and the text is normalised.

    Tokens are runs of letters, digits and combining marks, and single punctuation marks. Each remembers whether a
    space stood before it, so "word" and "glued word" are two tokens with two ids; likewise of the placeholders.

    With `split="spaces"`, for text that was cut into tokens before, a token is whatever stands between two spaces, and
    [UNK] is the only placeholder.

    Args:
        counts: The tokens beside the reserved ones, each with how often the training text had it, in the order of
            their ids.
        split: "words" or "spaces".
        glued_unknown: Whether [UNK] remembers the space before it; that of an older vocabulary does not.

    Raises:
        UserError: There is no such `split`.
    """

    name: ClassVar[str] = "words"

    def __init__(self, counts: Sequence[tuple[str, int]], *, split: str = "words", glued_unknown: bool = True) -> None:
        if split not in SPLITS:
            raise UserError(f"There is no split of words called {split!r}.", hint=nearest(split, list(SPLITS)))
        self.split = split
        self._counts = [(str(token), int(count)) for token, count in counts]
        reserved = [t for t in _RESERVED[split] if glued_unknown or t != _GLUED_UNKNOWN]
        self._num_reserved = len(reserved)
        self._tokens = [*reserved, *(token for token, _ in self._counts)]
        self._ids = {token: i for i, token in enumerate(self._tokens) if i >= NUM_SPECIAL}
        self._glued_unknown = self._ids.get(_GLUED_UNKNOWN, UNK)
        self._placeholders = {
            i: _KINDS[token.removeprefix(_JOINER)]
            for i, token in enumerate(reserved)
            if token.removeprefix(_JOINER) in _KINDS
        }
        self._chunk_ids = lru_cache(maxsize=_CACHED_CHUNKS)(self._looked_up)

    @property
    def vocabulary_size(self) -> int:
        """The number of ids, the special ones and the placeholders included."""
        return len(self._tokens)

    @property
    def placeholders(self) -> Mapping[int, str]:
        """The ids of [UNK], [NUM] and [URL], each glued to its left neighbour or not."""
        return self._placeholders

    def encode(self, text: str) -> list[int]:
        """Returns the ids of `text`, without GO and EOS; [UNK] for each word that is not in the vocabulary."""
        return [i for chunk in self._chunks(text) for i in self._chunk_ids(chunk)]

    def encode_batch(self, texts: Sequence[str]) -> list[list[int]]:
        """Returns what `encode` gives for each text, in order."""
        return [self.encode(text) for text in texts]

    def surfaces(self, text: str) -> list[str]:
        """Returns the text of each token, without the spaces between: of [NUM] the number, of [UNK] the word."""
        return [surface for chunk in self._chunks(text) for _, surface in self._cut(chunk)]

    def decode(self, ids: Sequence[int], fill: Mapping[int, str] | None = None) -> str:
        """Returns the text of `ids`; PAD, GO and EOS are skipped.

        Args:
            ids: The ids.
            fill: The text of the placeholder at a position of `ids`; without one "[UNK]", "[NUM]" and "[URL]" stand as
                they are.

        Raises:
            UserError: An id is not in the vocabulary.
        """
        given, parts = fill or {}, []
        for position, (i, token) in enumerate(zip(ids, self.pieces(ids), strict=True)):
            if i in _SKIPPED:
                continue
            marked = _is_glued(token)
            shown = token[1:] if marked else token
            if position in given and i in self._placeholders:
                shown = given[position]
            parts.append(shown if marked and self.split == "words" else f" {shown}")
        return "".join(parts).removeprefix(" ")

    def pieces(self, ids: Sequence[int]) -> list[str]:
        """Returns one printable token for each id; U+FFED at its start says that no space stands before it.

        Between spaces, it says that the token is text and only looks like a placeholder.

        Raises:
            UserError: An id is not in the vocabulary.
        """
        for i in ids:
            if not 0 <= i < len(self._tokens):
                raise UserError(f"The id {i} is not in the vocabulary of {len(self._tokens)} ids.")
        return [self._tokens[i] for i in ids]

    def save(self, folder: Path) -> None:
        """Writes `settings.json`, and `vocabulary.tsv`: a line for each id in order, token and count, a tab between."""
        folder.mkdir(parents=True, exist_ok=True)
        rows = [*((token, 0) for token in self._tokens[: self._num_reserved]), *self._counts]
        with (folder / FILE_NAME).open("w", encoding="utf-8", newline="\n") as file:
            file.writelines(f"{token}\t{count}\n" for token, count in rows)
        (folder / SETTINGS_NAME).write_text(json.dumps({"split": self.split}) + "\n", encoding="utf-8")

    @classmethod
    def load(cls, folder: Path) -> Self:
        """Returns the tokenizer that was saved in `folder`.

        Raises:
            UserError: A file is missing, or a line is not what `save` writes; the message names the line.
        """
        path = folder / FILE_NAME
        split = _read_split(folder / SETTINGS_NAME)
        rows = _read_rows(path)
        first = [token for token, _ in rows[: len(_RESERVED[split])]]
        # An older vocabulary has no glued [UNK]; no text can have put that token there.
        glued_unknown = split == "words" and _GLUED_UNKNOWN in first
        reserved = [token for token in _RESERVED[split] if glued_unknown or token != _GLUED_UNKNOWN]
        for number, (found, wanted) in enumerate(zip(first, reserved, strict=False), start=1):
            if found != wanted:
                raise UserError(f"{path}, line {number}: {found!r} is out of place; {wanted!r} must stand here.")
        if len(rows) < len(reserved) or len({token for token, _ in rows}) < len(rows):
            raise UserError(f"{path} is damaged: its first lines are missing, or a token is there twice.")
        return cls(rows[len(reserved) :], split=split, glued_unknown=glued_unknown)

    @classmethod
    def train(
        cls,
        texts: Iterable[str],
        *,
        vocabulary_size: int,
        seed: int = 1,
        minimum_count: int = 1,
        split: str = "auto",
    ) -> Self:
        """Takes the most frequent tokens of the texts; of equally frequent ones, the first in code point order.

        Args:
            texts: One normalised sentence each.
            vocabulary_size: The most ids, of which 9 are special ids and placeholders; 4 between spaces.
            seed: Unused: counting needs no chance.
            minimum_count: Tokens that occur less often are left to [UNK].
            split: "words", or "spaces": tokens are exactly what stands between spaces. "auto" is "words" here; a recipe
                makes it "spaces" where its text is tokenised already.

        Raises:
            UserError: No text, a vocabulary too small for a single word, or an unknown `split`.
        """
        del seed
        split = "words" if split == "auto" else split
        empty = cls([], split=split)
        room = vocabulary_size - empty.vocabulary_size
        if room < 1:
            raise UserError(
                f"A word vocabulary of {vocabulary_size} ids is too small: {empty.vocabulary_size} are reserved.",
                hint=f"Set vocabulary_size to more than {empty.vocabulary_size}.",
            )
        chunks: Counter[str] = Counter()
        for text in texts:
            chunks.update(empty._chunks(text))
        if not chunks:
            raise UserError("There is no text to learn words from.", hint="Check the training files.")
        counts: Counter[str] = Counter()
        for chunk, count in chunks.items():
            for token, _ in empty._cut(chunk):
                counts[token] += count
        ranked = sorted(counts.items(), key=lambda item: (-item[1], item[0]))
        kept = [(t, n) for t, n in ranked if n >= minimum_count and t not in empty._ids]
        return cls(kept[:room], split=split)

    def __reduce__(self) -> tuple[Any, ...]:
        glued_unknown = self._glued_unknown != UNK
        return partial(type(self), split=self.split, glued_unknown=glued_unknown), (self._counts,)

    def _chunks(self, text: str) -> list[str]:
        return text.split() if self.split == "words" else _BETWEEN_SPACES.findall(text)

    def _cut(self, chunk: str) -> list[tuple[str, str]]:
        return _tokens(chunk) if self.split == "words" else [(_marked(chunk), chunk)]

    def _looked_up(self, chunk: str) -> tuple[int, ...]:
        return tuple(
            self._ids.get(token, self._glued_unknown if _is_glued(token) and self.split == "words" else UNK)
            for token, _ in self._cut(chunk)
        )


def _read_split(path: Path) -> str:
    """Returns the setting `split` from the file, which older vocabularies do not have."""
    try:
        split = json.loads(path.read_text(encoding="utf-8"))["split"]
    except FileNotFoundError:
        return "words"
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise UserError(f"{path} is damaged: it must hold the setting 'split'.") from error
    if split not in SPLITS:
        raise UserError(f"{path}: there is no split of words called {split!r}.", hint="Install a newer seq2seq.")
    return str(split)


def _read_rows(path: Path) -> list[tuple[str, int]]:
    """Returns the tokens and counts in the file.

    Raises:
        UserError: It cannot be read, or a line is no token and its count.
    """
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
        if not (tab and token and count.isdecimal()):
            raise UserError(f"{path}, line {number}: {line!r} is not a token and its count.")
        rows.append((token, int(count)))
    return rows


def _marked(token: str) -> str:
    """Returns a token from between spaces as the vocabulary lists it; each is listed in one way, and no two alike."""
    return _JOINER + token if token in _MARKED or token[0] == _JOINER else token


def _tokens(chunk: str) -> list[tuple[str, str]]:
    """Returns the tokens of a text without white space and what each stands for; all but the first are glued."""
    found = []
    for match in _pattern().finditer(chunk):
        kind, surface = match.lastgroup, match.group()
        token = _NUMBER if kind == "number" else _ADDRESS if kind == "address" else surface
        found.append((_JOINER + token if match.start() else token, surface))
    return found


def _is_glued(token: str) -> bool:
    return len(token) > 1 and token[0] == _JOINER


@lru_cache(maxsize=1)
def _pattern() -> re.Pattern[str]:
    """Whatever stands between spaces, cut into addresses, numbers, words and single other characters."""
    letter = f"[\\w{marks()}]"
    number = f"{_NUMBER_PATTERN}(?!{letter})"  # "3rd" and "4x4" are words
    # Without spaces, letters would go on into the address behind them.
    before = f"[{_UNSPACED}]++(?={_ADDRESS_PATTERN})"
    word = f"{letter}(?:(?!https?://|www\\.){letter})*"
    return re.compile(f"(?P<address>{_ADDRESS_PATTERN})|(?P<number>{number})|{before}|{word}|.", re.DOTALL)
