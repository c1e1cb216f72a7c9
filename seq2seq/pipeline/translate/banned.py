"""Words that no translation may hold, as the command line gives them."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from seq2seq.corpus.files import read_lines
from seq2seq.errors import UserError


def banned_words(words: Iterable[str], file: Path | None) -> list[str]:
    """Returns the words that are given, and those of a file, one a line (or several that stand together), each once.

    In the file, a line that begins with # is none.

    Raises:
        UserError: A word is blank, or the file cannot be read or holds no word.
    """
    found = list(words)
    if not all(word.strip() for word in found):
        raise UserError("--ban needs a word, and was given none.", hint="For instance: --ban damn")
    if file is not None:
        lines = [line.strip() for line in read_lines(file)]
        listed = [line for line in lines if line and not line.startswith("#")]
        if not listed:
            raise UserError(f"{file} bans no word.", hint="Write one a line.")
        found += listed
    return list(dict.fromkeys(found))
