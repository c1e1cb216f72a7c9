"""A translation memory in TMX (versions 1.1 to 1.4), streamed.

The parser calls a function for each tag, and no tree is built: memory holds one unit, however long the file. Entities
that a file declares itself are refused, for a few lines of them can stand for gigabytes.
"""

from __future__ import annotations

import html
import re
from collections.abc import Iterator
from functools import cache
from itertools import islice
from pathlib import Path
from typing import Final, NoReturn
from xml.parsers import expat

from seq2seq import console
from seq2seq.corpus.files import check_range, check_reached, check_start, open_bytes, require_file
from seq2seq.corpus.pair import Pair
from seq2seq.errors import UserError
from seq2seq.text.characters import IDEOGRAPHS, UNSPACED_LETTERS, marks

_CHUNK_BYTES: Final = 1 << 16
_CODE: Final = frozenset({"bpt", "ept", "ph", "it", "ut"})  # hold markup of another format, which is no text
_UTF_16: Final = (b"\xff\xfe", b"\xfe\xff", b"<\0", b"\0<")  # the parser knows it without its mark too
_UTF_32: Final = b"\xff\xfe\x00\x00"  # begins like the first of these
_LINE_BREAK: Final = re.compile(r"[ \t]*[\r\n][ \t\r\n]*")
_PLACEHOLDER: Final = "\0"  # no character of XML
_STOPS: Final = ".,:;!?…।॥،؛؟۔։።)"  # a space follows them in their scripts; none follows those of Chinese
_OPENING: Final = "(¿¡"
_UNITS_TRIED: Final = 100  # by which the languages of a file are told
_LANGUAGES_NAMED: Final = 20

Unit = tuple[int, list[tuple[str, str]]]
"""The line where a unit begins, and each variant's language and text."""


class Tmx:
    """Reads two languages of a translation memory; the file may be compressed.

    A language "en" takes what is marked "en", "en-GB" or "EN_us"; of several variants in one unit the first counts.
    Inline markup is dropped and the text within <hi> kept, as is text of unknown elements; what stands in <bpt>, <ept>,
    <ph>, <it> and <ut> is code, and goes with the <sub> inside it. A unit without one of the languages is skipped, and
    the number of those is said at the end of the first reading.

    Args:
        path: The file, XML in UTF-8, in UTF-16 or in an encoding of one byte a character that it declares, such as
            ISO-8859-1.
        source_language: Code of the source language.
        target_language: Code of the target language.
        lines: Keep only the units that begin on these lines, both ends included, counted from 1; None keeps all.

    Raises:
        UserError: The file is missing, a folder or empty, or the range or the languages are none; while reading, the
            XML is broken, declares entities or is in another encoding, it is no TMX, a unit is incomplete, no unit has
            both languages, or the file ends before the range does.
    """

    def __init__(
        self, path: Path, *, source_language: str, target_language: str, lines: tuple[int, int] | None = None
    ) -> None:
        self.path, self.lines = Path(path), lines
        self.languages = (source_language, target_language)
        self._told = False
        check_range(lines)
        if _folded(source_language) == _folded(target_language):
            raise UserError(
                f"Both languages to read from {self.path} are {source_language!r}.", hint="Name two languages."
            )
        require_file(self.path)

    def __call__(self) -> Iterator[Pair]:
        """Yields the pairs in the file's order; `line` is where the unit begins."""
        first, last = self.lines or (1, None)
        parser = _Parser(self.path)
        found: dict[str, None] = {}  # as a set that keeps its order
        num_pairs = num_skipped = first_skipped = 0
        for line, variants in parser.units():
            source, target = (_pick(variants, *pair) for pair in (self.languages, self.languages[::-1]))
            if source is None or target is None:
                num_skipped, first_skipped = num_skipped + 1, first_skipped or line
                found.update(dict.fromkeys(code for code, _ in variants if len(found) < _LANGUAGES_NAMED))
                continue
            num_pairs += 1
            if first <= line and (last is None or line <= last):
                yield Pair(line, source, target)
        if num_pairs == 0:
            self._refuse_languages(list(found))
        check_reached(self.path, self.lines, parser.line)
        if num_skipped and not self._told:
            self._told = True
            console.say(
                f"{self.path}: {num_skipped:,} of {num_skipped + num_pairs:,} units lack {' or '.join(self.languages)} "
                f"and are passed over, the first at line {first_skipped}."
            )

    def _refuse_languages(self, found: list[str]) -> None:
        if not found:
            raise UserError(f"{self.path} holds no translation units.", hint="Check how it was made.")
        raise UserError(
            f"{self.path} has no unit in both {self.languages[0]} and {self.languages[1]}; "
            f"its languages are: {', '.join(found)}.",
            hint="Name two of these as the source's and the target's language.",
        )


