"""True case: a word that only a sentence's start gives a capital is written as it is elsewhere.

"The mill" and "the mill" then share their ids, and what is learned of the one helps the other. From each language's
training text we learn which words are usually written with a small letter, counting only places where that is a choice
(not a sentence's start, not a line in capitals); after Lita et al. 2003, "tRuEcasIng", and the recaser of Koehn et al.
2007. Deviations: only the first word of a line is changed, since within a line an abbreviation's stop looks like a
sentence's end; and nothing is lost: where giving the first letter its capital back would not restore the text, an id of
its own says to leave it as it is. Text in a script without case never changes.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Final, NamedTuple

from seq2seq.errors import UserError
from seq2seq.text.characters import marks
from seq2seq.text.special import EOS, GO, PAD, UNK
from seq2seq.text.tokenizer import Tokenizer

AS_IT_IS: Final = "<as it is>"
"""The piece of the id that says to leave a text's first letter alone. No text gives it: no piece has a space."""

_LARGEST: Final = 100_000  # words kept, the most frequent ones: about a megabyte in a bundle
_SKIPPED: Final = frozenset({PAD, GO, EOS})
# Between two words, what makes the second one's capital no choice of the writer's.
_STARTS_ANEW: Final = re.compile(r"""[.!?:;…。！？"“”„‟«»‹›¿¡(\[{•–—]|(?:^|\s)[-*'‘‚]""")


class Truecased(NamedTuple):
    """A text in true case.

    Attributes:
        text: The text, its first word as it is written elsewhere.
        as_it_is: Whether its first letter must stay what it is to give back the original.
    """

    text: str
    as_it_is: bool


class Case:
    """Which words of a language are usually written with a small letter.

    Args:
        small: These words.
    """

    def __init__(self, small: Iterable[str]) -> None:
        self.small = frozenset(small)

    def __call__(self, text: str) -> Truecased:
        """Returns `text` in true case; `restore` gives back the original unless `as_it_is` says so."""
        changed = self._lowered(text)
        if changed != text and restore(changed) == text:
            return Truecased(changed, as_it_is=False)
        return Truecased(text, as_it_is=restore(text) != text)

    def _lowered(self, text: str) -> str:
        found = _first_word().match(text)
        if not found:
            return text
        word, begin = found[1], found.start(1)
        usual = word[0].lower() + word[1:]
        return text[:begin] + usual + text[begin + len(word) :] if usual in self.small else text

    @classmethod
    def learn(cls, texts: Iterable[str]) -> Case:
        """Counts the forms of each word; memory grows with the number of different words.

        Args:
            texts: One normalised sentence each.
        """
        counts: Counter[str] = Counter()
        for text in texts:
            if not text.isupper():  # a heading says nothing about case
                counts.update(_free_words(text))
        forms: dict[str, list[tuple[int, str]]] = {}
        for form, count in counts.items():
            forms.setdefault(form.lower(), []).append((count, form))
        found: list[tuple[int, str]] = []
        for alternatives in forms.values():
            most = max(count for count, _ in alternatives)
            winners = [form for count, form in alternatives if count == most]
            if len(winners) == 1 and _capital(winners[0][0]) != winners[0][0]:
                found.append((-most, winners[0]))
        return cls(form for _, form in sorted(found)[:_LARGEST])

    def save(self, path: Path) -> None:
        """Writes the words to the file `path`, one a line, in code point order."""
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("w", encoding="utf-8", newline="\n") as file:
            file.writelines(f"{word}\n" for word in sorted(self.small))

    @classmethod
    def load(cls, path: Path) -> Case:
        """Returns what was saved in `path`.

        Raises:
            UserError: The file is missing or damaged.
        """
        try:
            text = path.read_bytes().decode("utf-8")
        except OSError as error:
            raise UserError(f"The file of the true case, {path}, cannot be read: {error.strerror}.") from error
        except UnicodeDecodeError as error:
            raise UserError(f"{path} is not UTF-8: {error}.") from error
        if text and not text.endswith("\n"):
            raise UserError(f"{path} is damaged: its end is missing.")
        return cls(text.split("\n")[:-1])


