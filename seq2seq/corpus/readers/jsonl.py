"""One text file with a JSON object a line."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Final, NoReturn

import msgspec

from seq2seq.corpus.files import check_range, check_reached, decode_line, num_lines, read_raw_lines, require_file
from seq2seq.corpus.pair import Pair
from seq2seq.errors import UserError, nearest

_NESTED: Final = "translation"  # the field in which some corpora keep all languages, as {"en": ..., "de": ...}
_DECODER: Final = msgspec.json.Decoder()
_MISSING: Final = object()


class Jsonl:
    """Reads two fields of each object of a file in JSON Lines; the file may be compressed.

    Which fields, the first object decides: those named by the languages, or "source" and "target", or those named by
    the languages within "translation". Lines of nothing but white space are passed over, and null is an empty text,
    which the filter "empty" drops and counts.

    Args:
        path: The file, UTF-8.
        fields: The source's field and the target's, where they have other names; a dot leads into an object within:
            "translation.en".
        source_language: Code of the source language.
        target_language: Code of the target language.
        lines: Keep only these lines, both ends included, counted from 1; None keeps all. Reading stops after the last.

    Raises:
        UserError: The file is missing, a folder or empty, or the range or the fields are none; while reading, a line
            is not UTF-8, no JSON, no object, lacks a field or holds something else than text in it, or the file ends
            before the range does.
    """

    def __init__(
        self,
        path: Path,
        *,
        fields: Sequence[str] = (),
        source_language: str = "source",
        target_language: str = "target",
        lines: tuple[int, int] | None = None,
    ) -> None:
        self.path, self.lines = Path(path), lines
        check_range(lines)
        if fields and (len(fields) != 2 or fields[0] == fields[1]):
            raise UserError(
                f"{len(fields)} field(s) are named ({', '.join(fields)}), and two are needed.",
                hint="Give the source's field, then the target's.",
            )
        languages = (source_language, target_language)
        self._forms: list[tuple[str, str]] = [
            languages,
            ("source", "target"),
            (f"{_NESTED}.{languages[0]}", f"{_NESTED}.{languages[1]}"),
        ]
        if fields:
            self._forms = [(fields[0], fields[1])]
        require_file(self.path)

    def __call__(self) -> Iterator[Pair]:
        """Yields the pairs from the first line to the last."""
        first, last = self.lines or (1, None)
        form: tuple[str, str] | None = None
        line = 0
        for line, raw in enumerate(read_raw_lines(self.path), start=1):
            if line < first:
                continue
            if raw.strip():
                found = self._object(decode_line(raw, self.path, line), line)
                form = form or self._form(found)
                yield Pair(line, self._text(found, form[0], line), self._text(found, form[1], line))
            if line == last:
                return
        check_reached(self.path, self.lines, line)
        if form is None:
            raise UserError(f"{self.path} holds no JSON objects.", hint="Write one object a line.")

    def num_pairs(self) -> int | None:
        """Returns how many objects and blank lines there are; see `seq2seq.corpus.reader.num_pairs`."""
        return num_lines(self.path, self.lines)

    def _object(self, text: str, line: int) -> dict[str, Any]:
        is_array = line == 1 and text.lstrip().startswith("[")
        array = f" One array is made into lines with: jq -c '.[]' {self.path.name} > NEW" if is_array else ""
        try:
            found = _decoded(text)
        except (msgspec.DecodeError, RecursionError) as error:
            raise UserError(
                f"{self.path}, line {line}: not valid JSON: {str(error).removeprefix('JSON is malformed: ')}.",
                hint=f"Write one whole object a line, and no line break within one; mend or delete the line.{array}",
            ) from error
        if not isinstance(found, dict):
            raise UserError(
                f"{self.path}, line {line}: {_kind(found)}, and an object is needed.",
                hint=f'For instance {{"{self._forms[0][0]}": "...", "{self._forms[0][1]}": "..."}}.{array}',
            )
        return found

    def _form(self, first: Mapping[str, Any]) -> tuple[str, str]:
        """Returns the fields that the first object has; where none fit, those of which it has one, or the first."""
        return max(self._forms, key=lambda form: sum(_value(first, name) is not _MISSING for name in form))

    def _text(self, found: Mapping[str, Any], name: str, line: int) -> str:
        value = _value(found, name)
        if isinstance(value, str):
            return value
        if value is None:
            return ""
        if value is _MISSING:
            known = _names(found)
            raise UserError(
                f"{self.path}, line {line}: there is no field {name!r}; the fields are: {', '.join(known) or 'none'}.",
                hint=" ".join(filter(None, [nearest(name, known), "Name the two with data.fields, or mend the line."])),
            )
        raise UserError(
            f"{self.path}, line {line}: the field {name!r} holds {_kind(value)}, and text is needed.",
            hint="Mend or delete the line.",
        )


def languages_of(path: Path) -> list[str]:
    """Returns the names of the fields that hold text in the first object of a file, which may be codes of languages.

    Raises:
        UserError: As reading the file.
    """
    reader = Jsonl(path)
    for line, raw in enumerate(read_raw_lines(path), start=1):
        if raw.strip():
            found = reader._object(decode_line(raw, path, line), line)
            inner = found.get(_NESTED)
            texts = inner if isinstance(inner, dict) else found
            return [name for name, value in texts.items() if isinstance(value, str)]
    return []


def _decoded(text: str) -> Any:  # noqa: ANN401 - whatever JSON holds
    """Returns the value of a text in JSON, in which half of a surrogate pair, written by its number, is allowed.

    Raises:
        msgspec.DecodeError: The text is not JSON.
    """
    try:
        return _DECODER.decode(text)
    except msgspec.DecodeError as error:
        try:  # slower, and takes such halves, which many programs write
            return json.loads(text, parse_constant=_refuse_constant)
        except ValueError:
            raise error from None


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not JSON.")


def _value(found: Mapping[str, Any], name: str) -> Any:  # noqa: ANN401
    """Returns the value of a field, or `_MISSING`; a name that is no field itself leads through objects, or to null."""
    if name in found:
        return found[name]
    outer, dot, inner = name.partition(".")
    within = found.get(outer)
    if dot and outer in found and within is None:
        return None
    return _value(within, inner) if dot and isinstance(within, dict) else _MISSING


def _names(found: Mapping[str, Any]) -> list[str]:
    """Returns the names of the fields, those of an object within as `fields` takes them."""
    names: list[str] = []
    for name, value in found.items():
        names += [f"{name}.{inner}" for inner in _names(value)] if isinstance(value, dict) and value else [name]
    return names


def _kind(value: object) -> str:
    if isinstance(value, list):
        return "a list"
    if isinstance(value, dict):
        return "an object"
    shown = json.dumps(value, ensure_ascii=False).encode("utf-8", "backslashreplace").decode()
    return shown if len(shown) <= 40 else shown[:37] + "..."