def languages_of(path: Path) -> list[str]:
    """Returns the codes of the languages that a file holds, by its first units, the source language first.

    Raises:
        UserError: As reading the file.
    """
    parser = _Parser(path)
    units = list(islice(parser.units(), _UNITS_TRIED))
    codes = list(dict.fromkeys(code for _, variants in units for code, _ in variants))
    return sorted(codes, key=lambda code: not _is_of(code, parser.source_language or codes[0]))


class _Parser:
    """Gives the units of one file: the line where each begins, and each variant's language and text.

    Attributes:
        source_language: What the header says; empty before it is read, and where it says nothing or "*all*".
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.source_language = ""
        self._ready: list[Unit] = []
        self._unit: Unit | None = None  # these four are under way, each within the one before; None: not within one
        self._language: str | None = None
        self._parts: list[str] | None = None  # of a segment's text
        self._segment: str | None = None  # complete, of the variant under way
        self._code = 0  # elements of code around
        self._open: list[str] = []  # elements
        self._num_bytes = 0  # before the chunk at hand
        parser = self._expat = expat.ParserCreate()
        parser.buffer_text = True
        parser.StartElementHandler = self._start
        parser.EndElementHandler = self._end
        parser.CharacterDataHandler = self._characters
        parser.EntityDeclHandler = self._declared_entity
        parser.SkippedEntityHandler = self._skipped_entity

    @property
    def line(self) -> int:
        """The line reached, counted from 1."""
        return int(self._expat.CurrentLineNumber)

    def units(self) -> Iterator[Unit]:
        """Yields the units as they are complete; what stands before an error comes before it."""
        with open_bytes(self.path, lambda: self.line - 1) as file:
            chunk = file.read1(_CHUNK_BYTES)
            if not chunk:
                raise UserError(f"The file {self.path} is empty once decompressed.", hint="Check how it was made.")
            if not chunk.startswith(_UTF_16) or chunk.startswith(_UTF_32):
                check_start(chunk, self.path)
            while True:
                problem = self._read(chunk)
                ready, self._ready = self._ready, []
                yield from ready
                if problem:
                    raise problem
                if not chunk:
                    return
                self._num_bytes += len(chunk)
                chunk = file.read1(_CHUNK_BYTES)

    def _read(self, chunk: bytes) -> UserError | None:
        """Parses a part of the file; nothing is its end. Returns what is wrong with it."""
        try:
            self._expat.Parse(chunk, not chunk)
        except UserError as error:
            return error
        except expat.ExpatError as error:
            return self._broken(error, chunk)
        except (LookupError, ValueError) as error:  # an encoding that Python does not know, or expat cannot read
            return self._error(f"{error}", "Convert the file to UTF-8, and let its first line say so.")
        return None

    def _broken(self, error: expat.ExpatError, chunk: bytes) -> UserError:
        what = expat.ErrorString(error.code) or "an error"
        place = self._expat.ErrorByteIndex - self._num_bytes
        if what == expat.errors.XML_ERROR_INVALID_TOKEN and 0 <= place < len(chunk) and chunk[place] >= 0x80:
            return self._error(
                f"byte {self._expat.ErrorByteIndex + 1} of the file (0x{chunk[place]:02x}) is not in the encoding that "
                "the file declares, which is UTF-8 where it declares none",
                "Convert the file to UTF-8, for instance with: iconv -f LATIN1 -t UTF-8.",
            )
        if self._open:
            what += f", within <{self._open[-1]}>"
        if what.startswith(expat.errors.XML_ERROR_NO_ELEMENTS) and self._open:
            what = f"the file ends within <{self._open[-1]}>"
        return self._error(f"the XML is broken: {what}", "Mend the element, or delete its whole <tu>.")

    def _error(self, what: str, hint: str) -> UserError:
        return UserError(f"{self.path}, line {self.line}: {what}.", hint=hint)

    def _refuse(self, what: str) -> NoReturn:
        raise self._error(what, "Mend the element, or delete its whole <tu>.")

    def _start(self, name: str, attributes: dict[str, str]) -> None:
        if not self._open and name != "tmx":
            raise self._error(
                f"the outermost element is <{name}>, and that of a translation memory is <tmx>",
                "Check that this is the file you mean.",
            )
        self._open.append(name)
        if self._parts is not None:
            self._start_inline(name, self._parts)
        elif name == "header":
            declared = attributes.get("srclang", "")
            self.source_language = "" if declared == "*all*" else declared
        elif name == "tu":
            if self._unit is not None:
                self._refuse("a <tu> stands within a <tu>")
            self._unit = (self.line, [])
        elif name == "tuv":
            self._start_variant(attributes)
        elif name == "seg":
            if self._language is None or self._segment is not None:
                self._refuse("a <seg> stands outside of a <tuv>" if self._language is None else "a second <seg>")
            self._parts = []

    def _start_variant(self, attributes: dict[str, str]) -> None:
        if self._unit is None or self._language is not None:
            self._refuse("a <tuv> stands outside of a <tu>" if self._unit is None else "a <tuv> stands within a <tuv>")
        self._language = attributes.get("xml:lang") or attributes.get("lang")  # the second in TMX 1.1
        if not self._language:
            self._refuse("a <tuv> does not say its language (xml:lang)")

    def _start_inline(self, name: str, parts: list[str]) -> None:
        if name in ("tu", "tuv", "seg"):
            self._refuse(f"a <{name}> stands within a <seg>")
        if name in _CODE:
            if name == "ph" and not self._code:
                parts.append(_PLACEHOLDER)
            self._code += 1

    def _end(self, name: str) -> None:
        self._open.pop()
        if self._parts is not None:
            if name == "seg":
                self._segment, self._parts = _text_of(self._parts), None
            elif name in _CODE:
                self._code -= 1
        elif name == "tuv" and self._unit is not None and self._language is not None:
            if self._segment is None:
                self._refuse(f"a <tuv> of {self._language!r} has no <seg>")
            self._unit[1].append((self._language, self._segment))
            self._language = self._segment = None
        elif name == "tu" and self._unit is not None:
            self._ready.append(self._unit)
            self._unit = None

    def _characters(self, text: str) -> None:
        if self._parts is not None and not self._code:
            self._parts.append(text)

    def _declared_entity(self, name: str, *_: object) -> NoReturn:
        raise self._error(
            f"the file declares an entity, {name!r}, and a translation memory needs none",
            "Replace its uses by their text and delete the declaration.",
        )

    def _skipped_entity(self, name: str, is_parameter: bool) -> None:
        """Takes an entity that would be defined in a file which is not read for what it is in HTML."""
        text = html.unescape(f"&{name};")
        if not is_parameter:
            if text == f"&{name};":
                self._refuse(f"the entity {text} is not defined")
            self._characters(text)


def _pick(variants: list[tuple[str, str]], language: str, other: str) -> str | None:
    """Returns the first text of a language; "en" does not take "en-GB" where that is the other language."""
    of_it = (text for code, text in variants if _is_of(code, language) and _folded(code) != _folded(other))
    return next(of_it, None)


def _is_of(code: str, language: str) -> bool:
    """Whether `code` is the language, or a variant of it."""
    code, language = _folded(code), _folded(language)
    return code == language or code.startswith(language + "-")


def _folded(code: str) -> str:
    return code.strip().lower().replace("_", "-")


def _text_of(parts: list[str]) -> str:
    """Returns a segment on one line: breaks and the indentation beside them become a space, or nothing at an end."""
    text = "".join(parts)
    if _PLACEHOLDER in text:
        text = _parting().sub(" ", text).replace(_PLACEHOLDER, "")
    if "\n" not in text and "\r" not in text:
        return text
    return _LINE_BREAK.sub(lambda found: "" if found.start() == 0 or found.end() == len(text) else " ", text)


@cache
def _parting() -> re.Pattern[str]:
    """Returns what finds the placeholders that a space must stand for when they are dropped.

    They stand, like a line's break, between two words, or between a stop and what follows it; but not between two words
    of scripts without spaces.
    """
    unspaced = f"[{IDEOGRAPHS}{UNSPACED_LETTERS}\u3005-\u3007]"  # with the signs that repeat an ideograph
    between_words = rf"(?<=[\w{marks()}])(?!(?<={unspaced})\0+{unspaced})\0+(?=\w)"
    behind_a_stop = rf"(?<=[{_STOPS}])(?!(?<=\d.)\0+\d)\0+(?=[\w{_OPENING}])"  # 1,000 and 12:30 have none
    return re.compile(f"{between_words}|{behind_a_stop}")
