"""Pairs in another script than the language is written in."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from functools import cache
from typing import ClassVar, Final

from seq2seq.corpus.filters.filter import Filter, check_share
from seq2seq.corpus.pair import Pair
from seq2seq.errors import UserError, nearest
from seq2seq.recipe.languages import script_of

# What Unicode's names of letters begin with that belong to no script, or to several: ª º µ ʼ 々 and wide forms.
_SHARED: Final = frozenset(
    ("", "?", "Feminine", "Masculine", "Micro", "Modifier", "Ideographic", "Fullwidth", "Halfwidth", "Mathematical")
)
_SCRIPTS_END: Final = 0x20000  # from here on there are only ideographs
_USUAL: Final = (
    "Latin Cyrillic Greek Armenian Georgian Arabic Hebrew Ethiopic Devanagari Bengali Gurmukhi Gujarati Odia Tamil "
    "Telugu Kannada Malayalam Sinhala Thai Lao Khmer Burmese Tibetan Han Japanese Hangul"
)


class Script(Filter):
    """Drops a pair with a side of whose letters less than the share `minimum` are of that side's script.

    Letters that scripts share (ª, µ, full-width Latin) are not counted, and a side without letters passes: it is the
    business of the filter "digits". Japanese is kana and ideographs together; Chinese ("Han") is ideographs alone.

    Args:
        source: The script's name as Unicode's character names begin ("Latin", "Cyrillic", ...), or "Han", "Japanese",
            "Burmese", "Odia"; empty: the one that most letters of that side are of, learned from the corpus.
        target: Likewise.
        minimum: The least share of letters in that script.

    Raises:
        UserError: No script has that name, or `minimum` is not a share.
    """

    reason: ClassVar[str] = "script"

    def __init__(self, *, source: str = "", target: str = "", minimum: float = 0.5) -> None:
        check_share(self.reason, "minimum", minimum)
        for name in (source, target):
            _check_name(name)
        self.source, self.target, self.minimum = source.capitalize(), target.capitalize(), minimum

    def learn(self, pairs: Iterable[Pair]) -> None:
        """Finds the script of each side that has no name yet."""
        if self.source and self.target:
            return
        source: Counter[str] = Counter()
        target: Counter[str] = Counter()
        for pair in pairs:
            source.update(pair.source)
            target.update(pair.target)
        self.source = self.source or script_of(source)
        self.target = self.target or script_of(target)

    def rejects(self, pair: Pair) -> bool:
        """Returns whether a side is in another script; never on a side whose script is neither given nor learned."""
        return self._is_foreign(pair.source, self.source) or self._is_foreign(pair.target, self.target)

    def _is_foreign(self, text: str, script: str) -> bool:
        if not script or (script == "Latin" and text.isascii()):
            return False
        found = Counter(map(_script_of_letter, text))
        letters = sum(count for name, count in found.items() if name not in _SHARED)
        ours = found[script] + (found["Han"] if script == "Japanese" else 0)
        return ours < self.minimum * letters


@cache
def _script_of_letter(character: str) -> str:
    """Returns the script of one character, empty if it is no letter. At most one entry a character is remembered."""
    return script_of({character: 1})


def _check_name(name: str) -> None:
    """Checks that some letter is of the script; an empty name asks for none."""
    letters = map(chr, range(_SCRIPTS_END))
    if name and not any(_script_of_letter.__wrapped__(letter) == name.capitalize() for letter in letters):
        raise UserError(f"There is no script called {name!r}.", hint=nearest(name, _USUAL.split()))
