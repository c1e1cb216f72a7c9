"""Text made safe to show: a terminal obeys control characters, and fonts and encoders refuse lone surrogates."""

from __future__ import annotations

import unicodedata

REPLACEMENT = "\N{REPLACEMENT CHARACTER}"


def printable(text: str) -> str:
    """Returns `text` on one line, white space as blanks, control characters and lone surrogates as U+FFFD.

    Joiners and direction marks stay: scripts and emoji need them. So an escape sequence in a translation cannot move
    the cursor or change the colours.
    """
    if text.isascii() and text.isprintable():
        return text
    return "".join(_shown(character) for character in text)


def _shown(character: str) -> str:
    if character.isspace():
        return " "
    return REPLACEMENT if unicodedata.category(character) in {"Cc", "Cs"} else character
