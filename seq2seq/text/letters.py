"""Single characters: the smallest vocabulary, and the longest sentences.

A character is a code point. What a reader takes for one letter may be several of them: a letter with an accent that has
no code point of its own (NFC, the normaliser's form, has put all others together), a consonant with its vowel sign, an
emoji with its skin. Each part gets an id, which keeps the vocabulary small and loses nothing, since order is kept.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar, Final, Self

from seq2seq.errors import UserError
from seq2seq.text.special import EOS, GO, NUM_SPECIAL, PAD, SPECIAL_TOKENS, UNK

FILE_NAME: Final = "characters.tsv"

_UNKNOWN: Final = "\ufffd"  # Unicode's own mark for a character that cannot be shown
_SHOWN_SPACE: Final = "\u2581"
_SKIPPED: Final = frozenset({PAD, GO, EOS})
_PLACEHOLDERS: Final = {UNK: "unk"}


class Characters:
    """A tokenizer on characters; `decode(encode(text)) == text` for any text of known characters. A space is one too.

    Args:
        counts: The characters, each with how often the training text had it, in the order of their ids, from 4 on.
    """

    name: ClassVar[str] = "characters"

    def __init__(self, counts: Sequence[tuple[str, int]]) -> None:
        self._counts = [(str(character), int(count)) for character, count in counts]
        self._characters = [*(_UNKNOWN for _ in SPECIAL_TOKENS), *(character for character, _ in self._counts)]
        self._ids = {character: i for i, (character, _) in enumerate(self._counts, start=NUM_SPECIAL)}

    @property
    def vocabulary_size(self) -> int:
        """The number of ids, the special ones included."""
        return len(self._characters)

    @property
    def placeholders(self) -> Mapping[int, str]:
        """UNK, which stands for any character that the training text did not have."""
        return _PLACEHOLDERS

    def encode(self, text: str) -> list[int]:
        """Returns one id a character, without GO and EOS; UNK for a character that is not in the vocabulary."""
        known = self._ids
        return [known.get(character, UNK) for character in text]

    def encode_batch(self, texts: Sequence[str]) -> list[list[int]]:
        """Returns what `encode` gives for each text, in order."""
        return [self.encode(text) for text in texts]

    def surfaces(self, text: str) -> list[str]:
        """Returns the characters."""
        return list(text)

    def decode(self, ids: Sequence[int], fill: Mapping[int, str] | None = None) -> str:
        """Returns the text of `ids`; PAD, GO and EOS are skipped, UNK without a `fill` prints as U+FFFD.

        Raises:
            UserError: An id is not in the vocabulary.
        """
        self._check(ids)
        given = fill or {}
        return "".join(
            given.get(position, _UNKNOWN) if i == UNK else self._characters[i]
            for position, i in enumerate(ids)
            if i not in _SKIPPED
        )

    def pieces(self, ids: Sequence[int]) -> list[str]:
        """Returns one printable token for each id: U+2581 for a space, "U+200B" for what cannot be seen.

        Raises:
            UserError: An id is not in the vocabulary.
        """
        self._check(ids)
        return [SPECIAL_TOKENS[i] if i < NUM_SPECIAL else _shown(self._characters[i]) for i in ids]

    def save(self, folder: Path) -> None:
        """Writes `characters.tsv` into `folder`: a line an id in order, with code point, count, and how it looks."""
        folder.mkdir(parents=True, exist_ok=True)
        lines = (f"U+{ord(character):04X}\t{count}\t{_shown(character)}\n" for character, count in self._counts)
        with (folder / FILE_NAME).open("w", encoding="utf-8", newline="\n") as file:
            file.writelines(lines)

    @classmethod
    def load(cls, folder: Path) -> Self:
        """Returns the tokenizer that was saved in `folder`. How a character looks is for people and is not read.

        Raises:
            UserError: The file is missing, or a line is not what `save` writes; the message names the line.
        """
        path = folder / FILE_NAME
        try:
            lines = path.read_bytes().decode("utf-8").removesuffix("\n").split("\n")
        except OSError as error:
            raise UserError(f"The tokenizer's file {path} cannot be read: {error.strerror}.") from error
        except UnicodeDecodeError as error:
            raise UserError(f"{path} is not UTF-8: {error}.") from error
        counts: dict[str, int] = {}
        for number, line in enumerate(lines, start=1):
            try:
                point, count, _ = line.split("\t", 2)
                character = chr(int(point.removeprefix("U+"), 16))
                if character in counts or not point.startswith("U+"):
                    raise ValueError
                counts[character] = int(count)
            except (ValueError, OverflowError) as error:
                raise UserError(
                    f"{path}, line {number}: {line!r} is not a code point and its count, or is there twice."
                ) from error
        return cls(list(counts.items()))

    @classmethod
    def train(cls, texts: Iterable[str], *, vocabulary_size: int, seed: int = 1, minimum_count: int = 1) -> Self:
        """Takes the most frequent characters of the texts; of equally frequent ones, the first in code point order.

        Args:
            texts: One normalised sentence each.
            vocabulary_size: The most ids, of which 4 are special.
            seed: Unused: counting needs no chance.
            minimum_count: Characters that occur less often are left to UNK.

        Raises:
            UserError: No text, a vocabulary too small for a single character, or no character that is frequent enough.
        """
        del seed
        if vocabulary_size <= NUM_SPECIAL:
            raise UserError(
                f"A vocabulary of {vocabulary_size} ids is too small: {NUM_SPECIAL} are reserved.",
                hint=f"Set vocabulary_size to more than {NUM_SPECIAL}.",
            )
        counts: Counter[str] = Counter()
        for text in texts:
            counts.update(text)
        if all(character.isspace() for character in counts):
            raise UserError("There is no text to learn characters from.", hint="Check the training files.")
        ranked = sorted(counts.items(), key=lambda item: (-item[1], item[0]))
        if ranked[0][1] < minimum_count:
            raise UserError(
                f"No character occurs {minimum_count} times; the most frequent one, {ranked[0][0]!r}, occurs "
                f"{ranked[0][1]} times.",
                hint="Set a lower minimum_count.",
            )
        return cls([(c, n) for c, n in ranked if n >= minimum_count][: vocabulary_size - NUM_SPECIAL])

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (self._counts,)

    def _check(self, ids: Sequence[int]) -> None:
        for i in ids:
            if not 0 <= i < len(self._characters):
                raise UserError(f"The id {i} is not in the vocabulary of {len(self._characters)} ids.")


def _shown(character: str) -> str:
    """Returns a different printable text for each character, so that no two ids look alike."""
    if character == " ":
        return _SHOWN_SPACE
    seen = character.isprintable() and character != _SHOWN_SPACE
    return character if seen else f"U+{ord(character):04X}"