class TrueCase:
    """A tokenizer that reads and writes text in true case; all that the inner one keeps, it keeps.

    Its ids are the inner one's and, after them, one that says to leave the first letter as it is.

    Args:
        inner: The tokenizer, which sees text in true case only.
        case: Which words to write small.
    """

    def __init__(self, inner: Tokenizer, case: Case) -> None:
        self.inner = inner
        self.case = case
        self._as_it_is = inner.vocabulary_size

    @property
    def name(self) -> str:
        """The inner tokenizer's."""
        return self.inner.name

    @property
    def vocabulary_size(self) -> int:
        """The number of ids: the inner tokenizer's and one more."""
        return self._as_it_is + 1

    @property
    def placeholders(self) -> Mapping[int, str]:
        """The inner tokenizer's."""
        return self.inner.placeholders

    def prepared(self, text: str) -> tuple[list[int], str]:
        """Returns the ids that stand before those of the inner tokenizer, and the text that this one reads."""
        changed = self.case(text)
        return [self._as_it_is] if changed.as_it_is else [], changed.text

    def encode(self, text: str) -> list[int]:
        """Returns the ids of `text`, without GO and EOS."""
        before, changed = self.prepared(text)
        return before + self.inner.encode(changed)

    def encode_batch(self, texts: Sequence[str]) -> list[list[int]]:
        """Returns what `encode` gives for each text, in order."""
        prepared = [self.prepared(text) for text in texts]
        encoded = self.inner.encode_batch([changed for _, changed in prepared])
        return [before + ids for (before, _), ids in zip(prepared, encoded, strict=True)]

    def surfaces(self, text: str) -> list[str]:
        """Returns the text of each id, in true case: the first word as it would stand within a sentence."""
        before, changed = self.prepared(text)
        return [""] * len(before) + self.inner.surfaces(changed)

    def decode(self, ids: Sequence[int], fill: Mapping[int, str] | None = None) -> str:
        """Returns the text of `ids`, its first letter a capital unless the ids say to leave it as it is.

        Args:
            ids: The ids. That one which says so counts at the start only.
            fill: The text of the placeholder at a position of `ids`.

        Raises:
            UserError: An id is not in the vocabulary.
        """
        kept = [(position, int(i)) for position, i in enumerate(ids) if i != self._as_it_is]
        given = fill or {}
        moved = {new: given[old] for new, (old, _) in enumerate(kept) if old in given}
        text = self.inner.decode([i for _, i in kept], moved)
        first = next((i for i in ids if i not in _SKIPPED), None)
        return text if first == self._as_it_is else restore(text)

    def pieces(self, ids: Sequence[int]) -> list[str]:
        """Returns one printable token for each id."""
        pieces = self.inner.pieces([UNK if i == self._as_it_is else i for i in ids])
        return [AS_IT_IS if i == self._as_it_is else piece for i, piece in zip(ids, pieces, strict=True)]


def restore(text: str) -> str:
    """Returns `text` with a capital at the start of its first word, where that letter has one."""
    found = _first_word().match(text)
    if not found:
        return text
    at = found.start(1)
    return text[:at] + _capital(text[at]) + text[at + 1 :]


def _capital(letter: str) -> str:
    """Returns the capital of a small letter, or the letter where it has none that is a single one, as "ß" has none."""
    capital = letter.title()
    return capital if letter.islower() and len(capital) == 1 else letter


def _free_words(text: str) -> list[str]:
    """Returns the words whose first letter is what the writer chose: not a sentence's first one."""
    found = []
    end = -1  # of the word before
    for match in _word().finditer(text):
        if end >= 0 and not _STARTS_ANEW.search(text, end, match.start()):
            found.append(match.group())
        end = match.end()
    return found


@lru_cache(maxsize=1)
def _word() -> re.Pattern[str]:
    return re.compile(f"\\w[\\w{marks()}]*")


@lru_cache(maxsize=1)
def _first_word() -> re.Pattern[str]:
    return re.compile(f"\\W*(\\w[\\w{marks()}]*)")
