"""JSON files as typed sections, so that what is damaged is told with its file and field before anything is built on it.

What an older file does not say has a default, which is not written for it either, and what a newer version added is
kept under `others`: reading and writing a file leaves it as it was.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path
from types import NoneType, UnionType
from typing import Any, Final, TypeVar, get_args, get_origin

import msgspec
from msgspec import structs

from seq2seq.errors import UserError
from seq2seq.folders import check_version, read_json
from seq2seq.recipe.decode import show

_OTHERS: Final = "others"
_WORDS: Final[Mapping[type, str]] = {
    int: "a whole number",
    float: "a number",
    str: "text",
    bool: "true or false",
    dict: "an object",
    tuple: "a list",
}


class _Untold(Mapping[str, Any]):
    """An empty object that equals no other: a file that says `{}` has said something, and keeps it."""

    def __getitem__(self, key: str) -> Any:  # noqa: ANN401 - a mapping's
        raise KeyError(key)

    def __iter__(self) -> Iterator[str]:
        return iter(())

    def __len__(self) -> int:
        return 0

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Untold)

    def __hash__(self) -> int:
        return hash(_Untold)


UNTOLD: Final[Mapping[str, Any]] = _Untold()
"""The default of an object that a file need not have, so that whoever looks something up in it finds nothing."""


class Section(msgspec.Struct, frozen=True, kw_only=True):
    """A JSON object, or a part of one. A field that has its default is not written.

    Attributes:
        others: What the file says beyond the fields, by key: a newer version wrote it.
    """

    others: dict[str, Any] = msgspec.field(default_factory=dict)

    def to_dict(self) -> dict[str, Any]:
        """Returns it ready for JSON, with its keys in the order of the fields."""
        told = {
            name: _plain(value)
            for name, field in _fields(type(self)).items()
            if (value := getattr(self, name)) != field.default
        }
        return {**told, **self.others}


SectionT = TypeVar("SectionT", bound=Section)


def read_section(kind: type[SectionT], path: Path, version: int, *, hint: str) -> SectionT:
    """Reads a file of this version of its layout, `schema_version`, or of an older one.

    Args:
        kind: What it holds.
        path: The file.
        version: The newest layout that can be read.
        hint: What a person can do where it is damaged.

    Raises:
        UserError: It is missing, damaged or from a newer version; the message names the file and the field.
    """
    told = read_json(path, hint=hint)
    check_version(told.get("schema_version"), version, path, hint=hint)
    return section_of(kind, told, path, hint=hint)


def section_of(kind: type[SectionT], told: Mapping[str, Any], path: Path, *, hint: str) -> SectionT:
    """Returns what a file holds, or a part of it; see `read_section`.

    Raises:
        UserError: It is damaged; the message names the file and the field.
    """
    try:
        return _section(kind, told, "")
    except _DamageError as damage:
        raise UserError(f"{path} is damaged: {damage}.", hint=hint) from None


class _DamageError(Exception):
    """A field is missing, or holds what it cannot."""


@cache
def _fields(kind: type[Section]) -> dict[str, structs.FieldInfo]:
    return {field.name: field for field in structs.fields(kind) if field.name != _OTHERS}


def _plain(value: object) -> Any:  # noqa: ANN401 - any JSON
    if isinstance(value, Section):
        return value.to_dict()
    if isinstance(value, dict):
        return {key: _plain(one) for key, one in value.items()}
    return [_plain(one) for one in value] if isinstance(value, list | tuple) else value


def _section(kind: type[SectionT], told: Mapping[str, Any], trail: str) -> SectionT:
    """Returns a section with what a file says of it, under `trail`.

    By hand, for `msgspec.convert` drops the keys that it does not know, which a newer version wrote.
    """
    fields, values = _fields(kind), dict[str, Any]()
    for name, field in fields.items():
        inner = f"{trail}.{name}" if trail else name
        if name in told and told[name] is None and _may_be_null(field):
            values[name] = None
        elif name in told:
            values[name] = _value(field.type, told[name], inner)
        elif field.required:
            raise _DamageError(f"{inner} is missing")
    return kind(**values, others={key: one for key, one in told.items() if key not in fields})


def _may_be_null(field: structs.FieldInfo) -> bool:
    """Whether null is a value of a field: one that may be absent as well is None then, and null is none of its."""
    return field.required and NoneType in get_args(field.type)


def _value(kind: Any, value: Any, trail: str) -> Any:  # noqa: ANN401 - any field's type, any JSON
    """Returns what a field of this type holds where the file has `value`."""
    if isinstance(kind, UnionType):  # a field that may be absent; where it is there, it is no null
        kind = next(one for one in get_args(kind) if one is not NoneType)
    if kind is Any:
        return value
    outer, inner = get_origin(kind) or kind, get_args(kind)
    if isinstance(value, dict):
        if issubclass(outer, Section):
            return _section(outer, value, trail)
        if outer in (dict, Mapping):
            return {key: _value(inner[1], one, f"{trail}.{key}") for key, one in value.items()}
    if isinstance(value, list) and outer is tuple:
        return _values(inner, value, trail)
    try:
        return msgspec.convert(value, outer, strict=True)
    except msgspec.ValidationError:
        raise _DamageError(f"{trail} is {show(value)}, not {_WORDS.get(outer, _WORDS[dict])}") from None


def _values(kinds: tuple[Any, ...], values: list[Any], trail: str) -> tuple[Any, ...]:
    """Returns what a tuple of these types holds: as many as they are, or any number where `...` follows one."""
    if Ellipsis in kinds:
        kinds = kinds[:1] * len(values)
    if len(kinds) != len(values):
        raise _DamageError(f"{trail} is {show(values)}, not a list of {len(kinds)}")
    found = enumerate(zip(kinds, values, strict=True), start=1)
    return tuple(_value(kind, one, f"{trail}[{number}]") for number, (kind, one) in found)
