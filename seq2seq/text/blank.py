"""Whether a text holds anything that a reader can see."""

from __future__ import annotations

from typing import Final
from unicodedata import category

# Control characters, formatting (zero width spaces and joiners, soft hyphens, marks of direction), white space.
_UNSEEN: Final = frozenset({"Cc", "Cf", "Zl", "Zp", "Zs"})
# They choose the form of the character before them, and are nothing without one.
_VARIATION_SELECTORS: Final = frozenset(
    map(chr, (*range(0x180B, 0x180E), 0x180F, *range(0xFE00, 0xFE10), *range(0xE0100, 0xE01F0)))
)


def is_blank(text: str) -> bool:
    """Tells whether a text is empty or holds only white space and characters that leave no mark."""
    # The first character of nearly every line is a letter, and decides.
    return not (text[:1].isalnum() or any(map(_is_seen, text)))


def _is_seen(character: str) -> bool:
    return category(character) not in _UNSEEN and character not in _VARIATION_SELECTORS
