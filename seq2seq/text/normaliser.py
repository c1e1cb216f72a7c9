"""One spelling for one text: Unicode form, white space and invisible characters."""

from __future__ import annotations

import re
import unicodedata
from typing import Final

from seq2seq.errors import UserError, nearest

UNICODE_FORMS: Final = ("NFC", "NFKC", "none")

# Control characters that are not white space. Lone surrogates are not text at all: no encoder accepts them.
_CONTROL = re.compile("[\x00-\x08\x0e-\x1b\x7f-\x84\x86-\x9f]")
_SURROGATE = re.compile("[\ud800-\udfff]")
_LINE_END = re.compile("\r\n|\r|\n")
_REPLACEMENT = "\ufffd"
_BYTE_ORDER_MARK = "\ufeff"


class Normaliser:
    """Brings text to one form, so that what looks the same is the same. Applying it twice changes nothing more.

    With "NFC" or "NFKC": control characters go, the text takes that Unicode form, each run of Unicode white space
    becomes one space, and byte order marks and spaces go from both ends of the line (the mark from its start only).
    With "none", for pretokenised text, everything passes untouched but line terminators, which cannot stand inside a
    line: those at the end go, those inside become a space.

    In every form a lone surrogate, which is half a character and cannot be written as UTF-8, becomes U+FFFD.

    Args:
        unicode_form: "NFC" keeps what a reader sees; "NFKC" also folds ligatures, full-width letters and the like.

    Raises:
        UserError: The form is none of these.
    """

    def __init__(self, *, unicode_form: str = "NFC") -> None:
        if unicode_form not in UNICODE_FORMS:
            raise UserError(
                f"There is no Unicode form called {unicode_form!r}.", hint=nearest(unicode_form, list(UNICODE_FORMS))
            )
        self.unicode_form = unicode_form

    def __call__(self, text: str) -> str:
        """Returns `text` in this normaliser's form."""
        # Printable ASCII, most of most corpora, is already in every form; only its spaces can need work.
        if text.isascii() and text.isprintable():
            return text if self.unicode_form == "none" else " ".join(text.split())
        text = _SURROGATE.sub(_REPLACEMENT, text)
        if self.unicode_form == "none":
            return _LINE_END.sub(" ", text.rstrip("\r\n"))
        # Removing comes first: it can bring a letter and its accent together, which the form then composes.
        text = _CONTROL.sub("", text)
        text = unicodedata.normalize("NFKC" if self.unicode_form == "NFKC" else "NFC", text)
        text = " ".join(text.split())
        return text.lstrip(_BYTE_ORDER_MARK + " ") if text.startswith(_BYTE_ORDER_MARK) else text
