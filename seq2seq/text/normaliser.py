"""One spelling for one text: Unicode form, white space, invisible characters and, where asked, quotes and entities."""

from __future__ import annotations

import html
import re
import unicodedata
from html.entities import html5
from typing import Final

from seq2seq.errors import UserError, nearest

UNICODE_FORMS: Final = ("NFC", "NFKC", "none")
QUOTES: Final = ("keep", "straight")
SPACES: Final = ("collapse", "keep")
HTML_ENTITIES: Final = ("keep", "decode")

# Control characters that are not white space. Lone surrogates are not text at all: no encoder accepts them.
_CONTROL = re.compile("[\x00-\x08\x0e-\x1b\x7f-\x84\x86-\x9f]")
_SURROGATE = re.compile("[\ud800-\udfff]")
_LINE_END = re.compile("\r\n|\r|\n")
# What is left of the control characters, and the two separators: each ends a line somewhere, or moves a cursor.
_MOVING = re.compile("\r\n|[\t-\r\x1c-\x1f\x85\u2028\u2029]")
_REPLACEMENT = "\ufffd"
_BYTE_ORDER_MARK = "\ufeff"

# Unicode's property Quotation_Mark without the corner brackets of Chinese and Japanese, whose two halves have no
# straight form in use, and what is typed in the place of an apostrophe: acute accent, prime, modifier letter.
_DOUBLE = re.compile("[«»“”„‟〝〞〟＂⹂″]")
_SINGLE = re.compile("[‹›‘’‚‛＇´\u1ffd′ʼ]")  # U+1FFD is the acute accent too, as Greek has it

# A reference ends with its semicolon: "&copy" without one may be part of an address. "&amp;amp;lt;" is one match, so
# that many layers are undone in one pass.
_ENTITY = re.compile(
    "&(?:(?:amp|AMP|#0{0,8}38|#[xX]0{0,8}26);)*"
    "(?P<reference>#[0-9]{1,10}|#[xX][0-9a-fA-F]{1,8}|[A-Za-z][A-Za-z0-9]{1,31});"
)


class Normaliser:
    """Brings text to one form, so that what looks the same is the same. Applying it twice changes nothing more.

    In this order: entities are decoded, control characters go, quotes become straight, the text takes its Unicode
    form, white space is brought in order, and a byte order mark goes from the start.

    Pretokenised text, and any text with the form "none", passes untouched but for line terminators, which cannot stand
    inside a line: those at the end go, those inside become a space.

    In every form a lone surrogate, which is half a character and cannot be written as UTF-8, becomes U+FFFD.

    Args:
        unicode_form: "NFC" keeps what a reader sees; "NFKC" also folds ligatures, full-width letters and the like.
        quotes: "straight" writes typographic double quotation marks, guillemets and double primes as ", and single
            ones, apostrophes, primes and acute accents that stand alone as '. ASCII stays as it is, and so do the
            corner brackets of Chinese and Japanese.
        spaces: "collapse" makes each run of white space one space and takes it from both ends; "keep" leaves white
            space as it is, but each tab, line terminator and separator becomes one space, and those that end the line
            go.
        html_entities: "decode" writes named and numeric references that end with a semicolon as their characters. It
            goes on until none is left, so that `&amp;lt;` and `&lt;` both become `<`: this is what makes twice the
            same as once, and it mends text that was escaped twice. A text about entities loses its examples by it.
        pretokenised: Tokens stand between spaces already, and every character counts.

    Raises:
        UserError: A setting has none of these values, or would change text that must pass untouched.
    """

    def __init__(
        self,
        *,
        unicode_form: str = "NFC",
        quotes: str = "keep",
        spaces: str = "collapse",
        html_entities: str = "keep",
        pretokenised: bool = False,
    ) -> None:
        _check("Unicode form", unicode_form, UNICODE_FORMS)
        _check("way with quotes", quotes, QUOTES)
        _check("way with spaces", spaces, SPACES)
        _check("way with HTML entities", html_entities, HTML_ENTITIES)
        self.unicode_form, self.quotes, self.spaces = unicode_form, quotes, spaces
        self.html_entities, self.pretokenised = html_entities, pretokenised
        self._untouched = pretokenised or unicode_form == "none"
        self._collapses = spaces == "collapse" and not self._untouched
        self._straightens, self._decodes = quotes == "straight", html_entities == "decode"
        if self._untouched:
            self._check_untouched()

    def __call__(self, text: str) -> str:
        """Returns `text` in this normaliser's form."""
        # Printable ASCII, most of most corpora, is already in every form; only its spaces and entities can need work.
        if text.isascii() and text.isprintable() and not (self._decodes and "&" in text):
            return " ".join(text.split()) if self._collapses else text
        if self._untouched:
            return _LINE_END.sub(" ", _SURROGATE.sub(_REPLACEMENT, text).rstrip("\r\n"))
        text = self._formed(text)
        # Each turn needs one ampersand or semicolon less than the last, so it comes to an end.
        while self._decodes and (decoded := _ENTITY.sub(_character, text)) != text:
            text = self._formed(decoded)
        return self._spaced(text)

    def _formed(self, text: str) -> str:
        """Returns the text without control characters, with straight quotes if wanted, in its Unicode form."""
        if not text.isprintable():
            # Removing comes first: it can bring a letter and its accent together, which the form then composes.
            text = _CONTROL.sub("", _SURROGATE.sub(_REPLACEMENT, text))
        if not self._straightens:
            return unicodedata.normalize("NFKC" if self.unicode_form == "NFKC" else "NFC", text)
        # Before the form, as NFKC takes an accent that stands alone apart; and after it, as it makes new primes.
        if self.unicode_form == "NFKC":
            text = unicodedata.normalize("NFKC", _straight(text))
        else:
            text = unicodedata.normalize("NFC", text)
        return _straight(text)

    def _spaced(self, text: str) -> str:
        """Returns the text with its white space in order, and no byte order mark at its start."""
        if self._collapses:
            text = " ".join(text.split())
            return text.lstrip(_BYTE_ORDER_MARK + " ") if text.startswith(_BYTE_ORDER_MARK) else text
        if text.isprintable():
            return text
        return _MOVING.sub(" ", text.rstrip("\r\n")).lstrip(_BYTE_ORDER_MARK)

    def _check_untouched(self) -> None:
        why = "pretokenised text passes" if self.pretokenised else 'with unicode_form = "none" text passes'
        changes = {
            f'quotes = "{self.quotes}"': self._straightens,
            f'html_entities = "{self.html_entities}"': self._decodes,
            f'unicode_form = "{self.unicode_form}"': self.unicode_form == "NFKC",
        }
        for setting, would_change in changes.items():
            if would_change:
                raise UserError(f"{setting} changes the text, and {why} untouched.", hint="Leave out one of the two.")


def _check(what: str, value: str, known: tuple[str, ...]) -> None:
    if value not in known:
        raise UserError(f"There is no {what} called {value!r}.", hint=nearest(value, list(known)))


def _straight(text: str) -> str:
    return _SINGLE.sub("'", _DOUBLE.sub('"', text))


def _character(match: re.Match[str]) -> str:
    """Returns what a reference stands for; the reference itself where it stands for nothing."""
    reference = match["reference"] + ";"
    if reference[0] == "#" or reference in html5:
        return html.unescape("&" + reference)
    return match[0] if match[0] == "&" + reference else "&" + reference
